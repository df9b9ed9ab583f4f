//! Signatures of minisign: Ed25519 over the hash of the component's bytes.
//!
//! Those over the bytes themselves, which versions before 0.8 made, are not taken.

use minisign_verify::{PublicKey, Signature};

/// Whether a key has signed these bytes.
pub(super) fn verifies(key: &str, text: &str, component: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (PublicKey::from_base64(key), Signature::decode(text)) else {
        return false;
    };
    key.verify(component, &signature, false).is_ok()
}
