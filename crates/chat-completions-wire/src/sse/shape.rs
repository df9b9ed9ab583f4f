//! Fast path for an event that differs from the one before only in one JSON string. Most events of a stream are like
//! that, and only the string has to be decoded.
//!
//! It compares bytes. This module must not know the meaning of the string or of the rest of the event.

use core::ops::Range;

use alloc::vec::Vec;

use super::{Data, Decoder, Kind};
use crate::scan;

/// The longest string of an event, and the longest rest of the event, for which a shape is stored.
const LONGEST: usize = 4096;

/// The bytes of an event around its string, with the field's name and the line ends.
#[derive(Debug, Default)]
pub(super) struct Shape {
    before: Vec<u8>,
    /// Never empty, if there is a shape.
    after: Vec<u8>,
    /// How many bytes of `before` precede the event's data.
    field: usize,
}

impl Shape {
    fn is_known(&self) -> bool {
        !self.after.is_empty()
    }

    fn forget(&mut self) {
        self.after.clear();
    }

    /// Whether data with a string at this range has this shape.
    fn fits(&self, data: &[u8], string: &Range<usize>) -> bool {
        let before = self.before.get(self.field..).unwrap_or_default();
        let after = data.get(string.end..).unwrap_or_default();
        self.is_known() && data.get(..string.start) == Some(before) && {
            let ends = self.after.get(after.len()..).unwrap_or_default();
            self.after.starts_with(after) && ends.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
        }
    }
}

/// The position of the last event in the buffer.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// All its lines, if they are one `data` line and the blank line after it, and arrived together; else empty.
    pub(super) lines: Range<usize>,
    /// Its data, if it is one line; else empty.
    pub(super) data: Range<usize>,
}

impl Decoder {
    /// The string of the next event, quotes included, if the event is complete and otherwise equal to the stored
    /// [shape](Self::store_shape). The string is valid JSON and valid UTF-8.
    pub fn next_alike(&mut self) -> Option<&str> {
        if !self.shape.is_known() || !matches!(self.data, Data::None) || self.kind != Kind::Message {
            return None;
        }
        self.skip_line_feed();
        let bytes = self.buffer.get(self.line..)?;
        let string = bytes.strip_prefix(self.shape.before.as_slice())?;
        // An incomplete string is scanned again with more bytes: not all of it, if it is long.
        let length = scan::string(string.get(..LONGEST).unwrap_or(string))?;
        if !string.get(length..)?.starts_with(&self.shape.after) {
            return None;
        }
        let from = self.line + self.shape.before.len();
        // Only if it is valid UTF-8: otherwise the event is decoded in the usual way.
        let text = core::str::from_utf8(self.buffer.get(from..from + length)?).ok()?;
        self.line = from + length + self.shape.after.len();
        self.searched = self.line;
        self.after_cr = self.shape.after.ends_with(b"\r");
        Some(text)
    }

    /// Stores the shape of the last event, whose data has its string at this range, quotes included. Without a
    /// string, or if the event was split and differs from the stored shape, the shape is cleared.
    pub fn store_shape(&mut self, string: Option<Range<usize>>) {
        let Some(string) = string else {
            return self.shape.forget();
        };
        let Whole { lines, data } = &self.whole;
        let text = self.buffer.get(data.clone()).unwrap_or_default();
        if self.shape.fits(text, &string) {
            return;
        }
        let string = data.start + string.start..data.start + string.end;
        let (before, after) = (lines.start..string.start, string.end..lines.end);
        let is_whole = !lines.is_empty() && before.len() + after.len() <= LONGEST;
        match (self.buffer.get(before), self.buffer.get(after)) {
            (Some(before), Some(after)) if is_whole => {
                self.shape.before.clear();
                self.shape.before.extend_from_slice(before);
                self.shape.after.clear();
                self.shape.after.extend_from_slice(after);
                self.shape.field = data.start - lines.start;
            }
            _ => self.shape.forget(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;

    /// A decoder with the shape of an event with this string, after further bytes.
    fn after(string: &str, end: &str, bytes: &[u8]) -> Decoder {
        let mut decoder = Decoder::default();
        let data = format!("{{\"a\":{string}}}");
        decoder.push(format!("data: {data}{end}{end}").as_bytes());
        assert_eq!(decoder.next().unwrap().unwrap().data, data.as_bytes());
        decoder.store_shape(Some(5..5 + string.len()));
        decoder.push(bytes);
        decoder
    }

    #[test]
    fn of_an_event_like_the_one_before_the_string_is_given() {
        for end in ["\n", "\r\n", "\r"] {
            let more = [
                "\"\"",
                "\"b \\\"c\\\" \\u00e9 é\"",
                "\"a string that is longer than a vector\"",
            ];
            let events = more
                .map(|string| format!("data: {{\"a\":{string}}}{end}{end}"))
                .concat();
            let mut decoder = after("\"x\"", end, events.as_bytes());
            for string in more {
                assert_eq!(decoder.next_alike(), Some(string), "{end:?}");
            }
            assert_eq!(decoder.next_alike(), None);
            // The LF of the last CRLF begins no line.
            decoder.push(b"data: {\"b\":1}\n\n");
            assert_eq!(decoder.next_alike(), None);
            assert_eq!(decoder.next().unwrap().unwrap().data, b"{\"b\":1}");
        }
    }

    #[test]
    fn any_other_event_is_read_as_it_was_before() {
        for bytes in [
            &b"data: {\"b\":\"x\"}\n\n"[..],
            b"data: {\"a\":\"x\"} \n\n",
            b"data: {\"a\":\"x\"}\ndata: 2\n\n",
            b"data: {\"a\":\"x\",\"a\":\"y\"}\n\n",
            b"data: {\"a\":7}\n\n",
            b"data: {\"a\":\"\\x\"}\n\n",
            b"data: {\"a\":\"\\u12\"}\n\n",
            b"data: {\"a\":\"\xFF\"}\n\n",
            b"data: {\"a\":\"\x01\"}\n\n",
            b"data:{\"a\":\"x\"}\n\n",
            b"event: error\ndata: {\"a\":\"x\"}\n\n",
            b"\xEF\xBB\xBFdata: {\"a\":\"x\"}\n\n",
            b"data: {\"a\":\"x\"}\r\n\r\n",
        ] {
            let mut decoder = after("\"x\"", "\n", bytes);
            assert_eq!(decoder.next_alike(), None, "{}", String::from_utf8_lossy(bytes));
            let mut alone = Decoder::default();
            alone.push(bytes);
            assert_eq!(decoder.next().unwrap(), alone.next().unwrap());
        }
    }

    #[test]
    fn a_split_event_is_not_returned_before_it_is_complete() {
        let event = b"data: {\"a\":\"y\"}\n\n";
        let mut decoder = after("\"x\"", "\n", b"");
        for byte in event {
            assert_eq!(decoder.next_alike(), None);
            decoder.push(&[*byte]);
        }
        assert_eq!(decoder.next_alike(), Some("\"y\""));
    }

    #[test]
    fn a_split_event_keeps_the_stored_shape() {
        for (data, is_stored) in [("{\"a\":\"y\"}", true), ("{\"b\":\"y\"}", false)] {
            let mut decoder = after("\"x\"", "\n", b"");
            for fragment in [format!("data: {data}\n"), String::from("\n")] {
                decoder.push(fragment.as_bytes());
                if let Some(event) = decoder.next().unwrap() {
                    assert_eq!(event.data, data.as_bytes());
                }
            }
            decoder.store_shape(Some(5..8));
            decoder.push(b"data: {\"a\":\"z\"}\n\n");
            assert_eq!(decoder.next_alike(), is_stored.then_some("\"z\""));
        }
    }

    #[test]
    fn no_shape_is_stored_for_long_events_or_without_a_string() {
        let long = format!("\"{}\"", "x".repeat(LONGEST));
        let mut decoder = after("\"x\"", "\n", format!("data: {{\"a\":{long}}}\n\n").as_bytes());
        assert_eq!(decoder.next_alike(), None);
        let mut decoder = after("\"x\"", "\n", b"data: {\"a\":\"x\"}\n\n");
        decoder.store_shape(None);
        assert_eq!(decoder.next_alike(), None);
    }
}
