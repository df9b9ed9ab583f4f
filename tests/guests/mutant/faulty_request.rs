//! Requests from which a fault leaves something out before they are sent.

use alloc::{string::ToString, vec::Vec};

use crate::{
    contract::types::{
        AssistantPart, ChatRequest, ContentPart, Error, ErrorKind, Extra, Message, ResponseFormat, Tool,
        ToolChoice,
    },
    error, fault,
};

/// The request, without what the fault leaves out.
pub(crate) fn spoiled(mut request: ChatRequest) -> Result<ChatRequest, Error> {
    if fault::is("request-extras-dropped") {
        request.extras.clear();
    }
    if fault::is("reserved-key-accepted") {
        let reserved = ["model", "messages", "stream", "stream_options", "n"];
        request
            .extras
            .retain(|extra| !reserved.contains(&extra.key.as_str()));
    }
    if fault::is("doubled-key-accepted") && request.temperature.is_some() {
        request.extras.retain(|extra| extra.key != "temperature");
    }
    if fault::is("not-finite-left-out") {
        let finite = |number: &f64| number.is_finite();
        request.temperature = request.temperature.filter(finite);
        request.top_p = request.top_p.filter(finite);
    }
    if fault::is("stop-dropped") {
        request.stop.clear();
    }
    if fault::is("seed-dropped") {
        request.seed = None;
    }
    if fault::is("output-limit-dropped") {
        request.max_output_tokens = None;
    }
    if fault::is("seed-as-float") {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "the fault"
        )]
        let as_float = |seed: i64| seed as f64 as i64;
        request.seed = request.seed.map(as_float);
    }
    if fault::is("request-extras-as-text") {
        for extra in &mut request.extras {
            if extra.value_json.parse::<f64>().is_ok() {
                extra.value_json = alloc::format!("\"{}\"", extra.value_json);
            }
        }
    }
    if fault::is("extras-as-floats") {
        for extra in &mut request.extras {
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&extra.value_json) {
                extra.value_json = value.to_string();
            }
        }
    }
    if fault::is("tool-choice-modes-alike")
        && matches!(request.tool_choice, Some(ToolChoice::None | ToolChoice::Required))
    {
        request.tool_choice = Some(ToolChoice::Auto);
    }
    if fault::is("json-object-dropped") && matches!(request.response_format, Some(ResponseFormat::JsonObject))
    {
        request.response_format = Some(ResponseFormat::Text);
    }
    if fault::is("tools-dropped") {
        request.tools.clear();
    }
    if fault::is("tool-choice-auto") && request.tool_choice.is_some() {
        request.tool_choice = Some(ToolChoice::Auto);
    }
    if fault::is("format-dropped") && matches!(request.response_format, Some(ResponseFormat::JsonSchema(_))) {
        request.response_format = Some(ResponseFormat::JsonObject);
    }
    if fault::is("empty-messages-accepted") && request.messages.is_empty() {
        request
            .messages
            .push(Message::User(crate::contract::types::UserMessage {
                content: [ContentPart::Text("Hello".to_string())].into(),
                extras: Vec::new(),
            }));
    }
    if fault::is("system-dropped") {
        request
            .messages
            .retain(|message| !matches!(message, Message::System(_)));
    }
    if let (true, Some(ResponseFormat::JsonSchema(schema))) =
        (fault::is("schema-strict-dropped"), &mut request.response_format)
    {
        schema.strict = None;
    }
    for tool in &mut request.tools {
        if let (true, Tool::Function(function)) = (fault::is("tool-extras-dropped"), tool) {
            function.extras.clear();
        }
    }
    for message in &mut request.messages {
        spoil(message)?;
    }
    Ok(request)
}

fn spoil(message: &mut Message) -> Result<(), Error> {
    let (content, extras): (Option<&mut Vec<ContentPart>>, &mut Vec<Extra>) = match message {
        Message::System(system) => (Some(&mut system.content), &mut system.extras),
        Message::User(user) => (Some(&mut user.content), &mut user.extras),
        Message::Tool(result) => {
            if fault::is("tool-error-dropped") {
                result.is_error = false;
            }
            if fault::is("tool-result-empty") {
                result.content.clear();
            }
            (Some(&mut result.content), &mut result.extras)
        }
        Message::Assistant(assistant) => {
            if fault::is("tool-calls-not-given-back") {
                assistant
                    .content
                    .retain(|part| !matches!(part, AssistantPart::ToolCall(_)));
            }
            for part in &mut assistant.content {
                let AssistantPart::ToolCall(call) = part else {
                    continue;
                };
                let is_json = serde_json::from_str::<serde_json::Value>(&call.arguments_json).is_ok();
                if fault::is("odd-arguments-refused") && !is_json {
                    return Err(error::new(ErrorKind::InvalidRequest, "arguments are not JSON"));
                }
                if fault::is("call-extras-dropped") {
                    call.extras.clear();
                }
            }
            (None, &mut assistant.extras)
        }
    };
    if fault::is("message-extras-dropped") {
        extras.clear();
    }
    if fault::is("message-extras-refused") && !extras.is_empty() {
        return Err(error::new(
            ErrorKind::InvalidRequest,
            "unknown member of a message",
        ));
    }
    let is_own = |extra: &Extra| extra.key == "role" || extra.key == "content";
    if fault::is("own-members-refused") && extras.iter().any(is_own) {
        return Err(error::new(ErrorKind::InvalidRequest, "a member twice"));
    }
    let Some(content) = content else { return Ok(()) };
    if fault::is("own-members-win") {
        if let Some(own) = extras.iter().find(|extra| extra.key == "content") {
            *content = [ContentPart::Text(own.value_json.clone())].into();
        }
        extras.retain(|extra| !is_own(extra));
    }
    if fault::is("media-dropped") {
        content.retain(|part| !matches!(part, ContentPart::Media(_)));
    }
    if fault::is("other-parts-dropped") {
        content.retain(|part| !matches!(part, ContentPart::Other(_)));
    }
    for part in content.iter_mut() {
        if let (true, ContentPart::Media(media)) = (fault::is("mime-type-lost"), part) {
            media.mime_type = "image/*".to_string();
        }
    }
    for part in content {
        if let (true, ContentPart::Media(media)) = (fault::is("media-extras-dropped"), part) {
            media.extras.clear();
        }
    }
    Ok(())
}
