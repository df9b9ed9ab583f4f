//! Text as a JSON string. Bytes that need an escape are rare: they are looked for eight at a time, and what lies between
//! them leaves in one piece. It knows nothing of what the text is.

/// Every byte 1.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Gives a text as a JSON string to `out`, quotes included.
pub fn quote(text: &str, out: &mut dyn FnMut(&[u8])) {
    out(b"\"");
    quote_part(text, out);
    out(b"\"");
}

/// The same without the quotes, for a text that is given in parts.
pub fn quote_part(text: &str, out: &mut dyn FnMut(&[u8])) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, from) = rest.split_at_checked(unescaped(rest)).unwrap_or((rest, &[]));
        if !plain.is_empty() {
            out(plain);
        }
        let Some((&byte, behind)) = from.split_first() else {
            break;
        };
        escape(byte, out);
        rest = behind;
    }
}

fn escape(byte: u8, out: &mut dyn FnMut(&[u8])) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let short = match byte {
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0..=0x1f => {
            let mut unit = *b"\\u0000";
            unit[4] = DIGITS[usize::from(byte >> 4)];
            unit[5] = DIGITS[usize::from(byte & 0xf)];
            return out(&unit);
        }
        _ => byte,
    };
    out(&[b'\\', short]);
}

/// How many bytes at the beginning need no escape.
#[must_use]
pub fn unescaped(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let found = escapes(u64::from_le_bytes(*word));
        if found != 0 {
            // Below a byte that is found none is: what follows it may be.
            return at * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let is_escaped = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    let plain = rest.iter().position(is_escaped).unwrap_or(rest.len());
    words.len() * 8 + plain
}

/// The highest bit of each byte that needs an escape. Of the bytes above the first that is found, some may be marked
/// without need: the subtraction borrows from them.
#[inline]
fn escapes(word: u64) -> u64 {
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_control | is_zero(word ^ (ONES * b'"' as u64)) | is_zero(word ^ (ONES * b'\\' as u64))) & HIGH
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use proptest::prelude::*;

    fn quoted(text: &str) -> Vec<u8> {
        let mut json = Vec::new();
        quote(text, &mut |piece| json.extend_from_slice(piece));
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
            prop_assert_eq!(serde_json::from_slice::<alloc::string::String>(&quoted(&text)).unwrap(), text);
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
