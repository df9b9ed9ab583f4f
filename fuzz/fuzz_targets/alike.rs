//! Fuzz target of the fast paths: they read the same as the slow ones. Streams of similar events give the same events
//! as byte by byte, where the fast path never applies; the scanner reads a chunk and a row of a list as serde_json
//! does.
//!
//! The input is a seed for the changes, and a recorded or generated stream.
#![no_main]

use std::fmt::Write as _;

use chat_completions::chat::{Exchange, Next};
use huggingface_protocol::contract::types::{ChatEvent, ChatRequest, ContentPart, Message, UserMessage};
use huggingface_protocol::provider::UPSTREAM;
use huggingface_protocol::reference;
use huggingface_protocol::settings::{PlainSettings, Settings};
use chat_completions::wire::{
    chunk::{Chunk, Extras},
    list::{Leaf, Place, Sink, read_row, read_row_by_serde},
};
use huggingface_provider_fuzz::{control, pieces};
use libfuzzer_sys::fuzz_target;

/// Bytes that are inserted anywhere into an event.
const ODD: [&[u8]; 40] = [
    b"",
    b"\"",
    b"\\",
    b"\\\"",
    b"\\\\",
    b"\\n",
    b"\\u00e9",
    b"\\ud83d\\ude00",
    b"\\ud83d",
    b"\\u12",
    b"\\x",
    b"\x01",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\n: a comment\n",
    b"\nevent: ping\n",
    b"\nevent: error\n",
    b"\xEF\xBB\xBF",
    b"\xC3\xA9",
    b"\xFF",
    b"<think>",
    b"</think>",
    b"a long run of text with more bytes than a vector has",
    b",",
    b"{",
    b"}",
    b"]",
    b"0",
    b"1e999",
    b"null",
    b"NaN",
    b",\"content\":\"again\"",
    b",\"reasoning\":\"r\"",
    b",\"finish_reason\":\"stop\"",
    b",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}",
    b",\"error\":{\"message\":\"m\"}",
    b",{\"index\":1,\"delta\":{\"content\":\"other\"}}",
];

/// A sequence of pseudo-random numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// Each event as it is, then similar ones: bytes inserted, removed or replaced at one or two places.
fn with_likes(stream: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = Vec::new();
    for event in stream.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(event);
        if !event.starts_with(b"data") || out.len() > 64 * 1024 {
            continue;
        }
        let end: &[u8] = if event.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
        for _ in 0..numbers.below(4) {
            out.extend_from_slice(end);
            let mut like = event.to_vec();
            // Most changes are within strings.
            let texts: Vec<usize> = like.windows(3).enumerate().filter(|(_, w)| w == b"\":\"").map(|(at, _)| at + 3).collect();
            for _ in 0..1 + numbers.below(2) {
                let at = match texts.get(numbers.below(texts.len() * 3 / 2)) {
                    Some(at) => (*at).min(like.len()),
                    None => numbers.below(like.len()),
                };
                let to = (at + numbers.below(3)).min(like.len());
                like.splice(at..to, ODD[numbers.below(ODD.len())].iter().copied());
            }
            out.extend_from_slice(&like);
        }
        if numbers.below(4) > 0 {
            out.extend_from_slice(end);
        }
    }
    out
}

fn exchange(model: &str) -> Exchange {
    let settings = PlainSettings::default();
    let model = reference::resolve(model, &settings).expect("a good reference");
    let request = ChatRequest {
        model: model.canonical.clone(),
        messages: vec![Message::User(UserMessage {
            content: vec![ContentPart::Text("hi".into())],
            extras: Vec::new(),
        })],
        tools: Vec::new(),
        tool_choice: None,
        response_format: None,
        reasoning_effort: None,
        max_output_tokens: None,
        temperature: None,
        top_p: None,
        frequency_penalty: None,
        presence_penalty: None,
        seed: None,
        stop: Vec::new(),
        extras: Vec::new(),
    };
    Exchange::new(&UPSTREAM, request, model.into(), &settings.get(), 7).expect("a good request")
}

/// All events, and the outcome.
fn read<'a>(model: &str, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<ChatEvent>, String) {
    let mut exchange = exchange(model);
    exchange.sent();
    exchange.on_response(200, &[]);
    pieces.for_each(|piece| exchange.on_bytes(piece));
    exchange.on_end();
    let events = exchange.take_events(usize::MAX);
    let mut end = String::new();
    let _ = match exchange.next() {
        Next::Ended => write!(end, "{:?}", exchange.outcome()),
        other => write!(end, "{other:?}"),
    };
    (events, end)
}

/// The members of a row since it was opened last.
#[derive(Default)]
struct Given(Vec<String>);

impl<'a> Sink<'a> for Given {
    fn open(&mut self, place: Place) {
        if place == Place::Row {
            self.0.clear();
        }
        self.0.push(format!("{place:?} {{"));
    }
    fn take(&mut self, leaf: Leaf, name: &str, raw: &'a str) {
        // The sink does not get the names of other leaves.
        let name = if matches!(leaf, Leaf::Other | Leaf::OtherOfRoute) { name } else { "" };
        self.0.push(format!("{leaf:?} {name} {raw}"));
    }
    fn close(&mut self, place: Place) {
        self.0.push(format!("}} {place:?}"));
    }
}

fuzz_target!(|input: &[u8]| {
    let (kind, input) = control(input);
    let (seed, stream) = control(input);
    let mut numbers = Numbers(u64::from(seed) << 8 | u64::from(kind));
    let stream = with_likes(stream, &mut numbers);
    let model = if kind & 1 == 0 { "huggingface/org/name" } else { "huggingface/Qwen/QwQ-32B" };
    let slowly = read(model, pieces(&stream, 1));
    assert_eq!(read(model, pieces(&stream, 0)), slowly, "at once");
    assert_eq!(read(model, stream.chunks(1 + usize::from(seed) * 16)), slowly, "in chunks");

    let known = Extras::default();
    for line in stream.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let line = line.strip_prefix(b"data:").unwrap_or(line);
        let Ok(text) = core::str::from_utf8(line) else { continue };
        let text = text.trim_ascii();
        for wanted in [None, Some(1)] {
            let chunk = format!("{:?}", Chunk::decode(text, &known, wanted));
            assert_eq!(chunk, format!("{:?}", Chunk::decode_by_serde(text, &known, wanted)), "{text}");
        }
        // Rows are cut out of a list that is valid JSON.
        if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
            continue;
        }
        let (mut scanned, mut parsed) = (Given::default(), Given::default());
        read_row(text, &mut scanned);
        read_row_by_serde(text, &mut parsed);
        assert_eq!(scanned.0, parsed.0, "{text}");
    }
});
