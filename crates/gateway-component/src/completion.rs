//! A request for a completion, in any dialect: parsed, passed to the provider, and returned whole or as a stream. Knows no
//! dialect.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use wasi::http::types::IncomingRequest;

use dialects::{
    api_error::ApiError,
    dialect::{Dialect, Frame, Head as Origin, LOGPROBS, ParsedRequest, ResponseWriter, has_logprobs},
    ending::Ending,
    server::{placeholder, refusals::no_model},
};
use provider_contract::{
    Error, GenerationInfo,
    contract::{ChatEvent, Summary},
};

use crate::{
    bindings::{
        Options,
        provider::{self, Completion, Progress},
        settings,
    },
    body,
    component::refuse,
    output::{Body, Client, Gone},
    request::Head,
};

/// A response waits so long for its first event, so that an error before it has a status of its own; as of `host-harness
/// serve`.
const STATUS_WAIT_MS: u32 = 2_000;
/// How often a stream in which nothing else comes says that it is alive.
const HEARTBEAT_MS: u32 = 5_000;
/// How many events are taken at once.
const EVENTS: u32 = 64;

/// The responding generation; an engine swaps the component as a whole, so there is one generation.
struct Responder(GenerationInfo);

impl Responder {
    fn new() -> Self {
        Self(GenerationInfo::new(1, provider::describe().version, ""))
    }

    fn ending<'a>(&'a self, summary: &'a Summary) -> Ending<'a> {
        Ending {
            summary,
            generation: &self.0,
            attempts: &[],
        }
    }
}

pub(crate) fn respond(
    request: &IncomingRequest,
    head: &Head,
    dialect: &dyn Dialect,
    options: &Options,
    client: Client,
) -> Result<(), Gone> {
    let read = || -> Result<ParsedRequest, ApiError> {
        let bytes = body::receive(request, &head.headers, options.max_body_bytes)?;
        Ok(dialect.parse(&bytes)?)
    };
    let ParsedRequest {
        mut request,
        model,
        stream,
        mut reply,
    } = match read() {
        Ok(parsed) => parsed,
        Err(error) => return refuse(client, dialect, head, &error),
    };
    let Some(named) = model else {
        return refuse(client, dialect, head, &no_model());
    };
    let (reference, default_for) = reference(&named, options);
    reply.begin(Origin {
        id: head.response_id(),
        request_id: head.id.clone(),
        created: now(),
        model: named,
        default_for,
    });
    request.model.clone_from(&reference);
    let responder = Responder::new();
    if stream {
        let begun = provider::chat_stream(&request).and_then(|completion| {
            let first = completion.read(EVENTS, STATUS_WAIT_MS)?;
            Ok((completion, first))
        });
        return match begun {
            Ok((completion, first)) => {
                let heartbeat = dialect.heartbeat();
                let body = client.begin(StatusCode::OK, &event_stream())?;
                let writer = Stream {
                    body,
                    reply,
                    heartbeat,
                };
                writer.stream(&reference, &completion, first, &responder)
            }
            Err(error) => refuse(client, dialect, head, &located(error, &*reply)),
        };
    }
    match provider::chat_complete(&request) {
        Ok(response) => {
            let ending = responder.ending(&response.summary);
            let written = reply.whole(&reference, &response.content, ending);
            client.json(StatusCode::OK, HeaderMap::new(), &written)
        }
        Err(error) => refuse(client, dialect, head, &located(error, &*reply)),
    }
}

/// The requested model. A blank name selects the default; so does a placeholder of a client, unless it is an alias. The
/// placeholder is returned as well, for a warning.
fn reference(named: &str, options: &Options) -> (String, Option<&'static str>) {
    let name = named.trim();
    let default = || {
        options
            .default_model
            .clone()
            .or_else(|| provider::describe().default_model)
    };
    if name.is_empty() {
        return (default().unwrap_or_default(), None);
    }
    let is_alias = |name: &str| !settings::find_alias(name).is_empty();
    match placeholder(name, is_alias).zip(default()) {
        Some((placeholder, default)) => (default, Some(placeholder)),
        None => (named.to_owned(), None),
    }
}

/// An error of the provider; its place is the member of the client's request.
fn located(error: provider::Error, reply: &dyn ResponseWriter) -> ApiError {
    let mut error = ApiError::from(Error::from(error));
    reply.locate(&mut error);
    error
}

fn event_stream() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    // Disables response buffering in nginx and similar proxies.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    headers
}

/// A response as it comes. Its errors are events as well: its status has been sent.
struct Stream {
    body: Body,
    reply: Box<dyn ResponseWriter>,
    heartbeat: Option<Frame>,
}

impl Stream {
    /// Passes a response on until it ends or the client disconnects; the caller then drops it, which cancels what is left.
    fn stream(
        mut self,
        reference: &str,
        completion: &Completion,
        first: Progress,
        responder: &Responder,
    ) -> Result<(), Gone> {
        let mut frames = Vec::new();
        let mut is_open = false;
        let mut progress = Ok(first);
        loop {
            match progress {
                Ok(Progress { events, finished }) => {
                    if !is_open && (!events.is_empty() || finished.is_some()) {
                        self.reply.opening(reference, &mut frames);
                        is_open = true;
                    }
                    self.events(events, &mut frames);
                    if let Some(summary) = finished {
                        self.reply.closing(responder.ending(&summary), &mut frames);
                        self.send(&mut frames)?;
                        return self.body.finish();
                    }
                    if frames.is_empty() {
                        self.beat()?;
                    }
                    self.send(&mut frames)?;
                }
                Err(error) => {
                    let error = ApiError::from(Error::from(error));
                    self.reply.failed(&error, &mut frames);
                    self.send(&mut frames)?;
                    return self.body.finish();
                }
            }
            progress = completion.read(EVENTS, HEARTBEAT_MS);
        }
    }

    /// Writes events; the log probabilities that came with one belong to it.
    fn events(&mut self, events: Vec<ChatEvent>, frames: &mut Vec<Frame>) {
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            let logprobs = match events.peek() {
                Some(ChatEvent::Other(extra)) if extra.key == LOGPROBS && has_logprobs(&event) => {
                    let extra = extra.clone();
                    events.next();
                    Some(extra)
                }
                _ => None,
            };
            self.reply.event(&event, logprobs.as_ref(), frames);
        }
    }

    fn beat(&self) -> Result<(), Gone> {
        match &self.heartbeat {
            Some(frame) => {
                let text = text_of(frame);
                self.body.write(text.as_bytes())?;
            }
            None => self.body.write(b":\n\n")?,
        }
        self.body.flush()
    }

    /// Sends frames, each as soon as it is written.
    fn send(&self, frames: &mut Vec<Frame>) -> Result<(), Gone> {
        for frame in frames.drain(..) {
            self.body.write(text_of(&frame).as_bytes())?;
        }
        self.body.flush()
    }
}

fn text_of(frame: &Frame) -> String {
    match frame.event {
        Some(name) => format!("event: {name}\ndata: {}\n\n", frame.data),
        None => format!("data: {}\n\n", frame.data),
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
