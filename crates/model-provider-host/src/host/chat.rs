//! Chat completions: run on the live generation, retried on the previous one if a fresh one traps.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Arc,
};

use crate::{
    contract::{ChatRequest, Warning, types::ChatResponse},
    error::{Error, ErrorKind, Result},
    host::{
        chat_stream::{Begun, Exchange},
        credential_check::is_larger,
        generation::{Generation, GenerationInfo, InFlight, ResponseMode},
        shared::{ChatOptions, Shared},
    },
    metrics::Swap,
    redact::results,
    sandbox::{call, exchange::OwnExchange},
};

/// A larger request has a store of its own: it would have to be kept until its response has ended.
const LARGEST_SHARED: usize = 256 * 1024;

impl Shared {
    /// Starts a response on the live generation, or on the previous one if that traps.
    pub(crate) async fn begin_chat(
        self: &Arc<Self>,
        request: ChatRequest,
        options: ChatOptions,
    ) -> Result<Begun> {
        let request = Arc::new(self.without_secret(request).await?);
        let admitted = self.admit()?;
        let deadline = call::deadline(self.settings.limits.wall_clock);
        let (exchange, in_flight, request, warning) = match self.begin(&admitted, &request, options).await {
            Ok(exchange) => (exchange, admitted, Some(request), None),
            Err(error) => {
                let (second, warning) = self
                    .previous_generation(&admitted, &error, ResponseMode::Streaming)
                    .ok_or_else(|| self.redact_error(error))?;
                let begun = self.begin(&second, &request, options).await;
                let exchange = begun.map_err(|error| self.failed(second.generation(), error))?;
                (exchange, second, None, Some(warning))
            }
        };
        Ok(Begun {
            exchange,
            in_flight,
            deadline,
            request,
            options,
            warning,
        })
    }

    /// A complete response and its generation.
    pub(crate) async fn complete(
        self: &Arc<Self>,
        request: ChatRequest,
        options: ChatOptions,
    ) -> Result<(ChatResponse, GenerationInfo)> {
        let request = self.without_secret(request).await?;
        let first = self.admit()?;
        let (mut response, answered) = match self.complete_once(&first, &request, options).await {
            Ok(response) => (response, first),
            Err(error) => {
                let (second, warning) = self
                    .previous_generation(&first, &error, ResponseMode::Whole)
                    .ok_or_else(|| self.redact_error(error))?;
                let response = self.complete_once(&second, &request, options).await;
                let mut response = response.map_err(|error| self.failed(second.generation(), error))?;
                response.summary.warnings.push(warning);
                (response, second)
            }
        };
        results::response(self.redactor.results(), &mut response);
        Ok((response, answered.generation().info()))
    }

    /// Starts a response, unless its generation is cancelled meanwhile.
    async fn begin(
        &self,
        admitted: &InFlight,
        request: &Arc<ChatRequest>,
        options: ChatOptions,
    ) -> Result<Exchange> {
        self.unless_cancelled(admitted, self.start_chat(admitted.generation(), request, options))
            .await
    }

    /// Starts a response: instantiates the plugin and calls `chat-start` or `chat-stream`.
    pub(crate) async fn start_chat(
        &self,
        generation: &Generation,
        request: &Arc<ChatRequest>,
        options: ChatOptions,
    ) -> Result<Exchange> {
        let wall_clock = self.settings.limits.wall_clock;
        let seed = options
            .seed
            .unwrap_or_else(|| RandomState::new().build_hasher().finish());
        if let Some(principal) = options.principal
            && generation.stores.is_sharing()
            && !is_larger(request, LARGEST_SHARED)
        {
            let call = self.call_state(generation, options);
            let beginning = generation.stores.start(principal, call, request, seed);
            if let Some(shared) = call::within(wall_clock, Box::pin(beginning)).await? {
                return Ok(Exchange::Shared(Box::new(shared)));
            }
        }
        let context = self.context_with(generation, options);
        let beginning = async {
            let (mut store, guest) = context.instantiate().await?;
            match guest.begin_chat(&mut store, request, seed).await {
                Ok(Ok((completion, reader))) => Ok(Exchange::Own(OwnExchange {
                    store,
                    reader,
                    completion,
                })),
                Ok(Err(error)) => Err(call::refused(&mut store, error)),
                Err(trap) => Err(call::failure(&mut store, &trap)),
            }
        };
        call::within(wall_clock, Box::pin(beginning)).await
    }

    /// Runs a complete response on one generation.
    async fn complete_once(
        &self,
        admitted: &InFlight,
        request: &ChatRequest,
        options: ChatOptions,
    ) -> Result<ChatResponse> {
        let context = self.context_with(admitted.generation(), options);
        let call = call::run_fallible(context, async |store, guest| {
            guest.chat_complete(store, request).await
        });
        let response = self.unless_cancelled(admitted, call).await?;
        admitted.generation().mark_healthy(ResponseMode::Whole);
        Ok(response)
    }

    /// The generation that retries a request after a trap before the first event, and the warning about it.
    pub(crate) fn previous_generation(
        &self,
        failed: &InFlight,
        error: &Error,
        mode: ResponseMode,
    ) -> Option<(InFlight, Warning)> {
        if error.kind() != ErrorKind::PluginTrap {
            return None;
        }
        let failed = failed.generation();
        self.trapped(failed);
        let second = self.generations.previous_generation(failed, mode)?;
        let (number, other) = (failed.number, second.generation().number);
        tracing::warn!(failed = number, retried_on = other, "retried after a trap");
        let message = format!(
            "generation {number} failed ({}); generation {other} responded",
            error.message()
        );
        Some((
            second,
            Warning {
                code: "answered-by-previous".to_owned(),
                message,
            },
        ))
    }

    /// Records a trap, which may roll back to the previous generation.
    pub(crate) fn trapped(&self, generation: &Arc<Generation>) {
        if self.generations.trapped(generation) {
            self.metrics.swap(Swap::RolledBack);
        }
    }

    /// Waits for a call, unless its generation is cancelled meanwhile.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        admitted: &InFlight,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            result = call => result,
            () = admitted.cancelled() => Err(self.drained()),
        }
    }
}
