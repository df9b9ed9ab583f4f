//! Fuzz target of server-sent events: the same events in any chunking.
#![no_main]

use chat_completions::wire::sse::{Decoder, Kind};
use huggingface_provider_fuzz::{control, pieces};
use libfuzzer_sys::fuzz_target;

/// The data of each event, its type and whether it is closed; the last element is `None` after an overlong line.
fn events(bytes: &[u8], seed: u8) -> Vec<Option<(Vec<u8>, Kind, bool)>> {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    let mut drain = |decoder: &mut Decoder| loop {
        match decoder.next() {
            Ok(Some(event)) => events.push(Some((event.data.to_vec(), event.kind, event.is_closed))),
            Ok(None) => return true,
            Err(_) => {
                events.push(None);
                return false;
            }
        }
    };
    for piece in pieces(bytes, seed) {
        decoder.push(piece);
        if !drain(&mut decoder) {
            return events;
        }
    }
    decoder.end();
    drain(&mut decoder);
    events
}

fuzz_target!(|input: &[u8]| {
    let (seed, bytes) = control(input);
    let whole = events(bytes, 0);
    assert_eq!(events(bytes, 1), whole, "byte by byte");
    assert_eq!(events(bytes, seed), whole, "in chunks");
    // Only the last event may lack its blank line, and none is longer than the input.
    let closed = whole
        .iter()
        .flatten()
        .take_while(|(_, _, is_closed)| *is_closed)
        .count();
    assert!(closed + 1 >= whole.len());
    assert!(whole.iter().flatten().map(|(data, ..)| data.len()).sum::<usize>() <= bytes.len());
});
