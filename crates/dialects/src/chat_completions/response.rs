//! Serializes a response as a chat completion, whole or in chunks.
//!
//! Reasoning is written to one field, `reasoning_content` unless the operator configures another: a client that
//! sends back unknown fields would fail on a second one. Data without a place in the dialect (backend, attempts,
//! warnings) is under `x_plugin`, which clients ignore.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};

use super::{
    reasoning::ReasoningField,
    types::{
        CallDelta, ChatCompletion, Choice, Chunk, CompletionChoice, Delta, FunctionDelta, Message, UsageJson,
        tool_call, usage,
    },
};
use crate::{
    dialect::LOGPROBS,
    ending::{Ending, RequestNotes},
    passthrough::{self, Passthrough},
};
use provider_contract::contract::{AssistantPart, ChatEvent, Extra, FinishReason};

/// Keys of a message that are written here; the upstream's extras do not override them.
const OWN_KEYS: [&str; 6] = [
    "role",
    "content",
    "reasoning_content",
    "reasoning",
    "tool_calls",
    "function_call",
];

/// The common data of all chunks of one response.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The response's id.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The model, as it was requested.
    pub model: String,
    /// Whether chunks include the usage.
    pub include_usage: bool,
    /// The response field of reasoning.
    pub reasoning: ReasoningField,
    /// Whether the first tool call is written as `function_call`, and no other, for a client that sent `functions`.
    pub has_functions: bool,
    /// Notes about the request and its response.
    pub notes: RequestNotes,
}

impl Envelope {
    /// The dialect's finish reason. It has none for "other", and typed clients refuse unknown ones; the upstream's raw
    /// one is under `x_plugin`.
    fn finish_reason(&self, reason: FinishReason) -> &'static str {
        match reason {
            FinishReason::Stop | FinishReason::Other => "stop",
            FinishReason::Length => "length",
            FinishReason::ToolCalls if self.has_functions => "function_call",
            FinishReason::ToolCalls => "tool_calls",
            FinishReason::ContentFilter => "content_filter",
        }
    }

    /// A fragment of a tool call; `None` for a second call where there is place for one.
    fn call<'a>(
        &self,
        index: u32,
        id: Option<&'a str>,
        name: Option<&'a str>,
        arguments: &'a str,
    ) -> Option<Delta<'a>> {
        let function = FunctionDelta { name, arguments };
        if self.has_functions {
            return (index == 0).then(|| Delta {
                function_call: Some(function),
                ..Delta::default()
            });
        }
        Some(Delta {
            tool_calls: Some([CallDelta {
                index,
                id,
                kind: id.map(|_| "function"),
                function,
            }]),
            ..Delta::default()
        })
    }

    /// The first chunk, with the role.
    #[must_use]
    pub fn opening(&self) -> String {
        let delta = Delta {
            role: Some("assistant"),
            content: Some(""),
            refusal: Some(()),
            ..Delta::default()
        };
        self.chunk(Choice::of(delta), None)
    }

    /// The chunk of one event, with its log probabilities; `None` for an event that the dialect cannot represent.
    #[must_use]
    pub fn event(&self, event: &ChatEvent, logprobs: Option<&Extra>) -> Option<String> {
        let delta = match event {
            ChatEvent::Text(text) => Delta {
                content: Some(text),
                ..Delta::default()
            },
            ChatEvent::Reasoning(thought) => Delta {
                reasoning_content: self.reasoning.in_reasoning_content().then_some(&thought.text),
                reasoning: self.reasoning.in_reasoning().then_some(&thought.text),
                ..Delta::default()
            },
            ChatEvent::ToolCallStart(start) => {
                self.call(start.index, Some(&start.id), Some(&start.name), "")?
            }
            ChatEvent::ToolCallDelta(delta) => {
                self.call(delta.index, None, None, &delta.arguments_fragment)?
            }
            ChatEvent::Other(extra) => {
                let (key, value) = other(&extra.key, &extra.value_json)?;
                if key == LOGPROBS {
                    let choice = Choice {
                        logprobs: Some(value),
                        ..Choice::of(Delta::default())
                    };
                    return Some(self.chunk(choice, None));
                }
                Delta {
                    extras: BTreeMap::from([(key, value)]),
                    ..Delta::default()
                }
            }
            ChatEvent::ToolCallEnd(_) | ChatEvent::Media(_) => return None,
        };
        let logprobs = logprobs.and_then(|extra| passthrough::read(&extra.value_json));
        let choice = Choice {
            logprobs,
            ..Choice::of(delta)
        };
        Some(self.chunk(choice, None))
    }

    /// The last chunks: the finish reason, and the usage if it was requested and is known.
    #[must_use]
    pub fn closing(&self, ending: Ending<'_>) -> Vec<String> {
        let reason = self.finish_reason(ending.summary.finish_reason);
        let last = Choice {
            finish_reason: Some(reason),
            ..Choice::of(Delta::default())
        };
        let mut chunks = vec![self.chunk(last, Some(ending.details(&self.notes)))];
        if let Some(usage) = usage(&ending.summary.usage).filter(|_| self.include_usage) {
            chunks.push(self.text(&[], Some(Some(usage)), None));
        }
        chunks
    }

    fn chunk(&self, choice: Choice<'_>, x_plugin: Option<Value>) -> String {
        self.text(&[choice], self.include_usage.then_some(None), x_plugin)
    }

    #[expect(clippy::option_option, reason = "a member that is absent, null or a value")]
    fn text(
        &self,
        choices: &[Choice<'_>],
        usage: Option<Option<UsageJson>>,
        x_plugin: Option<Value>,
    ) -> String {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage,
            x_plugin,
        };
        // Strings, numbers and JSON values: serialization cannot fail.
        serde_json::to_string(&chunk).unwrap_or_default()
    }

    /// The whole response.
    #[must_use]
    pub fn whole<'a>(&'a self, content: &'a [AssistantPart], ending: Ending<'_>) -> ChatCompletion<'a> {
        let mut message = Message {
            role: "assistant",
            ..Message::default()
        };
        let mut reasoning = String::new();
        let (mut logprobs, mut media) = (None, 0);
        for part in content {
            match part {
                AssistantPart::Text(more) => message.content.get_or_insert_default().push_str(more),
                AssistantPart::Reasoning(thought) => reasoning += &thought.text,
                AssistantPart::ToolCall(call) => message.tool_calls.push(tool_call(call)),
                AssistantPart::Media(_) => media += 1,
                AssistantPart::Other(extra) => match other(&extra.key, &extra.value_json) {
                    Some((LOGPROBS, more)) => match &mut logprobs {
                        None => logprobs = Some(Passthrough::new(more)),
                        Some(so_far) => so_far.add(more),
                    },
                    Some((key, more)) => passthrough::put(&mut message.extras, key, more),
                    None => {}
                },
            }
        }
        if message.tool_calls.is_empty() {
            message.content.get_or_insert_default();
        }
        if self.has_functions {
            let calls = std::mem::take(&mut message.tool_calls);
            message.function_call = calls.into_iter().next().map(|call| call.function);
        }
        if self.reasoning.in_reasoning() {
            message.reasoning.clone_from(&reasoning);
        }
        if self.reasoning.in_reasoning_content() {
            message.reasoning_content = reasoning;
        }
        // Typed clients require them, even if they are null or empty.
        for (key, unsaid) in [("refusal", "null"), ("annotations", "[]")] {
            if let Some(unsaid) = passthrough::read(unsaid) {
                message
                    .extras
                    .entry(key)
                    .or_insert_with(|| Passthrough::new(unsaid));
            }
        }
        ChatCompletion {
            id: &self.id,
            object: "chat.completion",
            created: self.created,
            model: &self.model,
            choices: [CompletionChoice {
                index: 0,
                message,
                logprobs,
                finish_reason: self.finish_reason(ending.summary.finish_reason),
            }],
            usage: usage(&ending.summary.usage),
            x_plugin: ending.details(&RequestNotes {
                media,
                ..self.notes.clone()
            }),
        }
    }
}

/// An upstream's own extension of a message.
fn other<'k>(key: &'k str, value_json: &str) -> Option<(&'k str, Box<RawValue>)> {
    if OWN_KEYS.contains(&key) {
        return None;
    }
    Some((key, passthrough::read(value_json)?))
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
