use super::*;
use alloc::{format, string::ToString};
use proptest::prelude::*;

/// The first chunk of an answer.
fn decode(text: &str) -> Result<Chunk<'_>, NotAnObject> {
    Chunk::decode(text, &Extras::default())
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
fn a_choice_of_another_index_is_not_ours() {
    let text = r#"{"choices":[{"delta":{"content":"b"},"index":1},{"index":0,"delta":{"content":"a"}},7]}"#;
    assert_eq!(decode(text).unwrap().choice.content, Some("\"a\""));
    let text = r#"{"choices":[{"delta":{"content":"b"},"index":1}]}"#;
    assert_eq!(decode(text).unwrap().choice.content, None);
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
