//! Signatures of plugins, and the keys that verify them.
//!
//! A key is a minisign public key, which signs the component's bytes, or a cosign public key, which signs the
//! digest of the manifest. Keyless identities (Sigstore's) would be a third variant of [`Key`]. All input is
//! untrusted until a key of the policy has verified it.

mod cosign;
mod minisign;

use serde::{Deserialize, Serialize};

pub(crate) use cosign::{SIGNATURE_ANNOTATION as COSIGN_ANNOTATION, SIGNING_TYPE as COSIGN_TYPE};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result, shown},
};

/// The artifact type of a minisign signature, and the media type of its layer.
pub const MINISIGN_TYPE: &str = "application/vnd.openclaw.minisign.v1";
/// The size limit of a signature.
pub(crate) const LARGEST: u64 = 64 * 1024;
/// The most signatures of one artifact that are checked.
pub(crate) const MOST: usize = 16;

/// A public key that verifies plugins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Key {
    /// Of minisign: the line that begins with `RW`.
    Minisign(String),
    /// Of cosign: ECDSA on P-256, in PEM.
    Cosign(String),
}

impl Key {
    /// The signer's name in grants and the lock file: the whole key, or its digest.
    #[must_use]
    pub fn signer(&self) -> String {
        match self {
            Self::Minisign(key) => format!("minisign:{key}"),
            Self::Cosign(pem) => match cosign::point(pem) {
                Some((der, _)) => format!("cosign:{}", Digest::of(&der)),
                None => "cosign:".to_owned(),
            },
        }
    }
}

impl TryFrom<String> for Key {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        if text.contains("BEGIN PUBLIC KEY") {
            return match cosign::point(&text) {
                Some(_) => Ok(Self::Cosign(text)),
                None => Err(wrong(
                    &text,
                    "a PEM of an ECDSA key on the curve P-256, as `cosign generate-key-pair` writes it",
                )),
            };
        }
        // The content of a key file, or its second line alone.
        let line = text
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .unwrap_or_default();
        match minisign_verify::PublicKey::from_base64(line) {
            Ok(_) => Ok(Self::Minisign(line.to_owned())),
            Err(_) => Err(wrong(
                &text,
                "a line that begins with RW, as `minisign -G` writes it",
            )),
        }
    }
}

fn wrong(text: &str, expected: &str) -> Error {
    Error::new(
        ErrorKind::Policy,
        format!("invalid public key \"{}\": expected {expected}", shown(text)),
    )
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        match key {
            Key::Minisign(key) | Key::Cosign(key) => key,
        }
    }
}

/// The signatures of an artifact, not yet verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signatures {
    /// The texts of `.minisig` files.
    #[serde(default)]
    pub minisign: Vec<String>,
    /// Cosign's payloads and signatures, unchanged.
    #[serde(default)]
    pub cosign: Vec<CosignSignature>,
}

/// A signature that cosign made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CosignSignature {
    /// The JSON that names the manifest's digest.
    pub payload: String,
    /// In base64.
    pub signature: String,
}

impl Signatures {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.minisign.is_empty() && self.cosign.is_empty()
    }

    /// The signers: the keys that verify a signature of these bytes and this manifest.
    #[must_use]
    pub fn signers(&self, keys: &[Key], manifest: Option<&Digest>, component: &[u8]) -> Vec<String> {
        let is_valid = |key: &&Key| match key {
            Key::Minisign(key) => self
                .minisign
                .iter()
                .any(|text| minisign::verifies(key, text, component)),
            Key::Cosign(pem) => manifest
                .is_some_and(|manifest| self.cosign.iter().any(|one| cosign::verifies(pem, one, manifest))),
        };
        keys.iter().filter(is_valid).map(Key::signer).collect()
    }
}
