//! What a browser is told when an app's page uses the server: only for origins that the operator allows.
//!
//! Who is refused is decided in `access`; without these headers a browser keeps a response from a page that may have it.

use std::time::Duration;

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::ServePolicy;

/// How long a browser may remember what it was told.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Headers that a page may read.
const READABLE: [HeaderName; 4] = [
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-plugin-generation"),
    HeaderName::from_static("x-should-retry"),
];

/// `None` if no origin is allowed: then there is nothing to tell.
pub(super) fn layer(policy: &ServePolicy) -> Option<CorsLayer> {
    if policy.allowed_origins.is_empty() {
        return None;
    }
    let policy = policy.clone();
    let is_allowed = AllowOrigin::predicate(move |origin, _| policy.allows_origin(origin.as_bytes()));
    let cors = CorsLayer::new()
        .allow_origin(is_allowed)
        .allow_methods([Method::GET, Method::POST])
        // Clients send names of their own along, which do nothing here.
        .allow_headers(AllowHeaders::mirror_request())
        .allow_private_network(true)
        .expose_headers(READABLE)
        .max_age(MAX_AGE);
    Some(cors)
}
