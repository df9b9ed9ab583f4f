//! Which dialect is spoken at which address.

use std::sync::Arc;

use super::ServePolicy;
use http::HeaderMap;

use dialects::{
    chat_completions::ChatCompletions, dialect::Dialect, messages::Messages, responses::Responses,
};

/// Where chat completions are asked for.
pub(super) const CHAT_COMPLETIONS: &str = "/v1/chat/completions";
/// Where responses are asked for.
pub(super) const RESPONSES: &str = "/v1/responses";

/// Where Messages are asked for, and below it.
pub(super) const MESSAGES: &str = "/v1/messages";
/// Where their tokens are counted.
pub(super) const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
/// The header of every client of the Messages API, and of no other.
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

    /// The dialect of whoever asks at this address: also where nothing is, errors are to be understood. Of an address
    /// that several have, the headers tell whose it is.
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
