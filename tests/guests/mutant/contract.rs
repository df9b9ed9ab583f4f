//! The contract, with settings that a planted fault does not honour.

pub(crate) use crate::sound_contract::{provider, types};

pub(crate) mod settings {
    use alloc::{string::String, vec::Vec};
    use core::sync::atomic::{AtomicBool, Ordering};

    use super::types::Model;
    use crate::{fault, sound_contract::settings as sound};

    pub(crate) use sound::{ConfiguredModel, CredentialState, ModelAlias, Snapshot};

    /// Longer than any test waits.
    const LONG_MS: u32 = 600_000;

    /// Whether a whole response is read: faults of `chat-complete` alone.
    pub(crate) static IS_WHOLE: AtomicBool = AtomicBool::new(false);

    pub(crate) fn get() -> Snapshot {
        let mut snapshot = sound::get();
        if IS_WHOLE.load(Ordering::Relaxed) && fault::is("whole-ignores-timeouts") {
            snapshot.first_byte_timeout_ms = LONG_MS;
            snapshot.idle_timeout_ms = LONG_MS;
        }
        if fault::is("base-url-ignored") {
            snapshot.base_url = None;
        }
        if fault::is("retries-unbounded") {
            snapshot.max_retries += 2;
        }
        if fault::is("first-byte-timeout-ignored") {
            snapshot.first_byte_timeout_ms = LONG_MS;
        }
        if fault::is("idle-timeout-ignored") {
            snapshot.idle_timeout_ms = LONG_MS;
        }
        if fault::is("list-timeout-ignored") {
            snapshot.list_timeout_ms = LONG_MS;
        }
        if fault::is("sends-without-credential") && snapshot.credential == CredentialState::Missing {
            snapshot.credential = CredentialState::AttachedByHost;
        }
        if fault::is("refuses-without-need") && snapshot.credential == CredentialState::NotRequired {
            snapshot.credential = CredentialState::Missing;
        }
        snapshot
    }

    pub(crate) fn list_configured() -> Vec<ConfiguredModel> {
        sound::list_configured()
    }

    pub(crate) fn find_configured(id: &str) -> Option<ConfiguredModel> {
        sound::find_configured(id)
    }

    pub(crate) fn find_alias(text: &str) -> Vec<ModelAlias> {
        let mut found = sound::find_alias(text);
        if fault::is("alias-with-slash-ignored") && text.contains('/') {
            found.clear();
        }
        if fault::is("alias-exact") {
            found.retain(|alias| alias.alias == text);
        }
        if fault::is("alias-of-two-first") {
            found.truncate(1);
        }
        found
    }

    pub(crate) fn find_aliases_of(reference: &str) -> Vec<ModelAlias> {
        if fault::is("alias-not-shown") {
            return Vec::new();
        }
        sound::find_aliases_of(reference)
    }

    pub(crate) fn find_listed(id: &str) -> Option<Model> {
        if fault::is("listed-ignored") {
            return None;
        }
        sound::find_listed(id)
    }

    pub(crate) fn listed_ids() -> Vec<String> {
        sound::listed_ids()
    }
}
