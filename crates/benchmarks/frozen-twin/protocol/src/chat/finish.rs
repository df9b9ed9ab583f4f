//! Why an answer ended: the backends' words to the contract's.

use crate::contract::types::FinishReason;

/// What a backend's word means. A model that called tools wants them run, also where its backend says `stop`, or nothing.
/// Nothing else can be told from nothing: a full stop, or a limit that nobody mentions.
pub(super) fn reason(word: Option<&str>, called_tools: bool) -> FinishReason {
    match word {
        None | Some("stop" | "eos" | "eos_token" | "stop_sequence") if called_tools => {
            FinishReason::ToolCalls
        }
        Some("stop" | "eos" | "eos_token" | "stop_sequence") => FinishReason::Stop,
        Some("length" | "model_context_window_exceeded") => FinishReason::Length,
        Some("tool_calls" | "function_call") => FinishReason::ToolCalls,
        Some("content_filter" | "sensitive") => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}
