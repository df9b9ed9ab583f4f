//! Chunked JSON writer: writes through a small buffer to its destination, without a copy of the whole.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use crate::wire::{base64, quote};

/// How much is buffered before it is passed on.
const STEP: usize = 8192;
/// The largest body that is held as a whole: written once, which also gives its length. A larger one is counted first
/// and then written in steps.
const HELD: usize = 256 * 1024;
/// How much of a text is quoted at once.
const QUOTED_STEP: usize = STEP / 2;
/// How many bytes become base64 at once: a multiple of three, so that padding comes at the end only.
const GROUP: usize = 3072;

/// Receives a part and returns whether to continue.
type Out<'o> = &'o mut dyn FnMut(&[u8]) -> bool;

/// Where the bytes go.
enum Target<'o> {
    /// Into the buffer.
    Hold,
    /// Nowhere: bytes are only counted.
    Count,
    /// To the destination, in steps.
    Give(Out<'o>),
    /// Nowhere: the destination refused more.
    Refused,
}

/// Writes JSON, or only counts its bytes. After a refusal nothing more is passed on, and little is done.
pub(super) struct Writer<'o> {
    target: Target<'o>,
    buffer: Vec<u8>,
    length: u64,
    /// How many bytes are skipped before any is passed on.
    skip: u64,
}

impl<'o> Writer<'o> {
    /// Passes on all but the first bytes. Skipped media are not encoded as base64.
    pub(super) fn to(skip: u64, out: Out<'o>) -> Self {
        Self {
            target: Target::Give(out),
            buffer: Vec::with_capacity(STEP),
            length: 0,
            skip,
        }
    }

    /// Holds the output, or only counts it if it is too long.
    pub(super) fn holding() -> Self {
        Self {
            target: Target::Hold,
            buffer: Vec::with_capacity(STEP / 8),
            length: 0,
            skip: 0,
        }
    }

    /// The number of bytes, and the bytes if they are held.
    pub(super) fn held(self) -> (u64, Option<Vec<u8>>) {
        let held = matches!(self.target, Target::Hold).then_some(self.buffer);
        (self.length, held)
    }

    /// Flushes, and returns the number of bytes, unless some were refused.
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
        // No text gets shorter in quotes: what cannot be held is not even begun.
        if matches!(self.target, Target::Hold) && self.buffer.len() + text.len() > HELD {
            self.give_up();
        }
        self.raw("\"");
        match self.target {
            Target::Count => self.length += quote::length(text.as_bytes()) as u64,
            _ => {
                for fragment in text.as_bytes().chunks(QUOTED_STEP) {
                    if matches!(self.target, Target::Refused) {
                        break;
                    }
                    self.quoted(fragment);
                }
            }
        }
        self.raw("\"");
    }

    /// Writes a fragment inside of a JSON string: copied into the buffer at once, where it may stay.
    fn quoted(&mut self, fragment: &[u8]) {
        // A fragment that is skipped whole is only measured.
        if self.skip > 0 && matches!(self.target, Target::Give(_)) {
            let length = quote::length(fragment) as u64;
            if length <= self.skip {
                self.skip -= length;
                self.length += length;
                return;
            }
        }
        if matches!(self.target, Target::Give(_)) && self.buffer.len() + fragment.len() > STEP {
            self.flush();
        }
        let before = self.buffer.len();
        quote::inside(fragment, &mut self.buffer);
        let written = self.buffer.len() - before;
        self.length += written as u64;
        // Skip first, so that nothing precedes the skipped bytes in the buffer.
        if self.skip > 0 && matches!(self.target, Target::Give(_)) {
            let skipped = usize::try_from(self.skip).map_or(written, |skip| skip.min(written));
            self.skip -= skipped as u64;
            self.buffer.drain(before..before + skipped);
        }
        match self.target {
            Target::Count | Target::Refused => self.buffer.clear(),
            Target::Hold if self.buffer.len() > HELD => self.give_up(),
            Target::Hold | Target::Give(_) => {}
        }
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
        let letters = base64::length(data.len() as u64);
        if matches!(self.target, Target::Hold) && self.buffer.len() as u64 + letters > HELD as u64 {
            self.give_up();
        }
        if matches!(self.target, Target::Count) {
            self.length += letters;
            return;
        }
        let of_group = base64::length(GROUP as u64);
        let passed = (data.len() as u64 / GROUP as u64).min(self.skip / of_group);
        self.skip -= passed * of_group;
        let end = self.length + letters;
        let rest = usize::try_from(passed)
            .ok()
            .and_then(|passed| data.get(passed * GROUP..));
        let mut letters = Vec::new();
        for group in rest.unwrap_or(data).chunks(GROUP) {
            if matches!(self.target, Target::Refused) {
                break;
            }
            base64::encode(group, &mut letters);
            self.bytes(&letters);
        }
        self.length = end;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        match self.target {
            Target::Count | Target::Refused => {}
            Target::Hold if self.buffer.len() + bytes.len() <= HELD => self.buffer.extend_from_slice(bytes),
            Target::Hold => self.give_up(),
            Target::Give(_) => {
                let skipped = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
                self.skip -= skipped as u64;
                let bytes = bytes.get(skipped..).unwrap_or_default();
                if self.buffer.len() + bytes.len() > STEP {
                    self.flush();
                }
                if bytes.len() >= STEP {
                    self.give(bytes);
                } else {
                    self.buffer.extend_from_slice(bytes);
                }
            }
        }
    }

    /// Drops an output that is too long to hold: from here on it is only counted.
    fn give_up(&mut self) {
        self.target = Target::Count;
        self.buffer = Vec::new();
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
        if let Target::Give(out) = &mut self.target
            && !out(bytes)
        {
            self.target = Target::Refused;
        }
    }
}

/// A finite number as JSON: the shortest text that reads back as the same number, written out or with an exponent as
/// JavaScript does. The standard library would bring code for more forms than this one, nine kilobytes of it.
pub(super) fn decimal(value: f64) -> Option<String> {
    const SMALLEST: f64 = 1e-7;
    const LARGEST: f64 = 1e21;
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    let is_written_out = size < LARGEST && (size >= SMALLEST || size <= 0.0);
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(size);
    let (number, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all = whole.to_owned() + fraction;
    let digits = all.trim_start_matches('0');
    // Where the point stands among the digits.
    let leading = (all.len() - digits.len()) as i32;
    let point = whole.len() as i32 - leading + exponent.parse::<i32>().ok()?;
    let digits = digits.trim_end_matches('0');
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let split = |at: i32| digits.split_at_checked(usize::try_from(at).ok()?);
    Some(match (split(point), is_written_out) {
        _ if digits.is_empty() => format!("{sign}0"),
        (_, false) => {
            let (first, rest) = split(1)?;
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{dot}{rest}e{}", point - 1)
        }
        (Some((whole, fraction)), true) if point > 0 && !fraction.is_empty() => {
            format!("{sign}{whole}.{fraction}")
        }
        (_, true) if point > 0 => format!("{sign}{digits}{}", zeros(point - digits.len() as i32)),
        (_, true) => format!("{sign}0.{}{digits}", zeros(-point)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use proptest::prelude::*;

    fn written(fill: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = |fragment: &[u8]| {
            bytes.extend_from_slice(fragment);
            true
        };
        let mut writer = Writer::to(0, &mut out);
        fill(&mut writer);
        let length = writer.finish();
        let mut holder = Writer::holding();
        fill(&mut holder);
        let (counted, held) = holder.held();
        assert_eq!(counted, length);
        assert!(held.is_none_or(|held| held == bytes));
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    #[test]
    fn base64_is_the_standard_one() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("\u{ff}", "w78="),
        ] {
            assert_eq!(
                written(|writer| writer.base64(plain.as_bytes())),
                encoded.as_bytes()
            );
        }
    }

    #[test]
    fn a_large_image_is_written_completely_in_small_chunks() {
        let picture: Vec<u8> = (0..100_000u32).map(|n| (n * 7) as u8).collect();
        let mut largest = 0;
        let mut out = |fragment: &[u8]| {
            largest = largest.max(fragment.len());
            true
        };
        let mut writer = Writer::to(0, &mut out);
        writer.base64(&picture);
        assert_eq!(writer.finish(), 133_336);
        assert!(largest <= STEP);
        assert_eq!(written(|writer| writer.base64(&picture)).len(), 133_336);
    }

    #[test]
    fn from_each_place_on_the_rest_is_the_same() {
        let picture: Vec<u8> = (0..20_000u32).map(|n| (n * 7) as u8).collect();
        let fill = |writer: &mut Writer<'_>| {
            writer.string("a \"text\" before");
            writer.string(&"é\"x\u{1}".repeat(2_000));
            writer.base64(&picture);
            writer.base64(&picture[..3 * GROUP]);
            writer.raw("behind");
        };
        let whole = written(fill);
        for skip in (0..whole.len() + 2)
            .step_by(97)
            .chain([4096 + 19, 8192 + 19, whole.len()])
        {
            let mut rest = Vec::new();
            let mut out = |fragment: &[u8]| {
                rest.extend_from_slice(fragment);
                true
            };
            let mut writer = Writer::to(skip as u64, &mut out);
            fill(&mut writer);
            assert_eq!(writer.finish(), whole.len() as u64);
            assert_eq!(rest, whole.get(skip..).unwrap_or_default(), "{skip}");
        }
    }

    #[test]
    fn nothing_more_is_given_on_after_a_refusal() {
        let mut calls = 0;
        let mut out = |_: &[u8]| {
            calls += 1;
            false
        };
        let mut writer = Writer::to(0, &mut out);
        writer.base64(&[0; 50_000]);
        writer.finish();
        assert_eq!(calls, 1);
    }

    #[test]
    fn numbers_leave_as_a_person_writes_them() {
        for (value, text) in [
            (0.7, "0.7"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.25, "-1.25"),
            (0.05, "0.05"),
            (2.0, "2"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.123_456_789_012_345_68, "0.12345678901234568"),
            (0.999_999_999_999_999_9, "0.9999999999999999"),
            (f64::from(0.7_f32), "0.699999988079071"),
            (1e-300, "1e-300"),
            (1e300, "1e300"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e-7, "0.0000001"),
            (123456.789, "123456.789"),
        ] {
            assert_eq!(decimal(value).as_deref(), Some(text));
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(decimal(value), None);
        }
    }

    proptest! {
        #[test]
        fn every_finite_number_reads_back_as_the_same_one(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = decimal(value).unwrap();
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits, "{}", text);
            prop_assert!(json::is_value(&text) && text.len() <= 27, "{}", text);
        }
    }
}
