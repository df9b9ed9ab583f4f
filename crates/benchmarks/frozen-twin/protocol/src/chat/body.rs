//! The request's body: what a chat request is in the upstream's JSON. Checked requests only; see `request`.
//!
//! Rules that are not obvious from the wire format:
//! * Text is a plain string; a list of parts only where there is a picture. A person's or tool's pieces are
//!   joined by line feeds; the model's own pieces are one text that was cut, and are joined as they are.
//! * Of the model's turns, thoughts and parts in another's form stay here. A turn with nothing left is left
//!   out.
//! * A tool's failure has no field: its text begins with `Error: `, unless it says so itself.
//! * A tool's pictures follow its text, and that of the results beside it, as a person's message.

use alloc::{string::String, string::ToString};

use super::{request, writer::Writer};
use crate::contract::types::{
    AssistantPart, ChatRequest, ContentPart, Media, MediaSource, Message, ResponseFormat, Tool, ToolCall,
    ToolChoice, ToolResult,
};

/// Writes the whole body. `model` is the name on the wire.
pub(super) fn write(request: &ChatRequest, model: &str, out: &mut Writer<'_>) {
    out.raw("{\"model\":");
    out.string(model);
    out.name("messages");
    out.raw("[");
    messages(&request.messages, out);
    out.raw("],\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    out.optional(
        "max_tokens",
        request.max_output_tokens.map(|tokens| tokens.to_string()),
    );
    for (name, number) in request::numbers(request) {
        out.optional(name, number.and_then(super::writer::decimal));
    }
    out.optional("seed", request.seed.map(|seed| seed.to_string()));
    if !request.stop.is_empty() {
        out.name("stop");
        list(&request.stop, out, |text, out| out.string(text));
    }
    if !request.tools.is_empty() {
        out.name("tools");
        list(&request.tools, out, tool);
        if let Some(choice) = &request.tool_choice {
            tool_choice(choice, out);
        }
    }
    if let Some(format) = &request.response_format {
        response_format(format, out);
    }
    if let Some(effort) = &request.reasoning_effort {
        out.member("reasoning_effort", effort);
    }
    for extra in &request.extras {
        out.name(&extra.key);
        out.raw(&extra.value_json);
    }
    out.raw("}");
}

fn list<T>(items: &[T], out: &mut Writer<'_>, each: impl Fn(&T, &mut Writer<'_>)) {
    out.raw("[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.raw(",");
        }
        each(item, out);
    }
    out.raw("]");
}

fn messages(messages: &[Message], out: &mut Writer<'_>) {
    let mut is_first = true;
    for (at, message) in messages.iter().enumerate() {
        if let Message::Assistant(parts) = message
            && request::is_empty_turn(parts)
        {
            continue;
        }
        if !core::mem::take(&mut is_first) {
            out.raw(",");
        }
        match message {
            Message::System(text) => {
                out.raw("{\"role\":\"system\"");
                out.member("content", text);
            }
            Message::User(parts) => {
                out.raw("{\"role\":\"user\"");
                out.name("content");
                content(parts, out);
            }
            Message::Assistant(parts) => assistant(parts, out),
            Message::Tool(result) => tool_result(result, out),
        }
        out.raw("}");
        let is_last_result =
            matches!(message, Message::Tool(_)) && !matches!(messages.get(at + 1), Some(Message::Tool(_)));
        if is_last_result {
            tool_pictures(messages.get(..=at).unwrap_or_default(), out);
        }
    }
}

fn is_text(part: &ContentPart) -> bool {
    matches!(part, ContentPart::Text(_))
}

fn content(parts: &[ContentPart], out: &mut Writer<'_>) {
    if parts.iter().all(is_text) {
        out.string(&joined_text(parts));
    } else {
        list(parts, out, part);
    }
}

fn part(part: &ContentPart, out: &mut Writer<'_>) {
    match part {
        ContentPart::Text(text) => {
            out.raw("{\"type\":\"text\"");
            out.member("text", text);
        }
        ContentPart::Media(media) => picture(media, out),
        ContentPart::Other(other) => {
            out.raw("{\"type\":");
            out.string(&other.key);
            out.name(&other.key);
            out.raw(&other.value_json);
        }
    }
    out.raw("}");
}

fn picture(media: &Media, out: &mut Writer<'_>) {
    out.raw("{\"type\":\"image_url\",\"image_url\":{\"url\":");
    match &media.source {
        MediaSource::Url(url) => out.string(url),
        MediaSource::Data(data) => {
            out.raw("\"data:");
            // Only known names and checked ones get here: nothing in them needs an escape.
            out.raw(&request::picture_type(&media.mime_type, data));
            out.raw(";base64,");
            out.base64(data);
            out.raw("\"");
        }
    }
    out.raw("}");
}

fn joined_text(parts: &[ContentPart]) -> String {
    let mut text = String::new();
    for (at, part) in parts.iter().filter(|part| is_text(part)).enumerate() {
        if at > 0 {
            text.push('\n');
        }
        if let ContentPart::Text(piece) = part {
            text.push_str(piece);
        }
    }
    text
}

fn assistant(parts: &[AssistantPart], out: &mut Writer<'_>) {
    let mut text = String::new();
    for part in parts {
        if let AssistantPart::Text(piece) = part {
            text.push_str(piece);
        }
    }
    out.raw("{\"role\":\"assistant\"");
    out.name("content");
    if text.is_empty() {
        out.raw("null");
    } else {
        out.string(&text);
    }
    let mut is_first = true;
    for part in parts {
        let AssistantPart::ToolCall(call) = part else {
            continue;
        };
        out.raw(if core::mem::take(&mut is_first) {
            ",\"tool_calls\":["
        } else {
            ","
        });
        tool_call(call, out);
    }
    if !is_first {
        out.raw("]");
    }
}

fn tool_call(call: &ToolCall, out: &mut Writer<'_>) {
    out.raw("{\"id\":");
    out.string(&call.id);
    out.raw(",\"type\":\"function\",\"function\":{\"name\":");
    out.string(&call.name);
    let arguments = call.arguments_json.trim();
    out.member("arguments", if arguments.is_empty() { "{}" } else { arguments });
    out.raw("}}");
}

fn tool_result(result: &ToolResult, out: &mut Writer<'_>) {
    let mut text = joined_text(&result.content);
    if result.is_error
        && !text
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("error"))
    {
        // size: not inserted, which could panic.
        let said = core::mem::replace(&mut text, String::from("Error"));
        if !said.is_empty() {
            text.push_str(": ");
            text.push_str(&said);
        }
    } else if text.is_empty() && !result.content.iter().all(is_text) {
        text.push_str("(see attached image)");
    }
    out.raw("{\"role\":\"tool\"");
    out.member("tool_call_id", &result.call_id);
    out.member("content", &text);
}

/// The pictures of the tool results at the end of these messages.
fn tool_pictures(messages: &[Message], out: &mut Writer<'_>) {
    let start = messages
        .iter()
        .rposition(|message| !matches!(message, Message::Tool(_)))
        .map_or(0, |at| at + 1);
    let results = messages.get(start..).unwrap_or_default();
    let mut is_first = true;
    for message in results {
        let Message::Tool(result) = message else { continue };
        if result.content.iter().all(is_text) {
            continue;
        }
        out.raw(if core::mem::take(&mut is_first) {
            ",{\"role\":\"user\",\"content\":["
        } else {
            ","
        });
        out.raw("{\"type\":\"text\"");
        out.member(
            "text",
            &alloc::format!("Attached to the result of tool call {}:", result.call_id),
        );
        out.raw("}");
        for item in result.content.iter().filter(|part| !is_text(part)) {
            out.raw(",");
            part(item, out);
        }
    }
    if !is_first {
        out.raw("]}");
    }
}

fn tool(tool: &Tool, out: &mut Writer<'_>) {
    out.raw("{\"type\":\"function\",\"function\":{\"name\":");
    out.string(&tool.name);
    if let Some(description) = &tool.description {
        out.member("description", description);
    }
    out.name("parameters");
    out.raw(&tool.parameters_json);
    out.optional("strict", tool.strict.map(|strict| strict.to_string()));
    out.raw("}}");
}

fn tool_choice(choice: &ToolChoice, out: &mut Writer<'_>) {
    let word = match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::None => "none",
        ToolChoice::Required => "required",
        ToolChoice::Named(name) => {
            out.raw(",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":");
            out.string(name);
            return out.raw("}}");
        }
    };
    out.member("tool_choice", word);
}

fn response_format(format: &ResponseFormat, out: &mut Writer<'_>) {
    out.raw(",\"response_format\":{\"type\":");
    match format {
        ResponseFormat::Text => out.string("text"),
        ResponseFormat::JsonObject => out.string("json_object"),
        ResponseFormat::JsonSchema(schema) => {
            out.raw("\"json_schema\",\"json_schema\":{\"name\":");
            out.string(&schema.name);
            if let Some(description) = &schema.description {
                out.member("description", description);
            }
            out.name("schema");
            out.raw(&schema.schema_json);
            out.optional("strict", schema.strict.map(|strict| strict.to_string()));
            out.raw("}");
        }
    }
    out.raw("}");
}
