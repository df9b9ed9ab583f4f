//! JSON leaving in pieces: straight to where it goes, in a buffer's steps, without a copy of the whole.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use crate::{json, wire::base64};

/// How much is gathered before it is given on.
const STEP: usize = 8192;
/// How many bytes become base64 at once: a multiple of three, so that padding comes at the end only.
const GROUP: usize = 3072;

/// Takes a piece and says whether to go on.
type Out<'o> = &'o mut dyn FnMut(&[u8]) -> bool;

/// Writes JSON, or only counts it. After a refusal nothing more is given on.
pub(super) struct Writer<'o> {
    /// `None` to count only.
    out: Option<Out<'o>>,
    buffer: Vec<u8>,
    length: u64,
}

impl<'o> Writer<'o> {
    pub(super) fn to(out: Out<'o>) -> Self {
        Self {
            out: Some(out),
            buffer: Vec::with_capacity(STEP),
            length: 0,
        }
    }

    pub(super) fn counting() -> Self {
        Self {
            out: None,
            buffer: Vec::new(),
            length: 0,
        }
    }

    /// Gives on what is left and says how many bytes it were in all.
    pub(super) fn finish(mut self) -> u64 {
        self.flush();
        self.length
    }

    /// JSON, or a part of it, as it is.
    pub(super) fn raw(&mut self, json: &str) {
        self.bytes(json.as_bytes());
    }

    /// A text as a JSON string.
    pub(super) fn string(&mut self, text: &str) {
        json::quote(text, &mut |piece| self.bytes(piece));
    }

    /// `,"name":`
    pub(super) fn name(&mut self, name: &str) {
        self.raw(",");
        self.string(name);
        self.raw(":");
    }

    /// `,"name":"text"`
    pub(super) fn member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.string(text);
    }

    /// `,"name":json`, if there is a value.
    pub(super) fn optional(&mut self, name: &str, json: Option<String>) {
        if let Some(json) = json {
            self.name(name);
            self.raw(&json);
        }
    }

    /// Bytes as base64, without quotes.
    pub(super) fn base64(&mut self, data: &[u8]) {
        if self.out.is_none() {
            self.length += base64::length(data.len() as u64);
            return;
        }
        let mut letters = Vec::new();
        for group in data.chunks(GROUP) {
            base64::encode(group, &mut letters);
            self.bytes(&letters);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.out.is_none() {
            return;
        }
        if self.buffer.len() + bytes.len() > STEP {
            self.flush();
        }
        if bytes.len() >= STEP {
            self.give(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self) {
        let mut buffer = core::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            self.give(&buffer);
        }
        buffer.clear();
        self.buffer = buffer;
    }

    fn give(&mut self, bytes: &[u8]) {
        if self.out.as_mut().is_some_and(|out| !out(bytes)) {
            self.out = None;
        }
    }
}

/// A number as JSON: the shortest text that reads back to it, so that 0.7 leaves as `0.7`. What needs more
/// digits than 2^53 has, or more than 22 places, is rounded to 15 digits. `None` for what no parameter means:
/// not finite, or beyond 2^53.
///
/// Dividing two whole numbers that a float holds exactly is rounded correctly, so the comparison below is
/// exact; the standard library's formatting would be one of the largest functions of the component.
pub(super) fn decimal(value: f64) -> Option<String> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    const ROUNDED: f64 = 1e15;
    let size = if value < 0.0 { -value } else { value };
    if size.is_nan() || size >= LARGEST {
        return None;
    }
    let (mut scale, mut best) = (1.0, (size as u64, 0));
    for places in 0..=22 {
        let scaled = size * scale;
        if scaled >= LARGEST {
            break;
        }
        let digits = (scaled + 0.5) as u64;
        let is_exact = digits as f64 / scale == size;
        if is_exact || scaled < ROUNDED {
            best = (digits, places);
        }
        if is_exact {
            break;
        }
        scale *= 10.0;
    }
    let (mut digits, mut places) = best;
    while places > 0 && digits % 10 == 0 {
        (digits, places) = (digits / 10, places - 1);
    }
    let written = digits.to_string();
    let (whole, part) = written
        .split_at_checked(written.len().saturating_sub(places))
        .unwrap_or_default();
    let mut text = String::new();
    if value < 0.0 && digits > 0 {
        text.push('-');
    }
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if places > 0 {
        text.push('.');
        (part.len()..places).for_each(|_| text.push('0'));
        text.push_str(part);
    }
    Some(text)
}
