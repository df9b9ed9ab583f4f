//! CORS headers for app pages: only for origins that the operator allows.
//!
//! `auth` decides which requests are refused; without these headers a browser does not give a permitted page its
//! response.

use std::time::Duration;

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::Service;

/// How long a browser may cache a preflight response.
const MAX_AGE: Duration = Duration::from_secs(600);
/// The exposed headers.
const READABLE: [HeaderName; 4] = [
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-plugin-generation"),
    HeaderName::from_static("x-should-retry"),
];

/// For the origins that are allowed when a request arrives.
pub(super) fn layer(service: &Service) -> CorsLayer {
    let service = service.clone();
    let is_allowed =
        AllowOrigin::predicate(move |origin, _| service.current().policy.allows_origin(origin.as_bytes()));
    CorsLayer::new()
        .allow_origin(is_allowed)
        .allow_methods([Method::GET, Method::POST])
        // Clients send headers of their own, which have no effect here.
        .allow_headers(AllowHeaders::mirror_request())
        .allow_private_network(true)
        .expose_headers(READABLE)
        .max_age(MAX_AGE)
}
