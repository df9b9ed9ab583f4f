//! Writer of text as a JSON string. Bytes that need an escape are rare: they are searched many at a time, and the
//! text between them is written in large runs. It must not know what the text is.

use alloc::vec::Vec;

/// How many bytes are examined together: a vector where safe code can load one, a word elsewhere.
const BLOCK: usize = if cfg!(target_feature = "simd128") { 16 } else { 8 };

/// Appends a text as a JSON string, quotes included.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    inside(text.as_bytes(), out);
    out.push(b'"');
}

/// Appends a part of a JSON string, without quotes. A text may be split anywhere and appended in parts.
pub fn inside(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    // Copies whole blocks, and removes the bytes from the escape on: a copy of a fixed length is one store.
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        out.extend_from_slice(block);
        rest = match first_escape(block) {
            None => behind,
            Some(at) => {
                out.truncate(out.len() - BLOCK + at);
                escape(block.get(at).copied().unwrap_or_default(), out);
                rest.get(at + 1..).unwrap_or_default()
            }
        };
    }
    for &byte in rest {
        if is_escaped(byte) {
            escape(byte, out);
        } else {
            out.push(byte);
        }
    }
}

/// The length of a text between its quotes, without writing it.
#[must_use]
pub fn length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut length = bytes.len();
    loop {
        rest = rest.get(unescaped(rest)..).unwrap_or_default();
        let Some((byte, behind)) = rest.split_first() else {
            return length;
        };
        length += match byte {
            b'\n' | b'\r' | b'\t' | b'"' | b'\\' => 1,
            _ => 5,
        };
        rest = behind;
    }
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let short = match byte {
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0..=0x1f => {
            let mut unit = *b"\\u0000";
            unit[4] = DIGITS[usize::from(byte >> 4)];
            unit[5] = DIGITS[usize::from(byte & 0xf)];
            return out.extend_from_slice(&unit);
        }
        _ => byte,
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[inline]
fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\')
}

/// The number of leading bytes that need no escape.
#[must_use]
#[inline]
pub fn unescaped(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (at, block) in blocks.iter().enumerate() {
        if let Some(found) = first_escape(block) {
            return at * BLOCK + found;
        }
    }
    let plain = rest
        .iter()
        .position(|byte| is_escaped(*byte))
        .unwrap_or(rest.len());
    blocks.len() * BLOCK + plain
}

/// The offset of the first byte in a block that needs an escape.
#[cfg(target_feature = "simd128")]
#[inline]
fn first_escape(block: &[u8; BLOCK]) -> Option<usize> {
    use core::arch::wasm32::{i64x2, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, v128_or};
    let (halves, _) = block.as_chunks::<8>();
    let [low, high] = [0, 1].map(|at| halves.get(at).map_or(0, |half| i64::from_le_bytes(*half)));
    let bytes = i64x2(low, high);
    let is_quote = u8x16_eq(bytes, u8x16_splat(b'"'));
    let is_backslash = u8x16_eq(bytes, u8x16_splat(b'\\'));
    let is_control = u8x16_lt(bytes, u8x16_splat(0x20));
    let found = u8x16_bitmask(v128_or(v128_or(is_quote, is_backslash), is_control));
    (found != 0).then(|| found.trailing_zeros() as usize)
}

/// The offset of the first byte in a block that needs an escape.
#[cfg(not(target_feature = "simd128"))]
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature of the one with vectors, whose blocks are larger"
)]
#[inline]
fn first_escape(block: &[u8; BLOCK]) -> Option<usize> {
    let found = escapes(u64::from_le_bytes(*block));
    // The first marked byte is exact; later ones may be false positives.
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}

/// The highest bit of each byte that needs an escape. Bytes above the first one may be marked falsely: the
/// subtraction borrows from them.
#[cfg(not(target_feature = "simd128"))]
#[inline]
fn escapes(word: u64) -> u64 {
    /// Every byte 1.
    const ONES: u64 = 0x0101_0101_0101_0101;
    /// The highest bit of every byte.
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_control | is_zero(word ^ (ONES * b'"' as u64)) | is_zero(word ^ (ONES * b'\\' as u64))) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(text: &str) -> Vec<u8> {
        let mut json = Vec::new();
        quote(text, &mut json);
        json
    }

    #[test]
    fn each_byte_at_each_place_is_written_as_serde_json_writes_it() {
        for byte in 0..=0x7f_u8 {
            for before in 0..18 {
                let mut text = "x".repeat(before);
                text.push(char::from(byte));
                text.push_str("é behind");
                assert_eq!(
                    serde_json::from_slice::<alloc::string::String>(&quoted(&text)).unwrap(),
                    text,
                    "{byte} behind {before}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(text in "([a-zé\u{1F600}]|[\u{0}-\u{1f}\"\\\\]){0,64}") {
            prop_assert_eq!(length(text.as_bytes()) + 2, quoted(&text).len());
            prop_assert_eq!(serde_json::from_slice::<alloc::string::String>(&quoted(&text)).unwrap(), text);
        }

        #[test]
        fn cut_anywhere_it_is_the_same(text in "([a-zé]|[\u{0}-\u{1f}\"\\\\]){0,64}", at in 0usize..80) {
            let bytes = text.as_bytes();
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            let mut fragments = Vec::from(*b"\"");
            inside(first, &mut fragments);
            inside(second, &mut fragments);
            fragments.push(b'"');
            prop_assert_eq!(fragments, quoted(&text));
        }

        #[test]
        fn the_first_escape_is_found(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let slow = bytes
                .iter()
                .position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'))
                .unwrap_or(bytes.len());
            prop_assert_eq!(unescaped(&bytes), slow);
        }
    }
}
