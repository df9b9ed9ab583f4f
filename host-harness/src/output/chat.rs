//! A response as JSON: whole, or event by event.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Warning, error::ErrorJson, warnings};
use dialects::chat_completions::{passthrough as added, passthrough::Passthrough};
use model_provider_host::{
    GenerationInfo,
    contract::{AssistantPart, ChatEvent, FinishReason, Summary, Usage},
    failover::Attempt,
};

/// The response received so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<Call>,
    /// Images and audio, which none of these formats can show.
    pub(crate) media: usize,
    /// Unknown fields of the upstream.
    pub(crate) others: BTreeMap<String, Passthrough>,
}

/// A tool call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) index: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Gathered {
    /// A whole response as the events of a stream.
    pub(crate) fn events(content: Vec<AssistantPart>) -> Vec<ChatEvent> {
        use model_provider_host::contract::{ToolCallDelta, ToolCallEnd, ToolCallStart};
        let mut events = Vec::with_capacity(content.len());
        let mut index = 0;
        for part in content {
            match part {
                AssistantPart::Text(text) => events.push(ChatEvent::Text(text)),
                AssistantPart::Reasoning(thought) => events.push(ChatEvent::Reasoning(thought)),
                AssistantPart::Media(media) => events.push(ChatEvent::Media(media)),
                AssistantPart::Other(other) => events.push(ChatEvent::Other(other)),
                AssistantPart::ToolCall(call) => {
                    let (id, name) = (call.id, call.name);
                    events.push(ChatEvent::ToolCallStart(ToolCallStart { index, id, name }));
                    let arguments_fragment = call.arguments_json;
                    events.push(ChatEvent::ToolCallDelta(ToolCallDelta {
                        index,
                        arguments_fragment,
                    }));
                    let extras = call.extras;
                    events.push(ChatEvent::ToolCallEnd(ToolCallEnd { index, extras }));
                    index += 1;
                }
            }
        }
        events
    }

    /// Adds an event.
    pub(crate) fn take(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Text(text) => self.text += text,
            ChatEvent::Reasoning(thought) => self.reasoning += &thought.text,
            ChatEvent::ToolCallStart(start) => self.calls.push(Call {
                index: start.index,
                id: start.id.clone(),
                name: start.name.clone(),
                arguments: String::new(),
            }),
            ChatEvent::ToolCallDelta(delta) => {
                if let Some(call) = self.calls.iter_mut().find(|call| call.index == delta.index) {
                    call.arguments += &delta.arguments_fragment;
                }
            }
            ChatEvent::Media(_) => self.media += 1,
            ChatEvent::Other(other) => {
                if let Some(value) = added::read(&other.value_json) {
                    added::put(&mut self.others, other.key.clone(), value);
                }
            }
            ChatEvent::ToolCallEnd(_) => {}
        }
    }

    /// Unknown fields as text, for which the screen has no place: strings with their value, the rest by name.
    pub(crate) fn unshown(&self) -> Option<String> {
        let others = self.others.iter().map(|(name, value)| match value.text() {
            Some(text) => format!("`{name}`: {text}"),
            None => format!("`{name}`"),
        });
        let others: Vec<_> = others.collect();
        (!others.is_empty()).then(|| others.join(", "))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_empty() && self.calls.is_empty() && self.media == 0
    }
}

/// The content, then the metadata, then the error if the response broke off.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnswerJson<'a, T: Serialize> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a str>,
    tool_calls: Vec<CallJson<'a>>,
    #[serde(flatten)]
    rest: T,
}

/// A tool call; its arguments as JSON, or as a string if they are not valid JSON.
#[derive(Debug, Serialize)]
struct CallJson<'a> {
    id: &'a str,
    name: &'a str,
    arguments: Box<RawValue>,
}

impl<'a, T: Serialize> AnswerJson<'a, T> {
    pub(crate) fn new(gathered: &'a Gathered, rest: T) -> Self {
        let call = |call: &'a Call| CallJson {
            id: &call.id,
            name: &call.name,
            arguments: RawValue::from_string(call.arguments.clone())
                .or_else(|_| to_raw_value(&call.arguments))
                .unwrap_or_default(),
        };
        Self {
            text: &gathered.text,
            reasoning: (!gathered.reasoning.is_empty()).then_some(&gathered.reasoning),
            tool_calls: gathered.calls.iter().map(call).collect(),
            rest,
        }
    }
}

/// Metadata at the end of a response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SummaryJson {
    finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_finish_reason: Option<String>,
    usage: UsageJson,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    attempts: u32,
    generation: GenerationJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
    warnings: Vec<Warning>,
    #[serde(rename = "trail")]
    failed_attempts: Vec<AttemptJson>,
    /// Unknown fields of the upstream.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) others: BTreeMap<String, Passthrough>,
}

/// Metadata of a response that broke off.
#[derive(Debug, Serialize)]
pub(crate) struct BrokenJson {
    pub(crate) model: String,
    pub(crate) generation: GenerationJson,
    #[serde(rename = "trail")]
    pub(crate) failed_attempts: Vec<AttemptJson>,
    pub(crate) error: ErrorJson,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) others: BTreeMap<String, Passthrough>,
}

/// Every model failed.
#[derive(Debug, Serialize)]
pub(crate) struct FailedJson {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<&'static str>,
    pub(crate) error: ErrorJson,
    #[serde(rename = "trail")]
    pub(crate) failed_attempts: Vec<AttemptJson>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_tokens: Option<u32>,
}

/// The generation that served the response.
#[derive(Debug, Serialize)]
pub(crate) struct GenerationJson {
    number: u64,
    digest: String,
    version: String,
}

/// A model that was tried, or skipped, before.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttemptJson {
    #[serde(rename = "ref")]
    reference: String,
    error: ErrorJson,
    elapsed_ms: u64,
}

impl SummaryJson {
    pub(crate) fn new(
        summary: &Summary,
        generation: &GenerationInfo,
        cost: Option<String>,
        failed_attempts: &[Attempt],
        more: Vec<Warning>,
    ) -> Self {
        let mut warnings = warnings(&summary.warnings);
        warnings.extend(more);
        Self {
            finish_reason: finish_reason(summary.finish_reason),
            raw_finish_reason: summary.raw_finish_reason.clone(),
            usage: UsageJson::from(&summary.usage),
            model: summary.model.clone(),
            backend: summary.backend.clone(),
            request_id: summary.request_id.clone(),
            attempts: summary.attempts,
            generation: generation.into(),
            cost,
            warnings,
            failed_attempts: attempts(failed_attempts),
            others: BTreeMap::new(),
        }
    }
}

/// The contract's name of a finish reason.
pub(crate) fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool-calls",
        FinishReason::ContentFilter => "content-filter",
        FinishReason::Other => "other",
    }
}

pub(crate) fn attempts(failed_attempts: &[Attempt]) -> Vec<AttemptJson> {
    let attempt = |attempt: &Attempt| AttemptJson {
        reference: attempt.reference.clone(),
        error: ErrorJson::from(&attempt.error),
        elapsed_ms: u64::try_from(attempt.elapsed.as_millis()).unwrap_or(u64::MAX),
    };
    failed_attempts.iter().map(attempt).collect()
}

impl From<&Usage> for UsageJson {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            cached_input_tokens: usage.cached_input_tokens,
            output_tokens: usage.output_tokens,
            reasoning_tokens: usage.reasoning_tokens,
        }
    }
}

impl From<&GenerationInfo> for GenerationJson {
    fn from(generation: &GenerationInfo) -> Self {
        Self {
            number: generation.number,
            digest: generation.digest.clone(),
            version: generation.version.clone(),
        }
    }
}

/// One line of a streaming response.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum LineJson<'a> {
    Text { text: &'a str },
    Reasoning { text: &'a str },
    ToolCallStart { index: u32, id: &'a str, name: &'a str },
    ToolCallDelta { index: u32, arguments_fragment: &'a str },
    ToolCallEnd { index: u32 },
    Finished { summary: SummaryJson },
    Error { error: ErrorJson },
}

impl<'a> LineJson<'a> {
    /// The line of an event; `None` for events that have no line.
    pub(crate) fn of(event: &'a ChatEvent) -> Option<Self> {
        match event {
            ChatEvent::Text(text) => Some(Self::Text { text }),
            ChatEvent::Reasoning(thought) if thought.text.is_empty() => None,
            ChatEvent::Reasoning(thought) => Some(Self::Reasoning { text: &thought.text }),
            ChatEvent::ToolCallStart(start) => Some(Self::ToolCallStart {
                index: start.index,
                id: &start.id,
                name: &start.name,
            }),
            ChatEvent::ToolCallDelta(delta) => Some(Self::ToolCallDelta {
                index: delta.index,
                arguments_fragment: &delta.arguments_fragment,
            }),
            ChatEvent::ToolCallEnd(end) => Some(Self::ToolCallEnd { index: end.index }),
            // Unknown fields are complete only at the end, so the last line has them.
            ChatEvent::Media(_) | ChatEvent::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
