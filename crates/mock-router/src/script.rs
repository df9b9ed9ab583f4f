//! A script: everything about one response, including its chunk boundaries and how it ends. Knows neither requests
//! nor sockets.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::Value;

use super::options::Chunking;

/// How a response begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// With a status line and headers.
    Http,
    /// Never: the client waits for headers forever.
    Never,
    /// Not at all: the connection is closed without a byte.
    HangUp,
    /// With the script's bytes instead of HTTP; then the connection is closed.
    Raw,
}

/// How a response ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum End {
    /// Normally; the connection stays open for the next request.
    #[default]
    Finish,
    /// Normally and with keep-alive announced, but the connection is closed.
    Close,
    /// The connection is cut before the end of the body.
    Cut,
    /// Never: the connection stays open without further data.
    Stall,
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A chunk, after the server's pause.
    Chunk(Bytes),
    /// A pause that is part of the script.
    Wait(Duration),
    /// A chunk that is repeated this many times, or endlessly.
    Repeat(Bytes, Option<u64>),
}

/// The size of the chunks of a flood: small ones would measure system calls, not the reader.
const FLOOD: usize = 16 * 1024;

/// A scripted response; built by chaining: `Script::sse(["{…}", "[DONE]"]).header("retry-after",
/// "2").end(End::Cut)`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Script {
    pub(super) delay: Duration,
    pub(super) head: Head,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
    pub(super) chunking: Option<Chunking>,
    /// Whether the length of the body is announced; a stream's is not.
    pub(super) sized: bool,
    /// Whether the server's pause is inserted between the chunks.
    pub(super) paced: bool,
}

impl Script {
    /// A response with this status, no headers of its own and an empty body of announced length.
    pub fn status(status: u16) -> Self {
        Self {
            delay: Duration::ZERO,
            head: Head::Http,
            status,
            headers: Vec::new(),
            steps: Vec::new(),
            end: End::Finish,
            chunking: None,
            sized: true,
            paced: false,
        }
    }

    /// A JSON response.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    /// A response with a body of any media type.
    pub fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::status(status)
            .header("content-type", content_type)
            .chunk(body)
    }

    /// An event stream; each item is the text after `data: `, and a chunk of its own.
    pub fn sse<T: AsRef<str>>(events: impl IntoIterator<Item = T>) -> Self {
        let stream = Self::stream();
        events.into_iter().fold(stream, |script, event| {
            script.chunk(format!("data: {}\n\n", event.as_ref()))
        })
    }

    /// An event stream without events yet.
    pub(super) fn stream() -> Self {
        let mut script = Self::status(200).header("content-type", "text/event-stream");
        script.sized = false;
        script.paced = true;
        script
    }

    /// No response ever, not even headers.
    pub fn never() -> Self {
        Self {
            head: Head::Never,
            ..Self::status(200)
        }
    }

    /// The connection is closed without a byte.
    pub fn hang_up() -> Self {
        Self {
            head: Head::HangUp,
            ..Self::status(200)
        }
    }

    /// These bytes instead of an HTTP response, then the connection is closed. On HTTP/1.1 only.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            head: Head::Raw,
            ..Self::status(200)
        }
        .chunk(bytes)
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits before the headers.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds bytes to the body, as a chunk of their own.
    pub fn chunk(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Chunk(bytes.into()));
        self
    }

    /// Adds a pause to the body.
    pub fn wait(mut self, pause: Duration) -> Self {
        self.steps.push(Step::Wait(pause));
        self
    }

    /// Adds these bytes this many times, or endlessly with `None`, in chunks of about 16 KiB; the length of the
    /// body is then not announced.
    pub fn repeat(mut self, bytes: impl Into<Bytes>, times: Option<u64>) -> Self {
        let bytes = bytes.into();
        let group = (FLOOD / bytes.len().max(1)).max(1);
        let block = Bytes::from(bytes.repeat(group));
        let rest = times.map_or(0, |times| times % group as u64);
        self.steps.push(Step::Repeat(
            block.clone(),
            times.map(|times| times / group as u64),
        ));
        self.steps.push(Step::Chunk(
            block.slice(..bytes.len() * usize::try_from(rest).unwrap_or(0)),
        ));
        self.sized = false;
        self
    }

    /// Sets how the response ends.
    pub fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// Sets the chunk boundaries of the body.
    pub fn chunking(mut self, chunking: Chunking) -> Self {
        self.chunking = Some(chunking);
        self
    }

    /// Sets a header, replacing any of this name.
    pub(super) fn set_header(&mut self, name: &str, value: String) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The length of the body; `None` if it is endless.
    pub(super) fn body_len(&self) -> Option<u64> {
        self.steps.iter().try_fold(0, |sum: u64, step| match step {
            Step::Chunk(bytes) => sum.checked_add(bytes.len() as u64),
            Step::Wait(_) => Some(sum),
            Step::Repeat(bytes, times) => sum.checked_add((bytes.len() as u64).checked_mul((*times)?)?),
        })
    }

    /// The whole body at once; `None` if it is endless.
    pub(super) fn body(&self) -> Option<Bytes> {
        let mut body = BytesMut::with_capacity(usize::try_from(self.body_len()?).ok()?);
        for step in &self.steps {
            match step {
                Step::Chunk(bytes) => body.extend_from_slice(bytes),
                Step::Wait(_) => {}
                Step::Repeat(bytes, times) => (0..(*times)?).for_each(|_| body.extend_from_slice(bytes)),
            }
        }
        Some(body.freeze())
    }

    /// Splits the body into chunks: by the script's own chunking, else by the server's. An endless body is not
    /// changed, and every chunking but `AsWritten` drops the pauses inside the body.
    pub(super) fn cut_into_chunks(&mut self, default: Chunking) {
        let chunking = self.chunking.unwrap_or(default);
        if chunking == Chunking::AsWritten {
            return;
        }
        let Some(mut body) = self.body() else { return };
        let mut chunks = Vec::new();
        match chunking {
            Chunking::Bytes | Chunking::Every(_) => {
                let size = if let Chunking::Every(size) = chunking {
                    size.max(1)
                } else {
                    1
                };
                while body.len() > size {
                    chunks.push(body.split_to(size));
                }
            }
            Chunking::SplitAt(at) => chunks.push(body.split_to(at.min(body.len()))),
            Chunking::CutAt(at) if at < body.len() => {
                // The original length stays announced.
                if self.sized && !self.has_header("content-length") {
                    self.set_header("content-length", body.len().to_string());
                }
                body.truncate(at);
                self.end = End::Cut;
            }
            Chunking::AsWritten | Chunking::Whole | Chunking::CutAt(_) => {}
        }
        chunks.push(body);
        chunks.retain(|chunk| !chunk.is_empty());
        self.steps = chunks.into_iter().map(Step::Chunk).collect();
        self.paced = false;
    }
}
