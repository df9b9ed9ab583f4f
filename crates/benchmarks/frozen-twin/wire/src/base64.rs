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
