//! The chat completions dialect for a server. Knows no sockets.

use serde_json::{Value, json};

use super::{
    origins::Origins,
    reasoning::ReasoningField,
    request::{ChatBody, check_prompt},
    response::Envelope,
};
use crate::{
    api_error::ApiError,
    call_ids,
    dialect::{Dialect, Frame, Head, ParsedRequest, ResponseWriter},
    ending::{Ending, RequestNotes},
};
use provider_contract::{
    Result,
    contract::{AssistantPart, ChatEvent, Extra},
};

/// The dialect of `/v1/chat/completions`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChatCompletions {
    /// The response field of reasoning.
    pub reasoning: ReasoningField,
}

impl Dialect for ChatCompletions {
    fn parse(&self, body: &[u8]) -> Result<ParsedRequest> {
        let body = ChatBody::parse(body)?;
        check_prompt(&body.request.messages)?;
        let envelope = Envelope {
            id: String::new(),
            created: 0,
            model: String::new(),
            include_usage: body.include_usage,
            reasoning: self.reasoning,
            has_functions: body.has_functions,
            notes: RequestNotes {
                left_out: body.left_out,
                ..RequestNotes::default()
            },
        };
        let reply = Reply {
            envelope,
            origins: body.origins,
        };
        Ok(ParsedRequest {
            reply: call_ids::unique(&body.request, reply),
            request: body.request,
            model: body.model,
            stream: body.stream,
        })
    }

    fn error(&self, error: &ApiError, _request_id: &str) -> Value {
        error_body(error)
    }
}

fn error_body(error: &ApiError) -> Value {
    json!({ "error": error.members() })
}

/// The response to one request.
#[derive(Debug)]
struct Reply {
    envelope: Envelope,
    origins: Origins,
}

impl ResponseWriter for Reply {
    fn notes(&mut self) -> &mut RequestNotes {
        &mut self.envelope.notes
    }

    fn begin(&mut self, head: Head) {
        self.envelope.id = format!("chatcmpl-{}", head.id);
        self.envelope.created = head.created;
        self.envelope.notes.default_for = head.default_for;
    }

    fn whole(&mut self, model: &str, content: &[AssistantPart], ending: Ending<'_>) -> String {
        model.clone_into(&mut self.envelope.model);
        let calls = content
            .iter()
            .filter(|part| matches!(part, AssistantPart::ToolCall(_)));
        self.note_calls(calls.count().min(2));
        // Strings, numbers and JSON values: serialization cannot fail.
        serde_json::to_string(&self.envelope.whole(content, ending)).unwrap_or_default()
    }

    fn opening(&mut self, model: &str, frames: &mut Vec<Frame>) {
        model.clone_into(&mut self.envelope.model);
        frames.push(Frame::data(self.envelope.opening()));
    }

    fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>) {
        self.envelope.notes.media += usize::from(matches!(event, ChatEvent::Media(_)));
        if let ChatEvent::ToolCallStart(start) = event {
            self.note_calls(start.index as usize + 1);
        }
        frames.extend(self.envelope.event(event, logprobs).map(Frame::data));
    }

    fn closing(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>) {
        frames.extend(self.envelope.closing(ending).into_iter().map(Frame::data));
        frames.push(Frame::data("[DONE]"));
    }

    fn locate(&self, error: &mut ApiError) {
        error.relocate(|path| self.origins.of(path));
    }

    fn failed(&mut self, error: &ApiError, frames: &mut Vec<Frame>) {
        let mut error = error.clone();
        self.locate(&mut error);
        frames.push(Frame::data(error_body(&error).to_string()));
    }
}

impl Reply {
    /// Warns of calls that a client with `functions` does not get, once.
    fn note_calls(&mut self, count: usize) {
        if self.envelope.has_functions && count == 2 {
            let message = "the response has several tool calls; a `function_call` has place for the first";
            self.envelope.notes.warn("calls-left-out", message);
        }
    }
}
