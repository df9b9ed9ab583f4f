//! Redaction of a streaming body, without becoming an oracle.
//!
//! A guest sees where its reads are split, and can make an upstream echo what it sends. So what is held back
//! depends only on public constants and the form of the bytes: the incomplete last line, at most [`MOST`] bytes of
//! it. It never depends on a secret, neither on its length nor on its existence.
//!
//! The search runs when bytes are released, so that a line which arrives byte by byte costs as much as in one
//! chunk.

use bytes::{Bytes, BytesMut};

use super::finder::{Finder, blank};

/// What stays held back of a line that exceeds the limit. Longer than any credential in any form; longer secrets
/// are found in fragments of this length.
pub(crate) const HELD: usize = 4096;
/// The most that is held back. Far above [`HELD`], so that an endless line is not searched again for each byte.
const MOST: usize = 2 * HELD;

/// Redacts one body.
pub(crate) struct BodyRedactor {
    finder: Finder,
    /// Bytes that have arrived and were not released, unchanged.
    held: BytesMut,
    /// How many of them, from the first, belong to a secret whose beginning was released.
    masked: usize,
}

impl BodyRedactor {
    pub(crate) fn new(finder: Finder) -> Self {
        Self {
            finder,
            held: BytesMut::new(),
            masked: 0,
        }
    }

    /// Takes the next chunk and returns what may be released, redacted. Copies nothing if there is no secret in it
    /// and nothing was held back.
    pub(crate) fn push(&mut self, piece: &Bytes) -> Bytes {
        if self.held.is_empty() {
            let split = piece.len() - open_end(piece, 0);
            return self.take(piece, split);
        }
        let before = self.held.len();
        self.held.extend_from_slice(piece);
        let split = self.held.len() - open_end(&self.held, before);
        if split == 0 {
            return Bytes::new();
        }
        let all = std::mem::take(&mut self.held).freeze();
        self.take(&all, split)
    }

    /// Releases the rest at the end of the body.
    pub(crate) fn finish(&mut self) -> Bytes {
        let all = std::mem::take(&mut self.held).freeze();
        self.take(&all, all.len())
    }

    /// Releases what is before `split`, and holds the rest back.
    fn take(&mut self, all: &Bytes, split: usize) -> Bytes {
        self.held = BytesMut::from(all.get(split..).unwrap_or_default());
        if split == 0 {
            return Bytes::new();
        }
        let found = self.finder.ranges(all);
        let masked = std::mem::take(&mut self.masked);
        if found.is_empty() && masked == 0 {
            return all.slice(..split);
        }
        let mut out = BytesMut::from(all.get(..split).unwrap_or_default());
        for range in found.into_iter().chain(std::iter::once(0..masked)) {
            if range.start < split {
                self.masked = self.masked.max(range.end.saturating_sub(split));
            }
            blank(&mut out, range);
        }
        out.freeze()
    }
}

/// How many bytes at the end are held back: those after the last line end; the first `known` bytes have none. No
/// form contains a line end or begins with a blank, so blanks that keep a connection alive pass at once.
fn open_end(bytes: &[u8], known: usize) -> usize {
    let new = bytes.get(known..).unwrap_or_default();
    let start = memchr::memrchr2(b'\n', b'\r', new).map_or(0, |at| known + at + 1);
    let open = bytes.get(start..).unwrap_or_default();
    if open.len() > MOST {
        return HELD;
    }
    let blanks = open
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    open.len() - blanks
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "sk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456";
    const OTHER: &str = "sk-another/credential+of_another-length.and-more-of-it";

    fn redactor(secrets: &[&str]) -> BodyRedactor {
        BodyRedactor::new(Finder::new(secrets.iter().copied(), HELD))
    }

    /// The output for these chunks: one entry for each, and one for the end.
    fn through(mut redactor: BodyRedactor, pieces: &[&[u8]]) -> Vec<Bytes> {
        let mut out: Vec<Bytes> = pieces
            .iter()
            .map(|piece| redactor.push(&Bytes::copy_from_slice(piece)))
            .collect();
        out.push(redactor.finish());
        out
    }

    #[test]
    fn a_secret_cut_anywhere_is_still_found() {
        let long = format!("{TOKEN}-and-more");
        let secrets = [TOKEN, &long];
        for text in [
            format!("before {TOKEN} after"),
            format!("{long}\nnext {TOKEN}"),
            TOKEN.replace('A', "\\u0041"),
        ] {
            let whole = through(redactor(&secrets), &[text.as_bytes()]).concat();
            for cut in 0..=text.len() {
                for pause in [0, 1, 9] {
                    let (one, rest) = text.as_bytes().split_at(cut);
                    let (two, three) = rest.split_at(pause.min(rest.len()));
                    let out = through(redactor(&secrets), &[one, two, three]).concat();
                    assert_eq!(out, whole, "{cut}");
                    assert_eq!(out.len(), text.len());
                    assert!(!String::from_utf8(out).unwrap().contains("bCdE"), "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_secret_at_the_limit_of_what_is_held_is_found_byte_by_byte() {
        for before in [0, 1, HELD - TOKEN.len(), HELD - 1, HELD, HELD + 1, 3 * HELD] {
            let text = format!("{}{TOKEN}{}", "-".repeat(before), "-".repeat(HELD + 9));
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            let out = through(redactor(&[TOKEN]), &pieces).concat();
            assert_eq!(out, text.replace(TOKEN, &"*".repeat(TOKEN.len())).into_bytes());
        }
    }

    #[test]
    fn whole_lines_pass_at_once_and_without_a_copy() {
        let mut redactor = redactor(&[TOKEN]);
        for line in ["data: {}\n\n", "data: 1\r", ": \n   "] {
            let piece = Bytes::copy_from_slice(line.as_bytes());
            let out = redactor.push(&piece);
            assert_eq!(out, piece);
            assert_eq!(out.as_ptr(), piece.as_ptr(), "not copied");
        }
        assert!(redactor.finish().is_empty());
    }

    #[test]
    fn the_last_line_waits_for_its_end_up_to_a_limit() {
        let mut redactor = redactor(&[TOKEN]);
        assert_eq!(redactor.push(&Bytes::from_static(b"one\ntwo")), &b"one\n"[..]);
        assert!(redactor.push(&Bytes::from_static(b" thr")).is_empty());
        assert_eq!(redactor.push(&Bytes::from_static(b"ee\n")), &b"two three\n"[..]);
        assert!(redactor.push(&Bytes::from(vec![b'x'; MOST])).is_empty());
        assert_eq!(redactor.push(&Bytes::from_static(b"y")).len(), MOST + 1 - HELD);
        assert!(redactor.push(&Bytes::from_static(b"y")).is_empty());
        assert_eq!(redactor.finish().len(), HELD + 1);
    }

    /// A small pseudo-random generator, so that failures are reproducible.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, most: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) as usize) % most
        }
    }

    #[test]
    fn ten_thousand_guesses_of_proper_prefixes_are_read_like_wrong_ones() {
        const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut numbers = Numbers(7);
        let mut guesses = 0;
        let own = Finder::new([TOKEN], HELD);
        let others = [Finder::new([OTHER], HELD), Finder::new([], HELD)];
        let sizes = |out: &[Bytes]| out.iter().map(Bytes::len).collect::<Vec<_>>();
        while guesses < 10_000 {
            // A correct guess of a proper prefix, and the same with its last character wrong.
            let known = 1 + numbers.below(TOKEN.len() - 1);
            let right = &TOKEN[..known];
            let mut wrong = right.as_bytes().to_vec();
            let last = SIGNS[numbers.below(SIGNS.len())];
            *wrong.last_mut().unwrap() = if last == right.as_bytes()[known - 1] {
                b'-'
            } else {
                last
            };
            // Echoed, within other bytes, split anywhere, and as JSON.
            let times = 1 + numbers.below(5);
            let (before, between) = (
                numbers.below(HELD + 50),
                ["", "\n", " ", "\"", "x"][numbers.below(5)],
            );
            let body = |guess: &[u8]| {
                let mut body = vec![b'.'; before];
                for _ in 0..times {
                    body.extend_from_slice(guess);
                    body.extend_from_slice(between.as_bytes());
                }
                body
            };
            let (right, wrong) = (body(right.as_bytes()), body(&wrong));
            let step = 1 + numbers.below(right.len());
            let cut = |body: &[u8], finder: &Finder| {
                let redactor = BodyRedactor::new(finder.clone());
                through(redactor, &body.chunks(step).collect::<Vec<_>>())
            };
            let read = cut(&right, &own);
            assert_eq!(sizes(&read), sizes(&cut(&wrong, &own)));
            // With any other secret, or none, all is the same.
            for other in &others {
                assert_eq!(read, cut(&right, other));
            }
            assert_eq!(read.concat(), right, "nothing of it is redacted");
            guesses += times;
        }
    }
}
