//! The Responses API for a server. Knows no sockets.

use serde_json::{Value, json};

use super::{
    events::Said,
    origins::Origins,
    output::Output,
    request::Body,
    resource::{self, Details, Echo, Resource, Status, usage},
};
use crate::{
    api_error::ApiError,
    call_ids,
    dialect::{Dialect, Frame, Head, ParsedRequest, ResponseWriter},
    ending::{Ending, RequestNotes},
};
use provider_contract::{
    Result,
    contract::{AssistantPart, ChatEvent, Extra, FinishReason, ToolCallDelta, ToolCallEnd, ToolCallStart},
};

/// The dialect of `/v1/responses`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Responses;

impl Dialect for Responses {
    fn parse(&self, body: &[u8]) -> Result<ParsedRequest> {
        let mut body = Body::parse(body)?;
        let custom = std::mem::take(&mut body.custom);
        let output = Output::new(&body, custom);
        let response = Response {
            head: Head::default(),
            id: String::new(),
            echo: body.echo,
            notes: body.notes,
            origins: body.origins,
            output,
            is_open: false,
        };
        Ok(ParsedRequest {
            reply: call_ids::unique(&body.request, response),
            request: body.request,
            model: body.model,
            stream: body.stream,
        })
    }

    fn error(&self, error: &ApiError, _request_id: &str) -> Value {
        json!({ "error": error.members() })
    }
}

/// The response to one request.
#[derive(Debug)]
struct Response {
    /// Its head; the model is updated once a model responds.
    head: Head,
    id: String,
    echo: Echo,
    notes: RequestNotes,
    origins: Origins,
    output: Output,
    is_open: bool,
}

impl Response {
    fn resource(&self) -> Resource<'_> {
        Resource::begun(&self.id, self.head.created, &self.head.model, &self.echo)
    }

    fn open(&mut self, frames: &mut Vec<Frame>) {
        if std::mem::replace(&mut self.is_open, true) {
            return;
        }
        let resource = Resource::begun(&self.id, self.head.created, &self.head.model, &self.echo);
        for kind in ["response.created", "response.in_progress"] {
            let said = Said::Response { response: &resource };
            self.output.events.push(frames, kind, said);
        }
    }

    /// The final response, and the name of its event.
    fn end(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>) -> String {
        let (status, kind, reason) = match ending.summary.finish_reason {
            FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other => {
                (Status::Completed, "response.completed", None)
            }
            FinishReason::Length => (
                Status::Incomplete,
                "response.incomplete",
                Some("max_output_tokens"),
            ),
            FinishReason::ContentFilter => {
                (Status::Incomplete, "response.incomplete", Some("content_filter"))
            }
        };
        self.output.close(status, frames);
        let mut output = std::mem::take(&mut self.output);
        let mut events = std::mem::take(&mut output.events);
        self.notes.media = output.media;
        self.notes.warn_of_usage(&ending.summary.usage);
        let x_plugin = Details {
            ending: ending.details(&self.notes),
            message: std::mem::take(&mut output.extras),
        };
        let items = output.items();
        let resource = Resource {
            status,
            incomplete_details: reason.map(|reason| json!({ "reason": reason })),
            output: &items,
            usage: Some(usage(&ending.summary.usage)),
            x_plugin: Some(x_plugin),
            ..self.resource()
        };
        let is_stream = events.is_stream;
        events.push(frames, kind, Said::Response { response: &resource });
        if is_stream {
            return String::new();
        }
        // Strings, numbers and validated JSON values: serialization cannot fail.
        serde_json::to_string(&resource).unwrap_or_default()
    }
}

impl ResponseWriter for Response {
    fn notes(&mut self) -> &mut RequestNotes {
        &mut self.notes
    }

    fn begin(&mut self, head: Head) {
        self.id = format!("resp_{}", head.id);
        self.output.id.clone_from(&head.id);
        self.notes.default_for = head.default_for;
        self.head = head;
    }

    fn whole(&mut self, model: &str, content: &[AssistantPart], ending: Ending<'_>) -> String {
        model.clone_into(&mut self.head.model);
        let (mut calls, mut none) = (0, Vec::new());
        for part in content {
            for event in events_of(part, &mut calls) {
                self.output.event(&event, None, &mut none);
            }
        }
        self.end(ending, &mut none)
    }

    fn opening(&mut self, model: &str, frames: &mut Vec<Frame>) {
        model.clone_into(&mut self.head.model);
        self.open(frames);
    }

    fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>) {
        self.output.event(event, logprobs, frames);
    }

    fn closing(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>) {
        self.end(ending, frames);
    }

    fn locate(&self, error: &mut ApiError) {
        error.relocate(|path| self.origins.of(path));
    }

    fn failed(&mut self, error: &ApiError, frames: &mut Vec<Frame>) {
        let mut error = error.clone();
        self.locate(&mut error);
        self.open(frames);
        self.output.break_off(frames);
        let said = Said::Error {
            code: &error.code,
            message: &error.message,
            param: error.param.as_deref(),
            error: error.members(),
        };
        self.output.events.push(frames, "error", said);
        let mut output = std::mem::take(&mut self.output);
        let mut events = std::mem::take(&mut output.events);
        let items = output.items();
        let resource = Resource {
            status: Status::Failed,
            output: &items,
            error: Some(resource::error(&error)),
            ..self.resource()
        };
        events.push(frames, "response.failed", Said::Response { response: &resource });
    }
}

/// A part of a whole response as the events that a stream would have.
fn events_of(part: &AssistantPart, calls: &mut u32) -> Vec<ChatEvent> {
    match part {
        AssistantPart::Text(text) => vec![ChatEvent::Text(text.clone())],
        AssistantPart::Reasoning(thought) => vec![ChatEvent::Reasoning(thought.clone())],
        AssistantPart::Media(media) => vec![ChatEvent::Media(media.clone())],
        AssistantPart::Other(extra) => vec![ChatEvent::Other(extra.clone())],
        AssistantPart::ToolCall(call) => {
            let index = *calls;
            *calls += 1;
            vec![
                ChatEvent::ToolCallStart(ToolCallStart {
                    index,
                    id: call.id.clone(),
                    name: call.name.clone(),
                }),
                ChatEvent::ToolCallDelta(ToolCallDelta {
                    index,
                    arguments_fragment: call.arguments_json.clone(),
                }),
                ChatEvent::ToolCallEnd(ToolCallEnd {
                    index,
                    extras: call.extras.clone(),
                }),
            ]
        }
    }
}
