//! Values of `warning.code`, in one place: a caller may branch on them, so they are stable.

use alloc::{borrow::ToOwned, string::String};

use crate::contract::types::Warning;

/// The catalog does not come from the upstream; the message says why.
pub const CATALOG_NOT_LIVE: &str = "catalog-not-live";
/// Rows of the upstream's list that name no model were left out.
pub const ROWS_SKIPPED: &str = "rows-skipped";
/// The upstream's list, or a model's list of backends, is longer than the plugin reads.
pub const LIST_CUT: &str = "list-cut";
/// Models of the settings that have no id were left out.
pub const CONFIGURED_SKIPPED: &str = "configured-skipped";
/// The model is unknown, but its name is close to a known one.
pub const DID_YOU_MEAN: &str = "did-you-mean";

/// Events after the finish reason that are no chunks, or errors, were ignored.
pub const IGNORED_AFTER_FINISH: &str = "ignored-after-finish";
/// Events of a stream that are no chunks of the response, such as heartbeats, were skipped.
pub const EVENTS_SKIPPED: &str = "events-skipped";
/// The response has more choices than the one that was read.
pub const OTHER_CHOICES: &str = "other-choices";
/// The text has a closing `</think>` without an opening one: it may contain reasoning.
pub const UNOPENED_REASONING: &str = "unopened-reasoning";
/// The model's template opens a block of reasoning, and nothing closed it.
pub const UNCLOSED_REASONING: &str = "unclosed-reasoning";
/// The finish reason says that the model called tools, but there is no call.
pub const FINISH_WITHOUT_CALLS: &str = "finish-without-calls";
/// Unknown finish reason.
pub const UNKNOWN_FINISH: &str = "unknown-finish-reason";
/// A call ended without arguments, and no known finish reason says that it is complete: they became `{}`.
pub const CALL_WITHOUT_ARGUMENTS: &str = "call-without-arguments";
/// Two calls had the same id: the second got a generated one.
pub const SAME_CALL_ID: &str = "same-call-id";
/// The stream ended without a finish reason, after complete tool calls.
pub const ENDED_EARLY: &str = "ended-early";
/// A part of the response has an unknown format.
pub const UNREAD_PART: &str = "unread-part";
/// A warning from the upstream itself.
pub const UPSTREAM_WARNING: &str = "upstream-warning";

/// How many characters of a foreign text a message quotes at most.
const QUOTED_CHARS: usize = 80;

/// Builds a warning.
#[must_use]
pub fn warning(code: &str, message: impl Into<String>) -> Warning {
    Warning {
        code: code.to_owned(),
        message: message.into(),
    }
}

/// Quotes a foreign text for a message: on one line, truncated where it is long.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut rest = text.chars();
    quoted.extend(
        rest.by_ref()
            .take(QUOTED_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c }),
    );
    if rest.next().is_some() {
        quoted.push('…');
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_short_and_on_one_line() {
        assert_eq!(quote("a\nb"), "\"a b\"");
        assert_eq!(quote(&"é".repeat(100_000)).chars().count(), QUOTED_CHARS + 3);
    }
}
