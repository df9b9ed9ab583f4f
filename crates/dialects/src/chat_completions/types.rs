//! The objects of a response; `response` fills them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::passthrough::Passthrough;
use provider_contract::contract::{ToolCall, Usage};

/// A chunk of a stream.
#[derive(Debug, Serialize)]
pub struct Chunk<'a> {
    pub id: &'a str,
    pub object: &'static str,
    pub created: u64,
    pub model: &'a str,
    pub choices: &'a [Choice<'a>],
    /// Absent if it was not requested; null until it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<UsageJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_plugin: Option<Value>,
}

#[derive(Debug, Serialize)]
pub struct Choice<'a> {
    pub index: u32,
    pub delta: Delta<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Box<RawValue>>,
    pub finish_reason: Option<&'static str>,
}

impl<'a> Choice<'a> {
    #[must_use]
    pub fn of(delta: Delta<'a>) -> Self {
        Self {
            index: 0,
            delta,
            logprobs: None,
            finish_reason: None,
        }
    }
}

/// The delta of a chunk.
#[derive(Debug, Default, Serialize)]
pub struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    /// Null if the response is explicitly not a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionDelta<'a>>,
    #[serde(flatten)]
    pub extras: BTreeMap<&'a str, Box<RawValue>>,
}

#[derive(Debug, Serialize)]
pub struct CallDelta<'a> {
    pub index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub function: FunctionDelta<'a>,
}

#[derive(Debug, Serialize)]
pub struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    pub arguments: &'a str,
}

/// A whole response.
#[derive(Debug, Serialize)]
pub struct ChatCompletion<'a> {
    pub id: &'a str,
    pub object: &'static str,
    pub created: u64,
    pub model: &'a str,
    pub choices: [CompletionChoice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageJson>,
    pub x_plugin: Value,
}

#[derive(Debug, Serialize)]
pub struct CompletionChoice<'a> {
    pub index: u32,
    pub message: Message<'a>,
    pub logprobs: Option<Passthrough>,
    pub finish_reason: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub struct Message<'a> {
    pub role: &'static str,
    /// Null in a response with tool calls and without text; else a missing text is an empty string.
    pub content: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning_content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<CompletionToolCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionDelta<'a>>,
    #[serde(flatten)]
    pub extras: BTreeMap<&'a str, Passthrough>,
}

#[derive(Debug, Serialize)]
pub struct CompletionToolCall<'a> {
    pub id: &'a str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub function: FunctionDelta<'a>,
}

#[derive(Clone, Debug, Serialize)]
pub struct UsageJson {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PromptDetails {
    cached_tokens: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct CompletionDetails {
    reasoning_tokens: u32,
}

/// The dialect's numbers are never null, so a usage with an unknown count is omitted.
#[must_use]
pub fn usage(usage: &Usage) -> Option<UsageJson> {
    let (input, output) = (usage.input_tokens?, usage.output_tokens?);
    Some(UsageJson {
        prompt_tokens: input,
        completion_tokens: output,
        total_tokens: u64::from(input) + u64::from(output),
        prompt_tokens_details: usage
            .cached_input_tokens
            .map(|cached_tokens| PromptDetails { cached_tokens }),
        completion_tokens_details: usage
            .reasoning_tokens
            .map(|reasoning_tokens| CompletionDetails { reasoning_tokens }),
    })
}

#[must_use]
pub fn tool_call(call: &ToolCall) -> CompletionToolCall<'_> {
    CompletionToolCall {
        id: &call.id,
        kind: "function",
        function: FunctionDelta {
            name: Some(&call.name),
            arguments: &call.arguments_json,
        },
    }
}
