//! Cosign signatures with a key: ECDSA P-256 over a small JSON payload that names the digest of the manifest.
//!
//! Transparency logs and certificates are not used: the key alone decides.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;

use super::CosignSignature;
use crate::digest::Digest;

/// The media type of the signed payload.
pub(crate) const SIGNING_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation of the layer that holds the signature.
pub(crate) const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// The bytes before the point in the DER of every P-256 key: `SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT
/// STRING }`.
const PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The DER of a key and its point.
pub(super) fn point(pem: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, rest) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    let point = der.strip_prefix(&PREFIX)?;
    let is_point = point.len() == 65 && point.first() == Some(&4);
    is_point.then(|| (der.clone(), point.to_vec()))
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// Whether a key has signed this manifest.
pub(super) fn verifies(pem: &str, signed: &CosignSignature, manifest: &Digest) -> bool {
    let (Some((_, point)), Ok(signature)) = (point(pem), STANDARD.decode(&signed.signature)) else {
        return false;
    };
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
    // The payload is not parsed before its signature is verified.
    if key.verify(signed.payload.as_bytes(), &signature).is_err() {
        return false;
    }
    serde_json::from_str::<Payload>(&signed.payload).is_ok_and(|payload| {
        payload.critical.kind == "cosign container image signature"
            && payload.critical.image.digest == manifest.as_str()
    })
}

#[cfg(test)]
mod tests {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
    };

    use super::*;

    fn pem(pair: &EcdsaKeyPair) -> String {
        let mut der = PREFIX.to_vec();
        der.extend_from_slice(pair.public_key().as_ref());
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        )
    }

    #[test]
    fn a_signature_is_of_one_key_and_one_manifest() {
        let random = SystemRandom::new();
        let pair = || {
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap()
        };
        let (one, other) = (pair(), pair());
        let (manifest, another) = (Digest::of(b"manifest"), Digest::of(b"another"));
        let sign = |pair: &EcdsaKeyPair, kind: &str| {
            let payload = format!(
                r#"{{"critical":{{"identity":{{"docker-reference":"x"}},"image":{{"docker-manifest-digest":"{manifest}"}},"type":"{kind}"}},"optional":null}}"#
            );
            let signature = STANDARD.encode(pair.sign(&random, payload.as_bytes()).unwrap());
            CosignSignature { payload, signature }
        };
        let kind = "cosign container image signature";
        let good = sign(&one, kind);
        assert!(verifies(&pem(&one), &good, &manifest));
        assert!(!verifies(&pem(&other), &good, &manifest), "another key");
        assert!(!verifies(&pem(&one), &good, &another), "another artifact");
        assert!(!verifies(
            &pem(&one),
            &sign(&one, "atomic container signature"),
            &manifest
        ));
        let mut changed = good;
        changed.payload = changed.payload.replace(manifest.as_str(), another.as_str());
        assert!(!verifies(&pem(&one), &changed, &another), "another text");
        changed.signature = "AAAA".to_owned();
        assert!(!verifies(&pem(&one), &changed, &another));
        assert!(point("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").is_none());
    }
}
