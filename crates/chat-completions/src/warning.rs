//! The words that plugins put into `warning.code`, in one place: a caller may branch on them, so they stay.

use alloc::string::{String, ToString};

use crate::contract::types::Warning;

/// The catalog does not come from the upstream, and why.
pub const CATALOG_NOT_LIVE: &str = "catalog-not-live";
/// Rows of the upstream's list that name no model were left out.
pub const ROWS_SKIPPED: &str = "rows-skipped";
/// The upstream's list, or a model's list of backends, is longer than the plugin reads.
pub const LIST_CUT: &str = "list-cut";
/// Models of the settings that have no id were left out.
pub const CONFIGURED_SKIPPED: &str = "configured-skipped";
/// Nobody knows the model, but one that is written much like it.
pub const DID_YOU_MEAN: &str = "did-you-mean";

/// What came behind the finish reason, and is no chunk or an error, was ignored.
pub const IGNORED_AFTER_FINISH: &str = "ignored-after-finish";
/// Events of a stream that are no chunks of the response, such as heartbeats, were skipped.
pub const EVENTS_SKIPPED: &str = "events-skipped";
/// The response has more choices than the one that was read.
pub const OTHER_CHOICES: &str = "other-choices";
/// The text has a closing `</think>` without an opening one: reasoning may stand in it.
pub const UNOPENED_REASONING: &str = "unopened-reasoning";
/// The model's template opens a block of reasoning, and nothing closed it.
pub const UNCLOSED_REASONING: &str = "unclosed-reasoning";
/// The backend says that the model called tools, and there is no call.
pub const FINISH_WITHOUT_CALLS: &str = "finish-without-calls";
/// Nobody knows the backend's finish reason.
pub const UNKNOWN_FINISH: &str = "unknown-finish-reason";
/// A call without arguments was taken for one with none, and no known finish reason says that it was whole.
pub const CALL_WITHOUT_ARGUMENTS: &str = "call-without-arguments";
/// Two calls had the same identifier: the second got one of its own.
pub const SAME_CALL_ID: &str = "same-call-id";
/// The stream ended without a finish reason behind calls that are whole.
pub const ENDED_EARLY: &str = "ended-early";
/// A part of the response has a form that nobody can read.
pub const UNREAD_PART: &str = "unread-part";
/// What the upstream itself warns of.
pub const UPSTREAM_WARNING: &str = "upstream-warning";

/// The most of a foreign text that a message repeats, in characters.
const QUOTED_CHARS: usize = 80;

/// Puts a code and its message together.
#[must_use]
pub fn warning(code: &str, message: impl Into<String>) -> Warning {
    Warning {
        code: code.to_string(),
        message: message.into(),
    }
}

/// A foreign text as a message may repeat it: in quotes, on one line, cut where it is long.
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
