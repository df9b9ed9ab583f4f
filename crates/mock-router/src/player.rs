//! Plays a script on a connection: headers, chunks with their pauses, and its end. Knows no endpoint.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;

use super::faulty_stream::Control;
use super::recorder::Exchange;
use super::script::{End, Head, Script, Step};

/// The body type of every response.
pub(super) type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

/// How many bytes too many are announced for a body that will be truncated.
const MISSING: u64 = 64;

/// Plays a script. An error makes the server close the connection without a response.
pub(super) async fn play(
    script: Script,
    mut exchange: Exchange,
    control: Control,
    pace: Duration,
) -> io::Result<Response<Body>> {
    if !script.delay.is_zero() {
        tokio::time::sleep(script.delay).await;
    }
    match script.head {
        Head::Http => respond(script, exchange, control, pace),
        // The exchange is held until the client disconnects, which drops this future.
        Head::Never => Ok(std::future::pending().await),
        Head::HangUp => {
            exchange.done();
            Err(io::Error::other("hung up as scripted"))
        }
        Head::Raw => {
            exchange.done();
            control.replace_by(script.body().unwrap_or_default());
            if script.end != End::Stall {
                control.close_after_flush();
            }
            Ok(Response::new(StreamBody::new(stream::empty().boxed())))
        }
    }
}

fn respond(
    mut script: Script,
    mut exchange: Exchange,
    control: Control,
    pace: Duration,
) -> io::Result<Response<Body>> {
    let complete = matches!(script.end, End::Finish | End::Close);
    let length = script.body_len();
    if !script.has_header("date") {
        script.set_header("date", httpdate::fmt_http_date(SystemTime::now()));
    }
    // These statuses never have a body, nor its length.
    let bodiless = matches!(script.status, 204 | 304);
    let announce = script.sized && !bodiless && !script.has_header("content-length");
    if let (true, Some(length)) = (announce, length) {
        let announced = if complete { length } else { length + MISSING };
        script.set_header("content-length", announced.to_string());
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(script.status).map_err(io::Error::other)?;
    for (name, value) in &script.headers {
        // An empty value removes a header that the mock would write itself, such as `date`.
        if !value.is_empty() {
            let name: HeaderName = name.parse().map_err(io::Error::other)?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(io::Error::other)?;
            response.headers_mut().append(name, value);
        }
    }
    if bodiless || (length == Some(0) && complete) {
        // The server never polls a body that is known to be empty.
        exchange.done();
        if script.end == End::Close {
            control.close_after_flush();
        }
    }
    let pace = if script.paced { pace } else { Duration::ZERO };
    let playing = Playing {
        steps: script.steps.into(),
        end: script.end,
        pace,
        first: true,
        over: false,
        exchange,
        control,
    };
    Ok(response.map(|()| StreamBody::new(stream::unfold(playing, Playing::next).boxed())))
}

/// A body in progress.
struct Playing {
    steps: VecDeque<Step>,
    end: End,
    pace: Duration,
    first: bool,
    over: bool,
    exchange: Exchange,
    control: Control,
}

impl Playing {
    async fn next(mut self) -> Option<(io::Result<Frame<Bytes>>, Self)> {
        if self.over {
            return None;
        }
        while let Some(step) = self.steps.pop_front() {
            let mut pace = self.pace;
            let chunk = match step {
                Step::Wait(pause) => {
                    tokio::time::sleep(pause).await;
                    continue;
                }
                Step::Chunk(chunk) => chunk,
                Step::Repeat(_, Some(0)) => continue,
                Step::Repeat(chunk, times) => {
                    self.steps
                        .push_front(Step::Repeat(chunk.clone(), times.map(|times| times - 1)));
                    // A flood has no pauses.
                    pace = Duration::ZERO;
                    chunk
                }
            };
            if chunk.is_empty() {
                continue;
            }
            self.rest(pace).await;
            self.exchange.sent(chunk.len());
            // A server that has sent the announced length never polls again: the last chunk is the end.
            if !self
                .steps
                .iter()
                .any(|step| matches!(step, Step::Chunk(_) | Step::Repeat(..)))
            {
                self.finish_if_complete();
            }
            return Some((Ok(Frame::data(chunk)), self));
        }
        match self.end {
            End::Finish | End::Close => {
                self.finish_if_complete();
                None
            }
            End::Cut => {
                // The written bytes have to be sent before the connection is closed.
                tokio::task::yield_now().await;
                self.exchange.done();
                self.over = true;
                Some((Err(io::Error::other("cut as scripted")), self))
            }
            End::Stall => std::future::pending().await,
        }
    }

    /// Between two chunks: a pause, or at least one yield, so that each chunk is a separate write.
    async fn rest(&mut self, pace: Duration) {
        if std::mem::take(&mut self.first) {
            return;
        }
        if pace.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pace).await;
        }
    }

    fn finish_if_complete(&mut self) {
        if matches!(self.end, End::Finish | End::Close) {
            self.exchange.done();
        }
        if self.end == End::Close {
            self.control.close_after_flush();
        }
    }
}
