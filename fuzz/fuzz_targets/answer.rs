//! A whole exchange: any answer, in any pieces, keeps the rules for the order of events, ends, and ends the same.
#![no_main]

use huggingface_protocol::chat::{Exchange, Failure, FailureKind, Fold, Next};
use huggingface_protocol::contract::settings::Snapshot;
use huggingface_protocol::contract::types::{
    AssistantPart, ChatEvent, ChatRequest, ContentPart, Error, Message, ModelRef, Summary,
};
use huggingface_protocol::reference;
use huggingface_protocol::settings::{PlainSettings, Settings};
use huggingface_provider_fuzz::{control, pieces};
use libfuzzer_sys::fuzz_target;

type Answer = (Vec<AssistantPart>, Result<Summary, Error>);

fn request(model: &ModelRef) -> ChatRequest {
    ChatRequest {
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
    }
}

/// What is open and what has ended, by the contract's rules for events.
#[derive(Default)]
struct Order {
    /// Of each call that began, whether it has not ended.
    calls: Vec<bool>,
}

impl Order {
    fn check(&mut self, event: &ChatEvent) {
        let is_open = |index: u32| self.calls.get(index as usize).copied().unwrap_or(false);
        match event {
            ChatEvent::Text(text) => assert!(!text.is_empty()),
            ChatEvent::ToolCallStart(start) => {
                assert_eq!(start.index as usize, self.calls.len());
                assert!(!start.id.is_empty() && !start.name.is_empty());
                self.calls.push(true);
            }
            ChatEvent::ToolCallDelta(delta) => assert!(is_open(delta.index)),
            ChatEvent::ToolCallEnd(end) => {
                assert!(is_open(end.index));
                self.calls[end.index as usize] = false;
            }
            ChatEvent::Other(extra) => {
                serde_json::from_str::<&serde_json::value::RawValue>(&extra.value_json)
                    .expect("an extra is JSON");
            }
            ChatEvent::Reasoning(_) | ChatEvent::Media(_) => {}
        }
    }
}

fn answer(kind: u8, body: &[u8], seed: u8, model: &ModelRef, snapshot: &Snapshot) -> Answer {
    let mut exchange = Exchange::new(request(model), model.clone(), snapshot, 7).expect("a good request");
    let (mut fold, mut order) = (Fold::default(), Order::default());
    let mut take = |exchange: &mut Exchange| {
        let max = if seed == 0 {
            usize::MAX
        } else {
            usize::from(seed % 3)
        };
        while exchange.next() == Next::Events {
            for event in exchange.take_events(max) {
                order.check(&event);
                fold.push(event);
            }
        }
    };
    assert_eq!(exchange.next(), Next::Send);
    exchange.sent();
    let content_type: &[u8] = if kind & 1 == 0 {
        b"text/event-stream"
    } else {
        b"application/json"
    };
    let status = if kind & 4 == 0 { 200 } else { 400 };
    exchange.on_response(status, &[("content-type".into(), content_type.to_vec())]);
    for piece in pieces(body, seed) {
        if matches!(exchange.next(), Next::Body { .. }) {
            exchange.on_bytes(piece);
        }
        take(&mut exchange);
    }
    if matches!(exchange.next(), Next::Body { .. }) {
        if kind & 2 == 0 {
            exchange.on_end();
        } else {
            exchange.on_failure(Failure {
                kind: FailureKind::Reset,
                request_sent: true,
            });
        }
    }
    take(&mut exchange);
    assert_eq!(exchange.next(), Next::Ended);
    let outcome = exchange.outcome().expect("it has ended").clone();
    // After the end nothing changes any more.
    exchange.on_bytes(b"data: {\"choices\":[{\"delta\":{\"content\":\"late\"}}]}\n\n");
    exchange.on_end();
    assert_eq!(exchange.outcome(), Some(&outcome));
    let content = fold.finish();
    match &outcome {
        Ok(_) => {
            assert!(order.calls.iter().all(|is_open| !is_open), "every call ends");
            for part in &content {
                if let AssistantPart::ToolCall(call) = part {
                    serde_json::from_str::<&serde_json::value::RawValue>(&call.arguments_json)
                        .expect("arguments are JSON");
                }
            }
        }
        Err(error) => {
            assert!(!error.message.trim().is_empty() && error.message.len() <= 4096 && error.request_sent)
        }
    }
    (content, outcome)
}

fuzz_target!(|input: &[u8]| {
    let (kind, input) = control(input);
    let (seed, body) = control(input);
    let settings = PlainSettings::default();
    let model = reference::resolve("huggingface/org/name", &settings).expect("a good reference");
    let snapshot = Snapshot {
        max_retries: 0,
        ..settings.get()
    };
    let whole = answer(kind, body, 0, &model, &snapshot);
    assert_eq!(answer(kind, body, 1, &model, &snapshot), whole, "byte by byte");
    assert_eq!(answer(kind, body, seed, &model, &snapshot), whole, "in pieces");
});
