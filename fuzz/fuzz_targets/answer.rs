//! Fuzz target of a whole exchange: for any response, in any chunking, the events follow the contract's order, the
//! exchange ends, and the outcome does not depend on the chunking. A tool call that has ended is not extended, and
//! the folded response has it as it ended. A whole response is equivalent to a stream of one event.
#![no_main]

use chat_completions::chat::{Exchange, Failure, FailureKind, Collector, Next};
use huggingface_protocol::contract::settings::Snapshot;
use huggingface_protocol::contract::types::{
    AssistantPart, ChatEvent, ChatRequest, ContentPart, Error, ErrorKind, Message, ModelRef, Summary,
    UserMessage,
};
use huggingface_protocol::provider::UPSTREAM;
use huggingface_protocol::reference;
use huggingface_protocol::settings::{PlainSettings, Settings};
use huggingface_provider_fuzz::{control, pieces};
use libfuzzer_sys::fuzz_target;

type Outcome = (Vec<AssistantPart>, Result<Summary, Error>);

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

/// The open and ended parts, by the contract's rules for events.
#[derive(Default)]
struct Order {
    /// The state of each call that was started.
    calls: Vec<Call>,
}

struct Call {
    id: String,
    name: String,
    arguments: String,
    has_ended: bool,
}

impl Order {
    fn check(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Text(text) => assert!(!text.is_empty()),
            ChatEvent::ToolCallStart(start) => {
                assert_eq!(start.index as usize, self.calls.len());
                assert!(!start.id.is_empty() && !start.name.is_empty());
                self.calls.push(Call {
                    id: start.id.clone(),
                    name: start.name.clone(),
                    arguments: String::new(),
                    has_ended: false,
                });
            }
            ChatEvent::ToolCallDelta(delta) => {
                let call = &mut self.calls[delta.index as usize];
                assert!(!call.has_ended, "more of a call that has ended");
                call.arguments += &delta.arguments_fragment;
            }
            ChatEvent::ToolCallEnd(end) => {
                let call = &mut self.calls[end.index as usize];
                assert!(!call.has_ended, "a call ends twice");
                call.has_ended = true;
            }
            ChatEvent::Other(extra) => {
                serde_json::from_str::<&serde_json::value::RawValue>(&extra.value_json)
                    .expect("an extra is JSON");
            }
            ChatEvent::Reasoning(_) | ChatEvent::Media(_) => {}
        }
    }

    /// The folded calls are those that ended. After an error, no call looks complete.
    fn check_end(&self, content: &[AssistantPart], is_error: bool) {
        let folded = content.iter().filter_map(|part| match part {
            AssistantPart::ToolCall(call) => Some((&call.id, &call.name, &call.arguments_json)),
            _ => None,
        });
        let told = self
            .calls
            .iter()
            .map(|call| (&call.id, &call.name, &call.arguments));
        assert!(folded.eq(told), "the folded calls are not those of the events");
        for call in &self.calls {
            assert_ne!(
                call.has_ended, is_error,
                "calls end with the response, and with nothing else"
            );
            if call.has_ended {
                serde_json::from_str::<&serde_json::value::RawValue>(&call.arguments)
                    .expect("arguments are JSON");
            }
        }
    }
}

fn answer(kind: u8, body: &[u8], seed: u8, model: &ModelRef, snapshot: &Snapshot) -> Outcome {
    let mut exchange = Exchange::new(&UPSTREAM, request(model), model.clone().into(), snapshot, 7).expect("a good request");
    let (mut collector, mut order) = (Collector::default(), Order::default());
    let mut take = |exchange: &mut Exchange| {
        let max = if seed == 0 {
            usize::MAX
        } else {
            usize::from(seed % 3)
        };
        while exchange.next() == Next::Events {
            for event in exchange.take_events(max) {
                order.check(&event);
                collector.push(event);
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
    // Nothing changes after the end.
    exchange.on_bytes(b"data: {\"choices\":[{\"delta\":{\"content\":\"late\"}}]}\n\n");
    exchange.on_end();
    assert_eq!(exchange.outcome(), Some(&outcome));
    let content = collector.finish();
    order.check_end(&content, outcome.is_err());
    if let Err(error) = &outcome {
        assert!(!error.message.trim().is_empty() && error.message.len() <= 4096 && error.request_sent);
    }
    (content, outcome)
}

/// Error messages name either an event of the stream or the response: this difference is removed.
fn without_what_is_broken((content, mut outcome): Outcome) -> Outcome {
    if let Err(error) = &mut outcome
        && error.kind == ErrorKind::Protocol
    {
        error.message.clear();
    }
    (content, outcome)
}

/// A body that is one JSON object, as the only event of a stream.
fn as_stream(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim_ascii();
    let is_object =
        text.starts_with('{') && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    // JSON allows a space in place of a line end, which cannot occur within its strings.
    is_object.then(|| format!("data: {}\n\ndata: [DONE]\n\n", text.replace(['\r', '\n'], " ")))
}

fuzz_target!(|input: &[u8]| {
    let (kind, input) = control(input);
    let (seed, body) = control(input);
    let settings = PlainSettings::default();
    // The template of the second model opens the reasoning block.
    let model = if kind & 8 == 0 { "org/name" } else { "Qwen/QwQ-32B" };
    let model = reference::resolve(&format!("huggingface/{model}"), &settings).expect("a good reference");
    let snapshot = Snapshot {
        max_retries: 0,
        ..settings.get()
    };
    let whole = answer(kind, body, 0, &model, &snapshot);
    assert_eq!(answer(kind, body, 1, &model, &snapshot), whole, "byte by byte");
    assert_eq!(answer(kind, body, seed, &model, &snapshot), whole, "in chunks");
    if kind & 6 == 0
        && let Some(stream) = as_stream(body)
    {
        let streamed = answer(kind, stream.as_bytes(), 0, &model, &snapshot);
        assert_eq!(
            without_what_is_broken(streamed),
            without_what_is_broken(whole),
            "as a stream"
        );
    }
});
