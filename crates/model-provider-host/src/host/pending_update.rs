//! A newer plugin that waits for an operator's approval. Does not know where it comes from.

/// A newer plugin that is not installed automatically, because it requests more than the live one.
///
/// ```no_run
/// # fn run(host: model_provider_host::Host) {
/// use model_provider_host::PendingUpdate;
///
/// host.set_pending_update(Some(PendingUpdate::new("sha256:5891b5…", "it requests `POST /embeddings`")));
/// assert!(host.pending_update().is_some());
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingUpdate {
    /// Its digest.
    pub digest: String,
    /// What it requests, and the command that accepts it.
    pub message: String,
}

impl PendingUpdate {
    /// The plugin of this digest; `message` says what it requests, and the command that accepts it.
    #[must_use]
    pub fn new(digest: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            digest: digest.into(),
            message: message.into(),
        }
    }
}
