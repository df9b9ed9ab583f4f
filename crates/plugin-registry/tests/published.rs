//! A published artifact, and the pull of one that the registry has tampered with.

use plugin_registry::{Artifact, MANIFEST_TYPE, Policy};
use serde_json::Value;

use crate::fake::{Fake, Operator, client};

pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 a component, as far as a registry can tell";

pub(crate) fn artifact() -> Artifact {
    Artifact {
        component: COMPONENT.to_vec(),
        ..Artifact::default()
    }
}

pub(crate) async fn published() -> Fake {
    let fake = Fake::start().await;
    client()
        .publish(&fake.reference(":1"), &artifact())
        .await
        .unwrap();
    fake
}

/// Pulls the tag `1` into an empty cache, and expects that nothing is cached.
pub(crate) async fn refused(fake: &Fake, policy: Policy) -> plugin_registry::Error {
    let operator = Operator::new(policy);
    let error = operator.registry.pull(&fake.reference(":1")).await.unwrap_err();
    assert!(operator.is_empty(), "{error}");
    error
}

/// Publishes, and changes the manifest of the tag.
pub(crate) async fn with_manifest(change: impl FnOnce(&Fake, &mut Value)) -> Fake {
    let fake = published().await;
    let mut manifest: Value = serde_json::from_slice(&fake.manifest("1")).unwrap();
    change(&fake, &mut manifest);
    fake.put_manifest("1", MANIFEST_TYPE, manifest.to_string().as_bytes());
    fake
}
