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
        too_much,
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
    let message = match too_much {
        Some(needed) => format!(
            "this access key may use {what}, and this request alone may use {needed}: shorten it, or lower its output \
             limit"
        ),
        None => format!(
            "this access key may use {what}; used or reserved: {used}; a request of this size is possible in {wait} s at \
             the earliest"
        ),
    };
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, class, code, &message);
    let mut error = match too_much {
        Some(_) => error,
        None => error.retry_after(*wait),
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_never_fits_is_not_told_to_wait() {
        let told = |too_much: Option<&str>| {
            reached(&Reached {
                limit: Limit::TokensPerDay,
                allowed: "1000".to_owned(),
                used: "10".to_owned(),
                too_much: too_much.map(str::to_owned),
                wait: 60,
            })
        };
        let never = told(Some("4096 tokens"));
        assert_eq!((never.retry_after, never.retry), (None, false));
        assert!(
            never.message.contains("4096 tokens: shorten it"),
            "{}",
            never.message
        );
        let later = told(None);
        assert_eq!((later.retry_after, later.retry), (Some(60), false));
        assert!(
            later.message.contains("used or reserved: 10;"),
            "{}",
            later.message
        );
    }
}
