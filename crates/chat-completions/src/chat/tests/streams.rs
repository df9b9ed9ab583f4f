use std::prelude::v1::*;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn stream_cases() -> Vec<Value> {
    cases::cases("streams")
}

fn served(case: &Value) -> Served {
    let reference = cases::requested_model(case);
    let id = reference.strip_prefix("huggingface/").unwrap();
    let configured = cases::configured(&case["settings"]);
    let metadata = configured
        .into_iter()
        .find(|model| model.id == id)
        .map(|model| Model {
            extras: model.extras,
            ..cases::known_model(&serde_json::json!({})).unwrap()
        });
    let model = ModelRef {
        model: id.into(),
        wire_id: id.into(),
        canonical: reference.clone(),
        ..super::reference(metadata)
    };
    Served {
        model,
        ..cases::served(case).into()
    }
}

#[test]
fn a_whole_response_reads_as_a_stream_of_one_event() {
    for case in stream_cases() {
        let whole = served(&case);
        let Ok(text) = core::str::from_utf8(&whole.body) else {
            continue;
        };
        let text = text.trim();
        // What is no JSON object has no form as an event.
        if !text.starts_with('{') || !crate::json::is_value(text) {
            continue;
        }
        let stream = Served {
            body: format!("data: {text}\n\ndata: [DONE]\n\n").into_bytes(),
            ..whole.clone()
        };
        assert_eq!(outcome(&stream, &[]), outcome(&whole, &[]), "{}", case["name"]);
    }
}

#[test]
fn every_case_gives_the_events_and_the_end_that_it_names() {
    let mut report = cases::Report::default();
    for case in stream_cases() {
        let Outcome { events, result } = outcome(&served(&case), &[]);
        report.add(&case, cases::check_stream(&case, &events, result.as_ref()));
    }
    report.finish();
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
fn a_setting_of_a_model_in_another_form_is_an_error_before_anything_is_sent() {
    let case = serde_json::json!({ "model": "acme/large", "settings": {
        "configured": [{ "id": "acme/large", "template-opens-reasoning": "yes" }] } });
    let model = served(&case).model;
    let error = begin(request(), model, &snapshot(0)).unwrap_err();
    assert_eq!(
        (word(error.kind), error.request_sent),
        ("invalid-request".into(), false)
    );
    assert!(
        error.message.contains("expected true or false"),
        "{}",
        error.message
    );
}

#[test]
fn a_stop_text_leaves_an_open_block_what_it_is() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"so\"},\"finish_reason\":\"stop\"}]}\n\n";
    let model = served(&serde_json::json!({ "model": "Qwen/QwQ-32B" })).model;
    for (stop, count) in [(Vec::new(), 2), (vec!["x".into()], 1)] {
        let request = ChatRequest { stop, ..request() };
        let mut exchange = begin(request, model.clone(), &snapshot(0)).unwrap();
        let mut events = Vec::new();
        serve(&mut exchange, &Served::ok(stream), &[], &mut events);
        assert_eq!(joined(events).len(), count);
    }
}

#[test]
fn a_response_beyond_the_limit_is_a_typed_error() {
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
fn the_first_identifier_of_a_response_counts_and_the_last_of_its_other_extras() {
    let stream = "data: {\"id\":\"\",\"choices\":[],\"timings\":1}\n\n\
                  data: {\"id\":\"a\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"queue_time\":0.5}}\n\n\
                  data: {\"id\":\"b\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null,\"timings\":2}\n\n\
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
            ("id", "\"a\""),
            ("model", "\"m\""),
            ("usage", "{\"prompt_tokens\":1,\"queue_time\":0.5}"),
            ("timings", "2")
        ]
    );
}

#[test]
fn generated_ids_differ_between_responses_and_within_one() {
    let call = |name: &str| format!("{{\"function\":{{\"name\":\"{name}\",\"arguments\":\"{{}}\"}}}}");
    let stream = format!(
        "{{\"choices\":[{{\"message\":{{\"tool_calls\":[{},{}]}}}}]}}",
        call("f"),
        call("g")
    );
    let ids = |seed| {
        let mut exchange =
            Exchange::new(&UPSTREAM, request(), reference(None).into(), &snapshot(0), seed).unwrap();
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
    fn every_whole_response_reads_as_a_stream_of_one_event(
        choices in prop::collection::vec(prop::collection::vec(prop::sample::select(MEMBERS), 0..5), 0..3),
    ) {
        let choices: Vec<String> = choices.iter().map(|members| format!("{{{}}}", members.join(","))).collect();
        let text = format!("{{\"choices\":[{}]}}", choices.join(","));
        let stream = format!("data: {text}\n\ndata: [DONE]\n\n");
        prop_assert_eq!(outcome(&Served::ok(stream), &[]), outcome(&Served::ok(text), &[]));
    }

    #[test]
    fn every_byte_sequence_ends_in_a_result(
        fragments in prop::collection::vec(
            prop_oneof![
                "[ -~\r\n\t]{0,12}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..12),
                prop::sample::select(GRAMMAR).prop_map(|fragment| fragment.as_bytes().to_vec()),
            ],
            0..24,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        close in prop::sample::select(vec![Close::End, Close::Fails(FailureKind::Reset)]),
        status in prop::sample::select(vec![200u16, 204, 302, 400, 503]),
    ) {
        let served = Served { model: reference(None), status, headers: Vec::new(), body: fragments.concat(), close };
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
    "event: ping\n",
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
    "event: delta\n",
    "\u{feff}",
    "data: {\"message\":\"wait\"}\n\n",
    "data: {\"type\":\"ping\"}\n\n",
    "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":{\"content\":\"r\"}}}]}\n\n",
    "data: {\"choices\":[{\"message\":{\"content\":\"xb\"},\"finish_reason\":\"length\"}]}\n\n",
    "data: {\"choices\":[{\"message\":{\"tool_calls\":{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}}}]}\n\n",
    "data: {\"choices\":[{\"delta\":NaN,\"finish_reason\":\"abort\"}]}\n\n",
];

/// Members of a choice, of which whole responses are made.
const MEMBERS: &[&str] = &[
    "\"index\":1",
    "\"text\":\"t\"",
    "\"delta\":\"d\"",
    "\"delta\":{\"content\":[{\"type\":\"image\"},\"a\"]}",
    "\"message\":{\"content\":\"<think>r</think>a\",\"reasoning\":\"r\"}",
    "\"message\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}",
    "\"delta\":{\"tool_calls\":{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}}",
    "\"tool_calls\":[{\"id\":\"a\",\"name\":\"f\",\"arguments\":{}}]",
    "\"logprobs\":{\"a\":1}",
    "\"error\":{}",
    "\"finish_reason\":\"length\"",
    "\"finish_reason\":\"wibble\"",
    "\"finish_reason\":\"failed\"",
];
