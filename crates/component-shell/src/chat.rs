//! `chat-stream` and `chat-complete`: drives the protocol's exchange with the requests, waits and bytes of WASI.

use alloc::{boxed::Box, string::ToString, vec::Vec};
use core::{cell::RefCell, convert::Infallible};

use wasi::http::types::Method;

use super::{
    failure,
    http::{self, Alarm, BodyWriter, Endpoint, NS_PER_MS, Patience, Piece},
    settings::Imported,
};
use chat_completions::{
    Resolved, Upstream,
    chat::{Exchange, Failure, FailureKind, Fold, Next, Sink},
    contract::{
        provider::{GuestCompletion, Progress},
        types::{ChatRequest, ChatResponse, Error, ErrorKind},
    },
    settings::Settings as _,
};

/// How long the end of a body is waited for behind the end of its answer, and in how many reads.
const GIVE_BACK_NS: u64 = 5 * NS_PER_MS;
const GIVE_BACK_READS: u32 = 4;

/// One response on its way, as the contract exports it.
pub struct Completion(Box<dyn Read>);

/// Reads of a completion. An object, so that what it drops is compiled once.
trait Read {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error>;
}

/// What a text means that names a model.
pub type Resolve = fn(&str) -> Result<Resolved, Error>;

/// Sends a request and gives the response on its way.
///
/// # Errors
/// If the request is refused before it is sent, or cannot be sent.
pub fn chat_stream(
    upstream: &'static Upstream,
    request: ChatRequest,
    resolve: Resolve,
) -> Result<Completion, Error> {
    let mut driver = Driver::new(upstream, request, resolve)?;
    driver.send();
    // Nothing was answered yet, and nothing will be: say so at once.
    if let Some(Err(error)) = driver.exchange.outcome() {
        return Err(error.clone());
    }
    Ok(Completion(Box::new(RefCell::new(driver))))
}

/// Sends a request and waits for the whole response.
///
/// # Errors
/// If the request is refused before it is sent, or no whole response comes.
pub fn chat_complete(
    upstream: &'static Upstream,
    request: ChatRequest,
    resolve: Resolve,
) -> Result<ChatResponse, Error> {
    let mut driver = Driver::new(upstream, request, resolve)?;
    let mut fold = Fold::default();
    loop {
        let progress = driver.read(usize::MAX, u64::MAX)?;
        for event in progress.events {
            fold.push(event);
        }
        if let Some(summary) = progress.finished {
            return Ok(ChatResponse {
                content: fold.finish(),
                summary,
            });
        }
    }
}

impl GuestCompletion for Completion {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        self.0.read(max_events, max_wait_ms)
    }
}

impl Read for RefCell<Driver> {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        let Ok(mut driver) = self.try_borrow_mut() else {
            return Err(Error::before_sending(
                ErrorKind::Internal,
                "a read is under way already",
            ));
        };
        let wait = match max_wait_ms {
            u32::MAX => u64::MAX,
            ms => u64::from(ms) * NS_PER_MS,
        };
        driver.read(usize::try_from(max_events).unwrap_or(usize::MAX), wait)
    }
}

/// The protocol's exchange and what it has open. Fields drop in this order.
struct Driver {
    open: Option<http::Exchange>,
    exchange: Exchange,
    endpoint: Endpoint,
    patience: Patience,
    /// How long the reads have waited for what is waited for now. Time between reads does not count.
    waited_ns: u64,
    /// When the wait began that nothing has been taken after yet.
    woken_from: Option<u64>,
    alarm: Alarm,
    /// All that was there has been taken: more comes by waiting only.
    is_quiet: bool,
}

impl Driver {
    fn new(upstream: &'static Upstream, request: ChatRequest, resolve: Resolve) -> Result<Self, Error> {
        let snapshot = Imported.get();
        let resolved = resolve(&request.model)?;
        let base = snapshot.base_url.as_deref().unwrap_or(upstream.base_url);
        let exchange = Exchange::new(upstream, request, resolved, &snapshot, http::now())?;
        let endpoint = Endpoint::new(base, exchange.head().path).ok_or_else(|| {
            Error::before_sending(
                ErrorKind::InvalidRequest,
                "the base URL of the settings is no http or https URL",
            )
        })?;
        Ok(Self {
            open: None,
            exchange,
            endpoint,
            patience: Patience {
                connect: snapshot.connect_timeout_ms,
                stall: snapshot.first_byte_timeout_ms,
            },
            waited_ns: 0,
            woken_from: None,
            alarm: Alarm::default(),
            is_quiet: false,
        })
    }

    /// Goes on until there are events, the end, or the time is over.
    fn read(&mut self, max_events: usize, most_ns: u64) -> Result<Progress, Error> {
        let mut left = most_ns;
        loop {
            match self.exchange.next() {
                Next::Events => {
                    let events = self.exchange.take_events(max_events);
                    let finished = match self.exchange.outcome() {
                        Some(Ok(summary)) => Some(summary.clone()),
                        _ => None,
                    };
                    if finished.is_some() {
                        self.give_back();
                    }
                    return Ok(Progress { events, finished });
                }
                Next::Ended => {
                    self.give_back();
                    return match self.exchange.outcome() {
                        Some(Ok(summary)) => Ok(Progress {
                            events: Vec::new(),
                            finished: Some(summary.clone()),
                        }),
                        Some(Err(error)) => Err(error.clone()),
                        None => Err(Error::before_sending(
                            ErrorKind::Internal,
                            "an answer ended without an end",
                        )),
                    };
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

    fn send(&mut self) {
        let head = self.exchange.head();
        let mut headers: Vec<_> = head
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.into_bytes()))
            .collect();
        headers.push((
            "content-length".to_string(),
            head.content_length.to_string().into_bytes(),
        ));
        self.waited_ns = 0;
        let exchange = &self.exchange;
        let mut write = |writer: &mut BodyWriter<'_>| {
            let Ok(()) = exchange.write_body(&mut Body(writer));
        };
        let sent = http::send(
            Method::Post,
            &self.endpoint,
            &headers,
            &self.patience,
            Some(&mut write),
        );
        match sent {
            Ok(open) => {
                self.open = Some(open);
                self.is_quiet = true;
                self.exchange.sent();
            }
            Err(failed) => self.fail(&failed, false),
        }
    }

    fn take_head(&mut self) {
        let Some(open) = self.open.take() else {
            return self.lost();
        };
        match open.head() {
            Ok((open, head)) => {
                self.open = Some(open);
                match head {
                    // The limit is on the first byte, which the head is none of.
                    Some(head) => {
                        self.count_wait();
                        self.exchange.on_response(head.status, &head.headers);
                    }
                    None => self.nothing_came(),
                }
            }
            Err(failed) => self.fail(&failed, true),
        }
    }

    /// Takes all that is there, so that one crossing hands out all of it.
    fn take_bytes(&mut self) {
        while let Next::Body { .. } | Next::Events = self.exchange.next() {
            let Some(open) = &self.open else {
                return self.lost();
            };
            match open.read() {
                Ok(Piece::Bytes(bytes)) => {
                    self.something_came();
                    self.exchange.on_bytes(&bytes);
                }
                Ok(Piece::Nothing) => return self.nothing_came(),
                Ok(Piece::End) => {
                    self.something_came();
                    self.exchange.on_end();
                    return;
                }
                Err(failed) => return self.fail(&failed, true),
            }
        }
    }

    /// Waits for more; false if the caller's time is over. The exchange's own limit is a failure.
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
            self.open = None;
            self.exchange.on_failure(Failure {
                kind: FailureKind::Timeout,
                request_sent: true,
            });
            return true;
        }
        false
    }

    fn something_came(&mut self) {
        self.waited_ns = 0;
        self.woken_from = None;
    }

    fn nothing_came(&mut self) {
        self.is_quiet = true;
        self.count_wait();
    }

    fn count_wait(&mut self) {
        if let Some(began) = self.woken_from.take() {
            let took = http::now().saturating_sub(began);
            self.waited_ns = self.waited_ns.saturating_add(took);
        }
    }

    /// Lets go of a finished exchange. The body's own end comes with the last event or right after it; with it read,
    /// the host can use the connection again.
    fn give_back(&mut self) {
        let Some(open) = self.open.take() else { return };
        if !matches!(self.exchange.outcome(), Some(Ok(_))) {
            return;
        }
        for _ in 0..GIVE_BACK_READS {
            match open.read() {
                Ok(Piece::Bytes(_)) => {}
                Ok(Piece::Nothing) if self.alarm.wait(&open, http::now().saturating_add(GIVE_BACK_NS)) => {}
                _ => return,
            }
        }
    }

    fn fail(&mut self, failed: &http::Failure, request_sent: bool) {
        self.open = None;
        // What is waited for next is another request's turn.
        self.something_came();
        self.exchange.on_failure(failure::of(failed, request_sent));
    }

    /// There is nothing open where something should be: a fault of this shell.
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

struct Body<'a, 'w>(&'a mut BodyWriter<'w>);

impl Sink for Body<'_, '_> {
    type Error = Infallible;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.write(bytes);
        Ok(())
    }
}
