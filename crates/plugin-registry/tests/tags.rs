//! Tags and the lock: a tag is resolved once per pull, and pins hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use plugin_registry::{Artifact, Digest, ErrorKind, Lock, MANIFEST_TYPE, Policy, Require};

use crate::{
    fake::{Operator, client, full},
    published::{COMPONENT, published},
};

#[tokio::test]
async fn a_tag_that_moves_between_check_and_pull_changes_nothing_of_what_is_pulled() {
    let fake = published().await;
    let other = b"\0asm\x0d\0\x01\0 another component".to_vec();
    let checked = client().resolve(&fake.reference(":1")).await.unwrap();
    client()
        .publish(
            &fake.reference(":1"),
            &Artifact {
                component: other.clone(),
                ..Artifact::default()
            },
        )
        .await
        .unwrap();
    let operator = Operator::new(Policy::default());
    // A verified version can be pulled by its digest.
    let pulled = operator
        .registry
        .pull(&fake.reference(":1").at(&checked.digest))
        .await
        .unwrap();
    assert_eq!(pulled.component, COMPONENT);
    // A pin by the tag's own reference holds, though the tag has moved.
    let pin = pin(&pulled, &fake.reference(":1").to_string());
    let mut lock = Lock::default();
    lock.put("acme", pin);
    let pinned = operator
        .registry
        .pinned(&fake.reference(":1"), &lock)
        .await
        .unwrap();
    assert_eq!(pinned.component, COMPONENT);
    assert_eq!(
        operator
            .registry
            .pull(&fake.reference(":1"))
            .await
            .unwrap()
            .component,
        other,
        "it did move"
    );
    // For another digest than the lock's, the error says how to accept it.
    let named = fake.reference(&format!(":1@{}", Digest::of(b"another")));
    let error = operator.registry.pinned(&named, &lock).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(
        error
            .fix()
            .unwrap()
            .contains(&format!("host-harness accept {named}")),
        "{error}"
    );
}

#[tokio::test]
async fn a_tag_that_moves_within_a_pull_is_resolved_once_and_all_else_is_pulled_by_digest() {
    let (fake, other) = (published().await, published().await);
    let manifest = fake.manifest("1");
    let component = b"\0asm\x0d\0\x01\0 another component".to_vec();
    let artifact = Artifact {
        component,
        ..Artifact::default()
    };
    client().publish(&other.reference(":1"), &artifact).await.unwrap();
    let moved = other.manifest("1");
    // The tag moves after the first request.
    let asked = AtomicUsize::new(0);
    let first = manifest.clone();
    fake.lie(move |_, path| {
        path.ends_with("/manifests/1").then(|| {
            let now = match asked.fetch_add(1, Ordering::SeqCst) {
                0 => first.clone(),
                _ => moved.clone(),
            };
            let mut answer = full(200, now);
            answer
                .headers_mut()
                .insert("content-type", MANIFEST_TYPE.parse().unwrap());
            answer
        })
    });
    let (operator, before) = (Operator::new(Policy::default()), fake.seen().len());
    let pulled = operator.registry.pull(&fake.reference(":1")).await.unwrap();
    assert_eq!(
        (pulled.component.as_slice(), &pulled.manifest),
        (COMPONENT, &Digest::of(&manifest))
    );
    let seen = fake.seen().split_off(before);
    let by_tag = seen.iter().filter(|seen| seen.path.ends_with("/manifests/1"));
    assert_eq!(by_tag.count(), 1, "{seen:?}");
    assert!(seen.len() > 2, "{seen:?}");
}

#[tokio::test]
async fn a_tag_that_is_not_pinned_is_refused_where_a_digest_is_required() {
    let fake = published().await;
    let operator = Operator::new(Policy {
        require: Require::Digest,
        ..Policy::default()
    });
    let error = operator
        .registry
        .pinned(&fake.reference(":1"), &Lock::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(
        error.fix().unwrap().contains("host-harness accept oci://"),
        "{error}"
    );
    let digest = Digest::of(&fake.manifest("1"));
    operator
        .registry
        .pinned(&fake.reference(&format!("@{digest}")), &Lock::default())
        .await
        .unwrap();
}

fn pin(pulled: &plugin_registry::Pulled, source: &str) -> plugin_registry::Pin {
    plugin_registry::Pin {
        digest: pulled.digest.clone(),
        manifest: Some(pulled.manifest.clone()),
        source: source.to_owned(),
        facts: plugin_registry::Facts {
            version: "1.0.0".to_owned(),
            contract: "0.2.0".to_owned(),
            size: pulled.component.len() as u64,
            memory: None,
            imports: Vec::new(),
            requests: plugin_registry::Access::default(),
        },
        granted: None,
        signers: pulled.signers.clone(),
    }
}
