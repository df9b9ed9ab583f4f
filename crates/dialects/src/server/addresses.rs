//! The paths of the dialects.

use std::sync::Arc;

use http::HeaderMap;

use crate::{
    chat_completions::{ChatCompletions, reasoning::ReasoningField},
    dialect::Dialect,
    messages::Messages,
    responses::Responses,
};

/// The path of chat completions.
pub const CHAT_COMPLETIONS: &str = "/v1/chat/completions";
/// The path of responses.
pub const RESPONSES: &str = "/v1/responses";

/// The path of Messages, and the prefix of its subpaths.
pub const MESSAGES: &str = "/v1/messages";
/// The path of token counts of Messages.
pub const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
/// A header that every client of the Messages API sends, and no other client.
const ANTHROPIC_VERSION: &str = "anthropic-version";

/// The dialects.
///
/// ```
/// use dialects::server::addresses::{Dialects, MESSAGES, name_of};
/// use http::HeaderMap;
///
/// let dialects = Dialects::new(Default::default());
/// let dialect = dialects.of(MESSAGES, &HeaderMap::new());
/// assert!(dialect.request_id_header().is_some());
/// assert_eq!(name_of(MESSAGES, &HeaderMap::new()), "messages");
/// ```
#[derive(Debug)]
pub struct Dialects {
    chat_completions: Arc<dyn Dialect>,
    responses: Arc<dyn Dialect>,
    messages: Arc<dyn Dialect>,
}

impl Dialects {
    /// All of them; `reasoning` is the field of reasoning in a chat completion.
    #[must_use]
    pub fn new(reasoning: ReasoningField) -> Self {
        Self {
            chat_completions: Arc::new(ChatCompletions { reasoning }),
            messages: Arc::new(Messages),
            responses: Arc::new(Responses),
        }
    }

    /// The dialect for this path: also for unknown paths, since clients have to understand the error. On a shared
    /// path, the headers decide.
    #[must_use]
    pub fn of(&self, path: &str, headers: &HeaderMap) -> &Arc<dyn Dialect> {
        match name_of(path, headers) {
            "responses" => &self.responses,
            "messages" => &self.messages,
            _ => &self.chat_completions,
        }
    }
}

/// The name of the dialect for this path, for metrics and logs.
#[must_use]
pub fn name_of(path: &str, headers: &HeaderMap) -> &'static str {
    let is_below = |address: &str| {
        path.strip_prefix(address)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_below(RESPONSES) {
        "responses"
    } else if is_below(MESSAGES) || (!is_below(CHAT_COMPLETIONS) && is_messages_client(headers)) {
        "messages"
    } else {
        "chat-completions"
    }
}

/// Whether a client is one of the Messages API.
#[must_use]
pub fn is_messages_client(headers: &HeaderMap) -> bool {
    headers.contains_key(ANTHROPIC_VERSION)
}
