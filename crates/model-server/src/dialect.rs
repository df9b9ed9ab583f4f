//! Which dialect is spoken at which address.

use std::sync::Arc;

use super::ServePolicy;
use dialects::{chat_completions::ChatCompletions, dialect::Dialect, responses::Responses};

/// Where chat completions are asked for.
pub(super) const CHAT_COMPLETIONS: &str = "/v1/chat/completions";
/// Where responses are asked for.
pub(super) const RESPONSES: &str = "/v1/responses";

/// The dialects.
pub(super) struct Dialects {
    chat_completions: Arc<dyn Dialect>,
    responses: Arc<dyn Dialect>,
}

impl Dialects {
    pub(super) fn new(policy: &ServePolicy) -> Self {
        Self {
            chat_completions: Arc::new(ChatCompletions {
                reasoning: policy.reasoning,
            }),
            responses: Arc::new(Responses),
        }
    }

    /// The dialect of whoever asks at this address: also where nothing is, errors are to be understood.
    pub(super) fn of(&self, path: &str) -> &Arc<dyn Dialect> {
        if path.starts_with(RESPONSES) {
            &self.responses
        } else {
            &self.chat_completions
        }
    }
}
