use super::*;
use crate::{contract::Extra, redact::text::HELD};

const TOKEN: &str = "sk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456";

fn text(piece: &str) -> ChatEvent {
    ChatEvent::Text(piece.to_owned())
}

fn thought(piece: &str, signature: Option<&str>) -> ChatEvent {
    ChatEvent::Reasoning(Reasoning {
        signature: signature.map(str::to_owned),
        ..Reasoning::new(piece)
    })
}

fn start(index: u32, name: &str) -> ChatEvent {
    ChatEvent::ToolCallStart(ToolCallStart {
        index,
        id: format!("call-{index}"),
        name: name.to_owned(),
    })
}

fn arguments(index: u32, piece: &str) -> ChatEvent {
    ChatEvent::ToolCallDelta(ToolCallDelta {
        index,
        arguments_fragment: piece.to_owned(),
    })
}

fn end(index: u32) -> ChatEvent {
    let extras = Vec::new();
    ChatEvent::ToolCallEnd(ToolCallEnd { index, extras })
}

fn other(json: &str) -> ChatEvent {
    ChatEvent::Other(Extra {
        key: "citations".to_owned(),
        value_json: json.to_owned(),
    })
}

fn said(event: &ChatEvent) -> Option<&str> {
    match event {
        ChatEvent::Text(text) => Some(text),
        ChatEvent::Reasoning(reasoning) => Some(&reasoning.text),
        _ => None,
    }
}

fn through(events: impl IntoIterator<Item = ChatEvent>) -> Vec<ChatEvent> {
    let mut redactor = EventRedactor::new(Finder::new([TOKEN], HELD));
    let mut out = VecDeque::new();
    for event in events {
        redactor.push(event, &mut out);
    }
    redactor.finish(&mut out);
    out.into()
}

#[test]
fn held_back_text_is_released_before_the_next_part() {
    for next in [start(0, "f"), thought("Hm.", None), other("1")] {
        let out = through([text("Let me look:immediately"), next.clone()]);
        assert_eq!(out, [text("Let me look:im"), text("mediately"), next]);
    }
    let out = through([thought("Hm, considering", None), text("Yes.")]);
    assert_eq!(
        out,
        [thought("Hm, conside", None), thought("ring", None), text("Yes.")]
    );
    let out = through([thought("Considering", Some("sig")), text("Yes.")]);
    assert_eq!(out, [thought("Considering", Some("sig")), text("Yes.")]);
}

#[test]
fn log_probabilities_wait_for_their_text_and_do_not_end_it() {
    let given = [
        text("Cert"),
        other("1"),
        text("ain"),
        other("2"),
        text("ly"),
        other("3"),
        text("!"),
        other("4"),
        text(" Yes"),
        other("5"),
    ];
    assert_eq!(through(given.clone()), given);
    let events = TOKEN
        .split("")
        .flat_map(|one| [text(one), thought("", None), other("1")]);
    let out = through(events);
    let told: String = out.iter().filter_map(said).collect();
    assert_eq!(told, format!("{}{}", &TOKEN[..7], "*".repeat(TOKEN.len() - 7)));
    let events = TOKEN
        .split("")
        .flat_map(|one| [thought(one, None), text(""), other("1")]);
    let out = through(events);
    let told: String = out.iter().filter_map(said).collect();
    assert_eq!(told, format!("{}{}", &TOKEN[..7], "*".repeat(TOKEN.len() - 7)));
}

#[test]
fn what_has_no_text_of_its_own_keeps_its_place() {
    let out = through([text("Certainly"), thought("", Some("sig")), text("!")]);
    let expected = [text("Certain"), text("ly"), thought("", Some("sig")), text("!")];
    assert_eq!(out, expected);
    let out = through([thought("Considering", None), other("1"), thought("", Some("sig"))]);
    let expected = [
        thought("Conside", None),
        thought("ring", None),
        other("1"),
        thought("", Some("sig")),
    ];
    assert_eq!(out, expected);
}

#[test]
fn arguments_are_complete_before_their_call_ends_and_other_calls_continue() {
    let out = through([
        start(0, "f"),
        start(1, "g"),
        arguments(0, r#"{"a":"bcdef"#),
        arguments(1, r#"{"z":"y"}"#),
        arguments(0, r#"gh"}"#),
        end(0),
        end(1),
    ]);
    let of = |index| {
        let pieces = out.iter().filter_map(move |event| match event {
            ChatEvent::ToolCallDelta(delta) if delta.index == index => {
                Some(delta.arguments_fragment.as_str())
            }
            _ => None,
        });
        pieces.collect::<String>()
    };
    assert_eq!(
        (of(0), of(1)),
        (r#"{"a":"bcdefgh"}"#.to_owned(), r#"{"z":"y"}"#.to_owned())
    );
    let ended = |index| out.iter().position(|event| *event == end(index));
    let last = |index| {
        out.iter()
            .rposition(|event| matches!(event, ChatEvent::ToolCallDelta(d) if d.index == index))
    };
    assert!(last(0) < ended(0) && last(1) < ended(1) && ended(0) < ended(1));
}

#[test]
fn very_many_calls_at_once_take_no_search_among_them() {
    let calls = 0..300_000;
    let fragments = calls.clone().map(|index| arguments(index, r#"{"a":"long"}"#));
    let out = through(fragments.chain(calls.clone().map(end)));
    // Twice the fragment, and the end.
    assert_eq!(out.len(), 3 * calls.len());
}

#[test]
fn a_secret_is_found_in_every_stream_however_it_is_cut() {
    let escaped = TOKEN.replace('A', r"\u0041");
    for size in [1, 3, 8, 20, 60] {
        for secret in [TOKEN, escaped.as_str()] {
            let pieces: Vec<String> = secret
                .as_bytes()
                .chunks(size)
                .map(|piece| String::from_utf8_lossy(piece).into_owned())
                .collect();
            let mut events: Vec<ChatEvent> = vec![text("My key: ")];
            events.extend(pieces.iter().map(|piece| text(piece)));
            events.push(thought("It is ", None));
            events.extend(pieces.iter().map(|piece| thought(piece, None)));
            events.extend([
                start(0, TOKEN),
                start(1, "g"),
                arguments(0, r#"{"k": ""#),
                arguments(1, "["),
            ]);
            for piece in &pieces {
                events.extend([arguments(0, piece), arguments(1, "1,")]);
            }
            events.extend([arguments(0, r#""}"#), end(0)]);
            events.push(other(&format!("[\"{secret}\"]")));
            events.extend(
                pieces
                    .iter()
                    .map(|piece| other(&serde_json::to_string(piece).unwrap())),
            );
            for out in joined(&through(events)) {
                for shown in [&secret[..8], &secret[2..12], &secret[20..]] {
                    assert!(!out.contains(shown), "{size}: {shown} in {out}");
                }
            }
        }
    }
}

/// What a client joins: the text, the reasoning, the names of calls, the arguments of the first one, and the strings of
/// other events.
fn joined(events: &[ChatEvent]) -> [String; 5] {
    let mut all: [String; 5] = Default::default();
    for event in events {
        match event {
            ChatEvent::Text(text) => all[0] += text,
            ChatEvent::Reasoning(reasoning) => all[1] += &reasoning.text,
            ChatEvent::ToolCallStart(start) => all[2] += &start.name,
            ChatEvent::ToolCallDelta(delta) if delta.index == 0 => all[3] += &delta.arguments_fragment,
            ChatEvent::Other(other) => {
                let said: serde_json::Value = serde_json::from_str(&other.value_json).expect("JSON");
                all[4] += said.as_str().or_else(|| said[0].as_str()).unwrap_or_default();
            }
            _ => {}
        }
    }
    all
}

#[test]
fn nothing_is_lost_at_a_bad_end() {
    let out = through([text("unfortunately"), start(0, "f"), arguments(0, r#"{"half":"#)]);
    let said = format!("{out:?}");
    assert!(said.contains("unfortu") && said.contains("nately"), "{said}");
    assert_eq!(out.len(), 5, "{said}");
}
