//! The paths of the dialects.

use std::sync::Arc;

use super::ServePolicy;
use http::HeaderMap;

use dialects::{
    chat_completions::ChatCompletions, dialect::Dialect, messages::Messages, responses::Responses,
};

/// The path of chat completions.
pub(super) const CHAT_COMPLETIONS: &str = "/v1/chat/completions";
/// The path of responses.
pub(super) const RESPONSES: &str = "/v1/responses";

/// The path of Messages, and the prefix of its subpaths.
pub(super) const MESSAGES: &str = "/v1/messages";
/// The path of token counts of Messages.
pub(super) const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
/// A header that every client of the Messages API sends, and no other client.
const ANTHROPIC_VERSION: &str = "anthropic-version";

/// The dialects.
pub(super) struct Dialects {
    chat_completions: Arc<dyn Dialect>,
    responses: Arc<dyn Dialect>,
    messages: Arc<dyn Dialect>,
}

impl Dialects {
    pub(super) fn new(policy: &ServePolicy) -> Self {
        Self {
            chat_completions: Arc::new(ChatCompletions {
                reasoning: policy.reasoning,
            }),
            messages: Arc::new(Messages),
            responses: Arc::new(Responses),
        }
    }

    /// The dialect for this path: also for unknown paths, since clients have to understand the error. On a shared
    /// path, the headers decide.
    pub(super) fn of(&self, path: &str, headers: &HeaderMap) -> &Arc<dyn Dialect> {
        let is_below = |address: &str| {
            path.strip_prefix(address)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if is_below(RESPONSES) {
            &self.responses
        } else if is_below(MESSAGES) || (!is_below(CHAT_COMPLETIONS) && speaks_messages(headers)) {
            &self.messages
        } else {
            &self.chat_completions
        }
    }
}

/// Whether a client is one of the Messages API.
pub(super) fn speaks_messages(headers: &HeaderMap) -> bool {
    headers.contains_key(ANTHROPIC_VERSION)
}
