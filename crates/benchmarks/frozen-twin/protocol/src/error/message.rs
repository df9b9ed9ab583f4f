//! What an upstream's error body says: its message, code and status, in the many forms that backends use.
//!
//! Order: `error` text, `error.message`, `message`, `detail` text, `detail[0].msg`, the header
//! `x-error-message`, plain text, the status's own words. `msg` counts as `message`, `errors` as `detail`, and of a list
//! the first element. A message that is JSON text itself is opened. HTML is never shown, and JSON
//! only where it is short and broken.

use alloc::{borrow::Cow, string::String};

use crate::json;

/// The longest message, in bytes.
pub const MESSAGE_LIMIT: usize = 4096;
/// How deep objects and JSON text within messages are followed.
const DEPTH: u8 = 8;

/// What was found in a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) message: Option<String>,
    /// The upstream's own word or number: `code`, else `type` and the like.
    pub(super) code: Option<String>,
    /// `type` or `error_type`.
    pub(super) class: Option<String>,
    /// The HTTP status that the body names.
    pub(super) status: Option<u16>,
    /// What the model wrote where a backend could not read it, as raw JSON.
    pub(super) failed_generation: Option<String>,
    /// Which part of the request a validator means, as raw JSON.
    pub(super) place: Option<String>,
    /// Whether the body is an HTML page.
    pub(super) is_html: bool,
    /// Whether the message is a body of plain text.
    pub(super) is_plain: bool,
}

/// Reads a body, of which `is_html` says what its content type says.
pub(super) fn find(body: &str, is_html: bool) -> Found {
    let text = body.trim();
    if is_html || text.starts_with('<') {
        return Found {
            is_html: true,
            ..Found::default()
        };
    }
    // What is long and begins as JSON is not shown as it is even where it was cut: it may repeat the request.
    let is_cut = text.len() > MESSAGE_LIMIT && text.starts_with(['{', '[', '"']);
    if is_cut || json::is_value(text) {
        return value(text, DEPTH);
    }
    Found {
        message: words(Cow::Borrowed(text)),
        is_plain: true,
        ..Found::default()
    }
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
        _ => json::text(raw).map_or_else(Found::default, |text| opened(text, depth)),
    }
}

/// A message, opened if it is JSON itself.
fn opened(text: Cow<'_, str>, depth: u8) -> Found {
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
            "error" => parts[0] = Some(value),
            "message" | "msg" => parts[1] = Some(value),
            "detail" | "errors" => parts[2] = Some(value),
            "code" => {
                found.code = word(value);
                found.status = found.status.or_else(|| status(value));
            }
            "status_code" | "http_status_code" | "status" => found.status = status(value).or(found.status),
            "type" | "error_type" => found.class = word(value),
            "failed_generation" => found.failed_generation = Some(String::from(value)),
            "loc" => found.place = Some(String::from(value)),
            _ => {}
        }
    });
    if found.place.is_some() {
        // A validator's `type` is its word for the rule, and no class of errors.
        found.class = None;
    }
    let inner = parts
        .into_iter()
        .flatten()
        .map(|raw| value(raw, depth - 1))
        .find(|found| found.message.is_some() || found.is_html)
        .unwrap_or_default();
    // What stands nearest to the message says most about it.
    Found {
        message: inner.message,
        code: inner.code.or(found.code),
        class: inner.class.or(found.class),
        status: inner.status.or(found.status),
        failed_generation: inner.failed_generation.or(found.failed_generation),
        place: inner.place.or(found.place),
        is_html: inner.is_html,
        is_plain: false,
    }
}

/// A text or a number as text.
fn word(raw: &str) -> Option<String> {
    match json::text(raw) {
        Some(text) => words(text),
        None => json::integer(raw).map(|_| String::from(raw)),
    }
}

/// The text as [`readable`] gives it, if anything is left to read.
fn words(text: Cow<'_, str>) -> Option<String> {
    Some(readable(text)).filter(|text| !text.is_empty())
}

/// A number that can be an HTTP status, also as text.
fn status(raw: &str) -> Option<u16> {
    let number = json::integer(raw).or_else(|| json::integer(&json::text(raw)?))?;
    u16::try_from(number)
        .ok()
        .filter(|status| (300..600).contains(status))
}

/// The text without control characters, trimmed and capped: it may go to a terminal.
pub(super) fn readable(text: Cow<'_, str>) -> String {
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
