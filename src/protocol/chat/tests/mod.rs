//! Tests of whole exchanges. Cases that are data live in `tests/cases/` at the root of the repository; the
//! README there says what their members mean.

mod chunk;
mod corpus;
mod errors;
mod reader;
mod requests;
mod retries;
mod streams;

use std::{fs, path::PathBuf, prelude::v1::*};

use serde_json::Value;

use super::{Exchange, Failure, FailureKind, Next};
use crate::contract::settings::{CredentialState, Snapshot};
use crate::contract::types::{
    ChatEvent, ChatRequest, ContentPart, Error, Message, Model, ModelRef, ModelSource, Routing, Summary,
};

/// What an exchange gave.
#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    events: Vec<ChatEvent>,
    result: Result<Summary, Error>,
}

/// How a body ends.
#[derive(Debug, Clone, Copy)]
enum Close {
    End,
    Fails(FailureKind),
}

/// An answer as a server gives it.
#[derive(Debug, Clone)]
struct Served {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    close: Close,
}

impl Served {
    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            close: Close::End,
        }
    }

    fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        Self {
            status,
            headers,
            body: body.into(),
            close: Close::End,
        }
    }
}

fn snapshot(max_retries: u32) -> Snapshot {
    Snapshot {
        base_url: None,
        credential: CredentialState::AttachedByHost,
        connect_timeout_ms: 10_000,
        first_byte_timeout_ms: 120_000,
        idle_timeout_ms: 60_000,
        list_timeout_ms: 30_000,
        max_retries,
        extras: Vec::new(),
    }
}

fn model() -> Model {
    Model {
        id: "org/name".into(),
        display_name: "Name".into(),
        alias: None,
        source: ModelSource::Bundled,
        input: Vec::new(),
        output: Vec::new(),
        reasoning: None,
        context_window: None,
        max_output_tokens: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        routes: Vec::new(),
        picks: Vec::new(),
        extras: Vec::new(),
    }
}

fn reference(metadata: Option<Model>) -> ModelRef {
    ModelRef {
        model: "org/name".into(),
        routing: Routing::Default,
        canonical: "huggingface/org/name".into(),
        wire_id: "org/name".into(),
        display_name: "Name".into(),
        alias: None,
        provider_locked: false,
        metadata,
        warnings: Vec::new(),
    }
}

fn request() -> ChatRequest {
    ChatRequest {
        model: "huggingface/org/name".into(),
        messages: vec![Message::User(vec![ContentPart::Text("hi".into())])],
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
    }
}

fn exchange(max_retries: u32) -> Exchange {
    Exchange::new(request(), reference(None), &snapshot(max_retries), 7).unwrap()
}

/// Serves one answer in pieces that end at these places, taking all events as soon as they are there.
fn serve(exchange: &mut Exchange, served: &Served, cuts: &[usize], events: &mut Vec<ChatEvent>) {
    assert_eq!(exchange.next(), Next::Send);
    exchange.sent();
    exchange.on_response(served.status, &served.headers);
    let mut from = 0;
    for &to in cuts.iter().chain([&served.body.len()]) {
        if matches!(exchange.next(), Next::Body { .. }) {
            exchange.on_bytes(&served.body[from..to]);
        }
        from = to;
        while exchange.next() == Next::Events {
            events.extend(exchange.take_events(3));
        }
    }
    if matches!(exchange.next(), Next::Body { .. }) {
        match served.close {
            Close::End => exchange.on_end(),
            Close::Fails(kind) => exchange.on_failure(Failure {
                kind,
                request_sent: true,
            }),
        }
    }
    events.extend(exchange.take_events(usize::MAX));
}

/// The whole exchange with one answer, without retries. Neighbouring pieces are joined.
fn outcome(served: &Served, cuts: &[usize]) -> Outcome {
    let mut exchange = exchange(0);
    let mut events = Vec::new();
    serve(&mut exchange, served, cuts, &mut events);
    assert_eq!(exchange.next(), Next::Ended);
    let result = exchange.outcome().unwrap().clone();
    // After the end nothing changes any more.
    exchange.on_bytes(b"data: {\"choices\":[{\"delta\":{\"content\":\"late\"}}]}\n\n");
    exchange.on_end();
    exchange.on_failure(Failure {
        kind: FailureKind::Reset,
        request_sent: true,
    });
    assert!(!exchange.has_events());
    assert_eq!(exchange.outcome(), Some(&result));
    check_order(&events);
    Outcome {
        events: joined(events),
        result,
    }
}

/// Every call starts once, before its pieces, and ends at most once, after them; indices count up from 0.
fn check_order(events: &[ChatEvent]) {
    let (mut started, mut ended) = (0, Vec::new());
    let is_open = |index: u32, started: u32, ended: &[u32]| index < started && !ended.contains(&index);
    for event in events {
        match event {
            ChatEvent::ToolCallStart(start) => {
                assert_eq!(start.index, started);
                assert!(!start.id.is_empty() && !start.name.is_empty());
                started += 1;
            }
            ChatEvent::ToolCallDelta(delta) => assert!(is_open(delta.index, started, &ended), "{events:?}"),
            ChatEvent::ToolCallEnd(index) => {
                assert!(is_open(*index, started, &ended), "{events:?}");
                ended.push(*index);
            }
            ChatEvent::Text(text) => assert!(!text.is_empty()),
            ChatEvent::Reasoning(_) | ChatEvent::Media(_) | ChatEvent::Other(_) => {}
        }
    }
}

fn joined(events: Vec<ChatEvent>) -> Vec<ChatEvent> {
    let mut all: Vec<ChatEvent> = Vec::new();
    for event in events {
        match (all.last_mut(), event) {
            (Some(ChatEvent::Text(text)), ChatEvent::Text(more)) => text.push_str(&more),
            (Some(ChatEvent::Reasoning(last)), ChatEvent::Reasoning(more)) if last.signature.is_none() => {
                last.text.push_str(&more.text);
                last.signature = more.signature;
            }
            (Some(ChatEvent::ToolCallDelta(last)), ChatEvent::ToolCallDelta(more))
                if last.index == more.index =>
            {
                last.arguments_fragment.push_str(&more.arguments_fragment);
            }
            (_, event) => all.push(event),
        }
    }
    all
}

/// An enumeration's word as the contract spells it: `ErrorKind::RateLimited` is `rate-limited`.
fn word(value: impl core::fmt::Debug) -> String {
    let mut word = String::new();
    for letter in format!("{value:?}")
        .split("::")
        .last()
        .unwrap_or_default()
        .chars()
    {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

fn cases_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

/// The cases of a file: a list of objects with a `name`.
fn cases(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(cases_root().join(file)).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!cases.is_empty(), "{file} holds no case");
    cases
}

fn headers(object: &Value) -> Vec<(String, Vec<u8>)> {
    let members = object.as_object().into_iter().flatten();
    members
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().into()))
        .collect()
}

/// A body: a text, or a list of texts and of lists of bytes, put together.
fn body(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Array(pieces) => pieces.iter().flat_map(body).collect(),
        Value::Number(byte) => vec![u8::try_from(byte.as_u64().unwrap()).unwrap()],
        other => panic!("no body: {other}"),
    }
}

/// Compares an error with what a case expects of it; a member that the case does not name may be anything.
fn check_error(name: &str, expected: &Value, error: &Error) {
    for (member, value) in expected.as_object().unwrap() {
        let actual: Value = match member.as_str() {
            "kind" => word(error.kind).into(),
            "message" => error.message.clone().into(),
            "message-part" => {
                assert!(
                    error.message.contains(value.as_str().unwrap()),
                    "{name}: {}",
                    error.message
                );
                continue;
            }
            "hint-part" => {
                let hint = error.hint.clone().unwrap_or_default();
                assert!(hint.contains(value.as_str().unwrap()), "{name}: {hint}");
                continue;
            }
            "status" => error.status.into(),
            "code" => error.code.clone().into(),
            "retryable" => error.retryable.into(),
            "retry-after-ms" => error.retry_after_ms.into(),
            "request-sent" => error.request_sent.into(),
            "attempts" => error.attempts.into(),
            "backend" => error.backend.clone().into(),
            "request-id" => error.request_id.clone().into(),
            "suggestions" => error.suggestions.clone().into(),
            "extras" => error
                .extras
                .iter()
                .map(|extra| {
                    (
                        extra.key.clone(),
                        serde_json::from_str::<Value>(&extra.value_json).unwrap(),
                    )
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => panic!("{name}: unknown member {other}"),
        };
        assert_eq!(actual, *value, "{name}: {member} of {error:?}");
    }
}
