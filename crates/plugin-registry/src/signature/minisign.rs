//! Minisign signatures: Ed25519 over the hash of the component's bytes.
//!
//! Legacy signatures over the bytes themselves (before version 0.8) are not accepted.

use minisign_verify::{PublicKey, Signature};

/// Whether a key has signed these bytes.
pub(super) fn verifies(key: &str, text: &str, component: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (PublicKey::from_base64(key), Signature::decode(text)) else {
        return false;
    };
    key.verify(component, &signature, false).is_ok()
}
