//! What a client is told whose key has reached a limit, or may not ask. Knows no dialect: each puts it into its own form.

use http::StatusCode;

use super::ledger::{Limit, Reached};
use dialects::fault::Fault;

/// A limit that is reached: what it allows, what is used, and when there is more.
pub(super) fn reached(reached: &Reached) -> Fault {
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
        Limit::RequestsPerMinute => format!("{allowed} requests a minute"),
        Limit::ConcurrentRequests => format!("{allowed} requests at once"),
        Limit::TokensPerDay => format!("{allowed} tokens a day"),
        Limit::UsdPerDay => format!("${allowed} a day"),
    };
    let message = format!(
        "this access key may use {what}; used or reserved: {used}; a request of this size is possible in {wait} s at the \
         earliest"
    );
    let mut fault = Fault::new(StatusCode::TOO_MANY_REQUESTS, class, code, &message).retry_after(*wait);
    // Clients that are told to wait for hours are not to ask all the time instead.
    fault.retry = matches!(limit, Limit::RequestsPerMinute | Limit::ConcurrentRequests);
    let limit = serde_json::json!({ "name": limit.as_str(), "allowed": allowed, "used": used });
    fault.others.insert("limit".to_owned(), limit);
    fault
}

/// A model that is not for a key.
pub(super) fn not_allowed() -> Fault {
    let message = "this access key may not ask this model; /v1/models lists those that it may";
    Fault::new(
        StatusCode::FORBIDDEN,
        "permission_error",
        "model_not_allowed",
        message,
    )
    .about("model")
}
