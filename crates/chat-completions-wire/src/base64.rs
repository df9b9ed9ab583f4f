//! Base64 encoder (RFC 4648, section 4), for images inside JSON.

use alloc::vec::Vec;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The length of so many bytes in base64, padding included.
#[must_use]
pub fn length(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

/// Replaces the content of `out` by bytes in base64. Only after a multiple of three bytes can more base64 follow.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.reserve(bytes.len().div_ceil(3) * 4);
    let rest = vectors(bytes, out);
    let (threes, rest) = rest.as_chunks::<3>();
    for three in threes {
        out.extend_from_slice(&letters(*three));
    }
    if let Some(first) = rest.first() {
        let [a, b, c, _] = letters([*first, rest.get(1).copied().unwrap_or(0), 0]);
        out.extend_from_slice(&[a, b, if rest.len() > 1 { c } else { b'=' }, b'=']);
    }
}

/// Encodes as many bytes as fill vectors, and returns the rest.
#[cfg(target_feature = "simd128")]
fn vectors<'b>(bytes: &'b [u8], out: &mut Vec<u8>) -> &'b [u8] {
    use core::arch::wasm32::i64x2_extract_lane;
    let (twelves, rest) = bytes.as_chunks::<12>();
    for twelve in twelves {
        let letters = sixteen_letters(twelve);
        let (low, high) = (i64x2_extract_lane::<0>(letters), i64x2_extract_lane::<1>(letters));
        let both = u128::from(low.cast_unsigned()) | u128::from(high.cast_unsigned()) << 64;
        out.extend_from_slice(&both.to_le_bytes());
    }
    rest
}

/// Other targets have no vectors that safe code can load.
#[cfg(not(target_feature = "simd128"))]
fn vectors<'b>(bytes: &'b [u8], _: &mut Vec<u8>) -> &'b [u8] {
    bytes
}

/// Twelve bytes as letters: in each lane (SIMD) three of them as one number, of which six bits each become a byte; then a
/// letter is its number and a distance that is the same for all of its kind.
#[cfg(target_feature = "simd128")]
#[inline]
fn sixteen_letters(twelve: &[u8; 12]) -> core::arch::wasm32::v128 {
    use core::arch::wasm32::*;
    let [low, high] = [0, 4].map(|from| twelve.get(from..).and_then(|rest| rest.first_chunk::<8>()));
    let [low, high] = [low, high].map(|half| half.map_or(0, |half| i64::from_le_bytes(*half)));
    // The second half begins with bytes that the first one has too.
    let bytes = i64x2(low, high);
    let none = u8x16_splat(0);
    let threes = i8x16_shuffle::<2, 1, 0, 16, 5, 4, 3, 16, 12, 7, 6, 16, 15, 14, 13, 16>(bytes, none);
    let six = |lane, at: u32| v128_and(lane, u32x4_splat(0x3f << at));
    let sixes = v128_or(
        v128_or(six(u32x4_shr(threes, 18), 0), six(u32x4_shr(threes, 4), 8)),
        v128_or(six(u32x4_shl(threes, 10), 16), six(u32x4_shl(threes, 24), 24)),
    );
    // 0 for the small letters, 1 to 10 for the digits, 11 and 12 for the signs, 13 for the capital letters.
    let kind = v128_or(
        u8x16_sub_sat(sixes, u8x16_splat(51)),
        v128_and(u8x16_lt(sixes, u8x16_splat(26)), u8x16_splat(13)),
    );
    let distances = i8x16(71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0);
    i8x16_add(sixes, i8x16_swizzle(distances, kind))
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
        // Every six bits, at each place of a vector, with each end.
        let every: Vec<u8> = (0..=255).cycle().take(1_024).collect();
        for from in 0..12 {
            for to in [1_000, 1_001, 1_002] {
                let bytes = &every[from..to];
                encode(bytes, &mut out);
                let slow: Vec<u8> = bytes
                    .chunks(3)
                    .flat_map(|three| {
                        let mut all = [0; 3];
                        all[..three.len()].copy_from_slice(three);
                        let mut four = letters(all);
                        four[three.len() + 1..].fill(b'=');
                        four
                    })
                    .collect();
                assert_eq!(out, slow);
            }
        }
        encode(&[0xFB, 0xEF, 0xFF, 0xFF, 0xFF, 0xFF], &mut out);
        assert_eq!(out, b"++//////");
    }
}
