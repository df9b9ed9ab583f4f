//! The dialect interface for a server: parses requests; serializes responses, stream events and errors. Knows no
//! dialect.

use std::fmt::Debug;

use http::{HeaderName, StatusCode};
use serde_json::Value;

use crate::{
    api_error::ApiError,
    ending::{Ending, RequestNotes},
};
use provider_contract::{
    Result,
    contract::{AssistantPart, ChatEvent, ChatRequest, Extra},
};

/// A dialect.
///
/// ```
/// use dialects::{chat_completions::ChatCompletions, dialect::Dialect};
///
/// let dialect: &dyn Dialect = &ChatCompletions::default();
/// let body = br#"{"model": "a/b", "messages": [{"role": "user", "content": "Hello!"}], "stream": true}"#;
/// let parsed = dialect.parse(body)?;
/// assert_eq!(parsed.model.as_deref(), Some("a/b"));
/// assert!(parsed.stream);
/// # Ok::<(), provider_contract::Error>(())
/// ```
pub trait Dialect: Debug + Send + Sync {
    /// Parses the body of a request.
    ///
    /// # Errors
    /// The body is malformed, has no prompt, or requires what no upstream supports.
    fn parse(&self, body: &[u8]) -> Result<ParsedRequest>;

    /// The HTTP status of an error.
    fn status(&self, error: &ApiError) -> StatusCode {
        error.status
    }

    /// The body of an error response.
    fn error(&self, error: &ApiError, request_id: &str) -> Value;

    /// The header in which clients look for the request id, besides `x-request-id`.
    fn request_id_header(&self) -> Option<HeaderName> {
        None
    }

    /// The keep-alive frame of an idle stream; `None` is a comment line.
    fn heartbeat(&self) -> Option<Frame> {
        None
    }
}

/// A parsed request.
#[derive(Debug)]
pub struct ParsedRequest {
    /// The request; its `model` is empty.
    pub request: ChatRequest,
    /// The requested model.
    pub model: Option<String>,
    /// Whether the response is streamed.
    pub stream: bool,
    /// Serializes the response.
    pub reply: Box<dyn ResponseWriter>,
}

/// The common data of one response.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// A unique id, from which the response's id is derived.
    pub id: String,
    /// The request's id.
    pub request_id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The requested model, for output before a model responds.
    pub model: String,
    /// The placeholder that was sent instead of a model's name, and selected the default.
    pub default_for: Option<&'static str>,
}

/// Serializes the response to one request: [`whole`](Self::whole), or as a stream of `opening`, each `event`, then
/// `closing` or `failed`. A stream may fail before it is opened.
///
/// ```
/// use dialects::{
///     dialect::{Dialect, Head},
///     messages::Messages,
/// };
/// use provider_contract::contract::ChatEvent;
///
/// let body = br#"{"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hello!"}]}"#;
/// let mut writer = Messages.parse(body)?.reply;
/// writer.begin(Head {
///     id: "5f3a9c01-000017".to_owned(),
///     ..Head::default()
/// });
/// let mut frames = Vec::new();
/// writer.opening("Qwen/Qwen3-8B", &mut frames);
/// writer.event(&ChatEvent::Text("Hi".to_owned()), None, &mut frames);
/// assert_eq!(frames[0].event, Some("message_start"));
/// # Ok::<(), provider_contract::Error>(())
/// ```
pub trait ResponseWriter: Debug + Send + Sync {
    /// Sets the data that is known before a model responds. Called first.
    fn begin(&mut self, head: Head);

    /// Notes about the request, for the response. They may repeat the client's text, which the server redacts.
    fn notes(&mut self) -> &mut RequestNotes;

    /// The whole response as JSON.
    fn whole(&mut self, model: &str, content: &[AssistantPart], ending: Ending<'_>) -> String;

    /// The first frames of a stream.
    fn opening(&mut self, model: &str, frames: &mut Vec<Frame>);

    /// The frames of an event, with its log probabilities.
    fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>);

    /// The last frames.
    fn closing(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>);

    /// Maps the path of an error to the client's body, where the contract's order differs.
    fn locate(&self, _error: &mut ApiError) {}

    /// The last frames of a response that failed or never started.
    fn failed(&mut self, error: &ApiError, frames: &mut Vec<Frame>);
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name, if the dialect names its events.
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

/// The extra with log probabilities: it belongs to the event before it, and not to the message.
pub const LOGPROBS: &str = "logprobs";

/// Whether an event holds the log probabilities of the one before it.
#[must_use]
pub fn is_logprobs(event: &ChatEvent) -> bool {
    matches!(event, ChatEvent::Other(extra) if extra.key == LOGPROBS)
}

/// Whether an event may have log probabilities.
#[must_use]
pub fn has_logprobs(event: &ChatEvent) -> bool {
    match event {
        ChatEvent::Text(_)
        | ChatEvent::Reasoning(_)
        | ChatEvent::ToolCallStart(_)
        | ChatEvent::ToolCallDelta(_) => true,
        ChatEvent::ToolCallEnd(_) | ChatEvent::Media(_) | ChatEvent::Other(_) => false,
    }
}
