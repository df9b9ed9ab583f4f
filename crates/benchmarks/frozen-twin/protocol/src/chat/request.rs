//! What a chat request must be before anything is sent. Whatever would fail at every backend, or cannot be
//! sent, is refused here, with the place in the request named; what only some backends refuse goes out.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::contract::types::{
    AssistantPart, ChatRequest, ContentPart, Error, ErrorKind, Extra, Media, MediaSource, Message, Model,
    ModelRef, ResponseFormat, Routing, ToolChoice, Warning,
};
use crate::{json, warning::quote};

/// Parts in the upstream's own form that can be sent.
const OTHER_PARTS: [&str; 5] = ["image_url", "video_url", "audio_url", "input_audio", "file"];
/// Keys that extras never write.
const RESERVED: [&str; 5] = ["model", "messages", "stream", "stream_options", "n"];

type Checked = Result<(), Error>;

/// Checks a request against the wire format and against what is known of the model.
pub(super) fn check(request: &ChatRequest, model: &ModelRef) -> Result<Vec<Warning>, Error> {
    let mut warnings = model.warnings.clone();
    let known = model.metadata.as_ref();
    messages(&request.messages, known, &mut warnings)?;
    tools(request)?;
    if let Some(ResponseFormat::JsonSchema(schema)) = &request.response_format {
        if !is_name(&schema.name) {
            return invalid(
                "response-format.name",
                "has to be 1 to 64 letters, digits, `_` or `-`",
            );
        }
        if !json::is_object(&schema.schema_json) {
            return invalid("response-format.schema-json", "is not a JSON object");
        }
    }
    for (name, number) in numbers(request) {
        if number.is_some_and(|number| super::writer::decimal(number).is_none()) {
            return invalid(&name.replace('_', "-"), "is not a number that can be sent");
        }
    }
    extras(request)?;
    capabilities(request, model)?;
    Ok(warnings)
}

/// The sampling numbers, under their names on the wire.
pub(super) fn numbers(request: &ChatRequest) -> [(&'static str, Option<f64>); 4] {
    [
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
    ]
}

/// Whether nothing of a turn of the model can be sent.
pub(super) fn is_empty_turn(parts: &[AssistantPart]) -> bool {
    parts.iter().all(|part| match part {
        AssistantPart::Text(text) => text.is_empty(),
        AssistantPart::ToolCall(_) => false,
        AssistantPart::Reasoning(_) | AssistantPart::Media(_) | AssistantPart::Other(_) => true,
    })
}

fn invalid<T>(field: &str, what: &str) -> Result<T, Error> {
    Err(Error::before_sending(
        ErrorKind::InvalidRequest,
        format!("{field} {what}."),
    ))
}

fn unsupported<T>(field: &str, what: &str, hint: &str) -> Result<T, Error> {
    Err(Error::before_sending(ErrorKind::Unsupported, format!("{field}: {what}.")).with_hint(hint))
}

fn messages(messages: &[Message], known: Option<&Model>, warnings: &mut Vec<Warning>) -> Checked {
    // The calls that wait for their results, and where they stand.
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut is_empty = true;
    for (at, message) in messages.iter().enumerate() {
        let field = format!("messages[{at}]");
        if let Message::Tool(result) = message {
            let Some(call) = open.iter().position(|(id, _)| *id == result.call_id) else {
                let what = "answers no tool call that waits: the turn before has none of this id, or it has its result";
                return invalid(&format!("{field}.call-id {}", quote(&result.call_id)), what);
            };
            open.swap_remove(call);
            content(&format!("{field}.content"), &result.content, known)?;
            continue;
        }
        no_open_call(&open)?;
        match message {
            Message::System(_) => is_empty = false,
            Message::User(parts) if parts.is_empty() => return invalid(&field, "has no content"),
            Message::User(parts) => {
                is_empty = false;
                content(&field, parts, known)?;
            }
            Message::Assistant(parts) => {
                assistant(&field, at, parts, &mut open)?;
                if is_empty_turn(parts) {
                    warn(
                        warnings,
                        "empty-turn-left-out",
                        format!("{field} holds nothing that can be sent."),
                    );
                } else {
                    is_empty = false;
                }
                if parts.iter().any(|part| matches!(part, AssistantPart::Media(_))) {
                    let message = format!("The media of {field} cannot be sent back and were left out.");
                    warn(warnings, "media-left-out", message);
                }
            }
            Message::Tool(_) => {}
        }
    }
    no_open_call(&open)?;
    if is_empty {
        invalid("messages", "is empty: there is nothing to answer")
    } else {
        Ok(())
    }
}

fn warn(warnings: &mut Vec<Warning>, code: &str, message: String) {
    warnings.push(Warning {
        code: code.to_string(),
        message,
    });
}

fn no_open_call(open: &[(&str, usize)]) -> Checked {
    match open.first() {
        None => Ok(()),
        Some((id, at)) => invalid(
            &format!("messages[{at}]: tool call {}", quote(id)),
            "has no result in the messages after it",
        ),
    }
}

fn assistant<'a>(
    field: &str,
    at: usize,
    parts: &'a [AssistantPart],
    open: &mut Vec<(&'a str, usize)>,
) -> Checked {
    for part in parts {
        let AssistantPart::ToolCall(call) = part else {
            continue;
        };
        let field = format!("{field}: tool call {}", quote(&call.id));
        if call.id.is_empty() {
            return invalid(&field, "has an empty id");
        }
        if open.iter().any(|(id, _)| *id == call.id) {
            return invalid(&field, "occurs twice in this turn");
        }
        if call.name.is_empty() {
            return invalid(&field, "names no tool");
        }
        let arguments = call.arguments_json.trim();
        if !arguments.is_empty() && !json::is_value(arguments) {
            return invalid(&field, "has arguments that are not JSON");
        }
        open.push((&call.id, at));
    }
    Ok(())
}

fn content(field: &str, parts: &[ContentPart], known: Option<&Model>) -> Checked {
    for (at, part) in parts.iter().enumerate() {
        let field = format!("{field}[{at}]");
        match part {
            ContentPart::Text(_) => continue,
            ContentPart::Media(media) => picture(&field, media)?,
            ContentPart::Other(other) => {
                if !OTHER_PARTS.contains(&other.key.as_str()) {
                    let what = format!("this provider knows no part {}", quote(&other.key));
                    return unsupported(&field, &what, "Send text or a picture.");
                }
                if !json::is_value(&other.value_json) {
                    return invalid(&format!("{field}.value-json"), "is not JSON");
                }
            }
        }
        let is_picture = match part {
            ContentPart::Other(other) => other.key == "image_url",
            ContentPart::Text(_) | ContentPart::Media(_) => true,
        };
        if is_picture
            && let Some(model) = known
            && !model.input.is_empty()
            && !model.input.iter().any(|word| word == "image")
        {
            let what = format!("the model {} takes no images", model.id);
            return unsupported(
                &field,
                &what,
                "Choose a model whose input has `image` in the list of models.",
            );
        }
    }
    Ok(())
}

fn picture(field: &str, media: &Media) -> Checked {
    let declared = essence(&media.mime_type);
    let Some(subtype) = declared.strip_prefix("image/") else {
        let what = quote(&declared) + " cannot be sent; this provider takes text and images";
        return unsupported(
            field,
            &what,
            "Send it in the upstream's own form as an `other` part, or leave it out.",
        );
    };
    match &media.source {
        MediaSource::Url(url) => {
            let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if !matches!(scheme.as_str(), "http" | "https" | "data") {
                return invalid(&format!("{field}.source"), "is not an http, https or data URL");
            }
        }
        MediaSource::Data(data) => {
            let actual = magic(data);
            let is_known = matches!(
                subtype,
                "png" | "jpeg" | "gif" | "webp" | "bmp" | "tiff" | "avif" | "heic"
            );
            if data.is_empty() {
                return invalid(&format!("{field}.source"), "is empty");
            }
            if subtype.is_empty()
                || !subtype
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"*+-._".contains(&b))
            {
                return invalid(&format!("{field}.mime-type"), "is not a media type");
            }
            if actual.map_or(is_known || subtype == "*", |actual| {
                subtype != "*" && actual != subtype
            }) {
                let found = actual.map_or(String::from("of no known image type"), |name| {
                    format!("image/{name}")
                });
                return invalid(
                    &format!("{field}.mime-type"),
                    &format!("says {declared}, but the bytes are {found}"),
                );
            }
        }
    }
    Ok(())
}

/// The media type of checked bytes as it is sent.
pub(super) fn picture_type(mime_type: &str, data: &[u8]) -> String {
    magic(data).map_or_else(
        || essence(mime_type).into_owned(),
        |subtype| format!("image/{subtype}"),
    )
}

/// A media type without parameters, in lower case, in its registered spelling.
fn essence(mime_type: &str) -> Cow<'static, str> {
    let essence = mime_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "image/jpg" {
        Cow::Borrowed("image/jpeg")
    } else {
        Cow::Owned(essence)
    }
}

/// The image type that the first bytes tell.
fn magic(data: &[u8]) -> Option<&'static str> {
    /// How files of a type begin; `?` is any byte.
    const KNOWN: [(&[u8], &str); 11] = [
        (b"\x89PNG", "png"),
        (b"\xFF\xD8\xFF", "jpeg"),
        (b"GIF8", "gif"),
        (b"BM", "bmp"),
        (b"II\x2A\0", "tiff"),
        (b"MM\0\x2A", "tiff"),
        (b"RIFF????WEBP", "webp"),
        (b"????ftypavif", "avif"),
        (b"????ftypheic", "heic"),
        (b"????ftypheix", "heic"),
        (b"????ftypmif1", "heic"),
    ];
    let begins_as = |pattern: &[u8]| {
        let mut bytes = data.iter();
        pattern
            .iter()
            .all(|want| bytes.next().is_some_and(|byte| *want == b'?' || want == byte))
    };
    let known = KNOWN.iter().find(|(pattern, _)| begins_as(pattern));
    known.map(|(_, name)| *name)
}

fn tools(request: &ChatRequest) -> Checked {
    for (at, tool) in request.tools.iter().enumerate() {
        if !is_name(&tool.name) {
            let field = format!("tools[{at}].name {}", quote(&tool.name));
            return invalid(&field, "has to be 1 to 64 letters, digits, `_` or `-`");
        }
        if request
            .tools
            .iter()
            .take(at)
            .any(|earlier| earlier.name == tool.name)
        {
            return invalid(&format!("tools[{at}].name {}", quote(&tool.name)), "occurs twice");
        }
        if !json::is_object(&tool.parameters_json) {
            return invalid(&format!("tools[{at}].parameters-json"), "is not a JSON object");
        }
    }
    match &request.tool_choice {
        Some(ToolChoice::Named(name)) if !request.tools.iter().any(|tool| tool.name == *name) => {
            invalid(&format!("tool-choice {}", quote(name)), "names none of the tools")
        }
        Some(ToolChoice::Required) if request.tools.is_empty() => {
            invalid("tool-choice", "is `required`, but there are no tools")
        }
        // Without tools, `auto` and `none` hold anyway and are not sent.
        _ => Ok(()),
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn extras(request: &ChatRequest) -> Checked {
    let written = [
        ("max_tokens", request.max_output_tokens.is_some()),
        ("temperature", request.temperature.is_some()),
        ("top_p", request.top_p.is_some()),
        ("frequency_penalty", request.frequency_penalty.is_some()),
        ("presence_penalty", request.presence_penalty.is_some()),
        ("seed", request.seed.is_some()),
        ("stop", !request.stop.is_empty()),
        ("tools", !request.tools.is_empty()),
        ("tool_choice", request.tool_choice.is_some()),
        ("response_format", request.response_format.is_some()),
        ("reasoning_effort", request.reasoning_effort.is_some()),
    ];
    for (at, Extra { key, value_json }) in request.extras.iter().enumerate() {
        let field = format!("extras[{at}] {}", quote(key));
        if key.is_empty() || RESERVED.contains(&key.as_str()) {
            return invalid(&field, "is not for extras to set");
        }
        if written.iter().any(|(name, is_set)| name == key && *is_set) {
            return invalid(&field, "is set by another field of the request already");
        }
        if request.extras.iter().take(at).any(|earlier| earlier.key == *key) {
            return invalid(&field, "occurs twice");
        }
        if !json::is_value(value_json) {
            return invalid(&field, "has a value that is not JSON");
        }
    }
    Ok(())
}

/// Refuses what the model, or the backend that the reference names, is known not to do.
fn capabilities(request: &ChatRequest, reference: &ModelRef) -> Checked {
    let Some(model) = &reference.metadata else {
        return Ok(());
    };
    let route = match &reference.routing {
        Routing::Backend(backend) => model.routes.iter().find(|route| route.backend == *backend),
        Routing::Default | Routing::Policy(_) => None,
    };
    let tools = route
        .and_then(|route| route.supports_tools)
        .or(model.supports_tools);
    let schemas = route
        .and_then(|route| route.supports_structured_output)
        .or(model.supports_structured_output);
    let hint = "Choose a model or backend that the list of models shows with it, or leave it out.";
    if !request.tools.is_empty() && tools == Some(false) {
        return unsupported("tools", &format!("{} takes no tools", reference.canonical), hint);
    }
    if matches!(request.response_format, Some(ResponseFormat::JsonSchema(_))) && schemas == Some(false) {
        return unsupported(
            "response-format",
            &format!("{} takes no JSON schema", reference.canonical),
            hint,
        );
    }
    Ok(())
}
