//! Driver of a request: performs the steps of the protocol's exchange over WASI. It waits in reads; the non-blocking
//! part is in `step`.

mod step;

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};

use wasi::http::types::Method;

use crate::{
    failure,
    http::{self, Alarm, BodyRead, Endpoint, NS_PER_MS, Room, Upload, Uploaded},
    settings::Imported,
};
use chat_completions::{
    Resolved, Upstream,
    chat::{Exchange, Failure, FailureKind, Next, Sink},
    contract::{
        provider::Progress,
        types::{ChatRequest, Error, ErrorKind},
    },
    settings::Settings as _,
};

/// How long the end of a body is awaited after the end of its response, and in how many reads.
const GIVE_BACK_NS: u64 = 5 * NS_PER_MS;
const GIVE_BACK_READS: u32 = 4;
/// The least part of a long body that is held at once.
const WINDOW: usize = 512 * 1024;
/// The most windows for a long body: each serializes the preceding texts again.
const WINDOWS: u64 = 4;

/// The protocol's exchange and its open handles. Fields drop in this order.
pub(super) struct Driver {
    /// The rest of the request body.
    upload: Option<Upload>,
    open: Option<http::Exchange>,
    exchange: Exchange,
    endpoint: Endpoint,
    connect_timeout_ms: u32,
    /// How long a part of the request body may wait to be accepted.
    stall_ms: u32,
    /// How long the current wait has taken within reads. Time between reads does not count.
    waited_ns: u64,
    /// When the current wait began, if nothing was read since.
    woken_from: Option<u64>,
    alarm: Alarm,
    /// Everything available was read: more arrives only by waiting.
    is_quiet: bool,
}

impl Driver {
    /// In a box, and of a reference that its caller has resolved: that way the frames of a call fit in two pages of the
    /// guest's stack, and each waiting call keeps those.
    pub(super) fn new(
        upstream: &'static Upstream,
        request: ChatRequest,
        resolved: Resolved,
        seed: u64,
    ) -> Result<Box<Self>, Error> {
        let snapshot = Imported::SENT.get();
        let base = snapshot.base_url.as_deref().unwrap_or(upstream.base_url);
        let exchange = Exchange::new(upstream, request, resolved, &snapshot, seed)?;
        let endpoint = Endpoint::new(base, exchange.head().path).ok_or_else(|| {
            Error::before_sending(
                ErrorKind::InvalidRequest,
                "the base URL of the settings is no http or https URL",
            )
        })?;
        Ok(Box::new(Self {
            upload: None,
            open: None,
            exchange,
            endpoint,
            connect_timeout_ms: snapshot.connect_timeout_ms,
            stall_ms: snapshot.first_byte_timeout_ms,
            waited_ns: 0,
            woken_from: None,
            alarm: Alarm::default(),
            is_quiet: false,
        }))
    }

    /// The error of an exchange that has failed already.
    pub(super) fn failure(&self) -> Option<&Error> {
        self.exchange.outcome()?.as_ref().err()
    }

    /// Continues until there are events, the end, or the time is over.
    pub(super) fn read(&mut self, max_events: usize, most_ns: u64) -> Result<Progress, Error> {
        let mut left = most_ns;
        loop {
            match self.exchange.next() {
                Next::Events | Next::Ended => {
                    let progress = self.hand_out(max_events);
                    if !matches!(progress, Ok(Progress { finished: None, .. })) {
                        self.give_back();
                    }
                    return progress;
                }
                Next::Send => self.send(),
                Next::Wait { ms } => {
                    self.open = None;
                    let wait = u64::from(ms) * NS_PER_MS;
                    let now = wait.saturating_sub(self.waited_ns).min(left);
                    http::sleep(now);
                    left = left.saturating_sub(now);
                    self.waited_ns = self.waited_ns.saturating_add(now);
                    if self.waited_ns < wait {
                        return Ok(nothing());
                    }
                    self.waited_ns = 0;
                    self.exchange.waited();
                }
                Next::Response { timeout_ms } => {
                    if !self.is_quiet {
                        self.take_head();
                    } else if !self.wait(timeout_ms, &mut left) {
                        return Ok(nothing());
                    }
                }
                Next::Body { timeout_ms } => {
                    if !self.is_quiet {
                        self.take_bytes();
                    } else if !self.wait(timeout_ms, &mut left) {
                        return Ok(nothing());
                    }
                }
            }
        }
    }

    /// Returns the queued events and the end.
    fn hand_out(&mut self, max_events: usize) -> Result<Progress, Error> {
        let events = self.exchange.take_events(max_events);
        let finished = match self.exchange.outcome() {
            Some(Ok(summary)) => Some(summary.clone()),
            Some(Err(error)) if events.is_empty() => return Err(error.clone()),
            _ => None,
        };
        Ok(Progress { events, finished })
    }

    /// The request head.
    fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let head = self.exchange.head();
        let mut headers: Vec<_> = head
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .collect();
        headers.push((
            "content-length".to_owned(),
            head.content_length.to_string().into_bytes(),
        ));
        headers
    }

    /// Sends a request, and waits until its body is accepted.
    pub(super) fn send(&mut self) {
        self.begin();
        while let (false, Some(upload), Some(open)) = (self.upload_more(), &self.upload, &self.open) {
            match upload.wait(open, self.stall_ms) {
                Room::Free => {}
                Room::Refused => self.upload = None,
                Room::Stalled => return self.fail(&http::Failure::Stalled, true),
            }
        }
    }

    /// Sends the request head.
    pub(super) fn begin(&mut self) {
        let headers = self.headers();
        match http::begin(
            &Method::Post,
            &self.endpoint,
            &headers,
            self.connect_timeout_ms,
            true,
        ) {
            Ok((open, upload)) => {
                self.waited_ns = 0;
                self.open = Some(open);
                self.upload = upload;
                self.is_quiet = true;
                self.exchange.sent();
            }
            Err(failed) => self.fail(&failed, false),
        }
    }

    /// Writes as much of the request body as there is room for; true if nothing is left.
    pub(super) fn upload_more(&mut self) -> bool {
        let Some(upload) = &mut self.upload else {
            return true;
        };
        let exchange = &self.exchange;
        let fill = |from, window: &mut Vec<u8>| {
            let most = usize::try_from(exchange.head().content_length / WINDOWS).unwrap_or(usize::MAX);
            let most = most.max(WINDOW);
            window.reserve(most);
            let _ = exchange.write_body_from(from, &mut Window { window, most });
        };
        match upload.write(exchange.held_body(), &fill) {
            Uploaded::Nothing => return false,
            Uploaded::More => {
                self.waited_ns = 0;
                return false;
            }
            Uploaded::All => {}
        }
        self.waited_ns = 0;
        if let Some(upload) = self.upload.take() {
            upload.finish();
        }
        true
    }

    fn take_head(&mut self) {
        let Some(open) = self.open.take() else {
            return self.lost();
        };
        match open.head() {
            Ok((open, head)) => {
                self.open = Some(open);
                match head {
                    // The timeout is for the first byte of the body, which the head is not.
                    Some(head) => {
                        self.count_wait();
                        self.exchange.on_response(head.status, &head.headers);
                        // The backoff before the next attempt begins now.
                        if let Next::Wait { .. } = self.exchange.next() {
                            self.note_progress();
                        }
                    }
                    None => self.note_silence(),
                }
            }
            Err(failed) => self.fail(&failed, true),
        }
    }

    /// Reads all available bytes, so that one call returns all of their events.
    fn take_bytes(&mut self) {
        while let Next::Body { .. } | Next::Events = self.exchange.next() {
            let Some(open) = &self.open else {
                return self.lost();
            };
            match open.read() {
                Ok(BodyRead::Bytes(bytes)) => {
                    self.note_progress();
                    self.exchange.on_bytes(&bytes);
                }
                Ok(BodyRead::Nothing) => return self.note_silence(),
                Ok(BodyRead::End) => {
                    self.note_progress();
                    self.exchange.on_end();
                    return;
                }
                Err(failed) => return self.fail(&failed, true),
            }
        }
    }

    /// Waits for more; false if the caller's time is over. Exceeding the exchange's own timeout is a failure.
    fn wait(&mut self, timeout_ms: u32, left: &mut u64) -> bool {
        let Some(open) = &self.open else {
            self.lost();
            return true;
        };
        let limit = (u64::from(timeout_ms) * NS_PER_MS).saturating_sub(self.waited_ns);
        let most = limit.min(*left);
        let began = http::now();
        if self.alarm.wait(open, began.saturating_add(most)) {
            self.is_quiet = false;
            self.woken_from = Some(began);
            if *left != u64::MAX {
                *left = left.saturating_sub(http::now().saturating_sub(began));
            }
            return true;
        }
        self.waited_ns = self.waited_ns.saturating_add(most);
        *left = left.saturating_sub(most);
        if most == limit {
            self.time_out();
            return true;
        }
        false
    }

    /// Nothing arrived within the exchange's timeout.
    fn time_out(&mut self) {
        self.let_go();
        self.note_progress();
        self.exchange.on_failure(Failure {
            kind: FailureKind::Timeout,
            request_sent: true,
        });
    }

    /// Closes the current request.
    fn let_go(&mut self) {
        self.upload = None;
        self.open = None;
    }

    fn note_progress(&mut self) {
        self.waited_ns = 0;
        self.woken_from = None;
    }

    fn note_silence(&mut self) {
        self.is_quiet = true;
        self.count_wait();
    }

    fn count_wait(&mut self) {
        if let Some(began) = self.woken_from.take() {
            let took = http::now().saturating_sub(began);
            self.waited_ns = self.waited_ns.saturating_add(took);
        }
    }

    /// Releases a finished exchange. The body's own end comes with the last event or right after it; once it is read,
    /// the host can reuse the connection.
    fn give_back(&mut self) {
        let Some(open) = self.open.take() else { return };
        if !matches!(self.exchange.outcome(), Some(Ok(_))) {
            return;
        }
        for _ in 0..GIVE_BACK_READS {
            match open.read() {
                Ok(BodyRead::Bytes(_)) => {}
                Ok(BodyRead::Nothing) if self.alarm.wait(&open, http::now().saturating_add(GIVE_BACK_NS)) => {
                }
                _ => return,
            }
        }
    }

    fn fail(&mut self, failed: &http::Failure, request_sent: bool) {
        self.let_go();
        // The next wait belongs to another request.
        self.note_progress();
        self.exchange.on_failure(failure::of(failed, request_sent));
    }

    /// A handle is missing: a bug of this shell.
    fn lost(&mut self) {
        self.exchange.on_failure(Failure {
            kind: FailureKind::Internal,
            request_sent: true,
        });
    }
}

fn nothing() -> Progress {
    Progress {
        events: Vec::new(),
        finished: None,
    }
}

/// A window of a body; bytes that do not fit are refused, and requested again later.
struct Window<'w> {
    window: &'w mut Vec<u8>,
    most: usize,
}

struct Full;

impl Sink for Window<'_> {
    type Error = Full;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let room = self.most.saturating_sub(self.window.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.window.extend_from_slice(taken);
        match self.window.len() < self.most {
            true => Ok(()),
            false => Err(Full),
        }
    }
}
