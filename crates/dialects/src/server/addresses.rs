//! Which dialect is spoken at which address.

use std::sync::Arc;

use http::HeaderMap;

use crate::{
    chat_completions::{ChatCompletions, reasoning::ReasoningField},
    dialect::Dialect,
    messages::Messages,
    responses::Responses,
};

/// Where chat completions are asked for.
pub const CHAT_COMPLETIONS: &str = "/v1/chat/completions";
/// Where responses are asked for.
pub const RESPONSES: &str = "/v1/responses";

/// Where Messages are asked for, and below it.
pub const MESSAGES: &str = "/v1/messages";
/// Where their tokens are counted.
pub const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
/// The header of every client of the Messages API, and of no other.
const ANTHROPIC_VERSION: &str = "anthropic-version";

/// The dialects.
#[derive(Debug)]
pub struct Dialects {
    chat_completions: Arc<dyn Dialect>,
    responses: Arc<dyn Dialect>,
    messages: Arc<dyn Dialect>,
}

impl Dialects {
    /// All of them; `reasoning` is where reasoning stands in a chat completion.
    #[must_use]
    pub fn new(reasoning: ReasoningField) -> Self {
        Self {
            chat_completions: Arc::new(ChatCompletions { reasoning }),
            messages: Arc::new(Messages),
            responses: Arc::new(Responses),
        }
    }

    /// The dialect of whoever asks at this address: also where nothing is, errors are to be understood. Of an address
    /// that several have, the headers tell whose it is.
    #[must_use]
    pub fn of(&self, path: &str, headers: &HeaderMap) -> &Arc<dyn Dialect> {
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
#[must_use]
pub fn speaks_messages(headers: &HeaderMap) -> bool {
    headers.contains_key(ANTHROPIC_VERSION)
}
