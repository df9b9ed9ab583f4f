//! Maps the contract's request to paths in the body. Plugins report errors in the contract's terms: several items are
//! one message there, results follow their call, and tools may be left out.

use crate::json::indexed;

/// Members of the request with another name in the contract's terms, and theirs here.
const RENAMED: [(&str, &str); 5] = [
    ("messages", "input"),
    ("response_format.json_schema", "text.format"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
    ("max_tokens", "max_output_tokens"),
];

/// The place of a message of the contract.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// The path of its item; of the first one, if it is made of several.
    pub(super) path: String,
    /// The path of its content, and whether that is a list of parts.
    pub(super) content: Option<(String, bool)>,
    /// The paths of its tool calls.
    pub(super) calls: Vec<String>,
}

/// The places of all messages and tools.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) messages: Vec<Origin>,
    pub(super) tools: Vec<String>,
}

impl Origins {
    /// The path in the body for a path of the contract; `None` where both are the same.
    pub(super) fn of(&self, path: &str) -> Option<String> {
        if let Some((list, at, rest)) = indexed(path) {
            return match list {
                "messages" => Some(self.messages.get(at)?.of(rest)),
                "tools" => Some(format!("{}{}", self.tools.get(at)?, flat(rest))),
                _ => None,
            };
        }
        RENAMED.iter().find_map(|(there, here)| {
            let rest = path.strip_prefix(there)?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{here}{rest}"))
        })
    }
}

impl Origin {
    /// A message of this item.
    pub(super) fn of_item(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::default()
        }
    }

    fn of(&self, rest: &str) -> String {
        match (indexed(rest.trim_start_matches('.')), &self.content) {
            (Some(("tool_calls", at, rest)), _) if at < self.calls.len() => {
                let member = if rest == ".id" { ".call_id" } else { flat(rest) };
                format!("{}{member}", self.calls[at])
            }
            (Some(("content", at, rest)), Some((path, true))) => format!("{path}[{at}]{rest}"),
            (Some(("content", ..)), Some((path, false))) => path.clone(),
            _ if rest == ".tool_call_id" => format!("{}.call_id", self.path),
            _ => format!("{}{rest}", self.path),
        }
    }
}

/// The members of a function are those of its tool, or of its call.
fn flat(rest: &str) -> &str {
    rest.strip_prefix(".function").unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{api_error::ApiError, dialect::Dialect as _, responses::Responses};
    use http::StatusCode;

    #[test]
    fn an_error_of_the_plugin_names_the_place_in_the_body() {
        let body = json!({
            "model": "m", "instructions": "a",
            "tools": [{"type": "web_search"}, {"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]},
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "b"}, {"type": "input_text", "text": "c"}]},
                {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "d"}]},
                {"type": "function_call", "call_id": "1", "name": "g", "arguments": "{}"},
                {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
                {"role": "developer", "content": "e"},
                {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "f"}]},
                {"type": "function_call_output", "call_id": "2", "output": "g"},
            ],
        });
        let asked = Responses.parse(body.to_string().as_bytes()).expect("a request");
        for (there, here) in [
            ("messages", "input"),
            ("messages[0].content[0]", "instructions"),
            ("messages[1]", "input[0]"),
            ("messages[1].content[1]", "input[0].content[1]"),
            ("messages[2]", "input[1]"),
            ("messages[2].tool_calls[0].id", "input[2].call_id"),
            ("messages[2].tool_calls[1].function.name", "input[3].name"),
            ("messages[3].tool_call_id", "input[5].call_id"),
            ("messages[3].content[0]", "input[5].output[0]"),
            ("messages[4].content[0]", "input[6].output"),
            ("messages[5].content[0]", "input[4].content"),
            ("messages[9]", "messages[9]"),
            ("tools[0].function.parameters", "tools[2].parameters"),
            ("response_format", "text.format"),
            ("response_format.json_schema.name", "text.format.name"),
            ("reasoning_effort", "reasoning.effort"),
            ("temperature", "temperature"),
        ] {
            let message = format!("{there} is wrong.");
            let mut error = ApiError::new(StatusCode::BAD_REQUEST, "", "", &message).about(there);
            asked.reply.locate(&mut error);
            assert_eq!(error.param.as_deref(), Some(here), "{there}");
            assert_eq!(error.message, format!("{here} is wrong."));
        }
    }
}
