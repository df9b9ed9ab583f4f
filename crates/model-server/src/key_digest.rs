//! A generated access key, its digest, and the redaction of text in the form of a key. Knows no names and no limits.
//!
//! A key is 256 random bits, so a fast digest is enough: brute force is not feasible.

use std::fmt;

use ring::rand::SecureRandom as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use model_provider_host::{Error, ErrorKind, Result, Secret};

/// The prefix of every key, for people and secret scanners.
pub(super) const PREFIX: &str = "hk_";
/// The number of hexadecimal digits after it.
pub(super) const DIGITS: usize = 64;
/// Text that looks like a key and is at least this long is redacted.
const TELLING: usize = 16;

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

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
        let failure = || serde::de::Error::custom(wants);
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(failure());
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| failure())?;
        }
        Ok(Self(bytes))
    }
}

/// Redacts text in the form of a key: the server has only digests, so it cannot search for the keys themselves.
pub(super) fn without_keys(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let behind = at + PREFIX.len();
        let length = rest[behind..].bytes().take_while(u8::is_ascii_hexdigit).count();
        masked.push_str(&rest[..behind]);
        if length < TELLING {
            masked.push_str(&rest[behind..behind + length]);
        } else {
            masked.extend(std::iter::repeat_n('*', length));
        }
        rest = &rest[behind + length..];
    }
    masked.push_str(rest);
    masked
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
