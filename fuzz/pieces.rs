//! Splits an input into chunks, as reads from a network do.

/// Takes the first byte of an input as a number; an empty input has a 0.
#[must_use]
pub fn control(input: &[u8]) -> (u8, &[u8]) {
    input
        .split_first()
        .map_or((0, input), |(first, rest)| (*first, rest))
}

/// Splits bytes at places that follow from a seed: 0 leaves them whole, 1 splits at every byte, other seeds give
/// chunks of 1 to 32 bytes. No chunk is empty.
pub fn pieces(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u64::from(seed);
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let length = match seed {
            0 => rest.len(),
            1 => 1,
            _ => {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                1 + (state >> 59) as usize
            }
        };
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
