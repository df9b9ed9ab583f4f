//! An answer as a chat completion: whole, or chunk by chunk.
//!
//! Reasoning goes out in one field, `reasoning_content` unless the operator wants another: a client that gives back what it
//! does not know would break on a second one. What the dialect has no place for (who answered, warnings) stands under
//! `x_plugin`, where other clients overlook it.

use std::collections::BTreeMap;

use serde_json::{Value, json, value::RawValue};

use super::{
    passthrough::{self, Added},
    reasoning::ReasoningField,
    types::{
        CallDelta, Choice, Chunk, Delta, FunctionDelta, Message, UsageJson, Whole, WholeChoice, tool_call,
        usage,
    },
};
use model_provider_host::{
    GenerationInfo,
    contract::{AssistantPart, ChatEvent, Extra, FinishReason, Summary},
    failover::Attempt,
};

/// Keys of a message that are written here; what an upstream adds may not take their place.
const OWN_KEYS: [&str; 5] = ["role", "content", "reasoning_content", "reasoning", "tool_calls"];
/// What an upstream adds that stands beside the message and not in it.
const LOGPROBS: &str = "logprobs";
/// How many members a warning names.
const NAMED: usize = 8;

/// What all pieces of one answer have in common.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The answer's name.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Who answers, as it was asked for.
    pub model: String,
    /// Whether chunks have a place for what the answer took.
    pub include_usage: bool,
    /// Where reasoning stands.
    pub reasoning: ReasoningField,
    /// The name that was given in place of a model's, and meant the default.
    pub default_for: Option<&'static str>,
    /// The paths of members of the request that were not passed on.
    pub left_out: Vec<String>,
}

/// What is known of an answer at its end.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The contract's account.
    pub summary: &'a Summary,
    /// Which plugin answered.
    pub generation: &'a GenerationInfo,
    /// Who failed before.
    pub trail: &'a [Attempt],
}

/// The dialect's word for how an answer ended. It has none for "otherwise", and typed clients refuse words that they do
/// not know; the upstream's own stands under `x_plugin`.
fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::Other => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

impl Envelope {
    /// The first chunk: who speaks.
    pub fn opening(&self) -> String {
        let delta = Delta {
            role: Some("assistant"),
            content: Some(""),
            refusal: Some(()),
            ..Delta::default()
        };
        self.chunk(Choice::of(delta), None)
    }

    /// The chunk of one event, with the log probabilities that belong to it; `None` for what the dialect has no place
    /// for.
    pub fn event(&self, event: &ChatEvent, logprobs: Option<&Extra>) -> Option<String> {
        let call = |index, id, name, arguments| Delta {
            tool_calls: Some([CallDelta {
                index,
                id,
                kind: id.map(|_| "function"),
                function: FunctionDelta { name, arguments },
            }]),
            ..Delta::default()
        };
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
            ChatEvent::ToolCallStart(start) => call(start.index, Some(&start.id), Some(&start.name), ""),
            ChatEvent::ToolCallDelta(delta) => call(delta.index, None, None, &delta.arguments_fragment),
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
                    others: BTreeMap::from([(key, value)]),
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

    /// The last chunks: how it ended, and what it took if that was asked for and is known.
    pub fn closing(&self, ending: Ending<'_>, media: usize) -> Vec<String> {
        let reason = finish_reason(ending.summary.finish_reason);
        let last = Choice {
            finish_reason: Some(reason),
            ..Choice::of(Delta::default())
        };
        let mut chunks = vec![self.chunk(last, Some(ending.details(media, self)))];
        if let Some(usage) = usage(&ending.summary.usage).filter(|_| self.include_usage) {
            chunks.push(self.text(&[], Some(Some(usage)), None));
        }
        chunks
    }

    fn chunk(&self, choice: Choice<'_>, x_plugin: Option<Value>) -> String {
        self.text(&[choice], self.include_usage.then_some(None), x_plugin)
    }

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
        // Text, numbers and JSON values: nothing that cannot be written.
        serde_json::to_string(&chunk).unwrap_or_default()
    }

    /// The whole answer.
    pub fn whole<'a>(&'a self, content: &'a [AssistantPart], ending: Ending<'_>) -> Whole<'a> {
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
                        None => logprobs = Some(Added::Raw(more)),
                        Some(so_far) => so_far.add(more),
                    },
                    Some((key, more)) => passthrough::put(&mut message.others, key, more),
                    None => {}
                },
            }
        }
        if message.tool_calls.is_empty() {
            message.content.get_or_insert_default();
        }
        if self.reasoning.in_reasoning() {
            message.reasoning.clone_from(&reasoning);
        }
        if self.reasoning.in_reasoning_content() {
            message.reasoning_content = reasoning;
        }
        // Typed clients want them, said or not.
        for (key, unsaid) in [("refusal", "null"), ("annotations", "[]")] {
            if let Some(unsaid) = passthrough::read(unsaid) {
                message.others.entry(key).or_insert(Added::Raw(unsaid));
            }
        }
        Whole {
            id: &self.id,
            object: "chat.completion",
            created: self.created,
            model: &self.model,
            choices: [WholeChoice {
                index: 0,
                message,
                logprobs,
                finish_reason: finish_reason(ending.summary.finish_reason),
            }],
            usage: usage(&ending.summary.usage),
            x_plugin: ending.details(media, self),
        }
    }
}

impl Ending<'_> {
    /// What the dialect has no place for.
    fn details(&self, media: usize, envelope: &Envelope) -> Value {
        let summary = self.summary;
        let mut warnings: Vec<Value> = summary
            .warnings
            .iter()
            .map(|warning| json!({ "code": warning.code, "message": warning.message }))
            .collect();
        if media > 0 {
            let message = format!("{media} pictures or sounds of the answer are not shown");
            warnings.push(json!({ "code": "media-not-shown", "message": message }));
        }
        if !envelope.left_out.is_empty() {
            let named: Vec<&str> = envelope.left_out.iter().take(NAMED).map(String::as_str).collect();
            let message = format!("not passed on: {}", named.join(", "));
            warnings.push(json!({ "code": "members-left-out", "message": message }));
        }
        if let Some(name) = envelope.default_for {
            let message = format!("`{name}` is no model; the configured default was asked");
            warnings.push(json!({ "code": "default-model", "message": message }));
        }
        let details = json!({
            "model": summary.model,
            "backend": summary.backend,
            "requestId": summary.request_id,
            "rawFinishReason": summary.raw_finish_reason,
            "attempts": summary.attempts,
            "generation": self.generation.number,
            "version": self.generation.version,
            "warnings": warnings,
            "trail": trail(self.trail),
        });
        known(details)
    }
}

/// Whether an event says the log probabilities of the one before it.
pub fn is_logprobs(event: &ChatEvent) -> bool {
    matches!(event, ChatEvent::Other(extra) if extra.key == LOGPROBS)
}

/// Whether an event becomes a chunk that has a place for log probabilities.
pub fn has_logprobs(event: &ChatEvent) -> bool {
    match event {
        ChatEvent::Text(_)
        | ChatEvent::Reasoning(_)
        | ChatEvent::ToolCallStart(_)
        | ChatEvent::ToolCallDelta(_) => true,
        ChatEvent::ToolCallEnd(_) | ChatEvent::Media(_) | ChatEvent::Other(_) => false,
    }
}

/// Who failed, and of what.
pub fn trail(attempts: &[Attempt]) -> Vec<Value> {
    let told = attempts.iter().map(|attempt| {
        json!({
            "ref": attempt.reference,
            "kind": attempt.error.kind().as_str(),
            "message": attempt.error.message(),
        })
    });
    told.collect()
}

/// What an upstream adds to a message in its own form.
fn other<'k>(key: &'k str, value_json: &str) -> Option<(&'k str, Box<RawValue>)> {
    if OWN_KEYS.contains(&key) {
        return None;
    }
    Some((key, passthrough::read(value_json)?))
}

/// An object without what is null in it.
pub fn known(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let known = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(known.collect())
        }
        other => other,
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
