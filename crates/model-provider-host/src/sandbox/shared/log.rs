//! The log of a call: the inputs of its guest, in order, so that a fresh instance can get the same. Knows no store
//! and no contract.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::HeaderMap;
use wasmtime_wasi_http::{FieldMap, p2::bindings::http::types::ErrorCode};

use super::super::{arrivals::Arrived, memory::MemoryBudget};

/// A log and those who write to it: the call, its imports, and its bodies.
#[derive(Clone)]
pub(crate) struct Logged(Arc<Mutex<Log>>);

impl Logged {
    /// A log of at most this many bytes, charged to the memory of all guests.
    pub(super) fn new(most: usize, budget: MemoryBudget) -> Self {
        Self(Arc::new(Mutex::new(Log {
            mode: Mode::Recording,
            entries: Vec::new(),
            bytes: Vec::new(),
            heads: Vec::new(),
            codes: Vec::new(),
            bodies: Vec::new(),
            has_yielded: false,
            difference: None,
            kept: Kept {
                bytes: 0,
                charged: 0,
                most,
                budget,
            },
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One input of the guest. Handles are named by their numbers, which a guest that does the same gets again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A call of `try-read`, after this many milliseconds.
    Step(u64),
    /// A request was begun; its future.
    Sent(u32),
    /// The response of a future is not there yet.
    NoHead(u32),
    /// The head of its response, in `heads`.
    Head(u32, u32),
    /// Why there is no response, in `codes`.
    Failed(u32, u32),
    /// The response was taken before.
    Taken(u32),
    /// The stream of a body, in `bodies`.
    Body(u32, u32),
    /// This many bytes of a body; 0 if there was nothing.
    Read(u32, u32),
    /// The end of a body.
    Ended(u32),
    /// A body broke off.
    Cut(u32),
    /// Room for bytes of a request body.
    Room(u64),
    /// No more of a request body is taken.
    NoRoom,
}

/// The size of an entry, in bytes.
const ENTRY: usize = size_of::<Entry>();
/// A head counts for this much, beside its fields.
const HEAD: usize = 256;
/// How much is charged at once.
const CHARGE: usize = 16 * 1024;

#[derive(Clone, Copy, Debug)]
enum Mode {
    Recording,
    /// The next entry, and the next byte.
    Replaying {
        at: usize,
        byte: usize,
    },
    /// Why nothing can be replayed.
    Off(&'static str),
}

pub(crate) struct Log {
    mode: Mode,
    entries: Vec<Entry>,
    /// Of all bodies, in the order in which they were read.
    bytes: Vec<u8>,
    /// Their fields are copies without the room that a connection's have.
    heads: Vec<(u16, HeaderMap)>,
    codes: Vec<ErrorCode>,
    bodies: Vec<Weak<Mutex<Arrived>>>,
    /// The guest was interrupted in this call since it was last polled.
    has_yielded: bool,
    /// How a replay has come to differ.
    difference: Option<&'static str>,
    kept: Kept,
}

/// What is kept, and the memory that it is charged to.
struct Kept {
    bytes: usize,
    charged: usize,
    most: usize,
    budget: MemoryBudget,
}

impl Kept {
    fn grow(&mut self, by: usize) -> bool {
        self.bytes = self.bytes.saturating_add(by);
        if self.bytes > self.most {
            return false;
        }
        while self.bytes > self.charged {
            if !self.budget.take(CHARGE, usize::MAX) {
                return false;
            }
            self.charged += CHARGE;
        }
        true
    }

    fn release(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.charged));
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.release();
    }
}

impl Log {
    fn is_recording(&self) -> bool {
        matches!(self.mode, Mode::Recording)
    }

    /// Adds an entry.
    pub(super) fn record(&mut self, entry: Entry) {
        if self.is_recording() {
            self.entries.push(entry);
            self.keep(ENTRY);
        }
    }

    /// Adds the head of the response of this future.
    pub(super) fn record_head(&mut self, future: u32, status: u16, fields: &FieldMap) {
        if self.is_recording() {
            let size: usize = fields
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len())
                .sum();
            self.record(Entry::Head(future, index(self.heads.len())));
            let copies = fields.iter().map(|(name, value)| (name.clone(), value.clone()));
            self.heads.push((status, copies.collect()));
            self.keep(HEAD + size);
        }
    }

    /// Adds why a future has no response.
    pub(super) fn record_failed(&mut self, future: u32, code: &ErrorCode) {
        if self.is_recording() {
            self.record(Entry::Failed(future, index(self.codes.len())));
            self.codes.push(code.clone());
            self.keep(size_of::<ErrorCode>());
        }
    }

    /// Adds the stream of a body; returns its number.
    pub(super) fn record_body(&mut self, body: u32, arrived: &Arc<Mutex<Arrived>>) -> u32 {
        let number = index(self.bodies.len());
        if self.is_recording() {
            self.record(Entry::Body(body, number));
            self.bodies.push(Arc::downgrade(arrived));
        }
        number
    }

    /// Adds what was read of a body.
    pub(super) fn record_read(&mut self, body: u32, bytes: &[u8]) {
        if self.is_recording() {
            self.record(Entry::Read(body, index(bytes.len())));
            self.keep(bytes.len());
            // Not if that was too much.
            if self.is_recording() {
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    /// Counts bytes that are kept for this call here or elsewhere.
    pub(super) fn keep(&mut self, bytes: usize) {
        if self.is_recording() && !self.kept.grow(bytes) {
            self.give_up("more of it has arrived than is kept for that");
        }
    }

    /// Nothing can be replayed, and nothing is kept any more.
    pub(super) fn give_up(&mut self, why: &'static str) {
        match self.mode {
            Mode::Off(_) => {}
            Mode::Replaying { .. } => {
                self.difference.get_or_insert(why);
            }
            Mode::Recording => self.off(why),
        }
    }

    fn off(&mut self, why: &'static str) {
        self.mode = Mode::Off(why);
        (self.entries, self.bytes, self.heads) = (Vec::new(), Vec::new(), Vec::new());
        (self.codes, self.bodies) = (Vec::new(), Vec::new());
        self.kept.release();
    }

    /// The running guest yields to others.
    pub(crate) fn yields(&mut self) {
        self.has_yielded = true;
    }

    /// The guest is suspended: it has yielded, or it waits in an import, which cannot be replayed.
    pub(super) fn suspended(&mut self) {
        if !std::mem::take(&mut self.has_yielded) {
            self.give_up("the plugin waits within a call");
        }
    }

    /// Whether it is kept.
    pub(super) fn is_kept(&self) -> bool {
        self.is_recording()
    }

    /// Begins to replay.
    pub(super) fn replay(&mut self) -> Result<(), &'static str> {
        match self.mode {
            Mode::Off(why) => Err(why),
            Mode::Recording | Mode::Replaying { .. } => {
                self.mode = Mode::Replaying { at: 0, byte: 0 };
                Ok(())
            }
        }
    }

    /// The time waited before the next call of `try-read`; `None` after the last one. An error if the guest has not
    /// read all of its inputs of the call before.
    pub(super) fn next_step(&mut self) -> Result<Option<u64>, &'static str> {
        if let Some(difference) = self.difference {
            return Err(difference);
        }
        let Mode::Replaying { at, .. } = &mut self.mode else {
            return Err("it was ended");
        };
        match self.entries.get(*at) {
            None => Ok(None),
            Some(Entry::Step(waited_ms)) => {
                *at += 1;
                Ok(Some(*waited_ms))
            }
            Some(_) => Err("the plugin took less of what has arrived"),
        }
    }

    /// Ends the replay: from now on all is live, and nothing is logged.
    pub(super) fn end(&mut self) -> Result<(), &'static str> {
        self.off("it was replayed before");
        self.difference.map_or(Ok(()), Err)
    }

    /// How a replay has come to differ.
    pub(super) fn difference(&self) -> Option<&'static str> {
        self.difference
    }

    /// The input at this point, if this is a replay; then the caller returns the same.
    pub(super) fn next_entry(&mut self) -> wasmtime::Result<Option<Entry>> {
        let Mode::Replaying { at, .. } = &mut self.mode else {
            return Ok(None);
        };
        match self.entries.get(*at) {
            None | Some(Entry::Step(_)) => Err(self.differs("the plugin requested more")),
            Some(entry) => {
                *at += 1;
                Ok(Some(*entry))
            }
        }
    }

    /// Ends a replay that differs, by an error that stops the guest.
    pub(super) fn differs(&mut self, how: &'static str) -> wasmtime::Error {
        self.difference.get_or_insert(how);
        wasmtime::format_err!("the replay differs: {how}")
    }

    /// Whether no later future has this number.
    pub(super) fn is_last_sent(&self, future: u32) -> bool {
        let Mode::Replaying { at, .. } = self.mode else {
            return false;
        };
        let mut later = self.entries.iter().skip(at);
        !later.any(|entry| *entry == Entry::Sent(future))
    }

    /// A head, by its number.
    pub(super) fn head(&self, number: u32) -> Option<(u16, HeaderMap)> {
        self.heads.get(number as usize).cloned()
    }

    /// An error, by its number.
    pub(super) fn code(&self, number: u32) -> Option<ErrorCode> {
        self.codes.get(number as usize).cloned()
    }

    /// A body that the guest may still be reading, by its number.
    pub(super) fn body(&self, number: u32) -> Option<Arc<Mutex<Arrived>>> {
        self.bodies.get(number as usize)?.upgrade()
    }

    /// The next bytes that were read.
    pub(super) fn bytes(&mut self, length: u32) -> &[u8] {
        let Mode::Replaying { byte, .. } = &mut self.mode else {
            return &[];
        };
        let from = *byte;
        *byte += length as usize;
        self.bytes.get(from..*byte).unwrap_or_default()
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(most: usize) -> (Logged, MemoryBudget) {
        let budget = MemoryBudget::new(1024 * 1024);
        (Logged::new(most, budget.clone()), budget)
    }

    #[test]
    fn a_replay_repeats_the_inputs_in_order_and_step_by_step() {
        let (logged, _) = log(1024);
        let mut log = logged.lock();
        log.record(Entry::Sent(1));
        log.record(Entry::Step(7));
        log.record_read(0, b"abc");
        log.record_read(0, b"de");
        log.replay().unwrap();
        assert_eq!(log.next_entry().unwrap(), Some(Entry::Sent(1)));
        assert_eq!(log.next_step(), Ok(Some(7)));
        assert_eq!(log.next_entry().unwrap(), Some(Entry::Read(0, 3)));
        assert_eq!(log.bytes(3), b"abc");
        assert!(log.next_step().is_err(), "there is more in this step");
        assert_eq!(log.next_entry().unwrap(), Some(Entry::Read(0, 2)));
        assert_eq!(log.bytes(2), b"de");
        assert_eq!(log.next_step(), Ok(None));
        assert!(log.next_entry().is_err(), "there was no more");
        assert!(log.end().is_err(), "which is a difference");
    }

    #[test]
    fn more_than_the_bound_is_not_kept_and_its_memory_is_given_back() {
        let (logged, budget) = log(CHARGE);
        let mut log = logged.lock();
        log.record_read(0, &[7; CHARGE / 2]);
        assert_eq!(budget.used(), CHARGE);
        log.record_read(0, &[7; CHARGE / 2]);
        assert_eq!(budget.used(), 0);
        assert!(!log.is_kept() && log.replay().is_err());
    }

    #[test]
    fn a_log_that_the_memory_of_all_guests_has_no_room_for_is_not_kept() {
        let logged = Logged::new(usize::MAX, MemoryBudget::new(CHARGE));
        let mut log = logged.lock();
        log.record_read(0, &[7; 2 * CHARGE]);
        assert!(!log.is_kept());
    }

    #[test]
    fn a_guest_that_waits_in_a_call_cannot_be_replayed_and_one_that_yields_can() {
        let (logged, _) = log(1024);
        let mut log = logged.lock();
        log.yields();
        log.suspended();
        assert!(log.is_kept());
        log.suspended();
        assert!(!log.is_kept());
    }
}
