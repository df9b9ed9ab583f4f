//! The items of a response and their parts.

use serde::Serialize;
use serde_json::value::RawValue;

use super::resource::Status;
use crate::passthrough::List;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        id: &'a str,
        status: Status,
        role: &'static str,
        content: &'a [Box<RawValue>],
    },
    Reasoning {
        id: &'a str,
        status: Status,
        summary: &'a [Box<RawValue>],
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<&'a [Box<RawValue>]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
    FunctionCall {
        id: &'a str,
        status: Status,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    CustomToolCall {
        id: &'a str,
        status: Status,
        call_id: &'a str,
        name: &'a str,
        input: &'a str,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    OutputText {
        text: &'a str,
        annotations: &'a List,
        logprobs: &'a List,
    },
    Refusal {
        refusal: &'a str,
    },
    SummaryText {
        text: &'a str,
    },
    ReasoningText {
        text: &'a str,
    },
}

/// A value as JSON: strings, numbers and validated JSON values, so serialization cannot fail.
pub(super) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
