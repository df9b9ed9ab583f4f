//! Tests of whole exchanges. Cases that are data live in `tests/cases/` at the root of the repository; the
//! README there says what their members mean.

mod corpus;
mod errors;
mod reader;
mod requests;
mod retries;
mod streams;

use std::prelude::v1::*;

use serde_json::Value;

use super::{Exchange, Failure, FailureKind, Next};
use crate::{
    Resolved, Upstream,
    cases::{self, chat_request, check_order, joined, word},
    contract::{
        settings::{CredentialState, Snapshot},
        types::{ChatEvent, ChatRequest, Error, Model, ModelRef, Routing, Summary},
    },
    error::Cause,
};

/// The upstream of the case files.
static UPSTREAM: Upstream = Upstream {
    id: "huggingface",
    base_url: "https://example.com/v1",
    user_agent: "test/1",
    backend_header: Some("x-inference-provider"),
    refuse_reasoning: &["groq"],
    needs_credential: true,
    credential_hint: "Set EXAMPLE_KEY.",
    header: |_| Ok(Some(("x-added", "header".to_owned()))),
    hint: |cause, _| (cause == Cause::Credit).then_some("Pay."),
};

/// An exchange of a request.
fn begin(request: ChatRequest, model: ModelRef, snapshot: &Snapshot) -> Result<Exchange, Error> {
    Exchange::new(&UPSTREAM, request, model.into(), snapshot, 7)
}

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

/// A response as a server sends it.
#[derive(Debug, Clone)]
struct Served {
    /// The requested model.
    model: ModelRef,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    close: Close,
}

impl From<cases::Served> for Served {
    fn from(served: cases::Served) -> Self {
        let headers = served.headers.into_iter();
        Self {
            model: reference(None),
            status: served.status,
            headers: headers.map(|(name, value)| (name, value.into())).collect(),
            body: served.body,
            close: match served.close.as_str() {
                "end" => Close::End,
                "reset" => Close::Fails(FailureKind::Reset),
                "timeout" => Close::Fails(FailureKind::Timeout),
                other => panic!("unknown close {other}"),
            },
        }
    }
}

impl Served {
    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            model: reference(None),
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
            model: reference(None),
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
    chat_request(&Value::Null, "huggingface/org/name")
}

fn exchange(max_retries: u32) -> Exchange {
    begin(request(), reference(None), &snapshot(max_retries)).unwrap()
}

/// Serves one response split at these offsets, taking events as soon as they are ready.
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

/// A whole exchange with one response, without retries. Adjacent text deltas are joined.
fn outcome(served: &Served, cuts: &[usize]) -> Outcome {
    let mut exchange = begin(request(), served.model.clone(), &snapshot(0)).unwrap();
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
