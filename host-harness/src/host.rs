//! The host as an embedder sees it: load a plugin, list, resolve, chat, swap.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::{
    call::{self, Context},
    completion::{Completion, Exchange, drained},
    contract::{
        ChatRequest, ChatResponse, DiscoveryMode, Model, ModelCatalog, ModelRef, ModelSource, ProviderInfo,
        Warning, settings::CredentialState,
    },
    edge::{self, Edge, Gate, Origin, Policy, Scrubber, Secret},
    error::{Error, Kind, Result},
    generation::{Generation, GenerationInfo, Generations, InFlight},
    grants::Grants,
    plugin::Plugin,
    sandbox::{Sandbox, State, View},
    settings::{Listed, Settings},
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
        let origin = match (&settings.base_url, grant) {
            (Some(url), _) => Origin::of(url),
            (None, Some(grant)) => Origin::parse(&grant.origin),
            (None, None) => None,
        };
        let wants_credential = plugin.info().credential.is_some();
        let credential = match (&origin, &secret) {
            _ if !wants_credential => CredentialState::NotRequired,
            (Some(origin), Some(_)) if grant.is_some() && origin.is_safe_for_credentials() => {
                CredentialState::AttachedByHost
            }
            (Some(origin), None) if origin.is_loopback() => CredentialState::NotRequired,
            _ => CredentialState::Missing,
        };
        let header = match (grant, &secret) {
            (Some(grant), Some(secret)) if credential == CredentialState::AttachedByHost => {
                Some(edge::credential_header(&grant.header, &grant.prefix, secret)?)
            }
            _ => None,
        };
        let headers = settings
            .headers
            .iter()
            .map(|(name, value)| edge::operator_header(name, value))
            .collect::<Result<Vec<_>>>()?;
        let operator_secrets: Vec<Secret> = settings
            .headers
            .iter()
            .filter_map(|(_, value)| Secret::new(value))
            .collect();
        let scrubber = Scrubber::new(secret.iter().chain(&operator_secrets));
        if let Some(place) = walk::any_setting(&settings, |bytes| scrubber.finds(bytes)) {
            return Err(
                Error::new(Kind::Configuration, format!("{place} holds the credential")).with_hint(
                    "remove it; the host adds the credential to what is sent, and nobody else needs it",
                ),
            );
        }
        if !headers.is_empty()
            && origin
                .as_ref()
                .is_some_and(|origin| !origin.is_safe_for_credentials())
        {
            return Err(Error::new(
                Kind::Configuration,
                "configured headers would be sent without encryption",
            )
            .with_hint("use https for the base URL, or take the headers out of the configuration"));
        }
        let edge = origin
            .map(|origin| {
                let policy = Policy {
                    origin,
                    allow_private: settings.allow_private,
                    credential: header,
                    headers,
                    connect_timeout: settings.connect_timeout,
                    ca_file: settings.ca_file.clone(),
                };
                Edge::new(policy, scrubber.clone())
            })
            .transpose()?;
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
        let admitted = self.0.generations.admit();
        let context = self.0.context(admitted.generation());
        let catalog = self
            .0
            .settle(
                &admitted,
                call::run_fallible(context, async |store, guest| {
                    guest.call_list_models(store, discovery).await
                }),
            )
            .await?;
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
        let admitted = self.0.generations.admit();
        let context = self.0.context(admitted.generation());
        let call = call::run_fallible(context, async |store, guest| {
            guest.call_resolve_ref(store, reference).await
        });
        self.0.settle(&admitted, call).await
    }

    /// Asks, and gives the answer as it comes.
    ///
    /// # Errors
    /// What is wrong with the request, before anything was sent. What the upstream says comes from the completion.
    pub async fn chat(&self, request: ChatRequest) -> Result<Completion> {
        let shared = &self.0;
        shared.refuse_secret(&request)?;
        let admitted = shared.generations.admit();
        let deadline = tokio::time::Instant::now() + shared.settings.limits.wall_clock;
        let completion = match shared.start_chat(&admitted, &request).await {
            Ok(exchange) => {
                let again = Some(Box::new(request));
                Completion::new(exchange, admitted, Arc::clone(shared), deadline, again)
            }
            Err(error) => {
                let (second, warning) = shared
                    .second_choice(&admitted, &error)
                    .ok_or_else(|| shared.scrub(error))?;
                let begun = shared.start_chat(&second, &request).await;
                let exchange = begun.map_err(|error| shared.scrub(error))?;
                Completion::new(exchange, second, Arc::clone(shared), deadline, None).with_warning(warning)
            }
        };
        Ok(completion)
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// What is wrong with the request, what the upstream says, or that the answer broke off.
    pub async fn complete(&self, request: ChatRequest) -> Result<Answer> {
        let shared = &self.0;
        shared.refuse_secret(&request)?;
        let first = shared.generations.admit();
        let (response, answered) = match shared.whole_answer(&first, &request).await {
            Ok(response) => (response, first),
            Err(error) => {
                let (second, warning) = shared
                    .second_choice(&first, &error)
                    .ok_or_else(|| shared.scrub(error))?;
                let answer = shared.whole_answer(&second, &request).await;
                let mut response = answer.map_err(|error| shared.scrub(error))?;
                response.summary.warnings.push(warning);
                (response, second)
            }
        };
        Ok(Answer {
            response,
            generation: answered.generation().info(),
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
