//! Where a pattern may be: blocks of eight bytes are looked up in a table under a key of the process.
//!
//! The table has blocks of the last bytes of each pattern alone. Who knows how one begins, such as `Bearer sk-`, and
//! tries what comes next, has no block right.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Bytes that are looked up at once.
const BLOCK: usize = 8;
/// So many bytes contain a whole block at any alignment.
const HOLDS_BLOCK: usize = 2 * BLOCK - 1;
/// Bits of a hash.
const HASH: u32 = 16;

/// The last blocks of every pattern.
pub(crate) struct Blocks {
    key: u64,
    hashed: Box<[u64; 1 << (HASH - 6)]>,
    /// In the order of their bytes.
    exact: Vec<Block>,
    /// How far it is from one position to the next that is looked at: the length of a block, if no pattern is too short.
    step: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    bytes: u64,
    pattern: usize,
    /// Where it is in the pattern.
    offset: usize,
}

impl Blocks {
    /// Patterns of at least eight bytes each.
    pub(crate) fn new(patterns: &[Vec<u8>]) -> Self {
        let in_steps = patterns.iter().all(|pattern| pattern.len() >= HOLDS_BLOCK);
        // At one of these distances from the end there is a block.
        let (step, distances) = if in_steps { (BLOCK, BLOCK) } else { (1, 1) };
        let mut exact = Vec::with_capacity(patterns.len() * distances);
        for (number, pattern) in patterns.iter().enumerate() {
            let blocks = pattern.array_windows::<BLOCK>().enumerate().rev().take(distances);
            exact.extend(blocks.map(|(offset, block)| Block {
                bytes: u64::from_le_bytes(*block),
                pattern: number,
                offset,
            }));
        }
        exact.sort_unstable();
        let mut blocks = Self {
            key: RandomState::new().build_hasher().finish() | 1,
            hashed: Box::new([0; 1 << (HASH - 6)]),
            exact: Vec::new(),
            step,
        };
        for block in &exact {
            let hash = blocks.hash(block.bytes);
            blocks.hashed[hash >> 6] |= 1 << (hash & 63);
        }
        blocks.exact = exact;
        blocks
    }

    /// Calls a function with the number of each pattern that may be there, and where it would begin; no false
    /// negatives. Runs for all received data, so it is as plain as possible: in the dev profile an iterator costs
    /// 50 % more.
    pub(crate) fn look(&self, bytes: &[u8], mut may_be_at: impl FnMut(usize, usize)) {
        let mut rest = bytes;
        while let Some(block) = rest.first_chunk::<BLOCK>() {
            let block = u64::from_le_bytes(*block);
            let hash = self.hash(block);
            if self.hashed[hash >> 6] >> (hash & 63) & 1 == 1 {
                self.found(block, bytes.len() - rest.len(), &mut may_be_at);
            }
            rest = &rest[self.step..];
        }
    }

    #[cold]
    fn found(&self, block: u64, at: usize, may_be_at: &mut impl FnMut(usize, usize)) {
        let first = self.exact.partition_point(|known| known.bytes < block);
        let known = self.exact.iter().skip(first);
        for Block { pattern, offset, .. } in known.take_while(|known| known.bytes == block) {
            if let Some(begin) = at.checked_sub(*offset) {
                may_be_at(*pattern, begin);
            }
        }
    }

    #[inline(always)]
    fn hash(&self, block: u64) -> usize {
        (block.wrapping_mul(self.key) >> (u64::BITS - HASH)) as usize % (1 << HASH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a pattern is compared in this text.
    fn compared(blocks: &Blocks, text: &[u8]) -> usize {
        let mut times = 0;
        blocks.look(text, |_, _| times += 1);
        times
    }

    #[test]
    fn a_right_guess_of_the_next_character_is_compared_no_more_than_a_wrong_one() {
        let known = "Authorization: Bearer sk-proj-";
        let secret = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456";
        let pattern = format!("{known}{secret}");
        let blocks = Blocks::new(&[pattern.clone().into_bytes()]);
        // As much of the secret as leaves eight bytes to guess.
        for right in 0..=secret.len() - BLOCK {
            for before in 0..BLOCK {
                let guess = format!("{}{}", ".".repeat(before), &pattern[..known.len() + right]);
                let text = guess.repeat(1_000);
                assert_eq!(compared(&blocks, text.as_bytes()), 0, "{guess}");
            }
        }
        for before in 0..BLOCK {
            let text = format!("{}{pattern}", ".".repeat(before));
            assert_eq!(compared(&blocks, text.as_bytes()), 1);
        }
    }

    #[test]
    fn a_pattern_is_found_at_any_place_with_short_ones_and_without() {
        for short in [None, Some("8letters"), Some("almostfifteen!")] {
            let patterns = ["sk_AbCdEfGhIjKlM", "GhIjKlMnOpQrStUvW"].into_iter().chain(short);
            let patterns: Vec<Vec<u8>> = patterns.map(|text| text.as_bytes().to_vec()).collect();
            let blocks = Blocks::new(&patterns);
            for (number, pattern) in patterns.iter().enumerate() {
                for before in 0..20 {
                    let text = [b"x".repeat(before).as_slice(), pattern.as_slice(), b"y"].concat();
                    let mut found = Vec::new();
                    blocks.look(&text, |pattern, begin| found.push((pattern, begin)));
                    assert!(found.contains(&(number, before)), "{number} {before}: {found:?}");
                }
            }
        }
    }
}
