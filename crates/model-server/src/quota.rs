//! Errors for keys that reached a limit or may not use a model. Knows no dialect: each has its own form of them.

use http::StatusCode;

use super::ledger::{Limit, Reached};
use dialects::api_error::ApiError;

/// The error for a reached limit: its value, the usage, and when to retry.
pub(super) fn reached(reached: &Reached) -> ApiError {
    let Reached {
        limit,
        allowed,
        used,
        wait,
    } = reached;
    let (class, code) = match limit {
        Limit::RequestsPerMinute | Limit::ConcurrentRequests => ("rate_limit_error", "rate_limit_exceeded"),
        Limit::TokensPerDay | Limit::UsdPerDay => ("insufficient_quota", "insufficient_quota"),
    };
    let what = match limit {
        Limit::RequestsPerMinute => format!("{allowed} requests per minute"),
        Limit::ConcurrentRequests => format!("{allowed} concurrent requests"),
        Limit::TokensPerDay => format!("{allowed} tokens per day"),
        Limit::UsdPerDay => format!("${allowed} per day"),
    };
    let message = format!(
        "this access key may use {what}; used or reserved: {used}; a request of this size is possible in {wait} s at the \
         earliest"
    );
    let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, class, code, &message).retry_after(*wait);
    // Clients must not retry all the time when the wait is hours.
    error.retry = matches!(limit, Limit::RequestsPerMinute | Limit::ConcurrentRequests);
    let limit = serde_json::json!({ "name": limit.as_str(), "allowed": allowed, "used": used });
    error.extras.insert("limit".to_owned(), limit);
    error
}

/// The error for a model that a key may not use.
pub(super) fn not_allowed() -> ApiError {
    let message = "this access key may not use this model; /v1/models lists those that it may use";
    ApiError::new(
        StatusCode::FORBIDDEN,
        "permission_error",
        "model_not_allowed",
        message,
    )
    .about("model")
}
