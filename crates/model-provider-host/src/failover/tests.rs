//! The failover order, with responses from a table.

use std::cell::RefCell;

use super::*;
use crate::contract::ProviderErrorKind;

pub(super) fn status(status: u16) -> Error {
    let kind = match status {
        400 => ProviderErrorKind::InvalidRequest,
        402 => ProviderErrorKind::PaymentRequired,
        404 => ProviderErrorKind::ModelUnavailable,
        413 => ProviderErrorKind::ContextOverflow,
        429 => ProviderErrorKind::RateLimited,
        _ => ProviderErrorKind::Upstream,
    };
    let error = Error::new(ErrorKind::Provider(kind), format!("status {status}"));
    let mut details = error.details().clone();
    details.status = Some(status);
    Error::from(details)
}

fn request(model: &str) -> ChatRequest {
    ChatRequest {
        model: model.to_owned(),
        ..ChatRequest::new("")
    }
}

/// Runs a chain in which each model responds with the status in its name; `200` is a response. Returns the
/// responding model or the error, the models that were called, and the attempts.
async fn ask(fallback: &Failover, chain: &[&str]) -> (Result<String, Error>, Vec<String>, Vec<Attempt>) {
    let asked = RefCell::new(Vec::new());
    let references: Vec<String> = chain.iter().map(|name| (*name).to_owned()).collect();
    let resolve = |name: String| async move {
        let canonical = name.trim().to_lowercase();
        if canonical == "?" {
            Err(status(400))
        } else {
            Ok(canonical)
        }
    };
    let answer = |request: ChatRequest, _: ChatOptions| {
        asked.borrow_mut().push(request.model.clone());
        let digits: String = request.model.chars().filter(char::is_ascii_digit).collect();
        std::future::ready(match digits.parse() {
            Ok(200) => Ok(()),
            Ok(code) => Err(status(code)),
            Err(_) if request.model == "a slip" => {
                let kind = ErrorKind::Provider(ProviderErrorKind::InvalidReference);
                Err(Error::new(kind, "no model reference"))
            }
            Err(_) => Err(Error::new(ErrorKind::Cancelled, "given up")),
        })
    };
    let result = fallback
        .one_of(&request("own-200"), &references, resolve, answer)
        .await;
    let asked = asked.take();
    match result {
        Ok(((), reference, attempts)) => (Ok(reference), asked, attempts),
        Err(Failed { error, attempts }) => (Err(error), asked, attempts),
    }
}

#[tokio::test]
async fn a_failure_fails_over_to_the_next_model_and_the_attempts_list_it() {
    let (answer, asked, attempts) = ask(&Failover::new(), &["a-402", "b-404", "c-200", "d-200"]).await;
    assert_eq!(answer.unwrap(), "c-200");
    assert_eq!(asked, ["a-402", "b-404", "c-200"]);
    let attempts: Vec<_> = attempts
        .iter()
        .map(|it| (it.reference.as_str(), it.error.message()))
        .collect();
    assert_eq!(attempts, [("a-402", "status 402"), ("b-404", "status 404")]);
}

#[tokio::test]
async fn a_malformed_request_an_overflow_and_a_cancellation_end_the_chain() {
    for first in ["a-400", "a-413", "cancelled"] {
        let (answer, asked, attempts) = ask(&Failover::new(), &[first, "b-200"]).await;
        assert!(answer.is_err());
        assert_eq!(asked, [first]);
        assert_eq!(attempts.len(), 1);
    }
}

#[tokio::test]
async fn an_invalid_reference_is_an_error_and_an_invalid_fallback_is_skipped() {
    let (answer, asked, _) = ask(&Failover::new(), &["a slip", "b-200"]).await;
    assert_eq!(
        answer.unwrap_err().kind(),
        ErrorKind::Provider(ProviderErrorKind::InvalidReference)
    );
    assert_eq!(asked, ["a slip"]);
    let (answer, ..) = ask(&Failover::new(), &["a-404", "a slip", "c-200"]).await;
    assert_eq!(answer.unwrap(), "c-200");
}

#[tokio::test]
async fn if_all_models_fail_the_error_is_that_of_the_first() {
    let (answer, _, attempts) = ask(&Failover::new(), &["a-404", "b-402"]).await;
    assert_eq!(answer.unwrap_err().details().status, Some(404));
    assert_eq!(attempts.len(), 2);
}

#[tokio::test]
async fn a_model_in_cool_down_is_passed_over_under_any_spelling() {
    let fallback = Failover::new();
    ask(&fallback, &["A-503", "b-200"]).await.0.unwrap();
    let (answer, asked, attempts) = ask(&fallback, &[" a-503 ", "b-200"]).await;
    assert_eq!(answer.unwrap(), "b-200");
    assert_eq!(asked, ["b-200"]);
    assert_eq!(attempts[0].reference, " a-503 ");
    assert_eq!(attempts[0].error.details().code.as_deref(), Some("cooling-down"));
}

#[tokio::test]
async fn if_all_models_are_on_cooldown_the_first_is_tried_anyway() {
    let fallback = Failover::new();
    for _ in 0..2 {
        let (answer, asked, attempts) = ask(&fallback, &["a-503"]).await;
        assert!(answer.is_err());
        assert_eq!(asked, ["a-503"]);
        assert_eq!(attempts.len(), 1);
    }
    ask(&fallback, &["b-503"]).await.0.unwrap_err();
    let (_, asked, attempts) = ask(&fallback, &["a-503", "b-503"]).await;
    assert_eq!(asked, ["a-503"]);
    assert_eq!(attempts.len(), 2);
}

#[tokio::test]
async fn no_model_is_tried_twice_and_an_empty_chain_means_the_requested_model() {
    let (_, asked, _) = ask(&Failover::new(), &["a-404", "A-404", "?", "b-200"]).await;
    assert_eq!(
        asked,
        ["a-404", "?"],
        "an unresolvable reference is called, to get the error"
    );
    let (answer, ..) = ask(&Failover::new(), &[]).await;
    assert_eq!(answer.unwrap(), "own-200");
}

#[tokio::test]
async fn a_name_of_any_length_is_understood_and_a_long_one_not_remembered() {
    let fallback = Failover::new();
    for (length, remembered) in [(LONGEST_NAME + 1, 0), (LONGEST_NAME, 1)] {
        let name = "x".repeat(length);
        let key = fallback
            .key(&name, &async |text: String| Ok(format!("acme/{text}")))
            .await;
        assert_eq!(key, format!("acme/{name}"));
        assert_eq!(fallback.memory().canonical.len(), remembered);
    }
}
