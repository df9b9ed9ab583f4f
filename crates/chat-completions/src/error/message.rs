//! Parser of an upstream's error body: its message, code and status, in the many forms that backends use.
//!
//! Order: `error` text, `error.message`, `message`, `detail` text, `detail[0].msg`, the header `x-error-message`,
//! plain text, the status's reason phrase. `msg` counts as `message`, `errors` as `detail`, and of a list the first
//! element. A message that is JSON itself is parsed, and truncated JSON is read up to the cut. HTML is never shown,
//! and JSON only where it is short and has no message.

use alloc::{borrow::Cow, format, string::String};

use super::{classify::plain, wait};
use crate::{
    json,
    text::{contains, split_once},
};

/// The longest message, in bytes.
pub const MESSAGE_LIMIT: usize = 4096;
/// How deep objects and JSON text within messages are followed.
const DEPTH: u8 = 8;

/// What was found in a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) message: Option<String>,
    /// The upstream's own error code, text or number: `code`, else `type` and the like.
    pub(super) code: Option<String>,
    /// `type` or `error_type`.
    pub(super) class: Option<String>,
    /// The HTTP status that the body names.
    pub(super) status: Option<u16>,
    /// The model's output where a backend could not parse it, as raw JSON.
    pub(super) failed_generation: Option<String>,
    /// The part of the request that a validator complains about, as raw JSON.
    pub(super) place: Option<String>,
    /// How long to wait, from a field of its own.
    pub(super) wait_ms: Option<u32>,
    /// Whether the body is an HTML page, or says what the page of a network in front of the backend says.
    pub(super) is_html: bool,
    /// Whether the message is a body of plain text.
    pub(super) is_plain: bool,
}

/// Parses a body; `is_html` is from its content type.
pub(super) fn find(body: &str, is_html: bool) -> Found {
    let text = event_data(body.trim_start_matches('\u{feff}').trim());
    if is_html || text.starts_with('<') {
        return Found {
            is_html: true,
            ..Found::default()
        };
    }
    if json::is_value(text) {
        return value(text, DEPTH);
    }
    if text.starts_with(['{', '[', '"']) {
        let mut found = value(text, DEPTH);
        // Long text is not searched, and not shown as it is: it may repeat the request.
        if found.message.is_none() && text.len() <= MESSAGE_LIMIT {
            found.message = cut_message(text);
        }
        if found.message.is_some() || text.len() > MESSAGE_LIMIT {
            return found;
        }
    }
    Found {
        message: words(text),
        is_plain: true,
        // Cloudflare's refusals have such numbers.
        is_html: text.starts_with("error code: 1"),
        ..Found::default()
    }
}

/// The data of the first event, where a body is a stream of events.
fn event_data(text: &str) -> &str {
    let is_stream = ["data:", "event:", ":", "id:", "retry:"]
        .iter()
        .any(|field| text.starts_with(field));
    let lines = text.lines().filter(|_| is_stream);
    let mut data = lines.filter_map(|line| line.strip_prefix("data:").map(str::trim));
    data.find(|data| !data.is_empty()).unwrap_or(text)
}

/// The message of truncated JSON, which may be truncated itself.
fn cut_message(text: &str) -> Option<String> {
    ["\"message\"", "\"msg\"", "\"detail\"", "\"error\""]
        .iter()
        .find_map(|key| {
            let (_, behind) = split_once(text, key)?;
            let value = behind
                .trim_start()
                .strip_prefix(':')?
                .trim_start()
                .strip_prefix('"')?;
            let mut is_escaped = false;
            let end = value.bytes().position(|byte| {
                let ends = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                ends
            });
            let inner = value.get(..end.unwrap_or(value.len()))?;
            words(&json::text(&format!("\"{inner}\""))?)
        })
}

/// A text, an object, or the first element of a list.
fn value(raw: &str, depth: u8) -> Found {
    if depth == 0 {
        return Found::default();
    }
    match raw.as_bytes().first() {
        Some(b'{') => object(raw, depth),
        Some(b'[') => {
            let mut first = None;
            json::items(raw, &mut |item| {
                first.get_or_insert(item);
            });
            value(first.unwrap_or_default(), depth - 1)
        }
        _ => json::text(raw).map_or_else(Found::default, |text| opened(&text, depth)),
    }
}

/// A message, opened if it is JSON itself.
fn opened(text: &str, depth: u8) -> Found {
    let inner = text.trim();
    if inner.starts_with('{') && json::is_value(inner) {
        let found = object(inner, depth - 1);
        if found.message.is_some() {
            return found;
        }
    }
    if inner.starts_with("<!") || inner.starts_with("<html") {
        return Found {
            is_html: true,
            ..Found::default()
        };
    }
    Found {
        message: words(text),
        ..Found::default()
    }
}

fn object(raw: &str, depth: u8) -> Found {
    // `error`, `message` and `detail`, in the order in which they count.
    let mut parts = [None; 3];
    let mut found = Found::default();
    json::members(raw, &mut |key, value| {
        if json::is_blank(value) {
            return;
        }
        match key {
            // A bare number is a status, or a code.
            "error" if json::integer(value).is_some() => {
                found.code = word(value);
                found.status = found.status.or_else(|| status(value));
            }
            "retry_after" | "retry_after_seconds" | "estimated_time" => {
                found.wait_ms = found.wait_ms.or_else(|| seconds(value));
            }
            "retry_after_ms" => found.wait_ms = milliseconds(value).or(found.wait_ms),
            "error" => parts[0] = Some(value),
            "message" | "msg" => parts[1] = Some(value),
            "detail" | "errors" => parts[2] = Some(value),
            "code" => {
                found.code = word(value);
                found.status = found.status.or_else(|| status(value));
            }
            "status_code" | "statusCode" | "http_status_code" | "status" => {
                found.status = status(value).or(found.status);
            }
            "type" | "error_type" => found.class = word(value),
            "cloudflare_error" => found.is_html = value == "true",
            "failed_generation" => found.failed_generation = Some(String::from(value)),
            "loc" => found.place = Some(String::from(value)),
            _ => {}
        }
    });
    if found.place.is_some() {
        // A validator's `type` names the rule, not a class of errors.
        found.class = None;
    }
    // The phrase of the status says less than a message beside it.
    if parts[1].is_some()
        && let Some(status) = found.status
        && let Some(text) = parts[0].and_then(json::text)
        && contains(&plain(status, false), &text)
    {
        parts[0] = None;
    }
    let inner = parts
        .into_iter()
        .flatten()
        .map(|raw| value(raw, depth - 1))
        .find(|found| found.message.is_some() || found.is_html)
        .unwrap_or_default();
    // The innermost values describe the message best.
    Found {
        message: inner.message,
        code: inner.code.or(found.code),
        class: inner.class.or(found.class),
        status: inner.status.or(found.status),
        failed_generation: inner.failed_generation.or(found.failed_generation),
        place: inner.place.or(found.place),
        wait_ms: inner.wait_ms.or(found.wait_ms),
        is_html: inner.is_html || found.is_html,
        is_plain: false,
    }
}

/// A text or a number as text.
fn word(raw: &str) -> Option<String> {
    match json::text(raw) {
        Some(text) => words(&text),
        None => json::integer(raw).map(|_| String::from(raw)),
    }
}

/// The text as [`readable`] returns it, if it is not empty. `[object Object]` is what a backend's JavaScript makes of
/// an error that is not a string.
fn words(text: &str) -> Option<String> {
    Some(readable(text)).filter(|text| !matches!(&**text, "" | "[object Object]"))
}

/// A number of seconds, or a text that names a time, in milliseconds.
fn seconds(raw: &str) -> Option<u32> {
    wait::exact(&json::text(raw).unwrap_or(Cow::Borrowed(raw)))
}

/// A number of milliseconds.
fn milliseconds(raw: &str) -> Option<u32> {
    let ms = wait::thousandths(&json::text(raw).unwrap_or(Cow::Borrowed(raw)))?.div_ceil(1000);
    Some(u32::try_from(ms).unwrap_or(u32::MAX))
}

/// A number that can be an HTTP status, also as text.
fn status(raw: &str) -> Option<u16> {
    let number = json::integer_or_text(raw)?;
    u16::try_from(number)
        .ok()
        .filter(|status| (300..600).contains(status))
}

/// The text without control characters, trimmed and capped: it may go to a terminal.
pub(crate) fn readable(text: &str) -> String {
    // Nearly every text: only spaces can be trimmed, and nothing is replaced.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return capped(String::from(text.trim_ascii()));
    }
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    let text = capped(String::from(text.trim_matches(is_blank)));
    if text.chars().any(|c| c.is_control() && c != '\n') {
        text.chars()
            .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
            .collect()
    } else {
        text
    }
}

/// The text, cut to [`MESSAGE_LIMIT`] at a character's end, with `…` where something is missing.
#[must_use]
pub fn capped(mut text: String) -> String {
    if text.len() > MESSAGE_LIMIT {
        let mark = '…';
        let head = (0..=MESSAGE_LIMIT - mark.len_utf8())
            .rev()
            .find_map(|end| text.get(..end));
        text = String::from(head.unwrap_or_default());
        text.push(mark);
    }
    text
}
