//! How a question is asked: of the live generation, and once more of the one before if a fresh one traps.

use std::sync::Arc;

use crate::{
    call,
    completion::{Completion, Exchange},
    contract::{ChatRequest, ChatResponse, Warning},
    error::{Error, Kind, Result},
    generation::{Generation, InFlight},
    host::{Answer, Shared},
    metrics::Swap,
};

impl Shared {
    pub(crate) async fn begin_chat(self: &Arc<Self>, request: ChatRequest) -> Result<Completion> {
        self.refuse_secret(&request)?;
        let admitted = self.admit()?;
        let deadline = tokio::time::Instant::now() + self.settings.limits.wall_clock;
        match self.start_chat(&admitted, &request).await {
            Ok(exchange) => {
                let again = Some(Box::new(request));
                Ok(Completion::new(
                    exchange,
                    admitted,
                    Arc::clone(self),
                    deadline,
                    again,
                ))
            }
            Err(error) => {
                let (second, warning) = self
                    .second_choice(&admitted, &error)
                    .ok_or_else(|| self.scrub(error))?;
                let begun = self.start_chat(&second, &request).await;
                let exchange = begun.map_err(|error| self.scrub(error))?;
                let completion = Completion::new(exchange, second, Arc::clone(self), deadline, None);
                Ok(completion.with_warning(warning))
            }
        }
    }

    pub(crate) async fn complete(&self, request: ChatRequest) -> Result<Answer> {
        self.refuse_secret(&request)?;
        let first = self.admit()?;
        let (response, answered) = match self.whole_answer(&first, &request).await {
            Ok(response) => (response, first),
            Err(error) => {
                let (second, warning) = self
                    .second_choice(&first, &error)
                    .ok_or_else(|| self.scrub(error))?;
                let answer = self.whole_answer(&second, &request).await;
                let mut response = answer.map_err(|error| self.scrub(error))?;
                response.summary.warnings.push(warning);
                (response, second)
            }
        };
        Ok(Answer {
            response,
            generation: answered.generation().info(),
        })
    }

    /// Begins an answer: instantiates and calls `chat-stream`.
    pub(crate) async fn start_chat(&self, admitted: &InFlight, request: &ChatRequest) -> Result<Exchange> {
        let context = self.context(admitted.generation());
        let wall_clock = self.settings.limits.wall_clock;
        call::within(wall_clock, async {
            let (mut store, instance) = context.instantiate().await?;
            let guest = instance.openclaw_model_provider_provider();
            match guest.call_chat_stream(&mut store, request).await {
                Ok(Ok(completion)) => Ok(Exchange {
                    store,
                    instance,
                    completion,
                }),
                Ok(Err(error)) => Err(call::refused(&mut store, error)),
                Err(trap) => Err(call::failure(&mut store, &trap)),
            }
        })
        .await
    }

    /// Asks for a whole answer on one generation.
    async fn whole_answer(&self, admitted: &InFlight, request: &ChatRequest) -> Result<ChatResponse> {
        let context = self.context(admitted.generation());
        let call = call::run_fallible(context, async |store, guest| {
            guest.call_chat_complete(store, request).await
        });
        self.uncut(admitted, call).await
    }

    /// Who answers instead of a generation that trapped before it gave anything, and what to say about it.
    pub(crate) fn second_choice(&self, failed: &InFlight, error: &Error) -> Option<(InFlight, Warning)> {
        if error.kind() != Kind::PluginTrap {
            return None;
        }
        let failed = failed.generation();
        self.trapped(failed);
        let second = self.generations.second_choice(failed)?;
        let (number, other) = (failed.number, second.generation().number);
        tracing::warn!(failed = number, answers = other, "asked again after a trap");
        let message = format!(
            "generation {number} failed ({}); generation {other} answered",
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

    /// Notes a trap, which may bring the generation before back.
    pub(crate) fn trapped(&self, generation: &Arc<Generation>) {
        if self.generations.trapped(generation) {
            self.metrics.swap(Swap::RolledBack);
        }
    }

    /// Waits for a call, unless its generation's time is over meanwhile.
    pub(crate) async fn uncut<T>(
        &self,
        admitted: &InFlight,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            result = call => result,
            () = admitted.is_cut() => Err(self.drained()),
        }
    }
}
