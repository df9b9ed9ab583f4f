//! The chat completions dialect for a server. Knows no sockets.

use serde_json::{Value, json};

use super::{
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
            notes: RequestNotes {
                left_out: body.left_out,
                ..RequestNotes::default()
            },
        };
        Ok(ParsedRequest {
            reply: call_ids::unique(&body.request, envelope),
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

impl ResponseWriter for Envelope {
    fn notes(&mut self) -> &mut RequestNotes {
        &mut self.notes
    }

    fn begin(&mut self, head: Head) {
        self.id = format!("chatcmpl-{}", head.id);
        self.created = head.created;
        self.notes.default_for = head.default_for;
    }

    fn whole(&mut self, model: &str, content: &[AssistantPart], ending: Ending<'_>) -> String {
        model.clone_into(&mut self.model);
        // Strings, numbers and JSON values: serialization cannot fail.
        serde_json::to_string(&Self::whole(self, content, ending)).unwrap_or_default()
    }

    fn opening(&mut self, model: &str, frames: &mut Vec<Frame>) {
        model.clone_into(&mut self.model);
        frames.push(Frame::data(Self::opening(self)));
    }

    fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>) {
        self.notes.media += usize::from(matches!(event, ChatEvent::Media(_)));
        frames.extend(Self::event(self, event, logprobs).map(Frame::data));
    }

    fn closing(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>) {
        frames.extend(Self::closing(self, ending).into_iter().map(Frame::data));
        frames.push(Frame::data("[DONE]"));
    }

    fn failed(&mut self, error: &ApiError, frames: &mut Vec<Frame>) {
        frames.push(Frame::data(error_body(error).to_string()));
    }
}
