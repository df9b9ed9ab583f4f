//! Decides whether the default response calls a tool, and which: once per prompt, like a model that reads the
//! result.
//!
//! Clients append more than the next prompt to a result: notes, reminders, or the result itself as a user message.

use serde_json::{Value, json};

use super::default_response::message_text;
use super::schema;

/// A tool call of the default response.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// The messages since the last prompt.
pub(super) struct Turn<'a> {
    request: &'a Value,
    messages: &'a [Value],
    /// Assistant messages before it and in it.
    spoken: usize,
}

impl<'a> Turn<'a> {
    pub(super) fn of(request: &'a Value) -> Self {
        let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let is_answered =
            |message: &Value| message["role"] == "assistant" && names(request, message).is_empty();
        // A prompt is a user message after a response without calls.
        let start = messages.iter().rposition(is_answered).map_or(0, |at| at + 1);
        let messages_since = messages.get(start..).unwrap_or_default();
        let is_asked = messages_since.iter().any(|message| message["role"] == "user");
        Self {
            request,
            messages: if is_asked { messages_since } else { messages },
            spoken: messages
                .iter()
                .filter(|message| message["role"] == "assistant")
                .count(),
        }
    }

    /// The newest result after the last call.
    pub(super) fn result(&self) -> Option<&'a Value> {
        let is_call = |message: &Value| message["role"] == "assistant";
        let last_call = self.messages.iter().rposition(is_call).map_or(0, |at| at + 1);
        let behind = self.messages.get(last_call..)?;
        behind.iter().rfind(|message| message["role"] == "tool")
    }

    /// The call of the response: the chosen tool, or the first one; where a call is required, the next one that has
    /// not been called.
    pub(super) fn call(&self, prompt: &str) -> Option<Call> {
        let choice = &self.request["tool_choice"];
        let tools = self.request["tools"].as_array()?;
        let named = choice["function"]["name"].as_str();
        let tool = match named {
            _ if choice == "none" => None,
            _ if choice == "required" => {
                let next = tools.iter().find(|tool| !self.is_called(tool));
                next.or_else(|| tools.last().filter(|_| self.result().is_none()))
            }
            _ if self.result().is_some() => None,
            Some(name) => tools.iter().find(|tool| tool["function"]["name"] == name),
            None => tools.first(),
        }?;
        let function = &tool["function"];
        let arguments = match function.get("parameters") {
            Some(parameters) => schema::sample(parameters, prompt),
            None => json!({}),
        };
        let arguments = if arguments.is_object() {
            arguments
        } else {
            json!({})
        };
        Some(Call {
            id: format!("call_mock_{}", self.spoken),
            name: function["name"].as_str()?.to_owned(),
            arguments: arguments.to_string(),
        })
    }

    fn is_called(&self, tool: &Value) -> bool {
        let mut called = self
            .messages
            .iter()
            .flat_map(|message| names(self.request, message));
        called.any(|name| tool["function"]["name"] == name)
    }
}

/// The tools that an assistant message calls: in tool calls, or in its text, where clients without tool calls write
/// them.
fn names<'a>(request: &'a Value, message: &'a Value) -> Vec<&'a str> {
    if message["role"] != "assistant" {
        return Vec::new();
    }
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let called = calls.filter_map(|call| call["function"]["name"].as_str());
    let text = message_text(message);
    // As JSON writes a call, or Python.
    let is_written = text.contains("\"name\"") || text.contains("'name'");
    let tools = request["tools"].as_array().into_iter().flatten();
    let known = tools.filter_map(|tool| tool["function"]["name"].as_str());
    called
        .chain(known.filter(|name| is_written && text.contains(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tool that is called after these messages, with two to choose from.
    fn called(messages: &[(&str, &str)], choice: &Value) -> Option<String> {
        let message = |(role, text): &(&str, &str)| match *role {
            "calls" => {
                json!({"role": "assistant", "content": null, "tool_calls": [{"function": {"name": text}}]})
            }
            role => json!({"role": role, "content": text}),
        };
        let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
        let request = json!({
            "messages": messages.iter().map(message).collect::<Vec<_>>(),
            "tools": [tool("look_up"), tool("final_answer")],
            "tool_choice": choice,
        });
        Turn::of(&request).call("x").map(|call| call.name)
    }

    #[test]
    fn a_tool_is_called_once_per_prompt_wherever_its_result_is() {
        let (auto, prompt, calls, result) =
            (json!("auto"), ("user", "q"), ("calls", "look_up"), ("tool", "r"));
        let look_up = Some("look_up".to_owned());
        assert_eq!(called(&[prompt], &auto), look_up);
        assert_eq!(called(&[prompt, calls, result], &auto), None);
        assert_eq!(called(&[prompt, calls, result, ("user", "a note")], &auto), None);
        assert_eq!(
            called(&[prompt, calls, result, ("system", "a note")], &auto),
            None
        );
        assert_eq!(called(&[prompt, calls, result, result], &auto), None);
        assert_eq!(
            called(&[prompt, calls, ("user", "where is it?")], &auto),
            look_up,
            "no result"
        );
        let second = [prompt, calls, result, ("assistant", "so"), ("user", "and?")];
        assert_eq!(called(&second, &auto), look_up, "another prompt");
        assert_eq!(
            called(
                &[prompt, calls, result],
                &json!({"function": {"name": "look_up"}})
            ),
            None
        );
        assert_eq!(called(&[prompt], &json!("none")), None);
    }

    #[test]
    fn a_call_that_is_required_is_of_the_next_tool() {
        let required = json!("required");
        let (prompt, result) = (("user", "q"), ("tool", "r"));
        let last = Some("final_answer".to_owned());
        assert_eq!(called(&[prompt, ("calls", "look_up"), result], &required), last);
        // A client without tool calls describes them in text.
        let told = ("assistant", "Calling tools: [{'function': {'name': 'look_up'}}]");
        assert_eq!(
            called(&[prompt, told, ("user", "Observation: r")], &required),
            last
        );
        let all = [
            prompt,
            ("calls", "look_up"),
            result,
            ("calls", "final_answer"),
            result,
        ];
        assert_eq!(called(&all, &required), None);
    }
}
