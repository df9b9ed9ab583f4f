//! The host's public API: load a plugin, list, resolve, chat, swap.

mod chat;
pub(crate) mod chat_stream;
pub(crate) mod credential_check;
pub(crate) mod egress_setup;
pub(crate) mod generation;
mod options;
pub(crate) mod pending_update;
pub(crate) mod shared;
mod shutdown;
pub(crate) mod swap;
#[cfg(feature = "watch")]
pub(crate) mod watch;

use std::sync::Arc;

use chat_stream::ChatStream;
use egress_setup::Outlet;
use generation::{GenerationInfo, Generations};
use shared::{InService, Shared, holds_secret};

use crate::{
    contract::{
        AssistantPart, ChatRequest, DiscoveryMode, Model, ModelCatalog, ModelRef, ModelSource, ProviderInfo,
        Summary, settings::CredentialState,
    },
    error::Result,
    metrics::{Measured, Operation},
    plugin::Plugin,
    redact::results,
    request_span::{RequestId, Trace},
    sandbox::call,
    secret::Secret,
    settings::{Listed, Settings},
};

pub use options::HostOptions;
pub use shared::ChatOptions;

/// A provider in service: one live plugin, swappable at run time. Cheap to clone; clones are the same host.
///
/// ```no_run
/// # use model_provider_host::{Grants, Plugin, Result};
/// # async fn run(plugin: Plugin, grants: Grants) -> Result<()> {
/// use model_provider_host::{Host, HostOptions, contract::ChatRequest};
///
/// let options = HostOptions::from_env(&plugin, grants)?;
/// let host = Host::start(plugin, options)?;
/// let model = host.resolve("Qwen/Qwen3-8B:fastest").await?;
/// let response = host.complete(ChatRequest::new(model.canonical).user("Hello!")).await?;
/// println!("{:?} (generation {})", response.content, response.generation.number);
///
/// let report = host.swap("provider-next.wasm").await?;
/// println!("{} responses finish in generation {}", report.draining, report.from.number);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Shared>);

/// A complete response and its generation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChatResponse {
    /// Its content, in order.
    pub content: Vec<AssistantPart>,
    /// Its metadata: usage, finish reason, warnings.
    pub summary: Summary,
    /// The generation that produced it.
    pub generation: GenerationInfo,
    /// Its id in the log.
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
    /// Puts a plugin into service, in the sandbox where it was loaded.
    ///
    /// # Errors
    /// `not-granted` if the plugin requests more than its id is granted; `configuration` for invalid settings.
    #[expect(clippy::needless_pass_by_value, reason = "the host keeps the plugin")]
    pub fn start(plugin: Plugin, options: HostOptions) -> Result<Self> {
        let service = InService::new(Generations::new(plugin.clone()));
        Self::configured(&plugin, options, Arc::new(service), None)
    }

    /// The same host with other settings, credential and grants. Generations, swaps and metrics are shared; requests in
    /// flight keep the configuration that they started with. Draining one of the two drains both.
    ///
    /// # Errors
    /// As for [`start`](Self::start), for the live plugin.
    pub fn reconfigured(&self, options: HostOptions) -> Result<Self> {
        let service = Arc::clone(&self.0.service);
        Self::configured(&self.plugin(), options, service, Some(&self.0))
    }

    fn configured(
        plugin: &Plugin,
        options: HostOptions,
        service: Arc<InService>,
        before: Option<&Shared>,
    ) -> Result<Self> {
        let HostOptions {
            settings,
            credential: secret,
            grants,
        } = options;
        plugin.sandbox().check(&settings.limits)?;
        let grant = grants.check(plugin)?.cloned();
        let egress_before = before.and_then(|before| before.egress.as_deref());
        let Outlet {
            egress,
            redactor,
            credential,
        } = Outlet::new(
            &settings,
            grant.as_ref(),
            secret.as_ref(),
            plugin.info(),
            egress_before,
        )?;
        let source = secret.as_ref().and_then(Secret::source);
        let variables = plugin
            .info()
            .credential
            .as_ref()
            .map(|spec| spec.env_vars.join(" or "));
        let credential_source = variables.zip(source.map(str::to_owned));
        // The models of another upstream are not kept.
        let is_same = |before: &&Shared| before.settings.base_url == settings.base_url;
        let listed = before.filter(is_same).map(|before| Arc::clone(&before.listed));
        Ok(Self(Arc::new(Shared {
            credential_source,
            sandbox: plugin.sandbox().clone(),
            settings: Arc::new(settings),
            credential,
            egress,
            redactor,
            grant,
            grants,
            listed: listed.unwrap_or_default(),
            service,
        })))
    }

    /// The self-test of the live plugin, as before a swap: resolve its default model, list models without network.
    ///
    /// # Errors
    /// The plugin fails it.
    pub async fn self_test(&self) -> Result<()> {
        self.0.self_test(&self.0.generations.live()).await
    }

    /// The live plugin's description.
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

    /// The credential's state.
    #[must_use]
    pub fn credential(&self) -> CredentialState {
        self.0.credential
    }

    /// Lists the models. A live list is cached for resolving and suggestions, and shared with the caller.
    ///
    /// # Errors
    /// The plugin's own errors. A failing upstream is a catalog with a warning, not an error.
    pub async fn list_models(&self, discovery: DiscoveryMode) -> Result<Arc<ModelCatalog>> {
        let listing = Box::pin(async {
            let admitted = self.0.admit()?;
            let context = self.0.context(admitted.generation());
            let call = call::run_fallible(context, async |store, guest| {
                guest.list_models(store, discovery).await
            });
            let listed = self.0.settle(&admitted, call).await;
            self.0.redactor.result(listed, results::catalog)
        });
        let measured = Measured::begin(&self.0.metrics, Operation::List);
        let listed = Trace::begin("list-models", "").around(listing).await;
        measured.result(&listed);
        let catalog = Arc::new(listed?);
        if catalog.source == ModelSource::Live {
            self.0.listed.store(Arc::new(Listed::new(Arc::clone(&catalog))));
        }
        Ok(catalog)
    }

    /// Sets a cached list of an earlier run, for resolving and suggestions, until a live one replaces it.
    pub fn set_cached_models(&self, models: Vec<Model>) {
        let catalog = Arc::new(ModelCatalog {
            models,
            source: ModelSource::Live,
            warnings: Vec::new(),
        });
        self.0.listed.store(Arc::new(Listed::new(catalog)));
    }

    /// Resolves a reference or an alias. Uses no network.
    ///
    /// # Errors
    /// `invalid-reference`, with suggestions.
    pub async fn resolve(&self, reference: &str) -> Result<ModelRef> {
        self.refuse_credential(reference)?;
        let resolving = Box::pin(async {
            let admitted = self.0.admit()?;
            let context = self.0.context(admitted.generation());
            let call = call::run_fallible(context, async |store, guest| {
                guest.resolve_ref(store, reference).await
            });
            let resolved = self.0.settle(&admitted, call).await;
            self.0.redactor.result(resolved, results::reference)
        });
        let measured = Measured::begin(&self.0.metrics, Operation::Resolve);
        let resolved = Trace::begin("resolve-ref", reference).around(resolving).await;
        measured.result(&resolved);
        resolved
    }

    /// Starts a chat completion and returns the streaming response.
    ///
    /// # Errors
    /// The request is invalid; then nothing was sent. The stream returns the upstream's errors.
    pub async fn chat(&self, request: ChatRequest) -> Result<ChatStream> {
        self.chat_with(request, ChatOptions::default()).await
    }

    /// The same as [`chat`](Self::chat), with options for this request.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    pub async fn chat_with(&self, request: ChatRequest, options: ChatOptions) -> Result<ChatStream> {
        let mut measured = Measured::begin(&self.0.metrics, Operation::Chat);
        let mut trace = Trace::begin("chat-stream", &self.redact(&request.model));
        match trace.within(Box::pin(self.0.begin_chat(request, options))).await {
            Ok(begun) => Ok(ChatStream::new(begun, Arc::clone(&self.0), trace, measured)),
            Err(error) => {
                trace.end(Some(&error));
                measured.failed(&error);
                Err(error)
            }
        }
    }

    /// Runs a chat completion and waits for the complete response.
    ///
    /// # Errors
    /// The request is invalid, the upstream failed, or the response broke off.
    pub async fn complete(&self, request: ChatRequest) -> Result<ChatResponse> {
        self.complete_with(request, ChatOptions::default()).await
    }

    /// The same as [`complete`](Self::complete), with options for this request.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn complete_with(&self, request: ChatRequest, options: ChatOptions) -> Result<ChatResponse> {
        let mut measured = Measured::begin(&self.0.metrics, Operation::Complete);
        let trace = Trace::begin("chat-complete", &self.redact(&request.model));
        let request_id = trace.id();
        let completed = trace.around(Box::pin(self.0.complete(request, options))).await;
        match &completed {
            Ok((response, _)) => measured.succeeded(&response.summary),
            Err(error) => measured.failed(error),
        }
        let (response, generation) = completed?;
        Ok(ChatResponse {
            content: response.content,
            summary: response.summary,
            generation,
            request_id,
        })
    }

    /// The settings that the host was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The last live list, or the models set by [`set_cached_models`](Self::set_cached_models); else empty.
    #[must_use]
    pub fn cached_models(&self) -> Arc<ModelCatalog> {
        Arc::clone(self.0.listed.load().catalog())
    }

    /// Connections opened so far, for all requests.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.0
            .egress
            .as_ref()
            .map_or(0, |egress| egress.connections_opened())
    }

    /// By how many seconds the service's clock was ahead of this machine's, by the last response with a date.
    #[must_use]
    pub fn clock_skew(&self) -> Option<i64> {
        self.0.egress.as_ref()?.clock_skew()
    }

    /// Refuses a text that contains the credential.
    pub fn refuse_credential(&self, text: &str) -> Result<()> {
        if self.0.redactor.finds(text.as_bytes()) {
            return Err(holds_secret());
        }
        Ok(())
    }

    /// Redacts a foreign text for the log.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0.redactor.said(text)
    }

    /// The blocked requests so far.
    #[must_use]
    pub fn blocked_requests(&self) -> u64 {
        self.0
            .egress
            .as_ref()
            .map_or(0, |egress| egress.blocked_requests())
    }
}
