//! The state that all requests of a host share, and per-request operations on it.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::Mutex;

use super::{
    credential_check,
    generation::{Generation, Generations, InFlight},
    pending_update::PendingUpdate,
};
use crate::{
    contract::{ChatRequest, settings::CredentialState},
    egress::{EgressClient, EgressHooks},
    error::{Error, ErrorKind, Result},
    grants::{Grant, Grants},
    metrics::Metrics,
    principal::Principal,
    redact::Redactor,
    request_context::RequestContext,
    request_span,
    sandbox::{Sandbox, State, call::Context, call_state::CallState},
    settings::{Listed, Settings},
    trace_parent::TraceParent,
};

/// Larger requests are searched on a blocking thread.
const LARGE: usize = 256 * 1024;

pub(crate) struct Shared {
    pub(crate) sandbox: Sandbox,
    pub(crate) settings: Arc<Settings>,
    pub(crate) grants: Grants,
    /// The grant of the plugin, and of every one that replaces it.
    pub(crate) grant: Option<Grant>,
    pub(super) credential: CredentialState,
    pub(super) egress: Option<Arc<EgressClient>>,
    pub(crate) redactor: Redactor,
    /// The variables that a plugin names in its hints, and the credential's actual source.
    pub(super) credential_source: Option<(String, String)>,
    pub(super) listed: Arc<ArcSwap<Listed>>,
    pub(crate) service: Arc<InService>,
}

/// The part of a host that a reconfiguration keeps: generations, metrics, and whether it is draining.
pub(crate) struct InService {
    pub(crate) generations: Generations,
    pub(crate) last_swap: Mutex<Option<Instant>>,
    pub(crate) metrics: Arc<Metrics>,
    /// The newer plugin that waits for approval.
    pub(crate) pending_update: ArcSwapOption<PendingUpdate>,
    /// The host accepts no more requests.
    pub(crate) is_draining: AtomicBool,
}

impl InService {
    pub(super) fn new(generations: Generations) -> Self {
        Self {
            generations,
            last_swap: Mutex::new(None),
            metrics: Metrics::new(),
            pending_update: ArcSwapOption::default(),
            is_draining: AtomicBool::new(false),
        }
    }
}

impl std::ops::Deref for Shared {
    type Target = InService;

    fn deref(&self) -> &InService {
        &self.service
    }
}

/// Options of one chat request that override the settings.
///
/// ```
/// use model_provider_host::ChatOptions;
///
/// let options = ChatOptions::default().with_max_retries(0).with_seed(7);
/// assert_eq!(options.seed, Some(7));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatOptions {
    /// The most retries, if fewer than the setting `max-retries`.
    pub max_retries: Option<u32>,
    /// Seed of the plugin's random values, such as ids and the jitter of its backoff. The same seed gives the same
    /// values if the plugin exports `nonblocking`; by default each request has its own.
    pub seed: Option<u64>,
    /// The trace that the request belongs to. The host sends it to the upstream; the plugin does not see it.
    pub trace_parent: Option<TraceParent>,
    /// On whose behalf it is made. If [`SandboxOptions::calls_per_store`](crate::SandboxOptions::calls_per_store) allows
    /// it, streaming responses of one principal may share a store; without one it has a store of its own.
    pub principal: Option<Principal>,
}

impl ChatOptions {
    /// Limits the retries of this request.
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = Some(max_retries);
        self
    }

    /// Sets the seed of the plugin's random values.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the trace that the request belongs to.
    #[must_use]
    pub fn with_trace_parent(mut self, trace_parent: TraceParent) -> Self {
        self.trace_parent = Some(trace_parent);
        self
    }

    /// Sets on whose behalf the request is made.
    #[must_use]
    pub fn with_principal(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }
}

impl Shared {
    pub(crate) fn context<'a>(&self, generation: &'a Generation) -> Context<'a> {
        self.context_with(generation, ChatOptions::default())
    }

    pub(crate) fn context_with<'a>(&self, generation: &'a Generation, options: ChatOptions) -> Context<'a> {
        let plugin = &generation.plugin;
        let call = self.call_state(generation, options);
        Context::new(
            &self.sandbox,
            plugin.guest_pre(),
            State::new(call, plugin.empty_wasi()),
        )
    }

    /// The state of a call, for a store of its own or a shared one.
    pub(crate) fn call_state(&self, generation: &Generation, options: ChatOptions) -> CallState {
        request_span::generation(generation.number);
        let context = RequestContext::new(
            Arc::clone(&self.settings),
            self.listed.load_full(),
            self.credential,
            options.trace_parent,
        );
        let hooks = EgressHooks::new(self.egress.clone(), context.clone());
        CallState::new(context, hooks)
            .with_max_retries(options.max_retries)
            .measured(Arc::clone(&self.metrics))
    }

    /// Waits for a call that is not retried on another generation.
    pub(super) async fn settle<T>(
        &self,
        admitted: &InFlight,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let settled = self.unless_cancelled(admitted, call).await;
        settled.map_err(|error| self.failed(admitted.generation(), error))
    }

    /// Records a failed call in its generation, and redacts the error.
    pub(crate) fn failed(&self, generation: &Arc<Generation>, error: Error) -> Error {
        if error.kind() == ErrorKind::PluginTrap {
            self.trapped(generation);
        }
        self.redact_error(error)
    }

    pub(crate) fn redact_error(&self, error: Error) -> Error {
        self.redactor.error(self.name_source(error))
    }

    /// Names the credential's source in hints: a plugin knows only its variables.
    fn name_source(&self, error: Error) -> Error {
        use crate::contract::ProviderErrorKind::{PermissionDenied, Unauthenticated};
        let Some((variables, source)) = &self.credential_source else {
            return error;
        };
        if !matches!(
            error.kind(),
            ErrorKind::Provider(Unauthenticated | PermissionDenied)
        ) {
            return error;
        }
        let hint = match error.hint() {
            Some(hint) if !variables.is_empty() && hint.contains(variables.as_str()) => {
                hint.replace(variables.as_str(), source)
            }
            Some(hint) if hint.contains(source.as_str()) => return error,
            Some(hint) => format!("{hint} The token comes from {source}."),
            None => format!("The token comes from {source}."),
        };
        error.with_hint(hint)
    }

    /// Refuses a request that contains the credential before the guest sees it. A large request is searched on a
    /// blocking thread.
    pub(crate) async fn without_secret(self: &Arc<Self>, request: ChatRequest) -> Result<ChatRequest> {
        if !credential_check::is_larger(&request, LARGE) {
            self.refuse_credential(&request)?;
            return Ok(request);
        }
        let host = Arc::clone(self);
        let searching =
            tokio::task::spawn_blocking(move || host.refuse_credential(&request).map(|()| request));
        searching.await.unwrap_or_else(|_| Err(self.drained()))
    }

    /// Refuses a request that contains the credential before the guest sees it.
    fn refuse_credential(&self, request: &ChatRequest) -> Result<()> {
        if credential_check::any(request, |bytes| self.redactor.finds(bytes)) {
            Err(holds_secret())
        } else {
            Ok(())
        }
    }
}

pub(super) fn holds_secret() -> Error {
    Error::new(
        ErrorKind::Provider(crate::contract::ProviderErrorKind::InvalidRequest),
        "the request holds the credential",
    )
    .with_hint("remove it; the host adds it to requests, and nothing else needs it")
}
