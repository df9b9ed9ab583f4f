use serde_json::{Value, json};

use super::*;
use crate::redact::text::{HELD, SHOWN};

const TOKEN: &str = "sk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456";

fn finder() -> Finder {
    Finder::new([TOKEN], HELD)
}

fn extra(key: &str, value: &Value) -> Extra {
    Extra {
        key: key.to_owned(),
        value_json: value.to_string(),
    }
}

/// What is passed on after each event, and at the end.
fn through(finder: &Finder, events: impl IntoIterator<Item = Extra>) -> Vec<Vec<Extra>> {
    let mut others = Others::default();
    let mut steps = Vec::new();
    for event in events {
        let mut out = Vec::new();
        others.push(finder, event, &mut out);
        steps.push(out);
    }
    let mut out = Vec::new();
    others.finish(finder, &mut out);
    steps.push(out);
    assert!(others.waiting.is_empty() && others.bytes == 0);
    steps
}

/// What clients join of these events.
fn joined(events: &[Vec<Extra>], pointer: &str) -> String {
    let values = events.iter().flatten().map(|event| {
        let value: Value = serde_json::from_str(&event.value_json).expect("still JSON");
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    });
    values.collect()
}

fn pieces(size: usize) -> impl Iterator<Item = &'static str> {
    (0..TOKEN.len())
        .step_by(size)
        .map(move |at| &TOKEN[at..(at + size).min(TOKEN.len())])
}

fn hides(said: &str, before: &str) {
    let shown = said
        .strip_prefix(before)
        .expect("what comes before it is unchanged");
    assert_eq!(shown.len(), TOKEN.len());
    let stars = shown.trim_start_matches(|c: char| c != '*');
    assert!(
        shown.len() - stars.len() <= SHOWN && stars.chars().all(|c| c == '*'),
        "{said}"
    );
}

#[test]
fn a_token_split_over_refusal_deltas_is_shown_to_nobody() {
    for size in 1..TOKEN.len() {
        let deltas = ["I ", "say:", " "].into_iter().chain(pieces(size));
        let events: Vec<Extra> = deltas.map(|piece| extra("refusal", &json!(piece))).collect();
        let out = through(&finder(), events.clone());
        assert_eq!(out.concat().len(), events.len(), "events stay whole");
        hides(&joined(&out, ""), "I say: ");
    }
}

#[test]
fn a_token_split_over_members_is_shown_to_nobody() {
    for size in [1, 3, 7, 20] {
        let events = pieces(size).enumerate().map(|(n, piece)| {
            // Escaped, and with other members beside it.
            let first = u32::from(piece.as_bytes()[0]);
            let said = format!(
                r#"{{"n":{n}.50,"x":{{"transcript":"\u{first:04x}{}"}}}}"#,
                &piece[1..]
            );
            Extra {
                key: "audio".to_owned(),
                value_json: said,
            }
        });
        let out = through(&finder(), events);
        hides(&joined(&out, "/x/transcript"), "");
        for (n, event) in out.iter().flatten().enumerate() {
            assert!(
                event.value_json.starts_with(&format!(r#"{{"n":{n}.50,"#)),
                "{event:?}"
            );
        }
    }
}

#[test]
fn what_is_said_in_several_places_is_searched_in_each_of_them() {
    let events = pieces(2).flat_map(|piece| ["refusal", "note"].map(|key| extra(key, &json!(piece))));
    let out = through(&finder(), events);
    for key in ["refusal", "note"] {
        let of_key = out.iter().map(|events| {
            let of_key = events.iter().filter(|event| event.key == key);
            of_key.cloned().collect()
        });
        hides(&joined(&of_key.collect::<Vec<_>>(), ""), "");
    }
}

#[test]
fn a_value_that_is_not_json_is_searched_as_text() {
    let events = pieces(9).map(|piece| Extra {
        key: "odd".to_owned(),
        value_json: piece.to_owned(),
    });
    let out = through(&finder(), events).concat();
    let said: String = out.into_iter().map(|event| event.value_json).collect();
    hides(&said, "");
}

#[test]
fn prose_passes_at_once_and_a_long_word_with_the_next_delta() {
    let events = ["I", " can't", " assist", "ance.", " Sorry"].map(|piece| extra("refusal", &json!(piece)));
    let counts: Vec<usize> = through(&finder(), events).iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 1, 1, 0, 2, 0]);
}

#[test]
fn values_without_strings_that_are_joined_pass_at_once_as_they_are() {
    let values = [
        json!({"content": [{"token": "considering", "logprob": -0.5}], "refusal": null}),
        json!([{"type": "url_citation", "url": "https://example.test/a-long-one"}]),
        json!(17),
    ];
    let events = values.map(|value| extra("logprobs", &value));
    let out = through(&finder(), events.clone());
    assert_eq!(out[..3].concat(), events);
}

#[test]
fn an_event_waits_for_its_own_strings_only_and_streams_keep_their_order() {
    let first = extra("audio", &json!({"id": "audio_0123456789"}));
    let then = ["A", " word"].map(|said| extra("audio", &json!({"transcript": said})));
    let [one, two] = then;
    let out = through(&finder(), [first.clone(), one.clone(), two.clone()]);
    assert_eq!(out, [vec![], vec![one.clone()], vec![two.clone()], vec![first]]);

    let both = extra(
        "audio",
        &json!({"id": "audio_0123456789", "transcript": "Just: "}),
    );
    let out = through(&finder(), [both.clone(), one.clone(), two.clone()]);
    assert_eq!(out.concat(), [both, one, two]);
    assert!(
        out[..3].concat().is_empty(),
        "they follow what is said before them"
    );
}

#[test]
fn a_string_that_does_not_go_on_holds_the_others_back_for_some_events_only() {
    let both = extra("audio", &json!({"id": "audio_0123456789", "data": "Just: "}));
    let then = extra("audio", &json!({"data": "A word. "}));
    let events: Vec<Extra> = [both].into_iter().chain(vec![then; 40]).collect();
    let out = through(&finder(), events.clone());
    let first = out.iter().position(|now| !now.is_empty());
    assert_eq!(first, Some(MOST_BETWEEN as usize), "then it ends");
    assert_eq!(out[MOST_BETWEEN as usize].len(), MOST_BETWEEN as usize + 1);
    assert!(
        out[MOST_BETWEEN as usize + 1..41]
            .iter()
            .all(|now| now.len() == 1)
    );
    assert_eq!(out.concat(), events);

    let token = (0..TOKEN.len()).map(|at| extra("refusal", &json!(TOKEN[at..=at])));
    let between = |event: Extra| {
        let others = vec![extra("audio", &json!({"data": "A word. "})); MOST_BETWEEN as usize - 1];
        [event].into_iter().chain(others)
    };
    let out = through(&finder(), token.flat_map(between)).concat();
    let said: String = out
        .iter()
        .filter(|event| event.key == "refusal")
        .map(|event| event.value_json.trim_matches('"'))
        .collect();
    assert_eq!(said, format!("{}{}", &TOKEN[..7], "*".repeat(TOKEN.len() - 7)));
}

#[test]
fn a_string_without_end_waits_up_to_a_limit() {
    let data = "A".repeat(HELD);
    let events = vec![extra("audio", &json!({ "data": data })); 9];
    let counts: Vec<usize> = through(&finder(), events).iter().map(Vec::len).collect();
    assert_eq!(counts, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn so_many_events_wait_and_of_more_the_first_ones_pass() {
    let (finder, mut others) = (finder(), Others::default());
    let (mut out, events) = (Vec::new(), 20 * MOST);
    for number in 0..events {
        others.push(
            &finder,
            extra(&format!("key {number}"), &json!("considering")),
            &mut out,
        );
        assert!(others.waiting.len() <= MOST && others.streams.len() <= MOST_STREAMS + 1);
    }
    others.finish(&finder, &mut out);
    assert_eq!(out.len(), events);
    assert!(
        out.iter()
            .enumerate()
            .all(|(number, event)| event.key == format!("key {number}"))
    );

    let large = json!(["x".repeat(MOST_BYTES / 3), "considering"]);
    let mut others = Others::default();
    for number in 0..9 {
        let value = json!({"large": large, "said": "considering"});
        others.push(&finder, extra(&format!("key {number}"), &value), &mut Vec::new());
        assert!(others.bytes <= MOST_BYTES && others.waiting.len() <= 2);
    }
}

#[test]
fn what_waits_does_not_depend_on_the_secret() {
    let others = [
        Finder::new(["sk-another/credential+of_another-length"], HELD),
        Finder::new([], HELD),
    ];
    for size in 1..TOKEN.len() {
        // A right guess of all but its end.
        let guess = pieces(size).filter(|piece| !piece.ends_with('6'));
        let events: Vec<Extra> = guess
            .map(|piece| extra("refusal", &json!({ "said": piece })))
            .collect();
        let out = through(&finder(), events.clone());
        assert_eq!(out.concat(), events, "nothing of it is redacted");
        for other in &others {
            assert_eq!(out, through(other, events.clone()));
        }
    }
}
