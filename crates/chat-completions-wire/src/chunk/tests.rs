use super::*;
use alloc::{format, string::ToString};
use proptest::prelude::*;

/// Decodes the first chunk of a response.
fn decode(text: &str) -> Result<Chunk<'_>, NotAnObject> {
    Chunk::decode(text, &Extras::default(), None)
}

#[test]
fn a_chunk_and_a_whole_completion_decode_alike() {
    for member in ["delta", "message"] {
        let text = format!(
            r#"{{"choices":[{{"{member}":{{"content":"hi","tool_calls":[{{"index":-1,"id":7,
               "function":{{"name":"f","arguments":{{"a":1}}}}}}]}},"finish_reason":"stop"}}]}}"#
        );
        let chunk = decode(&text).unwrap();
        let choice = &chunk.choice;
        let said = choice.message.as_deref().unwrap_or(&choice.delta);
        assert_eq!(choice.message.is_some(), member == "message");
        assert_eq!(said.content, Some("\"hi\""));
        assert_eq!(choice.finish_reason, Some("\"stop\""));
        let call = &said.calls[0];
        assert_eq!((call.index, call.id.as_deref()), (None, Some("7")));
        assert_eq!(
            (call.name.as_deref(), call.arguments.as_deref()),
            (Some("f"), Some(r#"{"a":1}"#))
        );
    }
}

#[test]
fn members_of_a_wrong_type_are_absent_and_noticed_if_they_say_something() {
    for (text, is_unread) in [
        (r#"{"choices":7,"usage":"x","x_groq":[]}"#, true),
        (r#"{"choices":[null,3,{"delta":[1]}]}"#, true),
        (
            r#"{"choices":[{"delta":{"tool_calls":"x","content":null}}]}"#,
            true,
        ),
        (r#"{"choices":[{"delta":{"tool_calls":[{"function":7}]}}]}"#, true),
        (
            r#"{"choices":[{"delta":{"tool_calls":false,"function_call":""},"message":[]}],"x_groq":7}"#,
            false,
        ),
    ] {
        let chunk = decode(text).unwrap();
        let said = &chunk.choice.delta;
        assert!(!chunk.is_error && said.content.is_none(), "{text}");
        assert!(said.calls.iter().all(|call| call.name.is_none()), "{text}");
        assert_eq!(chunk.is_unread, is_unread, "{text}");
    }
}

#[test]
fn a_single_object_counts_as_the_list_of_it() {
    let text = r#"{"choices":{"index":3,"delta":{"tool_calls":{"id":"a","function":{"name":"f"}}}}}"#;
    let chunk = decode(text).unwrap();
    assert_eq!(
        (chunk.choices, chunk.choice.index, chunk.is_unread),
        (1, 3, false)
    );
    assert_eq!(chunk.choice.delta.calls[0].name.as_deref(), Some("f"));
}

#[test]
fn a_text_in_place_of_a_message_is_its_text() {
    let chunk = decode(r#"{"choices":[{"delta":"a","message":"b\n"}]}"#).unwrap();
    assert_eq!(chunk.choice.delta.plain.as_deref(), Some("a"));
    assert_eq!(chunk.choice.message.unwrap().plain.as_deref(), Some("b\n"));
}

#[test]
fn a_delta_and_a_message_beside_it_stay_apart() {
    let text =
        r#"{"choices":[{"message":{"content":"b","refusal":"r"},"delta":{"content":"a"},"logprobs":[1]}]}"#;
    let chunk = decode(text).unwrap();
    let message = chunk.choice.message.unwrap();
    assert_eq!(chunk.choice.delta.content, Some("\"a\""));
    assert_eq!(message.content, Some("\"b\""));
    assert_eq!(
        (chunk.choice.delta.passthrough[0], message.passthrough[3]),
        (Some("[1]"), Some("\"r\""))
    );
}

#[test]
fn of_several_choices_one_counts_and_a_single_one_counts_whatever_its_index() {
    let several =
        r#"{"choices":[{"delta":{"content":"b"},"index":1},{"index":0,"delta":{"content":"a"}},7,null]}"#;
    let single = r#"{"choices":[null,{"delta":{"content":"b"},"index":4}]}"#;
    for (text, wanted, index, content, choices) in [
        (several, None, 0, Some("\"a\""), 2),
        (
            r#"{"choices":[{"index":2,"delta":{"content":"c"}},{"index":1}]}"#,
            None,
            2,
            Some("\"c\""),
            2,
        ),
        (several, Some(1), 1, Some("\"b\""), 2),
        (several, Some(0), 0, Some("\"a\""), 2),
        (several, Some(7), 0, None, 2),
        (single, None, 4, Some("\"b\""), 1),
        (single, Some(0), 4, Some("\"b\""), 1),
        (r#"{"choices":[]}"#, Some(0), 0, None, 0),
    ] {
        let chunk = Chunk::decode(text, &Extras::default(), wanted).unwrap();
        let found = (chunk.choice.index, chunk.choice.delta.content, chunk.choices);
        assert_eq!(found, (index, content, choices), "{text} {wanted:?}");
    }
}

#[test]
fn members_of_a_choice_beside_its_message_are_found() {
    let text = r#"{"choices":[{"tool_calls":[{"id":"a"}],"error":{"code":1},"delta":{"tool_calls":[{"id":"b"}]}}],
        "warnings":[{"message":"w"}],"tool_calls":[{"id":"c"}]}"#;
    let chunk = decode(text).unwrap();
    let ids = |calls: &[CallFragment<'_>]| {
        calls
            .iter()
            .map(|call| call.id.clone().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&chunk.choice.beside), ["a"]);
    assert_eq!(ids(&chunk.choice.delta.calls), ["b"]);
    assert_eq!(ids(&chunk.calls), ["c"]);
    assert_eq!(chunk.choice.error, Some(r#"{"code":1}"#));
    assert_eq!(chunk.warnings, Some(r#"[{"message":"w"}]"#));
    assert!(!chunk.is_error);
}

#[test]
fn what_is_no_error_is_none() {
    for (raw, is_error) in [
        ("null", false),
        ("\"\"", false),
        ("false", false),
        ("{}", false),
        ("[]", false),
        ("0", false),
        ("503", true),
        ("\"x\"", true),
    ] {
        assert_eq!(
            decode(&format!(r#"{{"error":{raw}}}"#)).unwrap().is_error,
            is_error
        );
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for text in [
        "",
        "[]",
        "7",
        "{",
        "{\"a\":1}{",
        "{\"a\":1,}",
        "[DONE]",
        "{\"a\":\u{1}}",
    ] {
        assert_eq!(decode(text).unwrap_err(), NotAnObject, "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in r#"(\{|\}|\[|\]|"|:|,|choices|delta|content|tool_calls|null|1|\\u|é){0,40}"#) {
        let _ = decode(&text);
    }

    #[test]
    fn text_arrives_as_it_was(content in ".*") {
        let text = serde_json::json!({"choices": [{"delta": {"content": content}}]}).to_string();
        let chunk = decode(&text).unwrap();
        prop_assert_eq!(json::text(chunk.choice.delta.content.unwrap()).unwrap().to_string(), content);
    }
}
