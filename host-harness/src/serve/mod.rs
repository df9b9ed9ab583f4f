//! An OpenAI-compatible server over a host: `/v1/models`, `/v1/chat/completions`, `/healthz`, `/metrics`.
//!
//! [`Service::router`] is what an embedder mounts in a server of its own; [`Server`] is one that listens, limits and
//! ends in good order. It knows the host and the dialect, and neither a provider nor where settings come from.

mod access;
mod body;
mod budget;
mod catalog;
mod chat;
mod connection;
mod cors;
mod limits;
mod models;
mod pages;
mod plain_path;
mod policy;
mod reply;
mod seats;
mod server;
mod trace;
mod unread;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use tokio::sync::Semaphore;
use tower::util::MapRequest;

use crate::{Host, contract::ModelCatalog, error::Result, fallback::Fallback, params::Params};

pub use crate::openai::reasoning::ReasoningField;
pub use access::Access;
pub use limits::ServeLimits;
pub use policy::{AllowedOrigin, ServePolicy};
pub use server::Server;

use budget::BodyBudget;
use catalog::Catalog;
use trace::Names;

/// What a list of models is handed to, so that the next start has it without network.
pub type Keep = Box<dyn Fn(&ModelCatalog) -> Result<()> + Send + Sync>;

/// How a [`Service`] answers.
#[derive(Default)]
pub struct ServeOptions {
    /// Who is asked if a request names no model, in this order.
    pub default_models: Vec<String>,
    /// Who is asked when the model that a request names fails, in this order.
    pub fallbacks: Vec<String>,
    /// What is asked of each model where a request leaves it open.
    pub params: Params,
    /// Who may ask.
    pub access: Access,
    /// Where a fresh list of models goes.
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

/// A host as a service of HTTP. Cheap to clone; clones are the same service.
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
    /// What the bodies of all requests may hold.
    bodies: Arc<BodyBudget>,
    /// One permit for each answer on its way.
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
        let limits = host.settings().serve.clone();
        Self(Arc::new(Inner {
            catalog: Catalog::new(host.clone(), keep),
            answers: Arc::new(Semaphore::new(limits.concurrent.min(Semaphore::MAX_PERMITS))),
            bodies: BodyBudget::new(limits.total_body_bytes),
            fallback: Fallback::new()
                .with_params(params)
                .with_max_retries(host.settings().serve_policy.max_retries),
            names: Names::new(),
            host,
            default_models,
            fallbacks,
            access,
            limits,
        }))
    }

    /// The host behind it.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// Everything that it answers, to be mounted at the root of a server. Every answer has the headers
    /// `x-request-id` and `x-plugin-generation`.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .route("/v1/chat/completions", post(chat::completions))
            .route("/v1/models", get(models::list))
            .route("/v1/models/{*id}", get(models::one))
            .route("/healthz", get(pages::health))
            .route("/metrics", get(pages::metrics))
            .fallback(pages::nowhere)
            .method_not_allowed_fallback(pages::wrong_method)
            .layer(from_fn_with_state(self.clone(), trace::around))
            .with_state(self.clone());
        let tolerant = Router::new().fallback_service(MapRequest::new(routes, plain_path::plain));
        match cors::layer(self.0.policy()) {
            // Around everything: an app is to read why it was refused as well.
            Some(cors) => tolerant.layer(cors),
            None => tolerant,
        }
    }

    /// Asks for the list of models now and whenever it has grown old, for as long as it is polled. [`Server`] does this
    /// by itself.
    pub async fn keep_models_fresh(&self) {
        self.0.catalog.keep_fresh(self.0.limits.refresh).await;
    }
}

impl Inner {
    fn policy(&self) -> &ServePolicy {
        &self.host.settings().serve_policy
    }
}
