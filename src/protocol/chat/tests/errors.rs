use super::*;

#[test]
fn every_recorded_form_of_an_error_gives_what_the_case_names() {
    let mut report = cases::Report::default();
    for case in cases::cases("errors.json") {
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
        exchange.on_bytes(&[b'x'; 4096]);
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
fn for_a_model_that_is_not_there_the_reference_without_suffix_is_suggested() {
    let mut reference = reference(None);
    reference.routing = Routing::Backend("nebius".into());
    let mut exchange = Exchange::new(request(), reference, &snapshot(0), 1).unwrap();
    serve(
        &mut exchange,
        &Served::status(404, &[], "Not Found"),
        &[],
        &mut Vec::new(),
    );
    let error = exchange.outcome().unwrap().as_ref().unwrap_err();
    assert_eq!(error.suggestions, ["huggingface/org/name"]);
}
