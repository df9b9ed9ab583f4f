//! Why an answer ended: the backends' words to the contract's.

use crate::contract::types::FinishReason;

/// What a backend's word means. A model that called tools wants them run, also where its backend says `stop`, or nothing;
/// one that called none is done, also where its backend speaks of calls. Nothing else can be told from nothing: a full
/// stop, or a limit that nobody mentions.
pub(super) fn reason(word: Option<&str>, called_tools: bool) -> FinishReason {
    match word {
        Some(word) if claims_calls(word) && !called_tools => FinishReason::Stop,
        None | Some("stop" | "eos" | "eos_token" | "stop_sequence") if called_tools => {
            FinishReason::ToolCalls
        }
        Some("stop" | "eos" | "eos_token" | "stop_sequence") => FinishReason::Stop,
        Some("length" | "model_context_window_exceeded") => FinishReason::Length,
        Some(word) if claims_calls(word) => FinishReason::ToolCalls,
        Some("content_filter" | "sensitive") => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

/// Whether a backend's word says that the model came to its own end, as far as it tells that from a text that stopped it.
pub(super) fn is_done(word: &str) -> bool {
    matches!(word, "stop" | "eos" | "eos_token")
}

/// Whether a backend's word says that the model called tools.
pub(super) fn claims_calls(word: &str) -> bool {
    matches!(word, "tool_calls" | "function_call")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_calls_without_a_call_mean_stop() {
        assert_eq!(reason(Some("tool_calls"), false), FinishReason::Stop);
        assert_eq!(reason(Some("function_call"), false), FinishReason::Stop);
    }

    #[test]
    fn stop_after_tool_calls_means_tool_calls() {
        assert_eq!(reason(Some("stop"), true), FinishReason::ToolCalls);
        assert_eq!(reason(None, true), FinishReason::ToolCalls);
        assert_eq!(reason(None, false), FinishReason::Other);
        assert_eq!(reason(Some("length"), true), FinishReason::Length);
        assert_eq!(reason(Some("tool_calls"), true), FinishReason::ToolCalls);
        assert_eq!(reason(Some("network_error"), true), FinishReason::Other);
    }
}
