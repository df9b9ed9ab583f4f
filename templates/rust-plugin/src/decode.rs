//! Decoder of a stream of server-sent events to the contract's events. It must not know HTTP.

use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use serde_json::{Map, Value};

use crate::{
    contract::types::{
        AssistantPart, ChatEvent, Error, ErrorKind, Extra, FinishReason, Message, Reasoning, Summary, ToolCallDelta,
        ToolCallEnd, ToolCallStart,
    },
    error,
};

/// The longest line of a stream.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// A tool call in progress.
struct Call {
    /// The upstream's index.
    index: u64,
    name: String,
    arguments: String,
    others: Map<String, Value>,
}

/// The state of the decoder.
pub(crate) struct Decoder {
    line: Vec<u8>,
    pub(crate) events: VecDeque<ChatEvent>,
    calls: Vec<Call>,
    /// The number of the first id that is made up.
    first_id: usize,
    pub(crate) summary: Summary,
    is_done: bool,
}

/// The begin of an id that is made up, before its number.
const MADE_UP: &str = "call-";

/// The number of the first id to make up: behind those of earlier turns, since an id identifies a call within the
/// conversation.
pub(crate) fn first_id(messages: &[Message]) -> usize {
    let parts = messages.iter().flat_map(|message| match message {
        Message::Assistant(assistant) => assistant.content.as_slice(),
        _ => &[],
    });
    let numbers = parts.filter_map(|part| match part {
        AssistantPart::ToolCall(call) => call.id.strip_prefix(MADE_UP)?.parse().ok(),
        _ => None,
    });
    numbers.max().map_or(0, |last: usize| last.saturating_add(1))
}

impl Decoder {
    pub(crate) fn new(summary: Summary, first_id: usize) -> Self {
        Self {
            line: Vec::new(),
            events: VecDeque::new(),
            calls: Vec::new(),
            first_id,
            summary,
            is_done: false,
        }
    }

    /// Whether the upstream marked the end of the stream.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether nothing of the response is missing, even if the upstream did not mark the end.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_done || self.summary.raw_finish_reason.is_some()
    }

    /// Decodes more bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > MAX_LINE_BYTES {
                    return Err(error::sent(
                        ErrorKind::Protocol,
                        "a line of the response is longer than it may be",
                    ));
                }
                continue;
            }
            let line = core::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            let Some(data) = line.strip_prefix(b"data:") else {
                continue;
            };
            let data = data.trim_ascii();
            if data == b"[DONE]" {
                self.is_done = true;
            } else if !self.is_done && !data.is_empty() {
                let chunk = serde_json::from_slice(data).map_err(|why| {
                    error::sent(
                        ErrorKind::Protocol,
                        format!("an event of the response is not JSON: {why}"),
                    )
                })?;
                self.chunk(&chunk)?;
            }
        }
        Ok(())
    }

    /// The end of the body: returns the summary, if the response is complete.
    pub(crate) fn end(&mut self) -> Result<Summary, Error> {
        if !self.is_complete() {
            return Err(Error {
                retryable: true,
                ..error::sent(ErrorKind::Transport, "the response broke off before its end")
            });
        }
        self.end_calls()?;
        Ok(self.summary.clone())
    }

    fn chunk(&mut self, chunk: &Value) -> Result<(), Error> {
        if let Some(object) = chunk.get("error").filter(|object| !object.is_null()) {
            return Err(error::of_json(object, None));
        }
        self.usage(&chunk["usage"]);
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        for key in ["reasoning_content", "reasoning"] {
            if let Some(text) = delta[key].as_str().filter(|text| !text.is_empty()) {
                let reasoning = Reasoning {
                    text: text.to_string(),
                    signature: None,
                    extras: Vec::new(),
                };
                self.events.push_back(ChatEvent::Reasoning(reasoning));
                break;
            }
        }
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            self.events.push_back(ChatEvent::Text(text.to_string()));
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call);
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.summary.raw_finish_reason = Some(reason.to_string());
            self.summary.finish_reason = match reason {
                "stop" => FinishReason::Stop,
                "length" => FinishReason::Length,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                "content_filter" => FinishReason::ContentFilter,
                _ => FinishReason::Other,
            };
        }
        Ok(())
    }

    fn usage(&mut self, usage: &Value) {
        let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok());
        let counts = &mut self.summary.usage;
        counts.input_tokens = count(&usage["prompt_tokens"]).or(counts.input_tokens);
        counts.output_tokens = count(&usage["completion_tokens"]).or(counts.output_tokens);
        let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
        counts.cached_input_tokens = cached.or(counts.cached_input_tokens);
        let reasoning = count(&usage["completion_tokens_details"]["reasoning_tokens"]);
        counts.reasoning_tokens = reasoning.or(counts.reasoning_tokens);
    }

    fn call(&mut self, fragment: &Value) {
        let index = fragment["index"].as_u64().unwrap_or(self.calls.len() as u64);
        let at = self
            .calls
            .iter()
            .position(|call| call.index == index)
            .unwrap_or_else(|| {
                let name = fragment["function"]["name"].as_str().unwrap_or_default().to_string();
                let at = self.calls.len();
                let id = fragment["id"].as_str().filter(|id| !id.is_empty());
                // Not random: the same response gives the same events.
                let id = id.map_or_else(
                    || format!("{MADE_UP}{}", self.first_id.wrapping_add(at)),
                    ToString::to_string,
                );
                self.events.push_back(ChatEvent::ToolCallStart(ToolCallStart {
                    index: at as u32,
                    id,
                    name: name.clone(),
                }));
                self.calls.push(Call {
                    index,
                    name,
                    arguments: String::new(),
                    others: Map::new(),
                });
                at
            });
        for (key, value) in fragment.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "index" | "id" | "type" | "function") {
                self.calls[at].others.insert(key.clone(), value.clone());
            }
        }
        if let Some(more) = fragment["function"]["arguments"]
            .as_str()
            .filter(|more| !more.is_empty())
        {
            self.calls[at].arguments.push_str(more);
            self.delta(at, more.to_string());
        }
    }

    fn delta(&mut self, at: usize, arguments_fragment: String) {
        self.events.push_back(ChatEvent::ToolCallDelta(ToolCallDelta {
            index: at as u32,
            arguments_fragment,
        }));
    }

    fn end_calls(&mut self) -> Result<(), Error> {
        for (at, call) in core::mem::take(&mut self.calls).into_iter().enumerate() {
            if call.arguments.trim().is_empty() {
                self.delta(at, "{}".to_string());
            } else if serde_json::from_str::<Value>(&call.arguments).is_err() {
                let message = format!("the arguments of the tool call `{}` are not JSON", call.name);
                let arguments = Extra {
                    key: call.name,
                    value_json: Value::from(call.arguments).to_string(),
                };
                return Err(Error {
                    extras: vec![arguments],
                    ..error::sent(ErrorKind::Upstream, message)
                });
            }
            let others = call.others.into_iter();
            let extras = others
                .map(|(key, value)| Extra {
                    key,
                    value_json: value.to_string(),
                })
                .collect();
            self.events.push_back(ChatEvent::ToolCallEnd(ToolCallEnd {
                index: at as u32,
                extras,
            }));
        }
        Ok(())
    }
}
