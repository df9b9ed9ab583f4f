//! Maps the contract's messages and tools to their paths in the body. Plugins report errors in the contract's order,
//! which differs where a user message has tool results in it, where results are added, or where tools are left out.

use crate::json::indexed;

/// Where a message of the contract is.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// The message of this index.
    Message(usize),
    /// The same without the tool results in it, and the indices of its other parts.
    Rest(usize, Vec<usize>),
    /// The tool result in this message, at this index of its content.
    Result(usize, usize),
}

/// Where all messages and tools are.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) messages: Vec<Origin>,
    /// The indices of the tools, if some were left out.
    tools: Option<Vec<usize>>,
    /// Whether the tools are `functions`.
    pub(super) has_functions: bool,
    /// Whether the tool choice is `function_call`.
    pub(super) has_function_call: bool,
}

impl Origins {
    /// Notes which of the tools remain.
    pub(super) fn keep_tools(&mut self, kept: &[usize], of: usize) {
        self.tools = (kept.len() < of).then(|| kept.to_owned());
    }

    /// The path in the body for a path of the contract; `None` where both are the same.
    pub(super) fn of(&self, path: &str) -> Option<String> {
        if path == "tool_choice" && self.has_function_call {
            return Some("function_call".to_owned());
        }
        let (list, at, rest) = indexed(path)?;
        match list {
            "messages" => Some(self.messages.get(at)?.of(rest)),
            "tools" => {
                let at = self
                    .tools
                    .as_ref()
                    .map_or(Some(at), |tools| tools.get(at).copied())?;
                Some(if self.has_functions {
                    format!(
                        "functions[{at}]{}",
                        rest.strip_prefix(".function").unwrap_or(rest)
                    )
                } else {
                    format!("tools[{at}]{rest}")
                })
            }
            _ => None,
        }
    }
}

impl Origin {
    fn of(&self, rest: &str) -> String {
        match self {
            Self::Message(at) => format!("messages[{at}]{rest}"),
            Self::Rest(at, parts) => {
                let part = indexed(rest.trim_start_matches('.'))
                    .filter(|(list, ..)| *list == "content")
                    .and_then(|(_, part, rest)| Some((parts.get(part)?, rest)));
                match part {
                    Some((part, rest)) => format!("messages[{at}].content[{part}]{rest}"),
                    None => format!("messages[{at}]{rest}"),
                }
            }
            Self::Result(at, part) => {
                let rest = if rest == ".tool_call_id" {
                    ".tool_use_id"
                } else {
                    rest
                };
                format!("messages[{at}].content[{part}]{rest}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{api_error::ApiError, chat_completions::ChatCompletions, dialect::Dialect as _};
    use http::StatusCode;

    fn located(body: &serde_json::Value, pairs: &[(&str, &str)]) {
        let asked = ChatCompletions::default()
            .parse(body.to_string().as_bytes())
            .expect("a request");
        for (there, here) in pairs {
            let message = format!("{there} is wrong.");
            let mut error = ApiError::new(StatusCode::BAD_REQUEST, "", "", &message).about(there);
            asked.reply.locate(&mut error);
            assert_eq!(error.param.as_deref(), Some(*here), "{there}");
            assert_eq!(error.message, format!("{here} is wrong."));
        }
    }

    #[test]
    fn an_error_of_the_plugin_names_the_place_in_the_body() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let call =
            |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": [text("x")]});
        let body = json!({
            "model": "m",
            "messages": [
                {"role": "user", "content": [text("a"), text("b")]},
                {"role": "assistant", "tool_calls": [call("1"), call("2")]},
                {"role": "user", "content": [text("c"), result("1"), text("d"), result("2")]},
                {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
                {"role": "user", "content": "e"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]},
        });
        located(
            &body,
            &[
                ("messages[0].content[1]", "messages[0].content[1]"),
                ("messages[1].tool_calls[1].id", "messages[1].tool_calls[1].id"),
                ("messages[2].tool_call_id", "messages[2].content[1].tool_use_id"),
                ("messages[3].content[0]", "messages[2].content[3].content[0]"),
                ("messages[4].content[1]", "messages[2].content[2]"),
                ("messages[5]", "messages[3]"),
                ("messages[7].content[0]", "messages[4].content[0]"),
                ("messages[9]", "messages[9]"),
                ("tools[0].function.name", "tools[1].function.name"),
                ("temperature", "temperature"),
            ],
        );
    }

    #[test]
    fn a_tool_choice_for_functions_keeps_its_name() {
        let body = json!({
            "model": "m", "messages": [{"role": "user", "content": "a"}],
            "functions": [{"name": "f"}], "tool_choice": "auto",
        });
        located(&body, &[("tool_choice", "tool_choice")]);
    }

    #[test]
    fn tools_of_older_clients_are_named_as_functions() {
        let body = json!({
            "model": "m", "messages": [{"role": "user", "content": "a"}],
            "functions": [{"name": "f"}, {"name": "g"}], "function_call": {"name": "g"},
        });
        located(
            &body,
            &[
                ("tools[1].function.parameters", "functions[1].parameters"),
                ("tool_choice", "function_call"),
            ],
        );
    }
}
