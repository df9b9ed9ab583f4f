//! Maps the contract's messages and tools to their paths in the body. Plugins report errors in the contract's
//! order, which differs where messages were joined, results came first, or tools were left out.

use crate::json::indexed;

/// The path of a message of the contract.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    pub(super) path: String,
    /// The paths of its parts; of an assistant message, of its tool calls.
    pub(super) parts: Vec<String>,
}

/// The paths of all messages and tools.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) messages: Vec<Origin>,
    pub(super) tools: Vec<String>,
}

impl Origins {
    /// The path in the body for a path of the contract; `None` where both are the same.
    pub(super) fn of(&self, path: &str) -> Option<String> {
        let (list, at, rest) = indexed(path)?;
        match list {
            "messages" => Some(self.messages.get(at)?.of(rest)),
            "tools" => {
                let path = self.tools.get(at)?;
                let member = rest.strip_prefix(".function").unwrap_or(rest);
                let member = member.replacen(".parameters", ".input_schema", 1);
                Some(format!("{path}{member}"))
            }
            _ => None,
        }
    }
}

impl Origin {
    fn of(&self, rest: &str) -> String {
        let part = indexed(rest.trim_start_matches('.'))
            .filter(|(list, ..)| matches!(*list, "content" | "tool_calls"))
            .and_then(|(_, at, rest)| Some((self.parts.get(at)?, rest)));
        match part {
            Some((path, rest)) => format!("{path}{}", rest.strip_prefix(".function").unwrap_or(rest)),
            None if rest == ".tool_call_id" => format!("{}.tool_use_id", self.path),
            None => format!("{}{rest}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{api_error::ApiError, dialect::Dialect as _, messages::Messages};
    use provider_contract::{
        Error, ErrorKind,
        contract::{self, Extra, ProviderErrorKind},
    };

    #[test]
    fn an_error_of_the_plugin_names_the_place_in_the_body() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let body = json!({
            "model": "m", "max_tokens": 1, "system": [text("a"), text("b")],
            "tools": [{"type": "bash_20250124", "name": "bash"}, {"name": "f", "input_schema": {}}],
            "messages": [
                {"role": "user", "content": [text("c"), text("d")]},
                {"role": "user", "content": "e"},
                {"role": "assistant", "content": [text("f"), {"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "2", "name": "f", "input": {}}]},
                {"role": "user", "content": [text("g"), {"type": "tool_result", "tool_use_id": "1", "content": [text("h")]},
                    {"type": "tool_result", "tool_use_id": "2"}]},
            ],
        });
        let asked = Messages.parse(body.to_string().as_bytes()).expect("a request");
        for (upstream, here) in [
            ("messages[0].content[1]", "system[1]"),
            ("messages[1]", "messages[0]"),
            ("messages[1].content[1]", "messages[0].content[1]"),
            ("messages[1].content[2]", "messages[1].content"),
            ("messages[2].tool_calls[0].id", "messages[2].content[1].id"),
            (
                "messages[2].tool_calls[1].function.name",
                "messages[3].content[0].name",
            ),
            ("messages[3].tool_call_id", "messages[4].content[1].tool_use_id"),
            ("messages[3].content[0]", "messages[4].content[1].content[0]"),
            ("messages[4].tool_call_id", "messages[4].content[2].tool_use_id"),
            ("messages[5].content[0]", "messages[4].content[0]"),
            ("messages[9]", "messages[9]"),
            ("tools[0].function.name", "tools[1].name"),
            ("tools[0].function.parameters", "tools[1].input_schema"),
            ("temperature", "temperature"),
        ] {
            let error = Error::from(contract::Error {
                extras: vec![Extra {
                    key: "param".to_owned(),
                    value_json: json!(upstream).to_string(),
                }],
                ..Error::new(
                    ErrorKind::Provider(ProviderErrorKind::InvalidRequest),
                    format!("{upstream} is wrong."),
                )
                .details()
                .clone()
            });
            let mut error = ApiError::from(&error);
            asked.reply.locate(&mut error);
            assert_eq!(error.param.as_deref(), Some(here), "{upstream}");
            assert_eq!(error.message, format!("{here} is wrong."));
        }
    }
}
