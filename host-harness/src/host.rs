//! The host as an embedder sees it: load a plugin, list, resolve, chat, swap.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::{
    call::{self, Context},
    completion::{Completion, Exchange, drained},
    contract::{
        AssistantPart, ChatRequest, ChatResponse, ContentPart, DiscoveryMode, MediaSource, Message, Model,
        ModelCatalog, ModelRef, ModelSource, ProviderInfo, settings::CredentialState,
    },
    edge::{self, Edge, Gate, Origin, Policy, Scrubber, Secret},
    error::{Error, Kind, Result},
    generation::{Generation, GenerationInfo, GenerationState, Generations, InFlight, WATCH},
    grants::Grants,
    plugin::Plugin,
    sandbox::{Sandbox, State, View},
    settings::{Listed, Settings},
};

/// Two swaps are at least this far apart.
const SWAP_INTERVAL: Duration = Duration::from_millis(50);

/// A provider in service: one live plugin, swapped at run time. Cheap to clone; clones are the same host.
#[derive(Clone)]
pub struct Host(Arc<Shared>);

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
    sandbox: Sandbox,
    pub(crate) settings: Arc<Settings>,
    grants: Grants,
    credential: CredentialState,
    edge: Option<Arc<Edge>>,
    scrubber: Scrubber,
    listed: ArcSwap<Listed>,
    pub(crate) generations: Generations,
    last_swap: Mutex<Option<Instant>>,
}

/// What a swap did.
#[derive(Clone, Debug)]
pub struct SwapReport {
    /// The generation that was live.
    pub from: GenerationInfo,
    /// The one that is.
    pub to: GenerationInfo,
    /// Reading and compiling, or fetching compiled code from the cache.
    pub compile: Duration,
    /// Contract, grant and `describe`.
    pub check: Duration,
    /// The self-test.
    pub self_test: Duration,
    /// The switch itself.
    pub switch: Duration,
    /// Answers that went on in the old generation.
    pub draining: usize,
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
        self.0.refuse_secret([reference])?;
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
        self.0.refuse_secret(texts(&request))?;
        self.0.refuse_secret_bytes(&request)?;
        let admitted = self.0.generations.admit();
        let deadline = tokio::time::Instant::now() + self.0.settings.limits.wall_clock;
        let first = self.0.start_chat(&admitted, &request).await;
        let request = Some(Box::new(request));
        match first {
            Ok(exchange) => Ok(Completion::new(
                exchange,
                admitted,
                Arc::clone(&self.0),
                deadline,
                request,
            )),
            Err(error) if error.kind() == Kind::PluginTrap => {
                let failed = Arc::clone(admitted.generation());
                self.0.generations.trapped(&failed);
                let Some((old, request)) = self.0.generations.second_choice(&failed).zip(request) else {
                    return Err(self.0.scrub(error));
                };
                let exchange = self
                    .0
                    .start_chat(&old, &request)
                    .await
                    .map_err(|error| self.0.scrub(error))?;
                Ok(Completion::new(
                    exchange,
                    old,
                    Arc::clone(&self.0),
                    deadline,
                    None,
                ))
            }
            Err(error) => Err(self.0.scrub(error)),
        }
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// What is wrong with the request, what the upstream says, or that the answer broke off.
    pub async fn complete(&self, request: ChatRequest) -> Result<Answer> {
        self.0.refuse_secret(texts(&request))?;
        self.0.refuse_secret_bytes(&request)?;
        let admitted = self.0.generations.admit();
        let context = self.0.context(admitted.generation());
        let call = call::run_fallible(context, async |store, guest| {
            guest.call_chat_complete(store, &request).await
        });
        let response = self.0.settle(&admitted, call).await?;
        Ok(Answer {
            response,
            generation: admitted.generation().info(),
        })
    }

    /// Replaces the plugin: loads, checks and tests the file beside the live one, then switches. Requests under way
    /// finish where they began, until the drain deadline. If anything is wrong with the file, nothing changes.
    ///
    /// # Errors
    /// Why the file was not taken; the live plugin serves on.
    pub async fn swap(&self, file: &Path) -> Result<SwapReport> {
        let mut last = self.0.last_swap.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep(SWAP_INTERVAL.saturating_sub(last.elapsed())).await;
        }
        let shared = &self.0;
        let plugin = Plugin::load(&shared.sandbox, file, shared.settings.empty_wasi).await?;
        let timings = plugin.load_timings();
        let live = shared.generations.live();
        let id = &live.plugin.info().id;
        if plugin.info().id != *id {
            let message = format!(
                "{} is the provider `{}`; this host serves `{id}`",
                file.display(),
                plugin.info().id
            );
            return Err(
                Error::new(Kind::Configuration, message).with_hint("start another host for another provider")
            );
        }
        shared.grants.check(plugin.info())?;
        let staged = shared.generations.stage(plugin);
        let started = Instant::now();
        shared.self_test(&staged).await?;
        let self_test = started.elapsed();
        staged.enter(GenerationState::Verified);
        let started = Instant::now();
        let to = staged.info();
        let old = shared.generations.switch(staged);
        let switch = started.elapsed();
        *last = Some(Instant::now());
        let report = SwapReport {
            from: old.info(),
            to,
            compile: timings.compile,
            check: timings.check + timings.describe,
            self_test,
            switch,
            draining: old.in_flight(),
        };
        tokio::spawn(drain(Arc::clone(shared), old));
        Ok(report)
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

/// Lets an old generation finish, then retires it.
async fn drain(shared: Arc<Shared>, old: Arc<Generation>) {
    old.enter(GenerationState::Draining);
    let started = Instant::now();
    let deadline = shared.settings.drain_deadline;
    if tokio::time::timeout(deadline, old.idle()).await.is_err() {
        tracing::warn!(
            generation = old.number,
            left = old.in_flight(),
            "drain deadline: answers are cut short"
        );
        old.cut();
    }
    // Requests that the new generation traps on may come back to the old one for a while.
    tokio::time::sleep(WATCH.saturating_sub(started.elapsed())).await;
    shared.generations.forget(&old);
    if old.state() != GenerationState::Draining {
        // It came back into service meanwhile.
        return;
    }
    old.enter(GenerationState::Retired);
}

impl Shared {
    fn context<'a>(&self, generation: &'a Generation) -> Context<'a> {
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

    /// Waits for a call, unless its generation is cut short meanwhile.
    async fn settle<T>(&self, admitted: &InFlight, call: impl Future<Output = Result<T>>) -> Result<T> {
        let generation = admitted.generation();
        let result = tokio::select! {
            biased;
            result = call => result,
            () = admitted.is_cut() => Err(drained()),
        };
        result.map_err(|error| {
            if error.kind() == Kind::PluginTrap {
                self.generations.trapped(generation);
            }
            self.scrub(error)
        })
    }

    /// What a plugin has to do before it gets traffic: understand its own default and list without network.
    async fn self_test(&self, staged: &Arc<Generation>) -> Result<()> {
        let failed = |what: &str, error: Error| {
            Error::new(
                Kind::PluginLoad,
                format!("the plugin failed its self-test: {what}: {}", error.message()),
            )
            .with_hint("the plugin before it serves on")
        };
        if let Some(default) = &staged.plugin.info().default_model {
            let call = call::run_fallible(self.context(staged), async |store, guest| {
                guest.call_resolve_ref(store, default).await
            });
            call.await
                .map_err(|error| failed("its default model does not resolve", error))?;
        }
        let call = call::run_fallible(self.context(staged), async |store, guest| {
            guest.call_list_models(store, DiscoveryMode::Off).await
        });
        call.await
            .map_err(|error| failed("its bundled models cannot be listed", error))?;
        Ok(())
    }

    pub(crate) fn scrub(&self, error: Error) -> Error {
        error.map_text(|text| self.scrubber.text(text))
    }

    /// Refuses what holds the credential before the guest sees it.
    fn refuse_secret<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Result<()> {
        if texts.into_iter().any(|text| self.scrubber.finds(text.as_bytes())) {
            Err(holds_secret())
        } else {
            Ok(())
        }
    }

    fn refuse_secret_bytes(&self, request: &ChatRequest) -> Result<()> {
        let held = media(request).any(|source| match source {
            MediaSource::Url(url) => self.scrubber.finds(url.as_bytes()),
            MediaSource::Data(data) => self.scrubber.finds(data),
        });
        if held { Err(holds_secret()) } else { Ok(()) }
    }
}

fn holds_secret() -> Error {
    Error::new(
        Kind::Provider(crate::contract::ErrorKind::InvalidRequest),
        "the request holds the credential",
    )
    .with_hint("remove it; the host adds it to what is sent, and nobody else needs it")
}

/// Every text of a request.
fn texts(request: &ChatRequest) -> impl Iterator<Item = &str> {
    let messages = request.messages.iter().flat_map(message_texts);
    let tools = request.tools.iter().flat_map(|tool| {
        [tool.name.as_str(), tool.parameters_json.as_str()]
            .into_iter()
            .chain(tool.description.as_deref())
    });
    let extras = request
        .extras
        .iter()
        .flat_map(|extra| [extra.key.as_str(), extra.value_json.as_str()]);
    let stops = request.stop.iter().map(String::as_str);
    std::iter::once(request.model.as_str())
        .chain(messages)
        .chain(tools)
        .chain(extras)
        .chain(stops)
}

fn message_texts(message: &Message) -> Vec<&str> {
    match message {
        Message::System(text) => vec![text],
        Message::User(parts) => parts.iter().filter_map(part_text).collect(),
        Message::Tool(result) => std::iter::once(result.call_id.as_str())
            .chain(result.content.iter().filter_map(part_text))
            .collect(),
        Message::Assistant(parts) => parts
            .iter()
            .flat_map(|part| match part {
                AssistantPart::Text(text) => vec![text.as_str()],
                AssistantPart::Reasoning(thought) => std::iter::once(thought.text.as_str())
                    .chain(thought.signature.as_deref())
                    .collect(),
                AssistantPart::ToolCall(call) => vec![call.id.as_str(), &call.name, &call.arguments_json],
                AssistantPart::Other(extra) => vec![extra.value_json.as_str()],
                AssistantPart::Media(_) => Vec::new(),
            })
            .collect(),
    }
}

fn part_text(part: &ContentPart) -> Option<&str> {
    match part {
        ContentPart::Text(text) => Some(text),
        ContentPart::Other(extra) => Some(&extra.value_json),
        ContentPart::Media(_) => None,
    }
}

fn media(request: &ChatRequest) -> impl Iterator<Item = &MediaSource> {
    request.messages.iter().flat_map(|message| match message {
        Message::User(parts) => parts.iter().filter_map(part_media).collect(),
        Message::Tool(result) => result.content.iter().filter_map(part_media).collect(),
        Message::Assistant(parts) => parts
            .iter()
            .filter_map(|part| match part {
                AssistantPart::Media(media) => Some(&media.source),
                _ => None,
            })
            .collect(),
        Message::System(_) => Vec::new(),
    })
}

fn part_media(part: &ContentPart) -> Option<&MediaSource> {
    match part {
        ContentPart::Media(media) => Some(&media.source),
        _ => None,
    }
}
