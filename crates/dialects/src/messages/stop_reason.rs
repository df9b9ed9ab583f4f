//! The stop reason of a response, in the dialect's terms.

use super::types::{Stop, StopDetails};
use provider_contract::contract::{FinishReason, Summary};

/// The key under which a plugin reports the stop sequence that was met, if its upstream reports it.
const STOP_REASON: &str = "stop_reason";

/// Derives it from the summary of a response, the stop sequences of the request, and the refusal, if the model
/// refused.
pub(super) fn stop<'a>(summary: &Summary, stops: &'a [String], refusal: &'a str) -> Stop<'a> {
    let met = stop_sequence(summary, stops);
    let stop_reason = match summary.finish_reason {
        FinishReason::ContentFilter => "refusal",
        FinishReason::Stop | FinishReason::Other if !refusal.is_empty() => "refusal",
        FinishReason::Stop if met.is_some() || is_named(summary, &["stopsequence"]) => "stop_sequence",
        // There is none for "other"; the upstream's raw one is under `x_plugin`.
        FinishReason::Stop | FinishReason::Other => "end_turn",
        FinishReason::Length
            if is_named(
                summary,
                &[
                    "modelcontextwindowexceeded",
                    "contextlengthexceeded",
                    "modellength",
                ],
            ) =>
        {
            "model_context_window_exceeded"
        }
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
    };
    Stop {
        stop_reason: Some(stop_reason),
        stop_sequence: met.filter(|_| stop_reason == "stop_sequence"),
        stop_details: (stop_reason == "refusal").then(|| StopDetails {
            kind: "refusal",
            category: None,
            explanation: Some(refusal).filter(|text| !text.is_empty()),
        }),
    }
}

/// The stop sequence that was met: the one that the upstream reports, or the only one, if that is the finish
/// reason.
fn stop_sequence<'a>(summary: &Summary, stops: &'a [String]) -> Option<&'a str> {
    let named = summary.extras.iter().find(|extra| extra.key == STOP_REASON);
    let named = named.and_then(|extra| serde_json::from_str::<String>(&extra.value_json).ok());
    let of_name = named.and_then(|named| stops.iter().find(|stop| **stop == named));
    match (of_name, stops) {
        (Some(stop), _) => Some(stop),
        (None, [only]) if is_named(summary, &["stopsequence"]) => Some(only),
        _ => None,
    }
}

/// Whether the upstream's raw reason is one of these, however it is spelled.
fn is_named(summary: &Summary, words: &[&str]) -> bool {
    let raw = summary.raw_finish_reason.as_deref().unwrap_or_default();
    let letters = raw.chars().filter(char::is_ascii_alphanumeric);
    let squashed: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    words.contains(&squashed.as_str())
}
