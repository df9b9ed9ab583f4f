//! Bytes as base64 (RFC 4648, section 4), for pictures inside JSON.

use alloc::vec::Vec;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How many letters so many bytes become, padding included.
pub fn length(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

/// Puts bytes as letters in place of what is in `out`. Only of a whole number of threes can the letters of more bytes
/// follow.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.resize(bytes.len().div_ceil(3) * 4, b'=');
    let (threes, rest) = bytes.as_chunks::<3>();
    let (fours, _) = out.as_chunks_mut::<4>();
    for (three, four) in threes.iter().zip(fours.iter_mut()) {
        *four = letters(*three);
    }
    if let Some((four, first)) = fours.get_mut(threes.len()).zip(rest.first()) {
        let [a, b, c, _] = letters([*first, rest.get(1).copied().unwrap_or(0), 0]);
        *four = [a, b, if rest.len() > 1 { c } else { b'=' }, b'='];
    }
}

#[inline]
fn letters([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
    [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift & 63) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_standard_come_out() {
        for (bytes, letters) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::from(*b"before");
            encode(bytes.as_bytes(), &mut out);
            assert_eq!(out, letters.as_bytes());
            assert_eq!(length(bytes.len() as u64), letters.len() as u64);
        }
        let mut out = Vec::new();
        encode(&[0xFB, 0xEF, 0xFF, 0xFF, 0xFF, 0xFF], &mut out);
        assert_eq!(out, b"++//////");
    }
}
