//! An estimate of a request's tokens. Only the model's own tokenizer can count them, and that is upstream.

use provider_contract::contract::{AssistantPart, ChatRequest, ContentPart, Message, ResponseFormat, Tool};

/// ASCII bytes per token, on average for English text and code.
const BYTES_A_TOKEN: u64 = 4;
/// The template's overhead for each message, tool and call.
const AROUND: u64 = 4;
/// An image of any size counts like one of about a megapixel.
const IMAGE: u64 = 1500;

/// The approximate number of tokens of a request. Non-Latin scripts are rather overestimated.
#[must_use]
pub fn estimate(request: &ChatRequest) -> u64 {
    let mut count = Count::default();
    for message in &request.messages {
        count.around += AROUND;
        match message {
            Message::System(system) => count.parts(&system.content),
            Message::User(user) => count.parts(&user.content),
            Message::Assistant(said) => said.content.iter().for_each(|part| count.said(part)),
            Message::Tool(result) => {
                count.text(&result.call_id);
                count.parts(&result.content);
            }
        }
    }
    for tool in &request.tools {
        count.around += AROUND;
        match tool {
            Tool::Function(tool) => {
                count.text(&tool.name);
                count.text(tool.description.as_deref().unwrap_or_default());
                count.text(&tool.parameters_json);
            }
            Tool::Other(other) => count.text(&other.value_json),
        }
    }
    match &request.response_format {
        Some(ResponseFormat::JsonSchema(schema)) => count.text(&schema.schema_json),
        Some(ResponseFormat::Other(other)) => count.text(&other.value_json),
        Some(ResponseFormat::Text | ResponseFormat::JsonObject) | None => {}
    }
    count.tokens()
}

#[derive(Debug, Default)]
struct Count {
    ascii: u64,
    others: u64,
    around: u64,
}

impl Count {
    fn text(&mut self, text: &str) {
        let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
        // Accented letters are two or more tokens; characters of other scripts are about one each.
        let others = text.chars().filter(|character| !character.is_ascii()).count() as u64;
        self.ascii += ascii;
        self.others += others;
    }

    fn parts(&mut self, parts: &[ContentPart]) {
        for part in parts {
            match part {
                ContentPart::Text(text) => self.text(text),
                ContentPart::Media(_) => self.around += IMAGE,
                ContentPart::Other(other) => self.text(&other.value_json),
            }
        }
    }

    fn said(&mut self, part: &AssistantPart) {
        match part {
            AssistantPart::Text(text) => self.text(text),
            AssistantPart::Reasoning(reasoning) => self.text(&reasoning.text),
            AssistantPart::ToolCall(call) => {
                self.around += AROUND;
                self.text(&call.id);
                self.text(&call.name);
                self.text(&call.arguments_json);
            }
            AssistantPart::Media(_) => self.around += IMAGE,
            AssistantPart::Other(other) => self.text(&other.value_json),
        }
    }

    fn tokens(&self) -> u64 {
        self.ascii.div_ceil(BYTES_A_TOKEN) + self.others + self.around
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::count_tokens;

    fn counted(body: &Value) -> u64 {
        let counted = count_tokens(body.to_string().as_bytes()).expect("a request");
        assert_eq!(counted["x_plugin"]["estimate"], true);
        counted["input_tokens"].as_u64().expect("a number")
    }

    #[test]
    fn an_estimate_grows_with_all_that_a_model_reads() {
        let plain = json!({"model": "m", "messages": [{"role": "user", "content": "x".repeat(400)}]});
        let count = counted(&plain);
        assert_eq!(
            count, 104,
            "four bytes of text for a token, and what is around a message"
        );
        let image = json!({"type": "image", "source": {"type": "url", "url": "https://example.org"}});
        for (member, more, at_least) in [
            ("system", json!("y".repeat(40)), 10),
            (
                "tools",
                json!([{"name": "f", "description": "z".repeat(80), "input_schema": {"type": "object"}}]),
                20,
            ),
            (
                "output_config",
                json!({"format": {"type": "json_schema", "schema": {"title": "s".repeat(80)}}}),
                20,
            ),
            (
                "messages",
                json!([plain["messages"][0], {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t".repeat(40), "signature": ""},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"a": "b"}}]}]),
                12,
            ),
            (
                "messages",
                json!([{"role": "user", "content": [{"type": "text", "text": "x".repeat(400)}, image]}]),
                1000,
            ),
            (
                "messages",
                json!([{"role": "user", "content": "日本語".repeat(100)}]),
                150,
            ),
        ] {
            let mut body = plain.clone();
            body[member] = more;
            assert!(counted(&body) >= count + at_least, "{member}");
        }
    }
}
