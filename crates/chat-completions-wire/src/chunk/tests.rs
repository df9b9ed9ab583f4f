use super::*;
use alloc::{format, string::ToString};
use proptest::prelude::*;

/// The first chunk of an answer.
fn decode(text: &str) -> Result<Chunk<'_>, NotAnObject> {
    Chunk::decode(text, &Extras::default(), None)
}

#[test]
fn a_chunk_and_a_whole_answer_read_alike() {
    for member in ["delta", "message"] {
        let text = format!(
            r#"{{"choices":[{{"{member}":{{"content":"hi","tool_calls":[{{"index":-1,"id":7,
               "function":{{"name":"f","arguments":{{"a":1}}}}}}]}},"finish_reason":"stop"}}]}}"#
        );
        let chunk = decode(&text).unwrap();
        assert_eq!(chunk.choice.content, Some("\"hi\""));
        assert_eq!(chunk.choice.finish_reason, Some("\"stop\""));
        let call = &chunk.choice.calls[0];
        assert_eq!((call.index, call.id.as_deref()), (None, Some("7")));
        assert_eq!(
            (call.name.as_deref(), call.arguments.as_deref()),
            (Some("f"), Some(r#"{"a":1}"#))
        );
    }
}

#[test]
fn members_of_a_wrong_type_are_absent() {
    for text in [
        r#"{"choices":7,"usage":"x","x_groq":[]}"#,
        r#"{"choices":[null,3,"a",{"delta":"x"}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":"x","content":null,"reasoning":{}}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"function":7}]}}]}"#,
    ] {
        let chunk = decode(text).unwrap();
        assert!(!chunk.is_error && chunk.choice.content.is_none(), "{text}");
        assert!(
            chunk.choice.calls.iter().all(|call| call.name.is_none()),
            "{text}"
        );
    }
}

#[test]
fn of_several_choices_one_counts_and_a_single_one_counts_whatever_its_index() {
    let several =
        r#"{"choices":[{"delta":{"content":"b"},"index":1},{"index":0,"delta":{"content":"a"}},7,null]}"#;
    let single = r#"{"choices":[null,{"delta":{"content":"b"},"index":4}]}"#;
    for (text, wanted, index, content, choices) in [
        (several, None, 1, Some("\"b\""), 2),
        (several, Some(1), 1, Some("\"b\""), 2),
        (several, Some(0), 0, Some("\"a\""), 2),
        (several, Some(7), 0, None, 2),
        (single, None, 4, Some("\"b\""), 1),
        (single, Some(0), 4, Some("\"b\""), 1),
        (r#"{"choices":[]}"#, Some(0), 0, None, 0),
    ] {
        let chunk = Chunk::decode(text, &Extras::default(), wanted).unwrap();
        let found = (chunk.choice.index, chunk.choice.content, chunk.choices);
        assert_eq!(found, (index, content, choices), "{text} {wanted:?}");
    }
}

#[test]
fn what_stands_in_a_choice_beside_its_message_is_found() {
    let text = r#"{"choices":[{"tool_calls":[{"id":"a"}],"error":{"code":1},"delta":{"tool_calls":[{"id":"b"}]}}],
        "warnings":[{"message":"w"}]}"#;
    let chunk = decode(text).unwrap();
    let calls: Vec<_> = chunk.choice.calls.iter().map(|call| call.is_beside).collect();
    assert_eq!(calls, [true, false]);
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
        ("{}", true),
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
        prop_assert_eq!(json::text(chunk.choice.content.unwrap()).unwrap().to_string(), content);
    }
}
