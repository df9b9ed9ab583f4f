//! Conversion of items without a case in the contract, and back: custom tools with text input, and reasoning that a
//! client stores as an opaque value.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The only parameter of a function that represents a custom tool.
const INPUT: &str = "input";
/// The prefix of reasoning text in `encrypted_content`, for upstreams without encrypted reasoning. It is no secret:
/// the client has the same text beside it.
const PLAIN: &str = "reasoning-text:";

/// The parameters of a function that represents a custom tool.
pub(super) fn text_parameters() -> String {
    json!({
        "type": "object",
        "properties": { INPUT: { "type": "string", "description": "The whole input of the tool." } },
        "required": [INPUT],
        "additionalProperties": false,
    })
    .to_string()
}

/// A text as arguments of such a function.
pub(super) fn text_as_arguments(text: &str) -> String {
    json!({ INPUT: text }).to_string()
}

/// The text in arguments of such a function. If a model ignores the parameters, its output is the text itself.
pub(super) fn arguments_as_text(arguments: &str) -> String {
    match serde_json::from_str(arguments) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(members)) => match (members.get(INPUT), members.len(), members.values().next()) {
            (Some(Value::String(text)), ..) | (None, 1, Some(Value::String(text))) => text.clone(),
            _ => arguments.to_owned(),
        },
        _ => arguments.to_owned(),
    }
}

/// Reasoning in the form that a client stores.
pub(super) fn sealed(text: &str) -> String {
    format!("{PLAIN}{}", STANDARD.encode(text))
}

/// The reasoning in a stored value; `None` if it is the upstream's own.
pub(super) fn unsealed(kept: &str) -> Option<String> {
    let bytes = STANDARD.decode(kept.strip_prefix(PLAIN)?).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_from_arguments_as_models_write_them() {
        let patch = "*** Begin Patch\n+\"x\"\n";
        assert_eq!(arguments_as_text(&text_as_arguments(patch)), patch);
        for (arguments, text) in [
            (r#"{"patch":"a"}"#, "a"),
            (r#""a""#, "a"),
            ("{}", "{}"),
            (r#"{"a":"1","b":"2"}"#, r#"{"a":"1","b":"2"}"#),
            (r#"{"input":1}"#, r#"{"input":1}"#),
            ("ls -l", "ls -l"),
        ] {
            assert_eq!(arguments_as_text(arguments), text);
        }
    }

    #[test]
    fn reasoning_that_a_client_stores_is_restored_and_an_upstreams_own_is_not_read() {
        assert_eq!(unsealed(&sealed("so é")).as_deref(), Some("so é"));
        for other in ["", "gAAAAB", "reasoning-text:?", "reasoning-text:/w=="] {
            assert_eq!(unsealed(other), None, "{other}");
        }
    }
}
