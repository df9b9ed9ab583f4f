//! The objects of an answer as the dialect writes them; what goes into them is decided in `answer`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::passthrough::Added;
use model_provider_host::contract::{ToolCall, Usage};

/// A piece of a stream.
#[derive(Serialize)]
pub(super) struct Chunk<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) choices: &'a [Choice<'a>],
    /// Absent if it was not asked for; null until it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Option<UsageJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) x_plugin: Option<Value>,
}

#[derive(Serialize)]
pub(super) struct Choice<'a> {
    pub(super) index: u32,
    pub(super) delta: Delta<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Box<RawValue>>,
    pub(super) finish_reason: Option<&'static str>,
}

impl<'a> Choice<'a> {
    pub(super) fn of(delta: Delta<'a>) -> Self {
        Self {
            index: 0,
            delta,
            logprobs: None,
            finish_reason: None,
        }
    }
}

/// What a piece adds to the message.
#[derive(Default, Serialize)]
pub(super) struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'a str>,
    /// Null where it is said that nothing was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(flatten)]
    pub(super) others: BTreeMap<&'a str, Box<RawValue>>,
}

#[derive(Serialize)]
pub(super) struct CallDelta<'a> {
    pub(super) index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    pub(super) function: FunctionDelta<'a>,
}

#[derive(Serialize)]
pub(super) struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

/// A whole answer.
#[derive(Serialize)]
pub(crate) struct Whole<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) choices: [WholeChoice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<UsageJson>,
    pub(super) x_plugin: Value,
}

#[derive(Serialize)]
pub(super) struct WholeChoice<'a> {
    pub(super) index: u32,
    pub(super) message: Message<'a>,
    pub(super) logprobs: Option<Added>,
    pub(super) finish_reason: &'static str,
}

#[derive(Default, Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    /// Null in a call without text; otherwise nothing said is an empty text.
    pub(super) content: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reasoning_content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reasoning: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<WholeCall<'a>>,
    #[serde(flatten)]
    pub(super) others: BTreeMap<&'a str, Added>,
}

#[derive(Serialize)]
pub(super) struct WholeCall<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) function: FunctionDelta<'a>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct UsageJson {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct PromptDetails {
    cached_tokens: u32,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct CompletionDetails {
    reasoning_tokens: u32,
}

/// The dialect's numbers are never null, so that counts of which one is unknown are not given at all.
pub(super) fn usage(usage: &Usage) -> Option<UsageJson> {
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

pub(super) fn tool_call(call: &ToolCall) -> WholeCall<'_> {
    WholeCall {
        id: &call.id,
        kind: "function",
        function: FunctionDelta {
            name: Some(&call.name),
            arguments: &call.arguments_json,
        },
    }
}
