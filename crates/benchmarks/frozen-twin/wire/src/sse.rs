//! Server-sent events: bytes in any pieces to the data of events, by the standard's rules for lines and
//! fields.
//!
//! LF, CR and CRLF end a line; comments and unknown fields are skipped; `data:` may stand with and without a
//! space. Beyond the standard: an event that the end of the stream leaves without its blank line is still
//! given, because servers forget that line; whoever reads the data sees whether it is whole. A byte-order
//! mark is the caller's to drop. This module must not know JSON.

use alloc::vec::Vec;
use core::{mem, ops::Range};

/// The longest line, and the longest data of one event, that is taken.
pub const LIMIT: usize = 8 * 1024 * 1024;
/// What an empty buffer may keep: a stream that waits should cost little.
const KEPT: usize = 16 * 1024;

/// The data of one event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `data` lines, joined by line feeds.
    pub data: &'a [u8],
    /// Whether the event's type is `error`.
    pub is_error: bool,
    /// Whether its blank line came. Without it the data may be cut.
    pub is_closed: bool,
}

/// A line or an event is longer than [`LIMIT`].
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// Where the data of the event stands that is being read.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    /// One line: still in the buffer, so that the usual event is never copied.
    Line(Range<usize>),
    /// Several: in `joined`.
    Lines,
}

/// Reads events from bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the line begins that is not read yet.
    line: usize,
    /// Up to where that line was searched for its end.
    searched: usize,
    data: Data,
    joined: Vec<u8>,
    is_error: bool,
    /// Whether the last line ended with CR, so that a LF now belongs to it.
    after_cr: bool,
    ended: bool,
}

impl Decoder {
    /// Adds what came.
    pub fn push(&mut self, bytes: &[u8]) {
        // What stands behind a line is not kept for its sake, such as comments without end.
        if matches!(&self.data, Data::Line(line) if self.line - line.end > KEPT) {
            self.join();
        }
        let read = match &self.data {
            Data::Line(line) => line.start,
            Data::None | Data::Lines => self.line,
        };
        // What was read is dropped here and not in `next`, whose result borrows it.
        self.buffer.drain(..read);
        self.line -= read;
        self.searched = self.searched.saturating_sub(read);
        if let Data::Line(line) = &mut self.data {
            *line = 0..line.end - read;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        if !matches!(self.data, Data::Lines) && self.joined.capacity() > KEPT {
            self.joined = Vec::new();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that nothing more will come.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Gives the next event that is whole.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows the decoder")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, TooLong> {
        while let Some(line) = self.take_line()? {
            if !line.is_empty() {
                self.field(line)?;
            } else if matches!(self.data, Data::None) {
                self.is_error = false;
            } else {
                return Ok(self.dispatch(true));
            }
        }
        Ok(if self.ended { self.dispatch(false) } else { None })
    }

    /// The next whole line, without its end.
    fn take_line(&mut self) -> Result<Option<Range<usize>>, TooLong> {
        if self.after_cr
            && let Some(&next) = self.buffer.get(self.line)
        {
            self.after_cr = false;
            self.line += usize::from(next == b'\n');
        }
        let from = self.searched.max(self.line);
        let unsearched = self.buffer.get(from..).unwrap_or_default();
        let (line, next) = match memchr::memchr2(b'\n', b'\r', unsearched) {
            Some(length) => {
                let end = from + length;
                self.after_cr = self.buffer.get(end) == Some(&b'\r');
                (self.line..end, end + 1)
            }
            None if self.ended && self.line < self.buffer.len() => {
                (self.line..self.buffer.len(), self.buffer.len())
            }
            None => {
                self.searched = self.buffer.len();
                return if self.searched.saturating_sub(self.line) > LIMIT {
                    Err(TooLong)
                } else {
                    Ok(None)
                };
            }
        };
        self.line = next;
        self.searched = next;
        if line.len() > LIMIT {
            Err(TooLong)
        } else {
            Ok(Some(line))
        }
    }

    /// Takes in a line that is not empty.
    fn field(&mut self, line: Range<usize>) -> Result<(), TooLong> {
        let text = self.buffer.get(line.clone()).unwrap_or_default();
        let colon = memchr::memchr(b':', text).unwrap_or(text.len());
        let (name, rest) = text.split_at(colon);
        let skipped = colon + usize::from(!rest.is_empty()) + usize::from(rest.get(1) == Some(&b' '));
        let value = text.get(skipped..).unwrap_or_default();
        match name {
            b"event" => self.is_error = value == b"error",
            b"data" => {
                if matches!(self.data, Data::None) {
                    self.data = Data::Line(line.start + skipped..line.end);
                    return Ok(());
                }
                self.join();
                self.joined.push(b'\n');
                let value = self.buffer.get(line.start + skipped..line.end);
                self.joined.extend_from_slice(value.unwrap_or_default());
                if self.joined.len() > LIMIT {
                    return Err(TooLong);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Copies a line that is in the buffer to where several are.
    fn join(&mut self) {
        if let Data::Line(line) = mem::replace(&mut self.data, Data::Lines) {
            self.joined.clear();
            self.joined
                .extend_from_slice(self.buffer.get(line).unwrap_or_default());
        }
    }

    fn dispatch(&mut self, is_closed: bool) -> Option<Event<'_>> {
        let is_error = mem::take(&mut self.is_error);
        let data = match mem::take(&mut self.data) {
            Data::None => return None,
            Data::Line(line) => self.buffer.get(line).unwrap_or_default(),
            Data::Lines => &self.joined,
        };
        Some(Event {
            data,
            is_error,
            is_closed,
        })
    }
}
