//! The request's body: what a chat request is in the upstream's JSON. Checked requests only; see `request`.
//!
//! Rules that are not obvious from the wire format:
//! * Text is a plain string; a list of parts only where there is a picture. A person's or tool's pieces are
//!   joined by line feeds; the model's own pieces are one text that was cut, and are joined as they are.
//! * Reasoning of an assistant message goes back as the model's rules say; parts in another's form stay here. A
//!   message with nothing left is left out.
//! * Members beside the fields of the contract follow them, as they came; see `members`.
//! * A tool's failure has no field: its text begins with `Error: `, unless it says so itself.
//! * A tool's pictures follow its text, and that of the results beside it, as a person's message.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
};

use super::{
    members::{self, Place},
    request,
    rules::{Replay, Rules},
    writer::Writer,
};
use crate::contract::types::{AssistantMessage, AssistantPart, ChatRequest, ContentPart, Extra, FunctionTool, Media, MediaSource, Message, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult};

/// How closely an image is to be looked at.
const DETAIL: &str = "detail";

/// Writes the whole body. `model` is the name on the wire.
pub(super) fn write(request: &ChatRequest, model: &str, rules: &Rules, out: &mut Writer<'_>) {
    out.raw("{\"model\":");
    out.string(model);
    out.name("messages");
    out.raw("[");
    messages(&request.messages, rules, out);
    out.raw("],\"stream\":true");
    if rules.usage_in_streaming {
        out.raw(",\"stream_options\":{\"include_usage\":true}");
    }
    if !request::has_own_limit(request) {
        let limit = request.max_output_tokens.map(|tokens| tokens.to_string());
        out.optional(&rules.max_tokens_field, limit);
    }
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
        list(&request.tools, out, |item, out| tool(item, rules, out));
        if let Some(choice) = &request.tool_choice {
            tool_choice(choice, out);
        }
    }
    if let Some(format) = &request.response_format {
        response_format(format, out);
    }
    if let Some(effort) = request
        .reasoning_effort
        .as_ref()
        .filter(|_| rules.reasoning_effort)
    {
        out.member("reasoning_effort", effort);
    }
    for extra in request.extras.iter().filter(|extra| rules.sends(&extra.key)) {
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

fn extras(place: Place, extras: &[Extra], out: &mut Writer<'_>) {
    for (at, extra) in extras.iter().enumerate() {
        let is_first = !extras
            .get(..at)
            .unwrap_or_default()
            .iter()
            .any(|earlier| earlier.key == extra.key);
        if is_first && members::is_sent(place, extra) {
            out.name(&extra.key);
            out.raw(&extra.value_json);
        }
    }
}

fn messages(messages: &[Message], rules: &Rules, out: &mut Writer<'_>) {
    let mut is_first = true;
    for (at, message) in messages.iter().enumerate() {
        if let Message::Assistant(said) = message
            && request::is_empty_turn(&said.content)
        {
            continue;
        }
        if !core::mem::take(&mut is_first) {
            out.raw(",");
        }
        match message {
            Message::System(system) => {
                out.raw("{\"role\":\"system\"");
                out.name("content");
                content(&system.content, rules, out);
                extras(Place::Message, &system.extras, out);
            }
            Message::User(user) => {
                out.raw("{\"role\":\"user\"");
                out.name("content");
                content(&user.content, rules, out);
                extras(Place::Message, &user.extras, out);
            }
            Message::Assistant(said) => assistant(said, rules, out),
            Message::Tool(result) => {
                tool_result(result, out);
                if rules.tool_result_name && !result.extras.iter().any(|extra| extra.key == "name") {
                    let before = messages.get(..at).unwrap_or_default();
                    out.optional("name", called(before, &result.call_id).map(crate::json::quoted));
                }
            }
        }
        out.raw("}");
        let is_last_result =
            matches!(message, Message::Tool(_)) && !matches!(messages.get(at + 1), Some(Message::Tool(_)));
        if is_last_result {
            tool_pictures(messages.get(..=at).unwrap_or_default(), out);
        }
    }
}

/// The tool of the last call of this id.
fn called<'m>(messages: &'m [Message], id: &str) -> Option<&'m str> {
    messages.iter().rev().find_map(|message| match message {
        Message::Assistant(said) => said.content.iter().find_map(|part| match part {
            AssistantPart::ToolCall(call) if call.id == id => Some(call.name.as_str()),
            _ => None,
        }),
        _ => None,
    })
}

fn is_text(part: &ContentPart) -> bool {
    matches!(part, ContentPart::Text(_))
}

/// Whether a part is text, with or without members beside it. A tool result has no place for those.
fn is_textual(part: &ContentPart) -> bool {
    is_text(part) || matches!(part, ContentPart::Other(other) if other.key == "text")
}

fn content(parts: &[ContentPart], rules: &Rules, out: &mut Writer<'_>) {
    let is_plain = |part: &ContentPart| match part {
        ContentPart::Other(other) => rules.string_content && other.key == "text",
        part => is_text(part),
    };
    if parts.iter().all(is_plain) {
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
        // A whole part, checked to be an object.
        ContentPart::Other(other) => return out.raw(&other.value_json),
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
    // What says how the image is to be looked at stands beside its URL; the rest beside the image.
    if let Some(detail) = media.extras.iter().find(|extra| extra.key == DETAIL) {
        out.name(DETAIL);
        out.raw(&detail.value_json);
    }
    out.raw("}");
    for extra in media.extras.iter().filter(|extra| extra.key != DETAIL) {
        extras(Place::Media, core::slice::from_ref(extra), out);
    }
}

fn joined_text(parts: &[ContentPart]) -> String {
    let mut text = String::new();
    let mut is_first = true;
    for part in parts {
        let piece = match part {
            ContentPart::Text(piece) => Cow::Borrowed(piece.as_str()),
            ContentPart::Other(other) if other.key == "text" => Cow::Owned(text_of(&other.value_json)),
            ContentPart::Other(_) | ContentPart::Media(_) => continue,
        };
        if !core::mem::take(&mut is_first) {
            text.push('\n');
        }
        text.push_str(&piece);
    }
    text
}

/// The text of a part that has other members beside it.
fn text_of(part: &str) -> String {
    let mut found = String::new();
    crate::json::members(part, &mut |key, value| {
        if key == "text"
            && let Some(text) = crate::json::text(value)
        {
            found = text.into_owned();
        }
    });
    found
}

fn assistant(said: &AssistantMessage, rules: &Rules, out: &mut Writer<'_>) {
    let parts = &said.content;
    let (mut text, mut reasoning) = (String::new(), String::new());
    for part in parts {
        match part {
            AssistantPart::Text(piece) => text.push_str(piece),
            AssistantPart::Reasoning(piece) => reasoning.push_str(&piece.text),
            _ => {}
        }
    }
    out.raw("{\"role\":\"assistant\"");
    out.name("content");
    if parts.iter().any(is_text_part) {
        list_of_texts(parts, out);
    } else if text.is_empty() {
        out.raw("null");
    } else {
        out.string(&text);
    }
    if sends_reasoning(parts, rules) && (!reasoning.is_empty() || rules.needs_reasoning) {
        out.member(
            "reasoning_content",
            if reasoning.is_empty() { " " } else { &reasoning },
        );
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
    extras(Place::Message, &said.extras, out);
}

/// Whether a part is text with members beside it.
fn is_text_part(part: &AssistantPart) -> bool {
    matches!(part, AssistantPart::Other(other) if other.key == "text" && crate::json::is_object(&other.value_json))
}

fn list_of_texts(parts: &[AssistantPart], out: &mut Writer<'_>) {
    let mut is_first = true;
    for item in parts {
        let text = match item {
            AssistantPart::Text(text) => Some(text),
            _ if is_text_part(item) => None,
            _ => continue,
        };
        out.raw(if core::mem::take(&mut is_first) { "[" } else { "," });
        match (text, item) {
            (Some(text), _) => {
                out.raw("{\"type\":\"text\"");
                out.member("text", text);
                out.raw("}");
            }
            (None, AssistantPart::Other(other)) => out.raw(&other.value_json),
            (None, _) => {}
        }
    }
    out.raw("]");
}

/// Whether the reasoning of an assistant message goes back to the model.
pub(super) fn sends_reasoning(parts: &[AssistantPart], rules: &Rules) -> bool {
    match rules.replay {
        Replay::All => true,
        Replay::ToolCalls => parts
            .iter()
            .any(|part| matches!(part, AssistantPart::ToolCall(_))),
        Replay::None => false,
    }
}

fn tool_call(call: &ToolCall, out: &mut Writer<'_>) {
    out.raw("{\"id\":");
    out.string(&call.id);
    out.raw(",\"type\":\"function\",\"function\":{\"name\":");
    out.string(&call.name);
    let arguments = call.arguments_json.trim();
    out.member("arguments", if arguments.is_empty() { "{}" } else { arguments });
    out.raw("}");
    extras(Place::Call, &call.extras, out);
    out.raw("}");
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
    } else if text.is_empty() && !result.content.iter().all(is_textual) {
        text.push_str("(see attached image)");
    }
    out.raw("{\"role\":\"tool\"");
    out.member("tool_call_id", &result.call_id);
    out.member("content", &text);
    extras(Place::Message, &result.extras, out);
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
        if result.content.iter().all(is_textual) {
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
        for item in result.content.iter().filter(|part| !is_textual(part)) {
            out.raw(",");
            part(item, out);
        }
    }
    if !is_first {
        out.raw("]}");
    }
}

fn tool(tool: &Tool, rules: &Rules, out: &mut Writer<'_>) {
    match tool {
        Tool::Function(function) => function_tool(function, rules, out),
        // A whole tool, checked to be an object.
        Tool::Other(other) => out.raw(&other.value_json),
    }
}

fn function_tool(tool: &FunctionTool, rules: &Rules, out: &mut Writer<'_>) {
    out.raw("{\"type\":\"function\",\"function\":{\"name\":");
    out.string(&tool.name);
    if let Some(description) = &tool.description {
        out.member("description", description);
    }
    out.name("parameters");
    out.raw(&tool.parameters_json);
    let strict = tool.strict.filter(|_| rules.strict);
    out.optional("strict", strict.map(|strict| strict.to_string()));
    let is_outside = |extra: &&Extra| members::is_beside_function(&extra.key);
    for extra in tool.extras.iter().filter(|extra| !is_outside(extra)) {
        extras(Place::Tool, core::slice::from_ref(extra), out);
    }
    out.raw("}");
    for extra in tool.extras.iter().filter(is_outside) {
        extras(Place::Tool, core::slice::from_ref(extra), out);
    }
    out.raw("}");
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
        ToolChoice::Other(other) => {
            out.name("tool_choice");
            return out.raw(&other.value_json);
        }
    };
    out.member("tool_choice", word);
}

fn response_format(format: &ResponseFormat, out: &mut Writer<'_>) {
    if let ResponseFormat::Other(other) = format {
        out.name("response_format");
        return out.raw(&other.value_json);
    }
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
            extras(Place::Schema, &schema.extras, out);
            out.raw("}");
        }
        ResponseFormat::Other(_) => {}
    }
    out.raw("}");
}
