//! An HTTP server for a host: `/v1/chat/completions`, `/v1/responses`, `/v1/messages`, `/v1/models`, `/healthz`,
//! `/readyz`, `/metrics`.
//!
//! [`Service::router`] is for mounting in an embedder's own server; [`Server`] listens, enforces limits and shuts
//! down gracefully. Knows the host and the dialects, and neither a provider nor the source of settings.

mod access_keys;
mod account;
mod audit;
mod audit_file;
mod auth;
mod body;
mod books;
mod budget;
mod completion;
mod connection;
mod cors;
mod count_tokens;
mod counts;
mod current;
mod expiry;
mod health;
mod key_digest;
mod ledger;
mod ledger_file;
mod limits;
mod model_list;
mod model_rules;
mod models;
mod policy;
mod quota;
mod readiness;
mod record;
mod reload;
mod request_id;
mod reservation;
mod resolved;
mod response;
mod seats;
mod server;
#[cfg(feature = "otel")]
mod spans;
mod streaming;
mod unread;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use tokio::sync::{Semaphore, watch};
use tower::{ServiceExt as _, service_fn, util::MapRequest};

use model_provider_host::{
    Host, Result, contract::ModelCatalog, request_defaults::Params, settings::DeclaredSettings,
};

pub use access_keys::{AccessKey, AccessKeys};
pub use audit::{Audit, AuditOptions};
pub use auth::Access;
pub use books::Records;
pub use dialects::chat_completions::reasoning::ReasoningField;
pub use expiry::Expiry;
pub use key_digest::{KeyDigest, generate_key};
pub use ledger_file::UsageFile;
pub use limits::ServeLimits;
pub use model_provider_host::cost::Usd;
pub use policy::{AllowedOrigin, ServePolicy};
pub use server::Server;
#[cfg(feature = "otel")]
pub use spans::{SpanExporter, SpanOptions};

use books::Books;
use budget::BodyBudget;
use current::Current;
use dialects::server::{addresses, plain_path::plain_uri};
use readiness::Readiness;
use request_id::RequestIdGenerator;

/// The server's settings, for declaration in the host's
/// ([`Settings::declaring`](model_provider_host::Settings::declaring)).
pub const SETTINGS: DeclaredSettings = DeclaredSettings::new(&SETTING_NAMES, |name, value| {
    if ServePolicy::NAMES.contains(&name) {
        ServePolicy::default().set(name, value)
    } else {
        ServeLimits::check(value)
    }
});

const SETTING_NAMES: [&str; ServeLimits::NAMES.len() + ServePolicy::NAMES.len()] = {
    let mut names = [""; ServeLimits::NAMES.len() + ServePolicy::NAMES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = if at < ServeLimits::NAMES.len() {
            ServeLimits::NAMES[at]
        } else {
            ServePolicy::NAMES[at - ServeLimits::NAMES.len()]
        };
        at += 1;
    }
    names
};

/// Stores a model list, so that the next start has it without network.
pub type StoreModels = Box<dyn Fn(&ModelCatalog) -> Result<()> + Send + Sync>;

/// The options of a [`Service`].
///
/// ```
/// use model_server::ServeOptions;
///
/// let options = ServeOptions::default().with_default_models(vec!["Qwen/Qwen3-8B".to_owned()]);
/// assert!(options.fallbacks.is_empty());
/// ```
#[derive(Default)]
#[non_exhaustive]
pub struct ServeOptions {
    /// The default models: the first, then its fallbacks.
    pub default_models: Vec<String>,
    /// The fallback models of a model that a request names, in order.
    pub fallbacks: Vec<String>,
    /// The default request parameters by model.
    pub params: Params,
    /// The access policy.
    pub access: Access,
    /// Stores a fresh model list.
    pub store_models: Option<StoreModels>,
}

impl ServeOptions {
    /// Sets the default models: the first, then its fallbacks.
    #[must_use]
    pub fn with_default_models(mut self, default_models: Vec<String>) -> Self {
        self.default_models = default_models;
        self
    }

    /// Sets the fallback models of a model that a request names, in order.
    #[must_use]
    pub fn with_fallbacks(mut self, fallbacks: Vec<String>) -> Self {
        self.fallbacks = fallbacks;
        self
    }

    /// Sets the default request parameters by model.
    #[must_use]
    pub fn with_params(mut self, params: Params) -> Self {
        self.params = params;
        self
    }

    /// Sets the access policy.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets what stores a fresh model list.
    #[must_use]
    pub fn with_store_models(mut self, store_models: StoreModels) -> Self {
        self.store_models = Some(store_models);
        self
    }
}

impl std::fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServeOptions")
            .field("default_models", &self.default_models)
            .field("fallbacks", &self.fallbacks)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// A host as an HTTP service. Cheap to clone; clones are the same service.
///
/// ```no_run
/// # async fn run(host: model_provider_host::Host) -> std::io::Result<()> {
/// use axum::{Router, routing::get};
/// use model_server::{ServeOptions, Service};
///
/// let service = Service::new(host, ServeOptions::default());
/// let app = Router::new()
///     .route("/", get(|| async { "the program's own page" }))
///     .merge(service.router());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(listener, app).await
/// # }
/// ```
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    current: ArcSwap<Current>,
    /// The number of reloads.
    reloads: watch::Sender<u64>,
    /// The limits at the start: what all requests share keeps its size.
    limits: ServeLimits,
    books: Arc<Books>,
    readiness: Readiness,
    /// The budget of all request bodies.
    bodies: Arc<BodyBudget>,
    /// One permit for each response in progress.
    in_progress: Arc<Semaphore>,
    names: RequestIdGenerator,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Serves a host, within the limits of its settings.
    #[must_use]
    pub fn new(host: Host, options: ServeOptions) -> Self {
        Self::with_records(host, options, Records::default())
    }

    /// The same, with records of requests and of what keys use.
    #[must_use]
    pub fn with_records(host: Host, options: ServeOptions, records: Records) -> Self {
        let current = Current::new(host, options, None);
        let limits = current.limits.clone();
        Self(Arc::new(Inner {
            current: ArcSwap::new(current),
            reloads: watch::Sender::new(0),
            books: Arc::new(Books::new(records)),
            readiness: Readiness::default(),
            in_progress: Arc::new(Semaphore::new(limits.concurrent.min(Semaphore::MAX_PERMITS))),
            bodies: BodyBudget::new(limits.total_body_bytes),
            names: RequestIdGenerator::new(),
            limits,
        }))
    }

    /// The host behind it. Each [`reload`](Self::reload) replaces it, with the same plugin and the same metrics.
    #[must_use]
    pub fn host(&self) -> Host {
        self.current().host.clone()
    }

    /// The configuration for a request that arrives now.
    fn current(&self) -> Arc<Current> {
        self.0.current.load_full()
    }

    /// The router with all endpoints, for mounting at the root of a server. Every response has the headers
    /// `x-request-id` and `x-plugin-generation`.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .route(addresses::CHAT_COMPLETIONS, post(completion::completions))
            .route(addresses::RESPONSES, post(completion::completions))
            .route(addresses::MESSAGES, post(completion::completions))
            .route(addresses::COUNT_TOKENS, post(count_tokens::count))
            .route("/v1/models", get(models::list))
            .route("/v1/models/{*id}", get(models::one))
            .route(health::HEALTH, get(health::health))
            .route(health::READY, get(health::ready))
            .route(health::METRICS, get(health::metrics))
            .fallback(health::not_found)
            .method_not_allowed_fallback(health::wrong_method)
            .layer(from_fn_with_state(self.clone(), request_id::around))
            .with_state(self.clone());
        let tolerant = Router::new().fallback_service(MapRequest::new(routes, plain));
        // Outermost: an app has to be able to read an error as well.
        let (service, for_apps) = (self.clone(), tolerant.clone().layer(cors::layer(self)));
        Router::new().fallback_service(service_fn(move |request: Request| {
            let has_apps = !service.current().policy.allowed_origins.is_empty();
            let routes = if has_apps { &for_apps } else { &tolerant };
            routes.clone().oneshot(request)
        }))
    }

    /// Refreshes the model list now and whenever it is stale, as long as the future is polled. [`Server`] does this
    /// itself.
    pub async fn keep_models_fresh(&self) {
        let mut reloads = self.0.reloads.subscribe();
        loop {
            reloads.mark_unchanged();
            let current = self.current();
            tokio::select! {
                () = current.catalog.keep_fresh(current.limits.refresh) => {}
                // Another list is current now.
                changed = reloads.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }
}

/// The same request, its path as it is usually written.
fn plain(mut request: Request) -> Request {
    if let Some(uri) = plain_uri(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}
