//! Writer of the messages in the request body. Validated messages only; see `conversation`.
//!
//! Rules that are not obvious from the wire format:
//! * One text is a plain string; several stay a list of parts, so that no line feed is added that the caller did not
//!   send. The texts of a tool result are joined by line feeds, as in OpenClaw, because many backends accept only a
//!   string there; so are those for a model that accepts only strings. The texts of an assistant message are
//!   fragments of one text, and are joined without a separator.
//! * Reasoning of an assistant message goes back as the model's rules say; parts in another's form stay here. A
//!   message with nothing left is left out.
//! * A tool's failure has no field: its text begins with `Error: `, unless it says so itself.
//! * A tool's media follow its text, and that of the results beside it, as a user message.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use super::{
    body::list,
    conversation::{is_empty_turn, is_reasoning_text, is_textual, sends_reasoning},
    image,
    members::{self, Place},
    rules::Rules,
    writer::Writer,
};
use crate::{
    contract::types::{
        AssistantMessage, AssistantPart, ContentPart, Extra, Media, MediaSource, Message, ToolCall,
        ToolResult,
    },
    json,
};

/// The detail level of an image.
const DETAIL: &str = "detail";
/// The assistant message that is inserted for templates that require one between tool results and a user message.
const AFTER_TOOLS: &str = "The results are there.";

pub(super) fn write(messages: &[Message], rules: &Rules, out: &mut Writer<'_>) {
    let mut is_first = true;
    // Whether the last message that was written is the result of a tool.
    let mut follows_result = false;
    for (at, message) in messages.iter().enumerate() {
        if let Message::Assistant(said) = message
            && is_empty_turn(&said.content, rules)
        {
            continue;
        }
        if !core::mem::take(&mut is_first) {
            out.raw(",");
        }
        if follows_result && matches!(message, Message::User(_)) {
            after_tools(rules, out);
        }
        one(message, messages.get(..at).unwrap_or_default(), rules, out);
        follows_result = matches!(message, Message::Tool(_));
        if follows_result && !matches!(messages.get(at + 1), Some(Message::Tool(_))) {
            let has_media = tool_media(messages.get(..=at).unwrap_or_default(), rules, out);
            follows_result = !has_media;
        }
    }
}

fn one(message: &Message, before: &[Message], rules: &Rules, out: &mut Writer<'_>) {
    match message {
        Message::System(system) => {
            let role = if rules.developer_role {
                "developer"
            } else {
                "system"
            };
            said(role, &system.content, &system.extras, rules, out);
        }
        Message::User(user) => said("user", &user.content, &user.extras, rules, out),
        Message::Assistant(said) => assistant(said, rules, out),
        Message::Tool(result) => {
            tool_result(result, out);
            if rules.tool_result_name && !result.extras.iter().any(|extra| extra.key == "name") {
                out.optional("name", called(before, &result.call_id).map(json::quoted));
            }
        }
    }
    out.raw("}");
}

fn said(role: &str, parts: &[ContentPart], extras: &[Extra], rules: &Rules, out: &mut Writer<'_>) {
    out.raw("{\"role\":");
    out.string(role);
    out.name("content");
    content(parts, rules, out);
    members::write(Place::Message, extras, out);
}

/// Inserts an assistant message where the template requires one, and a comma.
fn after_tools(rules: &Rules, out: &mut Writer<'_>) {
    if rules.assistant_after_tools {
        out.raw("{\"role\":\"assistant\"");
        out.member("content", AFTER_TOOLS);
        out.raw("},");
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

fn content(parts: &[ContentPart], rules: &Rules, out: &mut Writer<'_>) {
    match parts {
        [ContentPart::Text(text)] => out.string(text),
        _ if rules.string_content && parts.iter().all(is_textual) => out.string(&joined_text(parts)),
        // Such as an empty system message.
        [] => out.string(""),
        _ => list(parts, out, part),
    }
}

fn part(part: &ContentPart, out: &mut Writer<'_>) {
    match part {
        ContentPart::Text(text) => text_part(text, out),
        ContentPart::Media(media) => picture(media, out),
        // A whole part, checked to be an object.
        ContentPart::Other(other) => out.raw(&other.value_json),
    }
}

fn text_part(text: &str, out: &mut Writer<'_>) {
    out.raw("{\"type\":\"text\"");
    out.member("text", text);
    out.raw("}");
}

fn picture(media: &Media, out: &mut Writer<'_>) {
    out.raw("{\"type\":\"image_url\",\"image_url\":{\"url\":");
    match &media.source {
        MediaSource::Url(url) => out.string(url),
        MediaSource::Data(data) => {
            out.raw("\"data:");
            // Only known names and checked ones get here: nothing in them needs an escape.
            out.raw(&image::media_type(&media.mime_type, data));
            out.raw(";base64,");
            out.base64(data);
            out.raw("\"");
        }
    }
    // The detail level belongs to the object with the URL; other extras to the image.
    let (within, beside): (Vec<Extra>, Vec<Extra>) = media
        .extras
        .iter()
        .cloned()
        .partition(|extra| extra.key == DETAIL);
    members::write(Place::Media, &within, out);
    out.raw("}");
    members::write(Place::Media, &beside, out);
    out.raw("}");
}

fn joined_text(parts: &[ContentPart]) -> String {
    let mut text = String::new();
    let mut is_first = true;
    for part in parts {
        let part_text = match part {
            ContentPart::Text(text) => Cow::Borrowed(text.as_str()),
            ContentPart::Other(other) if other.key == "text" => Cow::Owned(text_of(&other.value_json)),
            ContentPart::Other(_) | ContentPart::Media(_) => continue,
        };
        if !core::mem::take(&mut is_first) {
            text.push('\n');
        }
        text.push_str(&part_text);
    }
    text
}

/// The text of a part that has other members beside it.
fn text_of(part: &str) -> String {
    let mut found = String::new();
    json::members(part, &mut |key, value| {
        if key == "text"
            && let Some(text) = json::text(value)
        {
            found = text.into_owned();
        }
    });
    found
}

fn assistant(said: &AssistantMessage, rules: &Rules, out: &mut Writer<'_>) {
    let parts = &said.content;
    let fragments = parts.iter().filter_map(|part| match part {
        AssistantPart::Reasoning(reasoning) => Some(reasoning),
        _ => None,
    });
    let has_reasoning = fragments.clone().any(is_reasoning_text);
    let reasoning: String = fragments.map(|fragment| fragment.text.as_str()).collect();
    out.raw("{\"role\":\"assistant\"");
    out.name("content");
    assistant_content(parts, &reasoning, rules, out);
    if sends_reasoning(parts, rules) && (has_reasoning || rules.needs_reasoning) {
        // Reasoning that is sent as text is not sent in its own member as well.
        let stands_here = has_reasoning && !rules.thinking_as_text;
        out.member("reasoning_content", if stands_here { &reasoning } else { " " });
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
    members::write(Place::Message, &said.extras, out);
}

fn assistant_content(parts: &[AssistantPart], reasoning: &str, rules: &Rules, out: &mut Writer<'_>) {
    let as_text = rules.thinking_as_text && !reasoning.trim().is_empty();
    if as_text || parts.iter().any(is_text_part) {
        let texts = as_text.then_some(reasoning).into_iter().map(TextPart::Text);
        let texts = texts.chain(parts.iter().filter_map(text_of_turn));
        return if rules.string_content {
            out.string(&one_string(texts));
        } else {
            list_of_texts(texts, out);
        };
    }
    let texts = parts.iter().filter_map(|part| match part {
        AssistantPart::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let text: String = texts.collect();
    // As in OpenClaw: a template that requires an assistant message after tool results requires text in one with
    // calls, if only blank text.
    if text.is_empty() && !rules.assistant_after_tools {
        out.raw("null");
    } else {
        out.string(&text);
    }
}

/// A text of a turn.
enum TextPart<'p> {
    Text(&'p str),
    /// A whole part, with members beside its text.
    Part(&'p str),
}

/// A part of a turn that is text.
fn text_of_turn(part: &AssistantPart) -> Option<TextPart<'_>> {
    match part {
        AssistantPart::Text(text) if !text.is_empty() => Some(TextPart::Text(text)),
        AssistantPart::Other(other) if is_text_part(part) => Some(TextPart::Part(&other.value_json)),
        _ => None,
    }
}

/// Whether a part is text with members beside it.
fn is_text_part(part: &AssistantPart) -> bool {
    matches!(part, AssistantPart::Other(other) if other.key == "text" && json::is_object(&other.value_json))
}

/// The texts of a turn as parts.
fn list_of_texts<'p>(texts: impl Iterator<Item = TextPart<'p>>, out: &mut Writer<'_>) {
    let mut is_first = true;
    for text in texts {
        out.raw(if core::mem::take(&mut is_first) { "[" } else { "," });
        match text {
            TextPart::Text(text) => text_part(text, out),
            TextPart::Part(part) => out.raw(part),
        }
    }
    out.raw("]");
}

/// The texts of a turn for a model that takes strings only.
fn one_string<'p>(texts: impl Iterator<Item = TextPart<'p>>) -> String {
    let mut all = String::new();
    let mut is_first = true;
    for text in texts {
        if !core::mem::take(&mut is_first) {
            all.push('\n');
        }
        match text {
            TextPart::Text(text) => all.push_str(text),
            TextPart::Part(part) => all.push_str(&text_of(part)),
        }
    }
    all
}

fn tool_call(call: &ToolCall, out: &mut Writer<'_>) {
    let (of_call, of_function) = members::by_depth(Place::Call, &call.extras);
    out.raw("{\"id\":");
    out.string(&call.id);
    out.name("type");
    out.raw(members::call_type(call));
    out.raw(",\"function\":{\"name\":");
    out.string(&call.name);
    // Backends parse it as JSON, which an empty text is not. OpenClaw sends the same for a call without arguments.
    let is_blank = call.arguments_json.trim().is_empty();
    out.member("arguments", if is_blank { "{}" } else { &call.arguments_json });
    members::write(Place::CalledFunction, &of_function, out);
    out.raw("}");
    members::write(Place::Call, &of_call, out);
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
    } else if text.is_empty()
        && let Some(kind) = result.content.iter().find_map(medium)
    {
        // The text refers to the message below, which has the medium. For an image it is OpenClaw's text.
        text = format!("(see attached {kind})");
    }
    out.raw("{\"role\":\"tool\"");
    out.member("tool_call_id", &result.call_id);
    out.member("content", &text);
    members::write(Place::Message, &result.extras, out);
}

/// What kind of media a part is.
fn medium(part: &ContentPart) -> Option<&'static str> {
    match part {
        ContentPart::Media(_) => Some("image"),
        ContentPart::Other(other) => match other.key.as_str() {
            "text" => None,
            "image_url" => Some("image"),
            "input_audio" | "audio_url" => Some("audio"),
            "video_url" => Some("video"),
            _ => Some("file"),
        },
        ContentPart::Text(_) => None,
    }
}

/// Writes the media of the last tool results as a user message. Returns whether there are any.
fn tool_media(messages: &[Message], rules: &Rules, out: &mut Writer<'_>) -> bool {
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
        out.raw(",");
        if core::mem::take(&mut is_first) {
            after_tools(rules, out);
            out.raw("{\"role\":\"user\",\"content\":[");
        }
        let id = &result.call_id;
        text_part(&format!("Attached to the result of tool call {id}:"), out);
        for item in result.content.iter().filter(|part| !is_textual(part)) {
            out.raw(",");
            part(item, out);
        }
    }
    if !is_first {
        out.raw("]}");
    }
    !is_first
}
