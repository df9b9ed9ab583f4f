//! Builder of chat requests. Knows the contract's fields, and no provider.

use super::{ChatRequest, ContentPart, Extra, FunctionTool, Message, ResponseFormat, Tool, ToolChoice};

impl ChatRequest {
    /// A request to a model, without messages: everything else is the model's default.
    ///
    /// `model` is any text that the host's `resolve` accepts; an empty one is for callers that
    /// set it later.
    ///
    /// ```
    /// use provider_contract::contract::ChatRequest;
    ///
    /// let request = ChatRequest::new("Qwen/Qwen3-8B")
    ///     .system("Reply in one sentence.")
    ///     .user("What is a component?")
    ///     .max_output_tokens(200);
    /// assert_eq!(request.messages.len(), 2);
    /// ```
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            response_format: None,
            reasoning_effort: None,
            max_output_tokens: None,
            temperature: None,
            top_p: None,
            frequency_penalty: None,
            presence_penalty: None,
            seed: None,
            stop: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// Adds a system message.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::system(text))
    }

    /// Adds a user message.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::user(text))
    }

    /// Adds a user message of several parts: text, images, other media.
    #[must_use]
    pub fn user_parts(self, parts: Vec<ContentPart>) -> Self {
        self.message(Message::user_parts(parts))
    }

    /// Adds any message, for example an assistant message or a tool result.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Adds a function that the model may call. `parameters_json` is a JSON Schema of type `object`.
    #[must_use]
    pub fn function(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        parameters_json: impl Into<String>,
    ) -> Self {
        self.tools.push(Tool::Function(FunctionTool {
            name: name.into(),
            description: Some(description.into()),
            parameters_json: parameters_json.into(),
            strict: None,
            extras: Vec::new(),
        }));
        self
    }

    /// Sets whether the model calls tools.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// Sets the format of the response's text.
    #[must_use]
    pub fn response_format(mut self, format: ResponseFormat) -> Self {
        self.response_format = Some(format);
        self
    }

    /// Sets the reasoning effort: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, or a value of the model's
    /// own.
    #[must_use]
    pub fn reasoning_effort(mut self, effort: impl Into<String>) -> Self {
        self.reasoning_effort = Some(effort.into());
        self
    }

    /// Limits the response to this many tokens, reasoning included.
    #[must_use]
    pub fn max_output_tokens(mut self, tokens: u32) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Sets the sampling temperature, 0 to 2.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Adds a stop sequence.
    #[must_use]
    pub fn stop(mut self, sequence: impl Into<String>) -> Self {
        self.stop.push(sequence.into());
        self
    }

    /// Adds a parameter of the upstream that has no field here; `value_json` is JSON as text and is sent unchanged.
    #[must_use]
    pub fn extra(mut self, key: impl Into<String>, value_json: impl Into<String>) -> Self {
        self.extras.push(Extra {
            key: key.into(),
            value_json: value_json.into(),
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_the_order_of_its_messages_and_leaves_the_rest_open() {
        let request = ChatRequest::new("a/b")
            .system("one")
            .user("two")
            .message(Message::assistant("three"))
            .stop("end");
        let expected = [
            Message::system("one"),
            Message::user("two"),
            Message::assistant("three"),
        ];
        assert_eq!(request.messages, expected);
        assert_eq!(request.stop, ["end"]);
        let open = ChatRequest::new("a/b");
        assert_eq!(
            ChatRequest {
                messages: Vec::new(),
                stop: Vec::new(),
                ..request
            },
            open
        );
    }

    #[test]
    fn a_function_and_an_extra_are_carried_as_they_are_given() {
        let request = ChatRequest::new("a/b")
            .function("f", "what it does", r#"{"type":"object"}"#)
            .extra("min_p", "0.05");
        let [Tool::Function(tool)] = &request.tools[..] else {
            panic!("{request:?}")
        };
        assert_eq!((tool.name.as_str(), tool.strict), ("f", None));
        assert_eq!(request.extras[0].value_json, "0.05");
    }
}
