//! Digests: `sha256:` and 64 hexadecimal digits. Content that a digest names is verified while it is received.
//!
//! Knows no other algorithm: other digests are refused.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result, shown};

/// A content digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{:x}", Sha256::digest(bytes)))
    }

    /// The whole text, with `sha256:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hexadecimal digits alone.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }

    /// Verifies that the bytes have this digest.
    pub(crate) fn check(&self, what: &str, bytes: &[u8]) -> Result<()> {
        self.compare(what, &Self::of(bytes))
    }

    pub(crate) fn compare(&self, what: &str, found: &Self) -> Result<()> {
        if self == found {
            return Ok(());
        }
        let message = format!("the {what} is not what its digest names: expected {self}, found {found}");
        Err(Error::new(ErrorKind::Digest, message)
            .hint("nothing of it was used; report it to the operator of the registry"))
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(is_hex) => Ok(Self(text.to_owned())),
            _ => Err(Error::new(
                ErrorKind::Digest,
                format!(
                    "invalid digest \"{}\": expected sha256: and 64 hexadecimal digits in lower case",
                    shown(text)
                ),
            )),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes and counts received bytes.
#[derive(Default)]
pub(crate) struct Hasher {
    sha256: Sha256,
    pub(crate) count: u64,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.count += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(format!("sha256:{:x}", self.sha256.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sha256_in_lower_case_is_a_digest() {
        let good = Digest::of(b"x");
        assert_eq!(good.as_str().parse::<Digest>().unwrap(), good);
        let upper = format!("sha256:{}", good.hex().to_uppercase());
        for wrong in [
            "",
            "sha256:",
            "sha512:00",
            &good.as_str()[..70],
            &format!("{good}0"),
            &upper,
        ] {
            assert_eq!(
                wrong.parse::<Digest>().unwrap_err().kind(),
                ErrorKind::Digest,
                "{wrong}"
            );
        }
        good.check("layer", b"x").unwrap();
        assert_eq!(good.check("layer", b"y").unwrap_err().kind(), ErrorKind::Digest);
    }
}
