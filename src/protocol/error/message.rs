//! What an upstream's error body says: its message, code and status, in the many forms that backends use.
//!
//! Order: `error` text, `error.message`, `message`, `detail` text, `detail[0].msg`, the header
//! `x-error-message`, plain text, the status's own words. A message that is JSON text itself is opened. HTML
//! is never shown.

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
    match text.as_bytes().first() {
        None => Found::default(),
        Some(b'{') if json::is_value(text) => object(text, DEPTH),
        Some(b'"') => Found {
            message: json::text(text).and_then(words),
            ..Found::default()
        },
        _ => Found {
            message: words(Cow::Borrowed(text)),
            ..Found::default()
        },
    }
}

fn value(raw: &str, depth: u8) -> Found {
    match json::text(raw) {
        Some(text) => opened(text, depth),
        None => object(raw, depth),
    }
}

/// A message, opened if it is JSON itself.
fn opened(text: Cow<'_, str>, depth: u8) -> Found {
    let inner = text.trim();
    if depth > 0 && inner.starts_with('{') && json::is_value(inner) {
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
    let (mut error, mut message, mut detail) = (None, None, None);
    let mut found = Found::default();
    json::members(raw, &mut |key, value| {
        if json::is_blank(value) {
            return;
        }
        match key {
            "error" => error = Some(value),
            "message" => message = Some(value),
            "detail" => detail = Some(value),
            "code" => {
                found.code = word(value);
                found.status = found.status.or_else(|| status(value));
            }
            "status_code" | "http_status_code" | "status" => found.status = status(value).or(found.status),
            "type" | "error_type" => found.class = word(value),
            "failed_generation" => found.failed_generation = Some(String::from(value)),
            _ => {}
        }
    });
    let mut inner = Found::default();
    if depth > 0 {
        let candidates = [
            error.map(|raw| value(raw, depth - 1)),
            message.map(|raw| value(raw, depth - 1)),
        ];
        inner = candidates
            .into_iter()
            .flatten()
            .find(|found| found.message.is_some() || found.is_html)
            .unwrap_or(inner);
        if inner.message.is_none()
            && let Some(detail) = detail
        {
            inner = details(detail, depth - 1);
        }
    }
    // What stands nearest to the message says most about it.
    Found {
        message: inner.message,
        code: inner.code.or(found.code),
        class: inner.class.or(found.class),
        status: inner.status.or(found.status),
        failed_generation: inner.failed_generation.or(found.failed_generation),
        place: inner.place,
        is_html: inner.is_html,
    }
}

/// `detail`: a text, or a list of what a validator found.
fn details(raw: &str, depth: u8) -> Found {
    if !raw.starts_with('[') {
        return value(raw, depth);
    }
    let mut first = None;
    json::items(raw, &mut |item| {
        first.get_or_insert(item);
    });
    let mut found = Found::default();
    json::members(first.unwrap_or_default(), &mut |key, value| match key {
        "msg" => found.message = json::text(value).and_then(words),
        "loc" => found.place = Some(String::from(value)),
        _ => {}
    });
    found
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
        let end = (0..=MESSAGE_LIMIT - mark.len_utf8())
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
        text.push(mark);
    }
    text
}
