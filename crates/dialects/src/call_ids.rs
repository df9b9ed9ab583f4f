//! Ids of tool calls, unique within a conversation. Some upstreams count the calls of each response from zero, while
//! agents keep calls by their ids: they take a second call of one id for the first, and drop it.

use std::{borrow::Cow, collections::HashSet};

use crate::{
    api_error::ApiError,
    dialect::{Frame, Head, ResponseWriter},
    ending::{Ending, RequestNotes},
};
use provider_contract::contract::{AssistantPart, ChatEvent, ChatRequest, Extra, Message};

/// Serializes a response with ids that no call of the request has.
pub(crate) fn unique(request: &ChatRequest, reply: impl ResponseWriter + 'static) -> Box<dyn ResponseWriter> {
    let messages = request.messages.iter();
    let said = messages.filter_map(|message| match message {
        Message::Assistant(said) => Some(&said.content),
        _ => None,
    });
    let ids = said.flatten().filter_map(|part| match part {
        AssistantPart::ToolCall(call) => Some(call.id.clone()),
        _ => None,
    });
    let taken: HashSet<String> = ids.collect();
    if taken.is_empty() {
        return Box::new(reply);
    }
    Box::new(UniqueIds {
        reply,
        taken,
        suffix: 1,
        renamed: 0,
    })
}

#[derive(Debug)]
struct UniqueIds<W> {
    reply: W,
    /// The ids of the conversation.
    taken: HashSet<String>,
    /// The last suffix. It only grows, so that finding one is cheap whatever the ids are.
    suffix: usize,
    renamed: usize,
}

impl<W: ResponseWriter> UniqueIds<W> {
    /// A new id, if this one is taken.
    fn instead_of(&mut self, id: &str) -> Option<String> {
        if self.taken.insert(id.to_owned()) {
            return None;
        }
        self.renamed += 1;
        loop {
            self.suffix += 1;
            let other = format!("{id}-{}", self.suffix);
            if self.taken.insert(other.clone()) {
                return Some(other);
            }
        }
    }

    fn note(&mut self) {
        if self.renamed > 0 {
            let message = format!(
                "{} tool calls had the id of an earlier call of the conversation and got new ids",
                self.renamed
            );
            self.reply.notes().warn("same-call-id", message);
        }
    }
}

impl<W: ResponseWriter> ResponseWriter for UniqueIds<W> {
    fn begin(&mut self, head: Head) {
        self.reply.begin(head);
    }

    fn notes(&mut self) -> &mut RequestNotes {
        self.reply.notes()
    }

    fn whole(&mut self, model: &str, content: &[AssistantPart], ending: Ending<'_>) -> String {
        let mut content = Cow::Borrowed(content);
        for at in 0..content.len() {
            if let AssistantPart::ToolCall(call) = &content[at]
                && let Some(id) = self.instead_of(&call.id)
                && let AssistantPart::ToolCall(call) = &mut content.to_mut()[at]
            {
                call.id = id;
            }
        }
        self.note();
        self.reply.whole(model, &content, ending)
    }

    fn opening(&mut self, model: &str, frames: &mut Vec<Frame>) {
        self.reply.opening(model, frames);
    }

    fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>) {
        if let ChatEvent::ToolCallStart(start) = event
            && let Some(id) = self.instead_of(&start.id)
        {
            let mut start = start.clone();
            start.id = id;
            return self
                .reply
                .event(&ChatEvent::ToolCallStart(start), logprobs, frames);
        }
        self.reply.event(event, logprobs, frames);
    }

    fn closing(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>) {
        self.note();
        self.reply.closing(ending, frames);
    }

    fn locate(&self, error: &mut ApiError) {
        self.reply.locate(error);
    }

    fn failed(&mut self, error: &ApiError, frames: &mut Vec<Frame>) {
        self.reply.failed(error, frames);
    }
}

#[cfg(test)]
mod tests {
    use provider_contract::contract::{
        FinishReason, ToolCall, ToolCallDelta, ToolCallEnd, ToolCallStart, Usage,
    };
    use serde_json::json;

    use super::*;
    use crate::{
        alike_tests::{asked, ending, streamed, summary},
        chat_completions::ChatCompletions,
        dialect::Dialect,
        messages::Messages,
        responses::Responses,
    };

    #[test]
    fn a_call_with_the_id_of_an_earlier_turn_gets_another_one_in_every_dialect() {
        let chat = json!({"model": "a/b", "stream": true, "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [
                {"id": "f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "f:0-2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "f:0", "content": "1"},
            {"role": "tool", "tool_call_id": "f:0-2", "content": "2"},
        ]});
        let responses = json!({"model": "a/b", "stream": true, "input": [
            {"role": "user", "content": "x"},
            {"type": "function_call", "call_id": "f:0", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "f:0-2", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "f:0", "output": "1"},
            {"type": "function_call_output", "call_id": "f:0-2", "output": "2"},
        ]});
        let messages = json!({"model": "a/b", "stream": true, "max_tokens": 9, "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "f:0", "name": "f", "input": {}},
                {"type": "tool_use", "id": "f:0-2", "name": "f", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "f:0"}, {"type": "tool_result", "tool_use_id": "f:0-2"},
            ]},
        ]});
        let calls = ["f:0", "f:1"];
        let events: Vec<ChatEvent> = (0..)
            .zip(calls)
            .flat_map(|(index, id)| of_call(index, id))
            .collect();
        let parts = calls.map(|id| AssistantPart::ToolCall(ToolCall::new(id, "f", "{}")));
        let summary = summary(
            FinishReason::ToolCalls,
            Usage {
                input_tokens: None,
                cached_input_tokens: None,
                output_tokens: None,
                reasoning_tokens: None,
            },
        );
        let dialects: [(&dyn Dialect, _); 3] = [
            (&ChatCompletions::default(), chat),
            (&Responses, responses),
            (&Messages, messages),
        ];
        for (dialect, mut body) in dialects {
            let frames = streamed(dialect, &body.to_string(), &events, Ok(&summary));
            let stream: String = frames.into_iter().map(|frame| frame.data).collect();
            body["stream"] = false.into();
            let mut asked = asked(dialect, &body.to_string());
            let whole = asked.reply.whole("a/b", &parts, ending(&summary));
            for text in [stream, whole] {
                for there in ["\"f:0-3\"", "\"f:1\"", "same-call-id"] {
                    assert!(text.contains(there), "{there}: {text}");
                }
                for gone in ["\"f:0\"", "\"f:0-2\""] {
                    assert!(!text.contains(gone), "{gone}: {text}");
                }
            }
        }
    }

    fn of_call(index: u32, id: &str) -> [ChatEvent; 3] {
        [
            ChatEvent::ToolCallStart(ToolCallStart {
                index,
                id: id.to_owned(),
                name: "f".to_owned(),
            }),
            ChatEvent::ToolCallDelta(ToolCallDelta {
                index,
                arguments_fragment: "{}".to_owned(),
            }),
            ChatEvent::ToolCallEnd(ToolCallEnd {
                index,
                extras: Vec::new(),
            }),
        ]
    }
}
