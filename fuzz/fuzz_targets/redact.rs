//! Fuzz target of redaction in bodies and in decoded text: how much is held back, and the chunking of the output, do
//! not depend on the secret; all secrets are found in any chunking.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use huggingface_provider_fuzz::{control, pieces};
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unreachable_pub)]
#[path = "../../crates/model-provider-host/src/redact"]
mod redact {
    pub(crate) mod blocks;
    pub(crate) mod body;
    pub(crate) mod finder;
    pub(crate) mod forms;
    pub(crate) mod text;
}

use redact::{body::BodyRedactor, finder::Finder, text::TextRedactor};

const SHORT: &str = "hf_AbCdEfGhIjKlMn";
const LONG: &str = "hf_AbCdEfGhIjKl/Zq+\"8~x&y<z-0123456789-abcdefghijklmnopqrstuvwxyz-and-more.of-it";

/// Bytes with many partial secrets: some bytes of the input mean the beginning of one.
fn with_parts(input: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut input = input.iter();
    while let Some(byte) = input.next() {
        let length = || usize::from(*input.clone().next().unwrap_or(&0));
        match byte {
            0xe0..=0xe7 => bytes.extend_from_slice(&SHORT.as_bytes()[..length() % (SHORT.len() + 1)]),
            0xe8..=0xef => bytes.extend_from_slice(&LONG.as_bytes()[..length() % (LONG.len() + 1)]),
            0xf0 => bytes.extend(std::iter::repeat_n(b'x', length() * 3)),
            // About as much as is held back: only once, since it is slow byte by byte.
            0xf3 if bytes.len() < 4_000 => bytes.extend(std::iter::repeat_n(b'x', 3_900 + length())),
            0xf1 => bytes.extend_from_slice(format!("\\u00{:02x}", length() % 128).as_bytes()),
            0xf2 => bytes.extend_from_slice(b"\\\\u0068f_AbCdEfGhIjKlMn"),
            other => bytes.push(*other),
        }
    }
    bytes
}

fn body(finder: &Finder, bytes: &[u8], seed: u8) -> Vec<Bytes> {
    let mut redactor = BodyRedactor::new(finder.clone());
    let cut = pieces(bytes, seed);
    let mut out: Vec<Bytes> = cut
        .map(|piece| redactor.push(&Bytes::copy_from_slice(piece)))
        .collect();
    out.push(redactor.finish());
    out
}

fn text(finder: &Finder, text: &str, seed: u8) -> Vec<String> {
    let mut redactor = TextRedactor::default();
    let mut rest = text;
    let mut out = Vec::new();
    for piece in pieces(text.as_bytes(), seed) {
        let taken = text.len() - rest.len();
        let end = (taken.max(piece.as_ptr() as usize - text.as_ptr() as usize) + piece.len()).min(text.len());
        let end = (end..=text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(text.len());
        if let Some(now) = text.get(taken..end).filter(|now| !now.is_empty()) {
            out.push(redactor.push(finder, now.to_owned()));
            rest = &text[end..];
        }
    }
    out.push(redactor.flush(finder));
    out
}

/// For bodies and for text: one short secret, one long, both, and none. Built once, which takes as long as a thousand
/// searches.
static FINDERS: LazyLock<[[Finder; 4]; 2]> = LazyLock::new(|| {
    [redact::body::HELD, redact::text::HELD].map(|limit| {
        [&[SHORT][..], &[LONG], &[SHORT, LONG], &[]]
            .map(|secrets| Finder::new(secrets.iter().copied(), limit))
    })
});

fuzz_target!(|input: &[u8]| {
    let (seed, input) = control(input);
    let bytes = with_parts(input);
    let said = String::from_utf8_lossy(&bytes).into_owned();

    for (finders, is_text) in FINDERS.iter().zip([false, true]) {
        let outs = finders.each_ref().map(|finder| {
            if is_text {
                let out = text(finder, &said, seed);
                out.into_iter().map(Bytes::from).collect()
            } else {
                body(finder, &bytes, seed)
            }
        });
        let came: &[u8] = if is_text { said.as_bytes() } else { &bytes };
        let sizes = outs
            .each_ref()
            .map(|out| out.iter().map(Bytes::len).collect::<Vec<_>>());
        for (finder, (out, cut)) in finders.iter().zip(outs.iter().zip(&sizes)) {
            let whole = out.concat();
            assert_eq!(whole.len(), came.len(), "lengths hold");
            // The chunking is the same for any length of the secret, and whether it occurs or not.
            assert_eq!(cut, &sizes[3], "cuts do not depend on the secret");
            let mut at_once = came.to_vec();
            let found = finder.mask(&mut at_once);
            if !is_text {
                assert_eq!(whole, at_once, "in chunks as at once");
            }
            if !found {
                assert_eq!(whole, came, "nothing else is replaced");
            }
        }
    }
});
