//! `chat-stream`, `chat-start` and `chat-complete`, as the contract exports them, and the completion that they return.
//! Which side waits is decided here; how an exchange is driven is the driver's matter.

mod driver;

use alloc::boxed::Box;
use core::{
    cell::{RefCell, RefMut},
    fmt,
};

use self::driver::Driver;
use super::http::{self, NS_PER_MS};
use chat_completions::{
    Resolved, Upstream,
    chat::Collector,
    contract::{
        nonblocking::Step,
        provider::{GuestCompletion, Progress},
        types::{ChatRequest, ChatResponse, Error, ErrorKind},
    },
};

/// A streaming response, as the contract exports it.
pub struct Completion(Box<dyn Read>);

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion").finish_non_exhaustive()
    }
}

/// Reads of a completion. An object, so that its drop code is compiled once.
trait Read {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error>;
    fn try_read(&self, max_events: u32, waited_ms: u64) -> Result<Step, Error>;
}

/// Resolves a model reference.
pub type Resolve = fn(&str) -> Result<Resolved, Error>;

/// Sends a request and returns the streaming response.
///
/// # Errors
/// If the request is refused before it is sent, or cannot be sent.
pub fn chat_stream(
    upstream: &'static Upstream,
    request: ChatRequest,
    resolve: Resolve,
) -> Result<Completion, Error> {
    let resolved = resolve(&request.model)?;
    let mut driver = Driver::new(upstream, request, resolved, http::now())?;
    driver.send();
    Held::begun(driver, false)
}

/// The same without waiting; [`Completion::try_read`] continues what cannot be done at once.
///
/// # Errors
/// If the request is refused before it is sent, or cannot be sent.
pub fn chat_start(
    upstream: &'static Upstream,
    request: ChatRequest,
    resolve: Resolve,
    seed: u64,
) -> Result<Completion, Error> {
    let resolved = resolve(&request.model)?;
    let mut driver = Driver::new(upstream, request, resolved, seed)?;
    driver.begin();
    driver.upload_more();
    Held::begun(driver, true)
}

/// Sends a request and waits for the whole response.
///
/// # Errors
/// If the request is refused before it is sent, or the response is not complete.
pub fn chat_complete(
    upstream: &'static Upstream,
    request: ChatRequest,
    resolve: Resolve,
) -> Result<ChatResponse, Error> {
    let resolved = resolve(&request.model)?;
    let mut driver = Driver::new(upstream, request, resolved, http::now())?;
    let mut collector = Collector::default();
    loop {
        let progress = driver.read(usize::MAX, u64::MAX)?;
        for event in progress.events {
            collector.push(event);
        }
        if let Some(summary) = progress.finished {
            return Ok(ChatResponse {
                content: collector.finish(),
                summary,
            });
        }
    }
}

impl Completion {
    /// One non-blocking step. The host waits.
    ///
    /// # Errors
    /// The error of the response; `internal` for a completion of [`chat_stream`].
    pub fn try_read(&self, max_events: u32, waited_ms: u64) -> Result<Step, Error> {
        self.0.try_read(max_events, waited_ms)
    }
}

impl GuestCompletion for Completion {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        self.0.read(max_events, max_wait_ms)
    }
}

/// A driver, and which side waits for it.
struct Held {
    driver: RefCell<Box<Driver>>,
    /// Which side waits: the host, through `try-read`, or the guest, in `read`.
    host_waits: bool,
}

impl Held {
    /// The started response; an error if it has failed already.
    fn begun(driver: Box<Driver>, host_waits: bool) -> Result<Completion, Error> {
        match driver.failure() {
            Some(error) => Err(error.clone()),
            None => Ok(Completion(Box::new(Self {
                driver: RefCell::new(driver),
                host_waits,
            }))),
        }
    }

    fn driver(&self, host_waits: bool) -> Result<RefMut<'_, Box<Driver>>, Error> {
        let fault = |what| Error::before_sending(ErrorKind::Internal, what);
        if host_waits != self.host_waits {
            return Err(fault(
                "`read` is for completions of `chat-stream`, `try-read` for those of `chat-start`",
            ));
        }
        self.driver
            .try_borrow_mut()
            .map_err(|_| fault("a read is under way already"))
    }
}

impl Read for Held {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        let wait = match max_wait_ms {
            u32::MAX => u64::MAX,
            ms => u64::from(ms) * NS_PER_MS,
        };
        self.driver(false)?.read(most(max_events), wait)
    }

    fn try_read(&self, max_events: u32, waited_ms: u64) -> Result<Step, Error> {
        self.driver(true)?.step(most(max_events), waited_ms)
    }
}

fn most(max_events: u32) -> usize {
    usize::try_from(max_events).unwrap_or(usize::MAX)
}
