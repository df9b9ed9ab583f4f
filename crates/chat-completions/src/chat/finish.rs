//! Finish reasons: the backends' values mapped to the contract's.

use alloc::string::String;

use crate::contract::types::FinishReason;

/// The meaning of a backend's finish reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The model ended the response itself.
    Done,
    /// A stop sequence ended it.
    Stopped,
    /// A limit cut it.
    Length,
    /// The model called tools.
    Calls,
    /// A content filter cut it.
    Filtered,
    /// The backend failed.
    Failed,
    /// Unknown finish reason.
    Unknown,
}

impl Meaning {
    /// Whether the last part of the response may be incomplete.
    pub(super) fn is_cut(self) -> bool {
        matches!(self, Self::Length | Self::Filtered)
    }
}

/// How known finish reasons begin, normalized by [`squashed`]. The first that fits counts.
const WORDS: [(Meaning, &[&str]); 6] = [
    (Meaning::Stopped, &["stopseq"]),
    (Meaning::Done, &["stop", "eos", "endturn", "endof", "complete"]),
    (
        Meaning::Length,
        &[
            "length",
            "max",
            "modellength",
            "modelcontext",
            "contextlength",
            "contextwindow",
            "tokenlimit",
            "errorlimit",
        ],
    ),
    (Meaning::Calls, &["toolcall", "tooluse", "functioncall"]),
    (
        Meaning::Filtered,
        &[
            "contentfilter",
            "sensitive",
            "safety",
            "imagesafety",
            "recitation",
            "blocklist",
            "prohibited",
            "spii",
            "refus",
            "guardrail",
            "errortoxic",
        ],
    ),
    (
        Meaning::Failed,
        &[
            "error",
            "internalerror",
            "servererror",
            "networkerror",
            "fail",
            "abort",
            "cancel",
            "timeout",
            "insufficient",
        ],
    ),
];

/// What a backend's word says, however it is spelled.
pub(super) fn meaning(word: &str) -> Meaning {
    let word = squashed(word);
    let begins = |known: &&str| word.starts_with(known);
    WORDS
        .iter()
        .find(|(_, words)| words.iter().any(begins))
        .map_or(Meaning::Unknown, |(meaning, _)| *meaning)
}

/// Whether a word is none: some servers write the missing value as a text.
pub(super) fn is_none(word: &str) -> bool {
    matches!(word, "" | "null" | "None")
}

/// The letters of a word, in lower case: backends differ in the rest.
fn squashed(word: &str) -> String {
    let letters = word.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// The contract's finish reason. A model that called tools waits for their results, also where its backend says
/// `stop`, nothing or an unknown word. A model that called none is done, also where its backend says `tool_calls`. A
/// missing finish reason allows no other conclusion.
pub(super) fn reason(meaning: Option<Meaning>, called_tools: bool) -> FinishReason {
    match meaning {
        Some(Meaning::Length) => FinishReason::Length,
        Some(Meaning::Filtered) => FinishReason::ContentFilter,
        Some(Meaning::Failed) => FinishReason::Other,
        _ if called_tools => FinishReason::ToolCalls,
        Some(Meaning::Done | Meaning::Stopped | Meaning::Calls) => FinishReason::Stop,
        Some(Meaning::Unknown) | None => FinishReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str, called_tools: bool) -> FinishReason {
        reason(Some(meaning(word)), called_tools)
    }

    #[test]
    fn tool_calls_without_a_call_mean_stop() {
        assert_eq!(of("tool_calls", false), FinishReason::Stop);
        assert_eq!(of("function_call", false), FinishReason::Stop);
    }

    #[test]
    fn stop_after_tool_calls_means_tool_calls() {
        assert_eq!(of("stop", true), FinishReason::ToolCalls);
        assert_eq!(reason(None, true), FinishReason::ToolCalls);
        assert_eq!(reason(None, false), FinishReason::Other);
        assert_eq!(of("length", true), FinishReason::Length);
        assert_eq!(of("tool_calls", true), FinishReason::ToolCalls);
    }

    #[test]
    fn a_word_means_the_same_in_every_spelling() {
        for (words, expected) in [
            (
                &[
                    "stop",
                    "STOP",
                    "end_turn",
                    "EOS",
                    "eos_token",
                    "stopped",
                    "COMPLETE",
                ][..],
                Meaning::Done,
            ),
            (&["stop_sequence", "STOP_SEQUENCE"], Meaning::Stopped),
            (
                &[
                    "LENGTH",
                    "max_tokens",
                    "MAX_TOKENS",
                    "model_length",
                    "model_context_window_exceeded",
                    "context_length_exceeded",
                    "ERROR_LIMIT",
                ],
                Meaning::Length,
            ),
            (
                &["tool_calls", "TOOL_CALLS", "tool-use", "toolCall"],
                Meaning::Calls,
            ),
            (
                &["SAFETY", "content_filter", "RECITATION", "refusal", "ERROR_TOXIC"],
                Meaning::Filtered,
            ),
            (
                &[
                    "ERROR",
                    "failed",
                    "abort",
                    "timeout",
                    "insufficient_system_resource",
                ],
                Meaning::Failed,
            ),
            (
                &[
                    "wibble",
                    "",
                    "repetition",
                    "model_error",
                    "MALFORMED_FUNCTION_CALL",
                    "tool_error",
                    "context_canceled",
                    "endpoint_error",
                ],
                Meaning::Unknown,
            ),
        ] {
            for word in words {
                assert_eq!(meaning(word), expected, "{word}");
            }
        }
    }

    #[test]
    fn calls_beside_a_word_that_nobody_knows_want_to_be_run() {
        assert_eq!(of("wibble", true), FinishReason::ToolCalls);
        assert_eq!(of("wibble", false), FinishReason::Other);
    }
}
