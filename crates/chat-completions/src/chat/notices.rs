//! Warnings about a response that is valid nevertheless: what was skipped in it, and its upstream's own warnings.
//! This module must not know how a response is decoded.

use alloc::{format, string::String, vec::Vec};

use crate::{
    contract::types::Warning,
    error, json,
    warning::{
        CALL_WITHOUT_ARGUMENTS, ENDED_EARLY, EVENTS_SKIPPED, FINISH_WITHOUT_CALLS, IGNORED_AFTER_FINISH,
        OTHER_CHOICES, SAME_CALL_ID, UNCLOSED_REASONING, UNKNOWN_FINISH, UNOPENED_REASONING, UNREAD_PART,
        UPSTREAM_WARNING, quote, warning,
    },
};

/// The number of upstream warnings that are passed on; the next constant limits the bytes of each.
const MOST_HEARD: usize = 8;
const LONGEST_HEARD: usize = 500;

/// What was noticed so far.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Events after the finish reason that were ignored.
    pub(super) late: u32,
    /// Events that are no chunks.
    pub(super) skipped: u32,
    /// Whether a chunk had several choices.
    pub(super) has_other_choices: bool,
    /// Whether a reasoning block was closed without being opened.
    pub(super) is_unopened: bool,
    /// Whether the block that the template opens was never closed.
    pub(super) is_unclosed: bool,
    /// Whether the finish reason is `tool_calls`, but there are none.
    pub(super) has_no_calls: bool,
    /// Whether a call without arguments counts as complete, although no known finish reason says so.
    pub(super) has_bare_calls: bool,
    /// Whether two calls had the same id.
    pub(super) has_same_ids: bool,
    /// Whether the stream ended without a finish reason, after complete tool calls.
    pub(super) ended_early: bool,
    /// Whether a part of the response has an unknown format.
    pub(super) is_unread: bool,
    /// The unknown finish reason.
    pub(super) unknown_word: Option<String>,
    heard: Vec<String>,
}

impl Notices {
    /// Reads an upstream's own `warnings`: a string or an object with a message, or a list of them. Chunks may repeat
    /// them.
    pub(super) fn hear(&mut self, raw: &str) {
        match raw.as_bytes().first() {
            Some(b'[') => {
                json::items(raw, &mut |item| self.hear_one(item));
            }
            _ => self.hear_one(raw),
        }
    }

    fn hear_one(&mut self, raw: &str) {
        let mut text = json::text(raw);
        json::members(raw, &mut |key, value| {
            if matches!(key, "message" | "msg" | "detail") && text.is_none() {
                text = json::text(value);
            }
        });
        let Some(text) = text else { return };
        let mut text = error::readable(&text);
        let cut = (0..=LONGEST_HEARD.min(text.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end));
        text.truncate(cut.unwrap_or_default());
        if self.heard.len() < MOST_HEARD && !text.is_empty() && !self.heard.contains(&text) {
            self.heard.push(text);
        }
    }

    /// Returns all warnings. `index` is the index of the choice that was read.
    pub(super) fn take(&mut self, index: Option<i64>) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = core::mem::take(&mut self.heard)
            .into_iter()
            .map(|text| warning(UPSTREAM_WARNING, text))
            .collect();
        let mut add = |holds: bool, code: &str, message: &dyn Fn() -> String| {
            if holds {
                warnings.push(warning(code, message()));
            }
        };
        add(self.has_other_choices, OTHER_CHOICES, &|| {
            let index = index.unwrap_or_default();
            format!("The response has several choices; only the first, of index {index}, is read.")
        });
        add(self.skipped > 0, EVENTS_SKIPPED, &|| {
            format!(
                "{} of the stream skipped: no chunk of the response, such as a heartbeat.",
                events(self.skipped)
            )
        });
        add(self.late > 0, IGNORED_AFTER_FINISH, &|| {
            format!(
                "{} after the finish reason ignored: no chunk of the response, or an error.",
                events(self.late)
            )
        });
        add(self.is_unopened, UNOPENED_REASONING, &|| {
            String::from(
                "The text has a closing </think> without an opening one, so that it may contain reasoning. If the \
                 model's template opens the block, set template-opens-reasoning for this model.",
            )
        });
        add(self.is_unclosed, UNCLOSED_REASONING, &|| {
            String::from(
                "The model's template opens a block of reasoning, and nothing closed it: its text is returned as \
                 reasoning and as the response's text. If it opens none, set template-opens-reasoning to false.",
            )
        });
        add(self.has_no_calls, FINISH_WITHOUT_CALLS, &|| {
            String::from("The finish reason says that the model called tools, but it has no tool call.")
        });
        add(self.has_bare_calls, CALL_WITHOUT_ARGUMENTS, &|| {
            String::from(
                "A tool call has no arguments, and no known finish reason says that it is complete: {} is used.",
            )
        });
        add(self.has_same_ids, SAME_CALL_ID, &|| {
            String::from("Two tool calls had the same id: the second got a generated id.")
        });
        add(self.ended_early, ENDED_EARLY, &|| {
            String::from("The stream ended early, without a finish reason. Its tool calls are complete.")
        });
        add(self.is_unread, UNREAD_PART, &|| {
            String::from("A part of the response has an unknown format and is left out.")
        });
        let word = self.unknown_word.as_deref().unwrap_or_default();
        add(self.unknown_word.is_some(), UNKNOWN_FINISH, &|| {
            format!("Unknown finish reason {} of the backend.", quote(word))
        });
        warnings
    }
}

fn events(count: u32) -> String {
    format!("{count} {}", if count == 1 { "event" } else { "events" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(raw: &str) -> Vec<String> {
        let mut notices = Notices::default();
        notices.hear(raw);
        notices
            .take(None)
            .into_iter()
            .map(|warning| warning.message)
            .collect()
    }

    #[test]
    fn upstream_warnings_are_read_in_every_form() {
        for raw in [
            r#""slow""#,
            r#"["slow"]"#,
            r#"[{"message":"slow","code":7}]"#,
            r#"{"message":" slow\u0007"}"#,
            r#"[7,null,{"a":1},"","slow","slow"]"#,
        ] {
            assert_eq!(heard(raw), ["slow"], "{raw}");
        }
    }

    #[test]
    fn warnings_of_an_upstream_have_a_bound() {
        let texts: Vec<String> = (0..100)
            .map(|at| format!("\"{at}{}\"", "é".repeat(1000)))
            .collect();
        let heard = heard(&format!("[{}]", texts.join(",")));
        assert_eq!(heard.len(), MOST_HEARD);
        assert!(heard.iter().all(|text| text.len() <= LONGEST_HEARD), "{heard:?}");
    }
}
