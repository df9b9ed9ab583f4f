use super::*;

#[test]
fn the_providers_own_hint_comes_before_the_general_one() {
    let hint = |status| {
        outcome(&Served::status(status, &[], ""), &[])
            .result
            .unwrap_err()
            .hint
    };
    assert_eq!(hint(402).as_deref(), Some("Pay."));
    assert!(hint(413).unwrap().starts_with("Shorten the conversation"));
    assert_eq!(hint(500), None);
}

#[test]
fn every_recorded_form_of_an_error_gives_what_the_case_names() {
    let mut report = cases::Report::default();
    for mut case in cases::cases("errors.json") {
        // The provider's own hints have tests of their own.
        case["error"]
            .as_object_mut()
            .unwrap()
            .remove("provider-hint-part");
        let served = Served::from(cases::served(&case));
        let whole = outcome(&served, &[]);
        assert!(whole.events.is_empty());
        let wrong = cases::check_failure(&case, whole.result.as_ref().unwrap_err());
        report.add(&case, wrong);
        let cuts: Vec<usize> = (0..served.body.len()).collect();
        assert_eq!(outcome(&served, &cuts), whole, "{}", case["name"]);
    }
    report.finish();
}

#[test]
fn a_message_is_cut_at_a_characters_end() {
    let served = Served::status(400, &[], &"é".repeat(5000));
    let message = outcome(&served, &[]).result.unwrap_err().message;
    assert!(message.len() <= 4096 && message.len() > 4090);
    assert!(message.ends_with("é…"));
}

#[test]
fn of_an_endless_error_body_only_the_beginning_is_read() {
    let mut exchange = exchange(0);
    exchange.sent();
    exchange.on_response(500, &[]);
    for _ in 0..16 {
        assert!(matches!(exchange.next(), Next::Body { .. }));
        exchange.on_bytes(&[b'x'; 64 * 1024]);
    }
    assert_eq!(exchange.next(), Next::Ended);
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let served = Served::status(400, &[], "{\"error\":\"a\\u001b[31mb\\u0000c\"}");
    assert_eq!(outcome(&served, &[]).result.unwrap_err().message, "a [31mb c");
}

#[test]
fn an_error_whose_body_breaks_off_keeps_its_status() {
    let mut served = Served::status(402, &[], "{\"error\":\"You have");
    served.close = Close::Fails(FailureKind::Reset);
    let error = outcome(&served, &[]).result.unwrap_err();
    assert_eq!(
        (word(error.kind), error.status),
        ("payment-required".into(), Some(402))
    );
}

#[test]
fn for_an_unknown_model_similar_ones_are_suggested_best_first() {
    let not_found = r#"{"error":{"message":"no such model","code":"model_not_found"}}"#;
    let suggested = |body: &str, instead: &[&str]| {
        let mut reference = reference(None);
        reference.routing = Routing::Backend("nebius".into());
        let instead = instead.iter().map(ToString::to_string).collect();
        let resolved = Resolved {
            model: reference,
            instead,
        };
        let mut exchange = Exchange::new(&UPSTREAM, request(), resolved, &snapshot(0), 1).unwrap();
        serve(
            &mut exchange,
            &Served::status(404, &[], body),
            &[],
            &mut Vec::new(),
        );
        let error = exchange.outcome().unwrap().as_ref().unwrap_err();
        error.suggestions.clone()
    };
    assert_eq!(suggested("Not Found", &[]), ["huggingface/org/name"]);
    assert_eq!(
        suggested("Not Found", &["huggingface/org/names"]),
        ["huggingface/org/names", "huggingface/org/name"]
    );
    // A model that does not exist does not exist without its suffix either.
    assert!(suggested(not_found, &[]).is_empty());
}

#[test]
fn of_a_long_error_no_request_that_it_repeats_is_shown() {
    let prompt = "the prompt ".repeat(20_000);
    for (body, message) in [
        (
            format!(
                r#"{{"detail":[{{"type":"missing","loc":["body"],"msg":"Field required","input":"{prompt}"}}]}}"#
            ),
            "Field required",
        ),
        // A complete message is read even if the rest was cut.
        (format!(r#"{{"error":{{"message":"no"}},"input":"{prompt}"#), "no"),
        (
            format!(r#"{{"input":"{}","detail":"x"}}"#, prompt.repeat(6)),
            "The upstream returned 422: Unprocessable Entity.",
        ),
    ] {
        let served = Served::status(422, &[], &body);
        assert_eq!(outcome(&served, &[]).result.unwrap_err().message, message);
    }
}
