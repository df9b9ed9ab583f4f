//! An HTTP server for a host: `/v1/chat/completions`, `/v1/responses`, `/v1/messages`, `/v1/models`, `/healthz`,
//! `/metrics`.
//!
//! [`Service::router`] is for mounting in an embedder's own server; [`Server`] listens, enforces limits and shuts
//! down gracefully. Knows the host and the dialects, and neither a provider nor the source of settings.

mod auth;
mod body;
mod budget;
mod completion;
mod connection;
mod cors;
mod count_tokens;
mod health;
mod limits;
mod model_list;
mod models;
mod policy;
mod request_id;
mod response;
mod seats;
mod server;
mod streaming;
mod unread;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use tokio::sync::Semaphore;
use tower::util::MapRequest;

use model_provider_host::{
    Host, Result, contract::ModelCatalog, failover::Fallback, request_defaults::Params,
    settings::DeclaredSettings,
};

pub use auth::Access;
pub use dialects::chat_completions::reasoning::ReasoningField;
pub use limits::ServeLimits;
pub use policy::{AllowedOrigin, ServePolicy};
pub use server::Server;

use budget::BodyBudget;
use dialects::server::{
    addresses::{self, Dialects},
    plain_path::plain_uri,
};
use model_list::Catalog;
use request_id::Names;

/// The server's settings, for declaration in the host's
/// ([`Settings::declaring`](model_provider_host::Settings::declaring)).
pub const SETTINGS: DeclaredSettings = DeclaredSettings {
    names: &SETTING_NAMES,
    check: |name, value| {
        if ServePolicy::NAMES.contains(&name) {
            ServePolicy::default().set(name, value)
        } else {
            ServeLimits::check(value)
        }
    },
};

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
pub type Keep = Box<dyn Fn(&ModelCatalog) -> Result<()> + Send + Sync>;

/// The options of a [`Service`].
#[derive(Default)]
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
    pub keep: Option<Keep>,
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
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    host: Host,
    fallback: Fallback,
    default_models: Vec<String>,
    fallbacks: Vec<String>,
    access: Access,
    catalog: Catalog,
    limits: ServeLimits,
    policy: ServePolicy,
    dialects: Dialects,
    /// The budget of all request bodies.
    bodies: Arc<BodyBudget>,
    /// One permit for each response in progress.
    answers: Arc<Semaphore>,
    names: Names,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("host", &self.0.host)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Serves a host, within the limits of its settings.
    #[must_use]
    pub fn new(host: Host, options: ServeOptions) -> Self {
        let ServeOptions {
            default_models,
            fallbacks,
            params,
            access,
            keep,
        } = options;
        let limits = ServeLimits::of(host.settings());
        let policy = ServePolicy::of(host.settings());
        Self(Arc::new(Inner {
            catalog: Catalog::new(host.clone(), keep),
            answers: Arc::new(Semaphore::new(limits.concurrent.min(Semaphore::MAX_PERMITS))),
            bodies: BodyBudget::new(limits.total_body_bytes),
            fallback: Fallback::new()
                .with_params(params)
                .with_max_retries(policy.max_retries),
            names: Names::new(),
            dialects: Dialects::new(policy.reasoning),
            host,
            default_models,
            fallbacks,
            access,
            limits,
            policy,
        }))
    }

    /// The host behind it.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.0.host
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
            .route("/healthz", get(health::health))
            .route("/metrics", get(health::metrics))
            .fallback(health::nowhere)
            .method_not_allowed_fallback(health::wrong_method)
            .layer(from_fn_with_state(self.clone(), request_id::around))
            .with_state(self.clone());
        let tolerant = Router::new().fallback_service(MapRequest::new(routes, plain));
        match cors::layer(self.0.policy()) {
            // Outermost: an app has to be able to read an error as well.
            Some(cors) => tolerant.layer(cors),
            None => tolerant,
        }
    }

    /// Refreshes the model list now and whenever it is stale, as long as the future is polled. [`Server`] does this
    /// itself.
    pub async fn keep_models_fresh(&self) {
        self.0.catalog.keep_fresh(self.0.limits.refresh).await;
    }
}

/// The same request, its path as it is usually written.
fn plain(mut request: Request) -> Request {
    if let Some(uri) = plain_uri(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

impl Inner {
    fn policy(&self) -> &ServePolicy {
        &self.policy
    }
}
