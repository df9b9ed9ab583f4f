use super::*;

const GOOD: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// Serves these responses in turn and returns the backoffs between them.
fn run(max_retries: u32, responses: &[Served]) -> (Vec<u32>, Exchange, Vec<ChatEvent>) {
    let mut exchange = exchange(max_retries);
    let (mut waits, mut events) = (Vec::new(), Vec::new());
    for response in responses {
        serve(&mut exchange, response, &[], &mut events);
        if let Next::Wait { ms } = exchange.next() {
            waits.push(ms);
            exchange.waited();
        }
    }
    (waits, exchange, events)
}

fn failed(kind: FailureKind, request_sent: bool) -> Error {
    let mut exchange = exchange(0);
    if request_sent {
        exchange.sent();
    }
    exchange.on_failure(Failure { kind, request_sent });
    exchange.outcome().unwrap().clone().unwrap_err()
}

#[test]
fn only_transient_statuses_are_retried() {
    for status in [408, 409, 425, 429, 500, 502, 503, 504] {
        let (waits, exchange, events) = run(2, &[Served::status(status, &[], ""), Served::ok(GOOD)]);
        assert_eq!((waits.len(), events.len()), (1, 1), "{status}");
        assert_eq!(exchange.outcome().unwrap().as_ref().unwrap().attempts, 2);
    }
    for status in [302, 400, 401, 402, 403, 404, 413, 422, 424, 501] {
        let (waits, exchange, _) = run(2, &[Served::status(status, &[], "")]);
        assert!(
            waits.is_empty() && exchange.outcome().unwrap().is_err(),
            "{status}"
        );
    }
}

#[test]
fn the_last_try_gives_the_error_and_counts_all() {
    let (waits, exchange, _) = run(2, &vec![Served::status(503, &[("x-request-id", "r")], ""); 3]);
    assert_eq!(waits.len(), 2);
    assert!(
        (375..=625).contains(&waits[0]) && (750..=1250).contains(&waits[1]),
        "{waits:?}"
    );
    let error = exchange.outcome().unwrap().as_ref().unwrap_err();
    assert_eq!(
        (error.attempts, error.retryable, error.request_sent),
        (3, true, true)
    );
    assert_eq!(error.request_id.as_deref(), Some("r"));
}

#[test]
fn retry_after_is_obeyed_up_to_a_minute_and_reported_beyond() {
    let (waits, ..) = run(
        1,
        &[Served::status(429, &[("Retry-After", "7")], ""), Served::ok(GOOD)],
    );
    assert_eq!(waits, [7000]);
    let (waits, exchange, _) = run(1, &[Served::status(429, &[("retry-after", "3600")], "")]);
    assert!(waits.is_empty());
    assert_eq!(
        exchange.outcome().unwrap().as_ref().unwrap_err().retry_after_ms,
        Some(3_600_000)
    );
}

#[test]
fn retry_after_on_a_successful_response_is_ignored() {
    let mut served = Served::ok("data: [DONE]\n\n");
    served.headers = vec![("retry-after".into(), b"30".to_vec())];
    let (waits, ..) = run(1, &[served, Served::ok(GOOD)]);
    assert!(waits[0] < 1000, "{waits:?}");
}

#[test]
fn an_empty_response_is_retried() {
    for body in [
        "",
        "\n",
        ": ping\n\n",
        "data: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n",
    ] {
        let (waits, exchange, _) = run(1, &[Served::ok(body), Served::ok(GOOD)]);
        assert_eq!(waits.len(), 1, "{body:?}");
        assert_eq!(exchange.outcome().unwrap().as_ref().unwrap().attempts, 2);
    }
}

#[test]
fn an_error_in_a_stream_is_tried_again_only_by_its_number() {
    for (body, tries) in [
        ("data: {\"error\":{\"message\":\"m\",\"code\":503}}\n\n", 1),
        ("data: {\"error\":{\"message\":\"m\",\"code\":400}}\n\n", 0),
        ("data: {\"error\":{\"message\":\"m\"}}\n\n", 0),
    ] {
        assert_eq!(run(1, &[Served::ok(body)]).0.len(), tries, "{body}");
    }
}

#[test]
fn nothing_is_tried_again_after_an_event() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    for (rest, close) in [
        ("", Close::End),
        ("", Close::Fails(FailureKind::Reset)),
        (
            "data: {\"error\":{\"code\":503,\"message\":\"m\"}}\n\n",
            Close::End,
        ),
    ] {
        let mut served = Served::ok(format!("{text}{rest}"));
        served.close = close;
        let (waits, exchange, events) = run(5, &[served]);
        assert!(waits.is_empty());
        assert_eq!(events, [ChatEvent::Text("hi".into())]);
        assert!(exchange.outcome().unwrap().is_err());
    }
}

#[test]
fn a_connection_that_gave_nothing_is_tried_again_whether_the_request_left_or_not() {
    for (kind, request_sent) in [
        (FailureKind::Connect, false),
        (FailureKind::ConnectTimeout, false),
        (FailureKind::Reset, true),
    ] {
        let mut exchange = exchange(1);
        if request_sent {
            exchange.sent();
        }
        exchange.on_failure(Failure { kind, request_sent });
        assert!(matches!(exchange.next(), Next::Wait { .. }));
        exchange.waited();
        assert_eq!(exchange.next(), Next::Send);
        let mut body = Vec::new();
        exchange.write_body(&mut body).unwrap();
        assert_eq!(body.len() as u64, exchange.head().content_length);
        exchange.on_failure(Failure {
            kind,
            request_sent: false,
        });
        // What the first attempt sent stays sent.
        assert_eq!(
            exchange.outcome().unwrap().as_ref().unwrap_err().request_sent,
            request_sent
        );
    }
}

#[test]
fn what_the_host_denies_and_what_takes_too_long_is_not_tried_again() {
    for kind in [
        FailureKind::Denied,
        FailureKind::Timeout,
        FailureKind::Tls,
        FailureKind::Encoded,
        FailureKind::Internal,
    ] {
        let mut exchange = exchange(5);
        exchange.on_failure(Failure {
            kind,
            request_sent: false,
        });
        let error = exchange.outcome().unwrap().as_ref().unwrap_err();
        assert_eq!((error.attempts, error.request_sent), (1, false), "{kind:?}");
    }
}

#[test]
fn a_lost_connection_is_tried_again_also_where_the_host_calls_it_no_http() {
    for kind in [
        FailureKind::Connect,
        FailureKind::ConnectTimeout,
        FailureKind::Reset,
        FailureKind::Protocol,
    ] {
        let mut exchange = exchange(1);
        exchange.sent();
        exchange.on_failure(Failure {
            kind,
            request_sent: true,
        });
        assert!(matches!(exchange.next(), Next::Wait { .. }), "{kind:?}");
    }
}

#[test]
fn failures_have_the_kind_of_their_cause() {
    for (kind, expected, retryable) in [
        (FailureKind::Connect, "transport", true),
        (FailureKind::ConnectTimeout, "timeout", true),
        (FailureKind::Tls, "transport", true),
        (FailureKind::Reset, "transport", true),
        (FailureKind::Timeout, "timeout", true),
        (FailureKind::Denied, "denied", false),
        (FailureKind::Protocol, "protocol", true),
        (FailureKind::Encoded, "protocol", false),
        (FailureKind::Internal, "internal", false),
    ] {
        let error = failed(kind, true);
        assert_eq!(
            (word(error.kind).as_str(), error.retryable, error.request_sent),
            (expected, retryable, true)
        );
    }
}

#[test]
fn the_first_byte_and_the_ones_after_it_have_their_own_limits() {
    let mut exchange = exchange(0);
    exchange.sent();
    assert_eq!(exchange.next(), Next::Response { timeout_ms: 120_000 });
    exchange.on_response(200, &[]);
    assert_eq!(exchange.next(), Next::Body { timeout_ms: 120_000 });
    exchange.on_bytes(b": ping\n\n");
    assert_eq!(exchange.next(), Next::Body { timeout_ms: 60_000 });
    exchange.on_failure(Failure {
        kind: FailureKind::Timeout,
        request_sent: true,
    });
    let error = exchange.outcome().unwrap().as_ref().unwrap_err();
    assert_eq!(error.message, "The response stalled for 60 s.");
    assert_eq!(
        failed(FailureKind::Timeout, true).message,
        "No response within 120 s."
    );
}

#[test]
fn a_wait_in_words_is_waited_and_a_long_one_ends_the_call() {
    for (message, wait) in [
        ("Please try again in 1.5s.", Some(1500)),
        ("try again in 14m24s", None),
    ] {
        let body = format!("{{\"error\":{{\"message\":\"{message}\",\"code\":429}}}}");
        for served in [
            Served::status(429, &[], &body),
            Served::ok(format!("data: {body}\n\n")),
        ] {
            let mut exchange = exchange(1);
            serve(&mut exchange, &served, &[], &mut Vec::new());
            let expected = wait.map_or(Next::Ended, |ms| Next::Wait { ms });
            assert_eq!(exchange.next(), expected, "{message}");
        }
    }
}

#[test]
fn a_content_encoding_that_was_not_requested_is_refused() {
    let served = Served::status(200, &[("Content-Encoding", "gzip")], GOOD);
    assert_eq!(word(outcome(&served, &[]).result.unwrap_err().kind), "protocol");
    let served = Served::status(200, &[("content-encoding", "identity")], GOOD);
    assert!(outcome(&served, &[]).result.is_ok());
}

#[test]
fn without_a_token_nothing_is_sent_and_the_provider_says_what_to_do() {
    let mut snapshot = snapshot(2);
    snapshot.credential = CredentialState::Missing;
    let error = begin(request(), reference(None), &snapshot).unwrap_err();
    assert_eq!(
        (word(error.kind), error.request_sent, error.attempts),
        ("unauthenticated".into(), false, 0)
    );
    assert_eq!(error.hint.unwrap(), "Set EXAMPLE_KEY.");
    snapshot.base_url = Some("http://example.com/v1".into());
    assert!(
        begin(request(), reference(None), &snapshot)
            .unwrap_err()
            .hint
            .is_some_and(|hint| hint == "Use https.")
    );
    snapshot.credential = CredentialState::NotRequired;
    assert!(begin(request(), reference(None), &snapshot).is_ok());
}

#[test]
fn a_finish_reason_makes_a_connection_that_is_then_lost_harmless() {
    let mut served =
        Served::ok("data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n");
    for kind in [FailureKind::Reset, FailureKind::Timeout] {
        served.close = Close::Fails(kind);
        assert!(outcome(&served, &[]).result.is_ok());
    }
}

const REFUSED: &str = "{\"error\":{\"message\":\"'messages.1' : for 'role:assistant' the following must be satisfied\
                       [('messages.1' : property 'reasoning_content' is unsupported)]\"}}";

/// An exchange whose request has a tool turn with reasoning.
fn exchange_with_reasoning(max_retries: u32, replay: &str) -> Exchange {
    let request = serde_json::json!({"messages": [
        {"user": ["q"]},
        {"assistant": [{"reasoning": "because"}, {"tool-call": {"id": "a", "name": "f", "arguments-json": "{}"}}]},
        {"tool": {"call-id": "a", "content": ["x"]}},
    ]});
    let request = chat_request(&request, "huggingface/org/name");
    let extras = serde_json::json!({"extras": [{"key": "reasoning-replay", "value-json": replay}]});
    let model = cases::known_model(&extras).filter(|_| !replay.is_empty());
    begin(request, reference(model), &snapshot(max_retries)).unwrap()
}

fn body_of(exchange: &Exchange) -> String {
    let mut written = Vec::new();
    exchange.write_body(&mut written).unwrap();
    assert_eq!(exchange.head().content_length, written.len() as u64);
    String::from_utf8(written).unwrap()
}

#[test]
fn reasoning_that_a_backend_refuses_is_left_out_of_the_next_attempt() {
    let mut exchange = exchange_with_reasoning(1, "");
    assert!(body_of(&exchange).contains("because"));
    let mut events = Vec::new();
    serve(
        &mut exchange,
        &Served::status(400, &[], REFUSED),
        &[],
        &mut events,
    );
    assert!(
        matches!(exchange.next(), Next::Wait { ms: 0 }),
        "{:?}",
        exchange.next()
    );
    exchange.waited();
    let body = body_of(&exchange);
    assert!(
        !body.contains("reasoning_content") && body.contains("tool_calls"),
        "{body}"
    );
    serve(&mut exchange, &Served::ok(GOOD), &[], &mut events);
    let summary = exchange.outcome().unwrap().as_ref().unwrap();
    assert_eq!(summary.attempts, 2);
    assert!(
        summary
            .warnings
            .iter()
            .any(|warning| warning.code == "reasoning-left-out")
    );
}

#[test]
fn reasoning_is_left_out_once_and_only_if_it_was_sent_and_retries_are_allowed() {
    let missing = "{\"error\":{\"message\":\"thinking is enabled but reasoning_content is missing in assistant tool \
                   call message at index 32\"}}";
    let back =
        "{\"error\":{\"message\":\"The `reasoning_content` in the thinking mode must be passed back\"}}";
    let unknown = "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"messages\",1,\"assistant\",\
                   \"reasoning_content\"],\"msg\":\"Extra inputs are not permitted\"}]}";
    for (mut exchange, refused, attempts) in [
        (exchange_with_reasoning(0, ""), REFUSED, 1),
        (exchange_with_reasoning(5, ""), REFUSED, 2),
        (exchange_with_reasoning(5, ""), unknown, 2),
        (exchange_with_reasoning(5, ""), missing, 1),
        (exchange_with_reasoning(5, ""), back, 1),
        (exchange_with_reasoning(5, "\"tool-calls\""), REFUSED, 1),
        (exchange(5), REFUSED, 1),
    ] {
        let mut events = Vec::new();
        while exchange.outcome().is_none() {
            serve(
                &mut exchange,
                &Served::status(400, &[], refused),
                &[],
                &mut events,
            );
            exchange.waited();
        }
        let error = exchange.outcome().unwrap().as_ref().unwrap_err();
        assert_eq!(error.attempts, attempts, "{refused}");
        assert_eq!(error.retry_after_ms, None);
    }
}
