//! Named access keys: the file with their digests, and the lookup of a key. Knows no HTTP and no accounts.

use std::{collections::BTreeSet, fmt, num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};
use subtle::ConditionallySelectable as _;

use super::{Usd, expiry::Expiry, key_digest::KeyDigest};
use model_provider_host::{Error, ErrorKind, Result};

/// The longest name of a key.
const LONGEST_NAME: usize = 64;
/// The limit of digests of one key, which has several during a rotation.
const MOST_DIGESTS: usize = 4;
/// The limit of keys in a file. All are compared for each request.
const MOST_KEYS: usize = 10_000;

/// One named key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct AccessKey {
    /// Its name in metrics and in the audit log.
    pub name: String,
    /// The digests of the key: several during a rotation, the newest last.
    pub sha256: Vec<KeyDigest>,
    /// The allowed models: references, aliases, or patterns with `*`. Without the list all are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Requests within any 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Concurrent requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_requests: Option<NonZeroU32>,
    /// Tokens per day in UTC, input and output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Dollars per day in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<Usd>,
    /// The expiry: `2027-01-31`, which is the start of that day in UTC, or `2027-01-31T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
    /// Whether it is disabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Whether it may read `/metrics`, which names all keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub metrics: bool,
}

/// All keys of a server.
///
/// ```
/// use model_server::{AccessKey, AccessKeys, KeyDigest, generate_key};
///
/// let key = generate_key()?; // for the client; the server stores its digest only
/// let mut alice = AccessKey::new("alice", KeyDigest::of(key.expose()));
/// alice.tokens_per_day = Some(1_000_000);
///
/// let keys = AccessKeys::default().with(alice)?;
/// assert_eq!(AccessKeys::parse(&keys.text())?, keys);
/// # Ok::<(), model_provider_host::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AccessKeys(Vec<Arc<AccessKey>>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<AccessKey>,
}

impl AccessKeys {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// `configuration`, with the position of the error. It never repeats a value of the file.
    pub fn parse(text: &str) -> Result<Self> {
        let failure = |message: String| {
            Error::new(ErrorKind::Configuration, format!("access keys: {message}"))
                .with_hint("docs/operations.md has the members of a key; `access-key add` writes them")
        };
        let file: File = serde_json::from_str(text).map_err(|error| failure(without_values(&error)))?;
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        if file.keys.len() > MOST_KEYS {
            return Err(failure(format!("expected at most {MOST_KEYS} keys")));
        }
        for (at, key) in file.keys.iter().enumerate() {
            check_name(&key.name).map_err(|wants| failure(format!("keys[{at}].name: {wants}")))?;
            if !names.insert(&key.name) {
                return Err(failure(format!("two keys are named `{}`", key.name)));
            }
            if key.sha256.is_empty() || key.sha256.len() > MOST_DIGESTS {
                let found = key.sha256.len();
                let message = format!("`{}` has {found} digests; expected 1 to {MOST_DIGESTS}", key.name);
                return Err(failure(message));
            }
            if !key.sha256.iter().all(|digest| digests.insert(*digest)) {
                return Err(failure(format!("a digest of `{}` is listed twice", key.name)));
            }
        }
        Ok(Self(file.keys.into_iter().map(Arc::new).collect()))
    }

    /// The text of a file with these keys.
    #[must_use]
    pub fn text(&self) -> String {
        let keys = self.0.iter().map(|key| AccessKey::clone(key)).collect();
        // Strings and numbers always serialize.
        let mut text = serde_json::to_string_pretty(&File { keys }).unwrap_or_default();
        text.push('\n');
        text
    }

    /// All of them, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &AccessKey> {
        self.0.iter().map(|key| &**key)
    }

    /// The same with one more key.
    ///
    /// # Errors
    /// The name is taken or invalid.
    pub fn with(&self, key: AccessKey) -> Result<Self> {
        check_name(&key.name).map_err(|wants| Error::new(ErrorKind::Configuration, wants))?;
        if self.iter().any(|known| known.name == key.name) {
            let message = format!("there is a key `{}` already", key.name);
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("`access-key rotate` adds a new key to it; `access-key remove` removes it"));
        }
        let mut all = self.clone();
        all.0.push(Arc::new(key));
        Ok(all)
    }

    /// The same with one key changed, or removed if `change` returns false.
    ///
    /// # Errors
    /// There is no key of this name.
    pub fn changed(&self, name: &str, change: impl FnOnce(&mut AccessKey) -> bool) -> Result<Self> {
        let mut all = self.clone();
        let Some(at) = all.0.iter().position(|key| key.name == name) else {
            return Err(
                Error::new(ErrorKind::Configuration, format!("there is no key `{name}`"))
                    .with_hint("`access-key list` lists them"),
            );
        };
        let mut key = AccessKey::clone(&all.0[at]);
        if change(&mut key) {
            all.0[at] = Arc::new(key);
        } else {
            all.0.remove(at);
        }
        Ok(all)
    }

    /// Finds the key of one of these digests, in constant time.
    pub(super) fn find(&self, shown: &[KeyDigest]) -> Option<&Arc<AccessKey>> {
        let mut found = u64::MAX;
        for (at, key) in (0u64..).zip(&self.0) {
            for digest in &key.sha256 {
                for shown in shown {
                    found.conditional_assign(&at, digest.ct_eq(shown));
                }
            }
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|key| &key.name)).finish()
    }
}

impl AccessKey {
    /// A key without limits.
    #[must_use]
    pub fn new(name: impl Into<String>, digest: KeyDigest) -> Self {
        Self {
            name: name.into(),
            sha256: vec![digest],
            models: None,
            requests_per_minute: None,
            concurrent_requests: None,
            tokens_per_day: None,
            usd_per_day: None,
            expires: None,
            disabled: false,
            metrics: false,
        }
    }

    /// Adds a digest; the previous key stays valid.
    pub fn rotate(&mut self, digest: KeyDigest) {
        self.sha256.push(digest);
        let over = self.sha256.len().saturating_sub(MOST_DIGESTS);
        self.sha256.drain(..over);
    }

    /// Removes all digests except the newest.
    pub fn retire(&mut self) {
        let older = self.sha256.len().saturating_sub(1);
        self.sha256.drain(..older);
    }

    /// The reason why it is refused at this time, if it is.
    pub(super) fn refusal(&self, now: u64) -> Option<&'static str> {
        match &self.expires {
            _ if self.disabled => Some("disabled"),
            Some(expiry) if expiry.is_over(now) => Some("expired"),
            _ => None,
        }
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && name.len() <= LONGEST_NAME && name.bytes().all(is_plain) {
        Ok(())
    } else {
        Err("expected a name of at most 64 letters, digits, `-`, `_` and `.`, a letter or digit first")
    }
}

/// The error of a file, without the value: it may be a misplaced key.
fn without_values(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let own = [
        "expected the SHA-256",
        "expected a day",
        "expected an amount",
        "expected a nonzero",
        "missing field",
        "duplicate field",
        "unknown field",
    ];
    let what = own.iter().find_map(|own| Some(&text[text.find(own)?..]));
    let what = what.and_then(|what| what.split(" at line ").next());
    // The name of an unknown member may be a misplaced key as well.
    let what = match what {
        Some(what) if what.starts_with("unknown field") => "a member that no key has",
        Some(what) => what,
        None if error.is_data() => "a value of the wrong type",
        None => "no JSON",
    };
    format!("{what} at line {line} column {column}")
}

#[cfg(test)]
#[path = "access_keys_tests.rs"]
mod tests;
