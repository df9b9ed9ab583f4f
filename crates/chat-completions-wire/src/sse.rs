//! Decoder of server-sent events: bytes in any chunking to the data of events, by the standard's rules for lines and
//! fields.
//!
//! LF, CR and CRLF end a line; comments and unknown fields are skipped; the space after `data:` is optional. Beyond
//! the standard: an event that the end of the stream leaves without its blank line is still returned, because servers
//! omit that line; the caller sees from the data whether it is complete. Errors outside of `data` are data too: in a
//! field `error`, or JSON without any field's name. A byte-order mark is the caller's to drop.
//! This module must not know JSON.

mod shape;

use alloc::vec::Vec;
use core::{mem, ops::Range};

use self::shape::{Shape, Whole};

/// The longest line, and the longest data of one event.
pub const LIMIT: usize = 8 * 1024 * 1024;
/// The capacity that an empty buffer retains: an idle stream should cost little.
const RETAINED: usize = 16 * 1024;

/// The type of an event, from its `event` line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// `message`, or there is no such line.
    #[default]
    Message,
    /// `error`.
    Error,
    /// Another name, such as `ping`.
    Other,
}

/// The data of one event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `data` lines, joined by line feeds.
    pub data: &'a [u8],
    /// The event's type.
    pub kind: Kind,
    /// Whether its blank line was received. Without it the data may be cut.
    pub is_closed: bool,
}

/// A line or an event is longer than [`LIMIT`].
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// Where the data of the current event is.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    /// One line: still in the buffer, so that the usual event is never copied.
    Line(Range<usize>),
    /// Several: in `joined`.
    Lines,
}

/// Decodes events from bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// The beginning of the first unread line.
    line: usize,
    /// Up to where that line was searched for its end.
    searched: usize,
    data: Data,
    joined: Vec<u8>,
    kind: Kind,
    /// Whether the event's lines are JSON without the name of a field.
    is_bare: bool,
    /// Whether the last line ended with CR, so that a following LF belongs to it.
    after_cr: bool,
    ended: bool,
    shape: Shape,
    whole: Whole,
}

impl Decoder {
    /// Appends received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        // A line is not buffered together with what follows it, such as endless comments.
        if matches!(&self.data, Data::Line(line) if self.line - line.end > RETAINED) {
            self.join();
        }
        let read = match &self.data {
            Data::Line(line) => line.start,
            Data::None | Data::Lines => self.line,
        };
        // Read bytes are dropped here and not in `next`, whose result borrows them.
        self.buffer.drain(..read);
        self.whole = Whole::default();
        self.line -= read;
        self.searched = self.searched.saturating_sub(read);
        if let Data::Line(line) = &mut self.data {
            *line = 0..line.end - read;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > RETAINED {
            self.buffer = Vec::new();
        }
        if !matches!(self.data, Data::Lines) && self.joined.capacity() > RETAINED {
            self.joined = Vec::new();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Reports the end of the stream.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Returns the next complete event.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows the decoder")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, TooLong> {
        self.skip_line_feed();
        let start = self.line;
        let mut lines = 0;
        while let Some(line) = self.take_line()? {
            lines += 1;
            if !line.is_empty() {
                self.field(line)?;
            } else if matches!(self.data, Data::None) {
                self.kind = Kind::Message;
            } else {
                self.whole = Whole::default();
                if let Data::Line(data) = &self.data {
                    self.whole.data = data.clone();
                    if lines == 2 && data.start >= start {
                        self.whole.lines = start..self.line;
                    }
                }
                return Ok(self.dispatch(true));
            }
        }
        Ok(if self.ended { self.dispatch(false) } else { None })
    }

    /// The next complete line, without its end.
    fn take_line(&mut self) -> Result<Option<Range<usize>>, TooLong> {
        self.skip_line_feed();
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

    /// Skips the LF of a CRLF.
    fn skip_line_feed(&mut self) {
        if self.after_cr
            && let Some(&next) = self.buffer.get(self.line)
        {
            self.after_cr = false;
            self.line += usize::from(next == b'\n');
        }
    }

    /// Reads a line that is not empty.
    fn field(&mut self, line: Range<usize>) -> Result<(), TooLong> {
        let text = self.buffer.get(line.clone()).unwrap_or_default();
        let colon = memchr::memchr(b':', text).unwrap_or(text.len());
        let (name, rest) = text.split_at(colon);
        let mut skipped = colon + usize::from(!rest.is_empty()) + usize::from(rest.get(1) == Some(&b' '));
        match name {
            // A byte-order mark at the beginning of a later line comes from concatenated streams.
            b"data" | b"\xEF\xBB\xBFdata" => {}
            b"event" => {
                self.kind = match text.get(skipped..).unwrap_or_default() {
                    b"" | b"message" => Kind::Message,
                    name if name.eq_ignore_ascii_case(b"error") => Kind::Error,
                    _ => Kind::Other,
                };
                return Ok(());
            }
            b"error" => self.kind = Kind::Error,
            _ if self.is_bare || text.starts_with(b"{") => {
                self.is_bare = true;
                skipped = 0;
            }
            _ => return Ok(()),
        }
        let value = line.start + skipped..line.end;
        if matches!(self.data, Data::None) {
            self.data = Data::Line(value);
            return Ok(());
        }
        self.join();
        self.joined.push(b'\n');
        self.joined
            .extend_from_slice(self.buffer.get(value).unwrap_or_default());
        if self.joined.len() > LIMIT {
            return Err(TooLong);
        }
        Ok(())
    }

    /// Copies a buffered line to the joined data.
    fn join(&mut self) {
        if let Data::Line(line) = mem::replace(&mut self.data, Data::Lines) {
            self.joined.clear();
            self.joined
                .extend_from_slice(self.buffer.get(line).unwrap_or_default());
        }
    }

    fn dispatch(&mut self, is_closed: bool) -> Option<Event<'_>> {
        let kind = mem::take(&mut self.kind);
        self.is_bare = false;
        let data = match mem::take(&mut self.data) {
            Data::None => return None,
            Data::Line(line) => self.buffer.get(line).unwrap_or_default(),
            Data::Lines => &self.joined,
        };
        Some(Event {
            data,
            kind,
            is_closed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec};
    use proptest::prelude::*;

    fn events<'a>(fragments: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, Kind)> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        let mut take = |decoder: &mut Decoder| {
            while let Some(event) = decoder.next().unwrap() {
                events.push((String::from_utf8_lossy(event.data).into_owned(), event.kind));
            }
        };
        for fragment in fragments {
            decoder.push(fragment);
            take(&mut decoder);
        }
        decoder.end();
        take(&mut decoder);
        events
    }

    fn texts(stream: &str) -> Vec<String> {
        events([stream.as_bytes()])
            .into_iter()
            .map(|(data, _)| data)
            .collect()
    }

    #[test]
    fn every_line_end_ends_a_line() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = ["data: a", "", "data:b", "data: c", "", ""].join(end);
            assert_eq!(texts(&stream), ["a", "b\nc"], "{end:?}");
        }
    }

    #[test]
    fn comments_and_unknown_fields_are_no_data() {
        assert_eq!(
            texts(": hello\nid: 1\nretry: 5\nfoo\ndata: a\n: in between\n\n:\n\n"),
            ["a"]
        );
    }

    #[test]
    fn a_byte_order_mark_before_a_field_hides_no_data() {
        assert_eq!(texts("data: a\n\n\u{feff}data: b\n\n"), ["a", "b"]);
    }

    #[test]
    fn only_one_space_belongs_to_the_colon() {
        assert_eq!(texts("data:  a\n\ndata\n\ndata:\n\n"), [" a", "", ""]);
    }

    #[test]
    fn the_type_of_an_event_is_its_own_and_only_two_names_mean_something() {
        let stream = "event: error\ndata: a\n\ndata: b\n\nevent: error\n\ndata: c\n\nevent: ping\ndata: d\n\n\
                      event:message\ndata: e\n\nevent\ndata: f\n\n";
        let got = events([stream.as_bytes()]);
        use Kind::{Error, Message, Other};
        assert_eq!(
            got.iter().map(|event| event.1).collect::<Vec<_>>(),
            [Error, Message, Message, Other, Message, Message]
        );
    }

    #[test]
    fn errors_outside_of_data_are_data() {
        let stream = "error: {\"a\":1}\n\ndata: b\n\n{\"c\":1}\ndata: d\n\n{\n \"e\": 1\n}\n\n \"f\": 1\n\n";
        let got = events([stream.as_bytes()]);
        let expected = ["{\"a\":1}", "b", "{\"c\":1}\nd", "{\n \"e\": 1\n}"];
        assert_eq!(got.iter().map(|event| &*event.0).collect::<Vec<_>>(), expected);
        assert_eq!((got[0].1, got[1].1), (Kind::Error, Kind::Message));
    }

    #[test]
    fn the_last_event_needs_no_blank_line() {
        assert_eq!(texts("data: a\n\ndata: b"), ["a", "b"]);
        assert_eq!(texts("data: a\ndata: b\n"), ["a\nb"]);
    }

    #[test]
    fn a_line_past_the_limit_is_refused_and_one_at_the_limit_is_not() {
        let mut decoder = Decoder::default();
        decoder.push(b"data: ");
        decoder.push(&vec![b'x'; LIMIT - 6]);
        assert_eq!(decoder.next(), Ok(None));
        decoder.push(b"\n\n");
        assert_eq!(decoder.next().unwrap().unwrap().data.len(), LIMIT - 6);
        decoder.push(&vec![b'x'; LIMIT]);
        assert_eq!(decoder.next(), Ok(None));
        decoder.push(b"x");
        assert_eq!(decoder.next(), Err(TooLong));
    }

    #[test]
    fn many_short_data_lines_cannot_pass_the_limit_either() {
        let mut decoder = Decoder::default();
        let line = [b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n"].concat();
        let refused = (0..9).any(|_| {
            decoder.push(&line);
            decoder.next().is_err()
        });
        assert!(refused);
    }

    #[test]
    fn an_empty_buffer_retains_little() {
        let mut decoder = Decoder::default();
        decoder.push(&[b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n\n"].concat());
        assert!(decoder.next().unwrap().is_some());
        decoder.push(b"");
        assert!(decoder.buffer.capacity() <= RETAINED);
    }

    #[test]
    fn comments_after_data_are_not_buffered() {
        let mut decoder = Decoder::default();
        decoder.push(b"data: a\n");
        for _ in 0..10_000 {
            assert_eq!(decoder.next(), Ok(None));
            decoder.push(b": still there\n");
        }
        assert!(decoder.buffer.len() <= 2 * RETAINED, "{}", decoder.buffer.len());
        decoder.push(b"data: b\n\n");
        assert_eq!(decoder.next().unwrap().unwrap().data, b"a\nb");
    }

    proptest! {
        #[test]
        fn no_cut_changes_the_events(
            lines in prop::collection::vec("(data: ?|event: ?error|event: ?ping|error:|\\{|:|)[ab:é]{0,3}(\r\n|\n|\r)", 0..12),
            cuts in prop::collection::vec(0usize..200, 0..6),
        ) {
            let stream = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.push(0);
            cuts.push(stream.len());
            cuts.sort_unstable();
            let fragments = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            let whole = events([stream.as_slice()]);
            prop_assert_eq!(events(fragments), whole.as_slice());
            prop_assert_eq!(events(stream.chunks(1)), whole);
        }
    }
}
