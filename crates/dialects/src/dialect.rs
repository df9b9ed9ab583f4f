//! What a server needs of a dialect: requests read, responses, stream events and errors written. Knows no dialect.

use std::fmt::Debug;

use http::{HeaderName, StatusCode};
use serde_json::Value;

use crate::{
    ending::{Ending, Notes},
    fault::Fault,
};
use provider_contract::{
    Result,
    contract::{AssistantPart, ChatEvent, ChatRequest, Extra},
};

/// A dialect.
pub trait Dialect: Debug + Send + Sync {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// The body is malformed, asks nothing, or asks for what no upstream can be asked.
    fn parse(&self, body: &[u8]) -> Result<Asked>;

    /// The status of a response that is an error.
    fn status(&self, fault: &Fault) -> StatusCode {
        fault.status
    }

    /// An error as the body of a response.
    fn error(&self, fault: &Fault, request_id: &str) -> Value;

    /// The header in which its clients look for the request's id, beside `x-request-id`.
    fn request_id_header(&self) -> Option<HeaderName> {
        None
    }

    /// What keeps a stream open in which nothing happens; `None` is a comment line.
    fn heartbeat(&self) -> Option<Frame> {
        None
    }
}

/// A request, read.
#[derive(Debug)]
pub struct Asked {
    /// The request; its `model` is empty.
    pub request: ChatRequest,
    /// The model that it names.
    pub model: Option<String>,
    /// Whether the response is wanted as it comes.
    pub stream: bool,
    /// Writes the response.
    pub reply: Box<dyn Reply>,
}

/// What all parts of one response have in common.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The request's id, of which the response's id is made.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The model that the request names, for what is written before anybody responds.
    pub model: String,
    /// The name that was given in place of a model's, and meant the default.
    pub default_for: Option<&'static str>,
}

/// Writes the response to one request: [`whole`](Self::whole), or as a stream, which is `opening`, each `event`, then
/// `closing` or `failed`. A stream may fail before it is opened.
pub trait Reply: Debug + Send + Sync {
    /// What is known before anybody responds. Comes first.
    fn begin(&mut self, head: Head);

    /// What is said of the request beside the response. It may repeat the client's words, which the server redacts.
    fn notes(&mut self) -> &mut Notes;

    /// The whole response as JSON.
    fn whole(&mut self, model: &str, content: &[AssistantPart], ending: Ending<'_>) -> String;

    /// The first frames of a stream.
    fn opening(&mut self, model: &str, frames: &mut Vec<Frame>);

    /// The frames of an event, with the log probabilities that belong to it.
    fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>);

    /// The last frames.
    fn closing(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>);

    /// Names the place of an error in the body of the request, where plugins name it in another order.
    fn locate(&self, _fault: &mut Fault) {}

    /// The last frames of a response that broke off, or never came.
    fn failed(&mut self, fault: &Fault, frames: &mut Vec<Frame>);
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name, where the dialect's events have names.
    pub event: Option<&'static str>,
    /// Its data: one line.
    pub data: String,
}

impl Frame {
    /// An event without a name.
    pub fn data(data: impl Into<String>) -> Self {
        Self {
            event: None,
            data: data.into(),
        }
    }

    /// An event with a name.
    pub fn named(event: &'static str, data: impl Into<String>) -> Self {
        Self {
            event: Some(event),
            data: data.into(),
        }
    }
}

/// What an upstream adds that stands beside the event before it and not in the message.
pub const LOGPROBS: &str = "logprobs";

/// Whether an event says the log probabilities of the one before it.
pub fn is_logprobs(event: &ChatEvent) -> bool {
    matches!(event, ChatEvent::Other(extra) if extra.key == LOGPROBS)
}

/// Whether log probabilities may belong to an event.
pub fn has_logprobs(event: &ChatEvent) -> bool {
    match event {
        ChatEvent::Text(_)
        | ChatEvent::Reasoning(_)
        | ChatEvent::ToolCallStart(_)
        | ChatEvent::ToolCallDelta(_) => true,
        ChatEvent::ToolCallEnd(_) | ChatEvent::Media(_) | ChatEvent::Other(_) => false,
    }
}
