use std::{fs, prelude::v1::*};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn stream_cases() -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(cases_root().join("streams"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
        .iter()
        .flat_map(|path| cases(path.strip_prefix(cases_root()).unwrap().to_str().unwrap()))
        .collect()
}

fn served(case: &Value) -> Served {
    Served {
        status: u16::try_from(case["status"].as_u64().unwrap_or(200)).unwrap(),
        headers: headers(&case["headers"]),
        body: body(&case["body"]),
        close: match case["close"].as_str() {
            None | Some("end") => Close::End,
            Some("reset") => Close::Fails(FailureKind::Reset),
            Some("timeout") => Close::Fails(FailureKind::Timeout),
            Some(other) => panic!("unknown close {other}"),
        },
    }
}

/// An event in the cases' short form.
fn short(event: &ChatEvent) -> Value {
    match event {
        ChatEvent::Text(text) => json!({ "text": text }),
        ChatEvent::Reasoning(thought) => match &thought.signature {
            None => json!({ "reasoning": thought.text }),
            Some(signature) => json!({ "reasoning": thought.text, "signature": signature }),
        },
        ChatEvent::ToolCallStart(start) => {
            // Made-up identifiers are as they are; that they are unique is checked elsewhere.
            let is_made_up = start
                .id
                .starts_with(&format!("call_{:x}_", crate::chat::retry::mix(7)));
            json!({ "start": [start.index, if is_made_up { "*" } else { &start.id }, start.name] })
        }
        ChatEvent::ToolCallDelta(delta) => json!({ "delta": [delta.index, delta.arguments_fragment] }),
        ChatEvent::ToolCallEnd(index) => json!({ "end": index }),
        ChatEvent::Media(media) => json!({ "media": media.mime_type }),
        ChatEvent::Other(other) => {
            json!({ "other": [other.key, serde_json::from_str::<Value>(&other.value_json).unwrap()] })
        }
    }
}

fn short_summary(summary: &Summary) -> Value {
    let usage = &summary.usage;
    json!({
        "finish": word(summary.finish_reason),
        "raw": summary.raw_finish_reason,
        "usage": [usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens],
    })
}

#[test]
fn every_case_gives_the_events_and_the_end_that_it_names() {
    for case in stream_cases() {
        let name = case["name"].as_str().unwrap();
        let outcome = outcome(&served(&case), &[]);
        let events: Vec<Value> = outcome.events.iter().map(short).collect();
        assert_eq!(json!(events), case["events"], "{name}: {:?}", outcome.result);
        match (&outcome.result, &case["error"]) {
            (Ok(summary), Value::Null) => {
                assert_eq!(short_summary(summary), case["summary"], "{name}");
                assert_eq!((summary.attempts, &*summary.model), (1, "huggingface/org/name"));
            }
            (Err(error), expected @ Value::Object(_)) => check_error(name, expected, error),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn no_cut_in_two_changes_the_outcome() {
    for case in stream_cases() {
        let served = served(&case);
        let whole = outcome(&served, &[]);
        for cut in 0..=served.body.len() {
            assert_eq!(outcome(&served, &[cut]), whole, "{}: cut at {cut}", case["name"]);
        }
    }
}

#[test]
fn reading_byte_by_byte_does_not_change_the_outcome() {
    for case in stream_cases() {
        let served = served(&case);
        let cuts: Vec<usize> = (0..=served.body.len()).collect();
        assert_eq!(outcome(&served, &cuts), outcome(&served, &[]), "{}", case["name"]);
    }
}

#[test]
fn case_names_are_sentences_of_their_own() {
    let mut names: Vec<String> = stream_cases()
        .iter()
        .map(|case| case["name"].as_str().unwrap().into())
        .collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn an_answer_past_the_limit_is_a_typed_error() {
    for head in ["data: {\"a\":\"", "{\"a\":\""] {
        let mut exchange = exchange(0);
        exchange.sent();
        exchange.on_response(200, &[]);
        exchange.on_bytes(head.as_bytes());
        for _ in 0..9 {
            exchange.on_bytes(&vec![b'x'; 1 << 20]);
        }
        let error = exchange.outcome().unwrap().as_ref().unwrap_err();
        assert_eq!((word(error.kind), error.retryable), ("protocol".into(), false));
        assert!(error.message.contains("8 MiB"));
    }
}

#[test]
fn a_megabyte_in_one_line_arrives_whole() {
    let text = "é".repeat(1 << 19);
    let stream =
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\ndata: [DONE]\n\n");
    let cuts: Vec<usize> = (0..stream.len()).step_by(4099).collect();
    assert_eq!(
        outcome(&Served::ok(stream), &cuts).events,
        [ChatEvent::Text(text)]
    );
}

#[test]
fn backend_and_request_id_are_in_the_summary() {
    let mut served =
        Served::ok("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n");
    served.headers = vec![
        ("X-Inference-Provider".into(), b"together".to_vec()),
        ("inference-id".into(), b"second".to_vec()),
        ("x-request-id".into(), b"first".to_vec()),
        ("retry-after".into(), b"30".to_vec()),
    ];
    let summary = outcome(&served, &[]).result.unwrap();
    assert_eq!(summary.backend.as_deref(), Some("together"));
    assert_eq!(summary.request_id.as_deref(), Some("first"));
}

#[test]
fn extras_of_the_summary_hold_what_usage_has_no_field_for() {
    let stream = "data: {\"id\":\"a\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"queue_time\":0.5}}\n\n\
                  data: {\"id\":\"b\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\n\n\
                  data: [DONE]\n\n";
    let summary = outcome(&Served::ok(stream), &[]).result.unwrap();
    let extras: Vec<_> = summary
        .extras
        .iter()
        .map(|extra| (&*extra.key, &*extra.value_json))
        .collect();
    assert_eq!(
        extras,
        [
            ("id", "\"b\""),
            ("model", "\"m\""),
            ("usage", "{\"prompt_tokens\":1,\"queue_time\":0.5}")
        ]
    );
}

#[test]
fn made_up_ids_differ_between_answers_and_within_one() {
    let call = |name: &str| format!("{{\"function\":{{\"name\":\"{name}\",\"arguments\":\"{{}}\"}}}}");
    let stream = format!(
        "{{\"choices\":[{{\"message\":{{\"tool_calls\":[{},{}]}}}}]}}",
        call("f"),
        call("g")
    );
    let ids = |seed| {
        let mut exchange = Exchange::new(request(), reference(None), &snapshot(0), seed).unwrap();
        let mut events = Vec::new();
        serve(&mut exchange, &Served::ok(stream.as_str()), &[], &mut events);
        let start = |event| {
            if let ChatEvent::ToolCallStart(start) = event {
                Some(start.id)
            } else {
                None
            }
        };
        events.into_iter().filter_map(start).collect::<Vec<_>>()
    };
    let mut all = [ids(1), ids(2)].concat();
    assert_eq!(all.len(), 4);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);
}

proptest! {
    #[test]
    fn no_cut_in_many_changes_the_outcome(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let cases = stream_cases();
        let served = served(which.get(&cases));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(served.body.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(outcome(&served, &cuts), outcome(&served, &[]));
    }

    #[test]
    fn every_byte_sequence_ends_in_a_result(
        pieces in prop::collection::vec(
            prop_oneof![
                "[ -~\r\n\t]{0,12}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..12),
                prop::sample::select(GRAMMAR).prop_map(|piece| piece.as_bytes().to_vec()),
            ],
            0..24,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        close in prop::sample::select(vec![Close::End, Close::Fails(FailureKind::Reset)]),
        status in prop::sample::select(vec![200u16, 204, 302, 400, 503]),
    ) {
        let served = Served { status, headers: Vec::new(), body: pieces.concat(), close };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(served.body.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(outcome(&served, &cuts), outcome(&served, &[]));
    }
}

/// Pieces that streams are made of, so that random ones get past the first byte.
const GRAMMAR: &[&str] = &[
    "data: ",
    "data:",
    "event: error\n",
    "\n",
    "\n\n",
    "\r",
    ": c\n",
    "[DONE]",
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "\"\\ud83d\"",
    "\"choices\":[{\"delta\":{",
    "\"content\":\"<think>\"",
    "\"content\":\"a</think>b\"",
    "\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]",
    "}}]}\n\n",
    "\"finish_reason\":\"stop\"",
    "\"error\":{\"code\":503}",
    "data: {\"choices\":[{\"delta\":{\"content\":\"<think>x\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"name\":\"g\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-1,\"function\":{\"arguments\":\"}\"}}]}}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
];
