//! Signatures of minisign and cosign: by which key, and of what.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plugin_registry::{Artifact, Digest, ErrorKind, Key, MANIFEST_TYPE, Policy, Require};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::json;

use crate::{
    fake::{Fake, Operator, client, full},
    published::{COMPONENT, artifact, published, refused},
};

/// Signs as the tool does.
struct Signer(minisign::KeyPair);

impl Signer {
    fn new() -> Self {
        Self(minisign::KeyPair::generate_unencrypted_keypair().unwrap())
    }

    fn key(&self) -> Key {
        Key::try_from(self.0.pk.to_base64()).unwrap()
    }

    fn sign(&self, bytes: &[u8]) -> String {
        minisign::sign(None, &self.0.sk, bytes, None, None)
            .unwrap()
            .to_string()
    }
}

fn requiring(keys: &[&Signer]) -> Policy {
    Policy {
        require: Require::Signature,
        keys: keys.iter().map(|signer| signer.key()).collect(),
        ..Policy::default()
    }
}

async fn signed(signature: Option<String>, has_referrers: bool) -> Fake {
    let fake = Fake::start().await;
    if has_referrers {
        fake.with_referrers();
    }
    let artifact = Artifact {
        signature,
        sbom: Some(b"{}".to_vec()),
        ..artifact()
    };
    client().publish(&fake.reference(":1"), &artifact).await.unwrap();
    fake
}

#[tokio::test]
async fn a_signature_by_any_key_of_the_policy_is_found_with_and_without_the_referrers_api_and_offline() {
    let (signer, next) = (Signer::new(), Signer::new());
    for has_referrers in [false, true] {
        let fake = signed(Some(signer.sign(COMPONENT)), has_referrers).await;
        let operator = Operator::new(requiring(&[&next, &signer]));
        let pulled = operator.registry.pull(&fake.reference(":1")).await.unwrap();
        assert_eq!(pulled.signers, [signer.key().signer()]);
        drop(fake);
        let fake_is_gone = pulled.reference.at(&pulled.manifest);
        let again = operator.registry.pull(&fake_is_gone).await.unwrap();
        assert_eq!(
            (again.signers, again.is_cached),
            (vec![signer.key().signer()], true)
        );
        // A key that was removed from the policy is not accepted any more, for cached plugins neither.
        let error = operator
            .again(requiring(&[&next]))
            .pull(&fake_is_gone)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Signature, "{error}");
    }
}

#[tokio::test]
async fn a_missing_signature_one_by_another_key_and_one_of_another_artifact_are_refused() {
    let (signer, other) = (Signer::new(), Signer::new());
    for signature in [
        None,
        Some(other.sign(COMPONENT)),
        Some(signer.sign(b"another artifact")),
        Some("no signature".to_owned()),
    ] {
        for has_referrers in [false, true] {
            let fake = signed(signature.clone(), has_referrers).await;
            let error = refused(&fake, requiring(&[&signer])).await;
            assert_eq!(error.kind(), ErrorKind::Signature, "{error}");
        }
    }
}

#[tokio::test]
async fn a_signature_that_refers_to_another_manifest_is_not_looked_at() {
    let signer = Signer::new();
    let fake = signed(None, false).await;
    // The attacker copies the artifact of a valid signature below another manifest.
    let elsewhere = signed(Some(signer.sign(COMPONENT)), false).await;
    let tag = Digest::of(&elsewhere.manifest("1")).as_str().replace(':', "-");
    let index = elsewhere.manifest(&tag);
    fake.put_manifest(&tag, plugin_registry::INDEX_TYPE, &index);
    let error = refused(&fake, requiring(&[&signer])).await;
    // The index names manifests that this registry does not have.
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

/// Signs as `cosign sign --key` does.
struct Cosign(EcdsaKeyPair);

impl Cosign {
    fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref(), &random).unwrap())
    }

    fn key(&self) -> Key {
        let before_the_point = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let hex = |at: usize| u8::from_str_radix(&before_the_point[at..at + 2], 16).unwrap();
        let mut der: Vec<u8> = (0..before_the_point.len()).step_by(2).map(hex).collect();
        der.extend_from_slice(self.0.public_key().as_ref());
        let body = STANDARD.encode(der);
        Key::try_from(format!(
            "-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
        ))
        .unwrap()
    }

    /// Publishes a signature of one manifest under the tag of another; returns the digest of the signed payload.
    fn sign(&self, fake: &Fake, signed: &Digest, under: &Digest) -> Digest {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": "registry.example/openclaw/acme"},
                "image": {"docker-manifest-digest": signed},
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let signature = self.0.sign(&SystemRandom::new(), payload.as_bytes()).unwrap();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": fake.put_blob(b"{}"), "size": 2},
            "layers": [{
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": fake.put_blob(payload.as_bytes()),
                "size": payload.len(),
                "annotations": {"dev.cosignproject.cosign/signature": STANDARD.encode(signature)},
            }],
        });
        let tag = format!("{}.sig", under.as_str().replace(':', "-"));
        fake.put_manifest(&tag, MANIFEST_TYPE, manifest.to_string().as_bytes());
        Digest::of(payload.as_bytes())
    }
}

fn requiring_cosign(keys: &[&Cosign]) -> Policy {
    Policy {
        require: Require::Signature,
        keys: keys.iter().map(|signer| signer.key()).collect(),
        ..Policy::default()
    }
}

#[tokio::test]
async fn a_cosign_signature_is_found_under_its_tag_and_is_valid_offline_until_its_key_is_removed() {
    let (signer, next, fake) = (Cosign::new(), Cosign::new(), published().await);
    let manifest = Digest::of(&fake.manifest("1"));
    signer.sign(&fake, &manifest, &manifest);
    let operator = Operator::new(requiring_cosign(&[&next, &signer]));
    let pulled = operator.registry.pull(&fake.reference(":1")).await.unwrap();
    assert_eq!(pulled.signers, [signer.key().signer()]);
    let pinned = fake.reference(&format!("@{manifest}"));
    drop(fake);
    let again = operator.registry.pull(&pinned).await.unwrap();
    assert_eq!((again.signers, again.is_cached), (pulled.signers, true));
    let rotated = operator.again(requiring_cosign(&[&next]));
    let error = rotated.pull(&pinned).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Signature, "{error}");
}

#[tokio::test]
async fn a_cosign_signature_by_another_key_of_another_manifest_or_over_other_bytes_is_refused() {
    let (signer, other) = (Cosign::new(), Cosign::new());
    let fake = published().await;
    let manifest = Digest::of(&fake.manifest("1"));
    other.sign(&fake, &manifest, &manifest);
    let error = refused(&fake, requiring_cosign(&[&signer])).await;
    assert_eq!(error.kind(), ErrorKind::Signature, "another key: {error}");
    // A good signature of another artifact, copied under the tag of this one.
    signer.sign(&fake, &Digest::of(b"another manifest"), &manifest);
    let error = refused(&fake, requiring_cosign(&[&signer])).await;
    assert_eq!(error.kind(), ErrorKind::Signature, "another artifact: {error}");
    // A payload that was changed in transit does not have its digest.
    let payload = signer.sign(&fake, &manifest, &manifest);
    fake.lie(move |_, path| path.ends_with(payload.as_str()).then(|| full(200, "{}")));
    let error = refused(&fake, requiring_cosign(&[&signer])).await;
    assert_eq!(error.kind(), ErrorKind::Size, "other bytes: {error}");
}
