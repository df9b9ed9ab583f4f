//! Named access keys: the file with their digests, and the lookup of a key. Knows no HTTP and no accounts.
//!
//! A key is 256 random bits, so a fast digest is enough: brute force is not feasible.

use std::{collections::BTreeSet, fmt, num::NonZeroU32, sync::Arc};

use ring::rand::SecureRandom as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Usd;
use model_provider_host::{Error, ErrorKind, Result, Secret};

/// The prefix of every key, for people and secret scanners.
const PREFIX: &str = "hk_";
/// The number of hexadecimal digits after it.
const DIGITS: usize = 64;
/// Text that looks like a key and is at least this long is redacted.
const TELLING: usize = 16;
/// The longest name of a key.
const LONGEST_NAME: usize = 64;
/// The limit of digests of one key, which has several during a rotation.
const MOST_DIGESTS: usize = 4;
/// The limit of keys in a file. All are compared for each request.
const MOST_KEYS: usize = 10_000;

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

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

/// The expiry of a key.
///
/// ```
/// use model_server::Expiry;
///
/// let expiry = Expiry::try_from("2027-01-31".to_owned())?;
/// assert_eq!(expiry.to_string(), "2027-01-31");
/// assert!(Expiry::try_from("soon".to_owned()).is_err());
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expiry {
    text: String,
    seconds: i64,
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
    /// `configuration`, with the position of the fault. It never repeats a value of the file.
    pub fn parse(text: &str) -> Result<Self> {
        let fault = |message: String| {
            Error::new(ErrorKind::Configuration, format!("access keys: {message}"))
                .with_hint("docs/operations.md has the members of a key; `access-key add` writes them")
        };
        let file: File = serde_json::from_str(text).map_err(|error| fault(without_values(&error)))?;
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        if file.keys.len() > MOST_KEYS {
            return Err(fault(format!("expected at most {MOST_KEYS} keys")));
        }
        for (at, key) in file.keys.iter().enumerate() {
            check_name(&key.name).map_err(|wants| fault(format!("keys[{at}].name: {wants}")))?;
            if !names.insert(&key.name) {
                return Err(fault(format!("two keys are named `{}`", key.name)));
            }
            if key.sha256.is_empty() || key.sha256.len() > MOST_DIGESTS {
                let found = key.sha256.len();
                let message = format!("`{}` has {found} digests; expected 1 to {MOST_DIGESTS}", key.name);
                return Err(fault(message));
            }
            if !key.sha256.iter().all(|digest| digests.insert(*digest)) {
                return Err(fault(format!("a digest of `{}` is listed twice", key.name)));
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
        let ends = |expiry: &Expiry| expiry.seconds <= i64::try_from(now).unwrap_or(i64::MAX);
        match &self.expires {
            _ if self.disabled => Some("disabled"),
            Some(expiry) if ends(expiry) => Some("expired"),
            _ => None,
        }
    }
}

/// Generates a key. The client gets the key; the file gets its digest.
///
/// # Errors
/// The system provides no random bytes.
pub fn generate_key() -> Result<Secret> {
    let mut bytes = [0; DIGITS / 2];
    let missing = || Error::new(ErrorKind::Configuration, "the system provides no random bytes");
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| missing())?;
    let text = format!("{PREFIX}{}", hex(&bytes));
    Secret::new(&text).ok_or_else(missing)
}

impl KeyDigest {
    /// The digest of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Compares in constant time.
    pub(super) fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wants = "expected the SHA-256 of a key, 64 hexadecimal digits";
        let fault = || serde::de::Error::custom(wants);
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(fault());
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| fault())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Expiry {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let moment = if text.len() == "2027-01-31".len() {
            format!("{text}T00:00:00Z")
        } else {
            text.clone()
        };
        let moment = OffsetDateTime::parse(&moment, &Rfc3339);
        let moment = moment
            .map_err(|_| "expected a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z")?;
        Ok(Self {
            text,
            seconds: moment.unix_timestamp(),
        })
    }
}

impl From<Expiry> for String {
    fn from(expiry: Expiry) -> Self {
        expiry.text
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Redacts text in the form of a key: the server has only digests, so it cannot search for the keys themselves.
pub(super) fn without_keys(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let behind = at + PREFIX.len();
        let length = rest[behind..].bytes().take_while(u8::is_ascii_hexdigit).count();
        told.push_str(&rest[..behind]);
        if length < TELLING {
            told.push_str(&rest[behind..behind + length]);
        } else {
            told.extend(std::iter::repeat_n('*', length));
        }
        rest = &rest[behind + length..];
    }
    told.push_str(rest);
    told
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fault of a file, without the value: it may be a misplaced key.
fn without_values(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let own = [
        "expected the SHA-256",
        "expected a day",
        "expected an amount",
        "missing field",
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
