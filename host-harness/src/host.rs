//! The host as an embedder sees it: load a plugin, list, resolve, chat, swap.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::{
    call::{self, Context},
    completion::{Begun, Completion, Exchange, drained},
    contract::{
        ChatRequest, ChatResponse, DiscoveryMode, Model, ModelCatalog, ModelRef, ModelSource, ProviderInfo,
        Warning, settings::CredentialState,
    },
    edge::{Edge, Gate, Outlet, Scrubber, Secret},
    error::{Error, Kind, Result},
    generation::{Generation, GenerationInfo, Generations, InFlight},
    grants::Grants,
    plugin::Plugin,
    sandbox::{Sandbox, State, View},
    settings::{Listed, Settings},
    trace::{self, RequestId, Trace},
    walk,
};

/// A provider in service: one live plugin, swapped at run time. Cheap to clone; clones are the same host.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Shared>);

/// What a host is started with.
#[derive(Debug, Default)]
pub struct HostOptions {
    /// The settings that the plugin imports, and the host's own.
    pub settings: Settings,
    /// The credential; read by the caller from where the grant allows.
    pub secret: Option<Secret>,
    /// What plugins may have.
    pub grants: Grants,
}

pub(crate) struct Shared {
    pub(crate) sandbox: Sandbox,
    pub(crate) settings: Arc<Settings>,
    pub(crate) grants: Grants,
    credential: CredentialState,
    edge: Option<Arc<Edge>>,
    scrubber: Scrubber,
    listed: ArcSwap<Listed>,
    pub(crate) generations: Generations,
    pub(crate) last_swap: Mutex<Option<Instant>>,
}

/// A whole answer and who gave it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The answer.
    pub response: ChatResponse,
    /// The generation that gave it.
    pub generation: GenerationInfo,
    /// Its name in the log.
    pub request_id: RequestId,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Puts a plugin into service.
    ///
    /// # Errors
    /// `not-granted` if the plugin asks for more than the grant of its id; `configuration` for settings that
    /// cannot be used.
    pub fn start(sandbox: &Sandbox, plugin: Plugin, options: HostOptions) -> Result<Self> {
        let HostOptions {
            settings,
            secret,
            grants,
        } = options;
        sandbox.check(&settings.limits)?;
        let grant = grants.check(plugin.info())?;
        let wants_credential = plugin.info().credential.is_some();
        let Outlet {
            edge,
            scrubber,
            credential,
        } = Outlet::new(&settings, grant, secret.as_ref(), wants_credential)?;
        Ok(Self(Arc::new(Shared {
            sandbox: sandbox.clone(),
            settings: Arc::new(settings),
            credential,
            edge,
            scrubber,
            grants,
            listed: ArcSwap::default(),
            generations: Generations::new(plugin),
            last_swap: Mutex::new(None),
        })))
    }

    /// What the live plugin says of itself.
    #[must_use]
    pub fn info(&self) -> ProviderInfo {
        self.plugin().info().clone()
    }

    /// The live plugin.
    #[must_use]
    pub fn plugin(&self) -> Plugin {
        self.0.generations.live().plugin.clone()
    }

    /// The live generation.
    #[must_use]
    pub fn generation(&self) -> GenerationInfo {
        self.0.generations.live().info()
    }

    /// How it stands with the credential.
    #[must_use]
    pub fn credential(&self) -> CredentialState {
        self.0.credential
    }

    /// Lists the models. A live list is kept for resolving and suggestions.
    ///
    /// # Errors
    /// The plugin's own errors; an upstream that fails is none, but a catalog with a warning.
    pub async fn list_models(&self, discovery: DiscoveryMode) -> Result<ModelCatalog> {
        let listing = async {
            let admitted = self.0.generations.admit();
            let context = self.0.context(admitted.generation());
            let call = call::run_fallible(context, async |store, guest| {
                guest.call_list_models(store, discovery).await
            });
            self.0.settle(&admitted, call).await
        };
        let catalog = Trace::begin("list-models", "").around(listing).await?;
        if catalog.source == ModelSource::Live {
            self.0.listed.store(Arc::new(Listed::new(catalog.models.clone())));
        }
        Ok(catalog)
    }

    /// Takes a list that was kept from an earlier run, for resolving and suggestions, until a live one comes.
    pub fn remember_models(&self, models: Vec<Model>) {
        self.0.listed.store(Arc::new(Listed::new(models)));
    }

    /// Understands a reference or an alias. Asks no network.
    ///
    /// # Errors
    /// `invalid-reference`, with suggestions.
    pub async fn resolve(&self, reference: &str) -> Result<ModelRef> {
        if self.0.scrubber.finds(reference.as_bytes()) {
            return Err(holds_secret());
        }
        let resolving = async {
            let admitted = self.0.generations.admit();
            let context = self.0.context(admitted.generation());
            let call = call::run_fallible(context, async |store, guest| {
                guest.call_resolve_ref(store, reference).await
            });
            self.0.settle(&admitted, call).await
        };
        Trace::begin("resolve-ref", reference).around(resolving).await
    }

    /// Asks, and gives the answer as it comes.
    ///
    /// # Errors
    /// What is wrong with the request, before anything was sent. What the upstream says comes from the completion.
    pub async fn chat(&self, request: ChatRequest) -> Result<Completion> {
        self.0.refuse_secret(&request)?;
        let mut trace = Trace::begin("chat", &request.model);
        match trace.within(self.0.begin(request)).await {
            Ok(begun) => Ok(Completion::new(begun, Arc::clone(&self.0), trace)),
            Err(error) => {
                trace.end(Some(&error));
                Err(error)
            }
        }
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// What is wrong with the request, what the upstream says, or that the answer broke off.
    pub async fn complete(&self, request: ChatRequest) -> Result<Answer> {
        self.0.refuse_secret(&request)?;
        let trace = Trace::begin("chat", &request.model);
        let request_id = trace.id();
        let (response, generation) = trace.around(self.0.complete(&request)).await?;
        Ok(Answer {
            response,
            generation,
            request_id,
        })
    }

    /// Connections opened so far, for all requests.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.0.edge.as_ref().map_or(0, |edge| edge.connections_opened())
    }

    /// Requests that the edge did not let through so far.
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.0.edge.as_ref().map_or(0, |edge| edge.denials())
    }
}

impl Shared {
    pub(crate) fn context<'a>(&self, generation: &'a Generation) -> Context<'a> {
        trace::generation(generation.number);
        let plugin = &generation.plugin;
        let view = View::new(
            Arc::clone(&self.settings),
            self.listed.load_full(),
            self.credential,
        );
        let gate = Gate::new(self.edge.clone(), view.clone());
        Context::new(
            &self.sandbox,
            plugin.pre(),
            State::new(view, gate, plugin.empty_wasi()),
        )
    }

    /// Begins an answer on the live generation, or on the one before if that traps.
    async fn begin(&self, request: ChatRequest) -> Result<Begun> {
        let admitted = self.generations.admit();
        let deadline = tokio::time::Instant::now() + self.settings.limits.wall_clock;
        let (exchange, in_flight, request, warning) = match self.start_chat(&admitted, &request).await {
            Ok(exchange) => (exchange, admitted, Some(Box::new(request)), None),
            Err(error) => {
                let (second, warning) = self
                    .second_choice(&admitted, &error)
                    .ok_or_else(|| self.scrub(error))?;
                let begun = self.start_chat(&second, &request).await;
                let exchange = begun.map_err(|error| self.scrub(error))?;
                (exchange, second, None, Some(warning))
            }
        };
        Ok(Begun {
            exchange,
            in_flight,
            deadline,
            request,
            warning,
        })
    }

    async fn complete(&self, request: &ChatRequest) -> Result<(ChatResponse, GenerationInfo)> {
        let first = self.generations.admit();
        let (response, answered) = match self.whole_answer(&first, request).await {
            Ok(response) => (response, first),
            Err(error) => {
                let (second, warning) = self
                    .second_choice(&first, &error)
                    .ok_or_else(|| self.scrub(error))?;
                let answer = self.whole_answer(&second, request).await;
                let mut response = answer.map_err(|error| self.scrub(error))?;
                response.summary.warnings.push(warning);
                (response, second)
            }
        };
        Ok((response, answered.generation().info()))
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
        let answer = uncut(admitted, call).await?;
        admitted.generation().prove();
        Ok(answer)
    }

    /// Who answers instead of a generation that trapped before it gave anything, and what to say about it.
    pub(crate) fn second_choice(&self, failed: &InFlight, error: &Error) -> Option<(InFlight, Warning)> {
        if error.kind() != Kind::PluginTrap {
            return None;
        }
        let failed = failed.generation();
        self.generations.trapped(failed);
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

    /// Waits for a call that needs no second choice.
    async fn settle<T>(&self, admitted: &InFlight, call: impl Future<Output = Result<T>>) -> Result<T> {
        uncut(admitted, call).await.map_err(|error| {
            if error.kind() == Kind::PluginTrap {
                self.generations.trapped(admitted.generation());
            }
            self.scrub(error)
        })
    }

    pub(crate) fn scrub(&self, error: Error) -> Error {
        error.map_text(|text| self.scrubber.text(text))
    }

    /// Refuses what holds the credential before the guest sees it.
    fn refuse_secret(&self, request: &ChatRequest) -> Result<()> {
        if walk::any(request, |bytes| self.scrubber.finds(bytes)) {
            Err(holds_secret())
        } else {
            Ok(())
        }
    }
}

/// Waits for a call, unless its generation's time is over meanwhile.
async fn uncut<T>(admitted: &InFlight, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        result = call => result,
        () = admitted.is_cut() => Err(drained()),
    }
}

fn holds_secret() -> Error {
    Error::new(
        Kind::Provider(crate::contract::ErrorKind::InvalidRequest),
        "the request holds the credential",
    )
    .with_hint("remove it; the host adds it to what is sent, and nobody else needs it")
}
