//! JSON values looked at by their text: what counts, and how a text is written as one. What reads whole
//! answers is in the wire crate; this is for the little that is looked at closer.

use alloc::string::String;

pub(crate) use crate::wire::json::*;

/// A raw number as a count: from 0 up, held at the largest `u32`.
pub(crate) fn count(raw: &str) -> Option<u32> {
    let number = integer(raw)?;
    (number >= 0).then(|| u32::try_from(number).unwrap_or(u32::MAX))
}

/// Gives a text as a JSON string to `out`, quotes included: runs without escapes in one piece.
pub(crate) fn quote(text: &str, out: &mut dyn FnMut(&[u8])) {
    out(b"\"");
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let mut unit = *b"\\u0000";
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => {
                let digit = byte & 0xf;
                unit[4] = b'0' + (byte >> 4);
                unit[5] = if digit < 10 {
                    b'0' + digit
                } else {
                    b'a' + digit - 10
                };
                &unit
            }
            _ => continue,
        };
        out(bytes.get(from..at).unwrap_or_default());
        out(escape);
        from = at + 1;
    }
    out(bytes.get(from..).unwrap_or_default());
    out(b"\"");
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = alloc::vec::Vec::with_capacity(text.len() + 2);
    quote(text, &mut |piece| out.extend_from_slice(piece));
    String::from_utf8(out).unwrap_or_default()
}
