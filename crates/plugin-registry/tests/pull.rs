//! Artifacts: valid ones are pulled byte for byte, invalid ones are refused.

use plugin_registry::{
    CONFIG_TYPE, ClientOptions, Credentials, Digest, ErrorKind, LAYER_TYPE, MANIFEST_TYPE, Policy,
};
use serde_json::{Value, json};

use crate::{
    fake::{Operator, full, options, parts},
    published::{COMPONENT, published, refused, with_manifest},
};

#[tokio::test]
async fn what_was_published_is_pulled_byte_for_byte_and_a_second_time_without_the_registry() {
    let fake = published().await;
    let operator = Operator::new(Policy::default());
    let pulled = operator.registry.pull(&fake.reference(":1")).await.unwrap();
    assert_eq!(
        (pulled.component.as_slice(), pulled.is_cached),
        (COMPONENT, false)
    );
    assert_eq!(pulled.digest, Digest::of(COMPONENT));
    let (reference, asked) = (
        fake.reference(&format!("@{}", pulled.manifest)),
        fake.seen().len(),
    );
    let again = operator.registry.pull(&reference).await.unwrap();
    assert_eq!((again.component.as_slice(), again.is_cached), (COMPONENT, true));
    assert_eq!(fake.seen().len(), asked, "no request was sent");
    drop(fake);
    operator
        .registry
        .pull(&reference)
        .await
        .expect("it works offline");
}

#[tokio::test]
async fn a_pull_may_run_in_a_task_of_its_own_and_a_password_is_in_no_debug_text() {
    let fake = published().await;
    let credentials = Credentials::Given {
        user: "user".to_owned(),
        password: "a-password".to_owned().into(),
    };
    let options = ClientOptions {
        credentials,
        ..options()
    };
    assert!(!format!("{options:?}").contains("a-password"));
    let operator = Operator::with(Policy::default(), options);
    let reference = fake.reference(":1");
    let pulled = tokio::spawn(async move { operator.registry.pull(&reference).await });
    assert_eq!(pulled.await.unwrap().unwrap().component, COMPONENT);
}

#[tokio::test]
async fn the_same_component_makes_the_same_manifest() {
    let (one, other) = (published().await, published().await);
    assert_eq!(one.manifest("1"), other.manifest("1"));
}

#[tokio::test]
async fn a_layer_of_another_digest_is_refused() {
    let fake = published().await;
    let tampered = COMPONENT.iter().rev().copied().collect::<Vec<_>>();
    let name = Digest::of(COMPONENT);
    fake.lie(move |_, path| path.ends_with(name.as_str()).then(|| full(200, tampered.clone())));
    let error = refused(&fake, Policy::default()).await;
    assert_eq!(error.kind(), ErrorKind::Digest, "{error}");
}

#[tokio::test]
async fn a_truncated_layer_is_refused() {
    for (breaks, kind) in [(false, ErrorKind::Size), (true, ErrorKind::Network)] {
        let fake = published().await;
        let name = Digest::of(COMPONENT);
        fake.lie(move |_, path| {
            path.ends_with(name.as_str())
                .then(|| parts(vec![&COMPONENT[..20]], breaks))
        });
        let error = refused(&fake, Policy::default()).await;
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn a_layer_of_another_media_type_is_refused() {
    for wrong in [
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/wasm; x=1",
        "Application/Wasm",
        "",
    ] {
        let fake = with_manifest(|_, manifest| manifest["layers"][0]["mediaType"] = json!(wrong)).await;
        let error = refused(&fake, Policy::default()).await;
        assert_eq!(error.kind(), ErrorKind::Artifact, "{error}");
        assert!(error.message().contains(LAYER_TYPE), "{error}");
    }
}

#[tokio::test]
async fn a_configuration_of_another_media_type_or_for_another_layer_is_refused() {
    let fake = with_manifest(|_, manifest| {
        manifest["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    })
    .await;
    let error = refused(&fake, Policy::default()).await;
    assert!(error.message().contains(CONFIG_TYPE), "{error}");
    for config in [
        json!({"created": "x", "architecture": "amd64", "os": "linux"}),
        json!({"created": "x", "architecture": "wasm", "os": "wasip2", "layerDigests": [Digest::of(b"another")]}),
    ] {
        let fake = with_manifest(|fake, manifest| {
            let text = config.to_string();
            manifest["config"]["digest"] = json!(fake.put_blob(text.as_bytes()));
            manifest["config"]["size"] = json!(text.len());
        })
        .await;
        let error = refused(&fake, Policy::default()).await;
        assert_eq!(error.kind(), ErrorKind::Artifact, "{error}");
    }
}

#[tokio::test]
async fn two_layers_and_none_are_refused() {
    for number in [0, 2] {
        let fake = with_manifest(|_, manifest| {
            let layer = manifest["layers"][0].clone();
            manifest["layers"] = Value::Array(vec![layer; number]);
        })
        .await;
        let error = refused(&fake, Policy::default()).await;
        assert_eq!(error.kind(), ErrorKind::Artifact, "{error}");
        assert!(
            error
                .message()
                .contains(&format!("expected one layer, found {number}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_index_and_other_manifests_are_refused() {
    for (kind, text) in [
        (
            plugin_registry::INDEX_TYPE,
            r#"{"schemaVersion":2,"manifests":[]}"#,
        ),
        (
            "application/vnd.docker.distribution.manifest.v2+json",
            r#"{"schemaVersion":2}"#,
        ),
        (MANIFEST_TYPE, r#"{"schemaVersion":1,"config":{},"layers":[]}"#),
        (MANIFEST_TYPE, "no JSON"),
    ] {
        let fake = published().await;
        fake.put_manifest("1", kind, text.as_bytes());
        let error = refused(&fake, Policy::default()).await;
        assert_eq!(error.kind(), ErrorKind::Artifact, "{error}");
    }
}

#[tokio::test]
async fn a_registry_that_lies_about_size_is_refused() {
    // In the manifest, smaller and larger than the content; and by an endless body.
    for size in [COMPONENT.len() - 1, COMPONENT.len() + 1] {
        let fake = with_manifest(|_, manifest| manifest["layers"][0]["size"] = json!(size)).await;
        assert_eq!(
            refused(&fake, Policy::default()).await.kind(),
            ErrorKind::Size,
            "{size}"
        );
        // The same without an announced length.
        let name = Digest::of(COMPONENT);
        fake.lie(move |_, path| {
            path.ends_with(name.as_str())
                .then(|| parts(vec![COMPONENT], false))
        });
        assert_eq!(
            refused(&fake, Policy::default()).await.kind(),
            ErrorKind::Size,
            "{size}"
        );
    }
    let fake = with_manifest(|_, manifest| manifest["layers"][0]["size"] = json!(10_u64.pow(12))).await;
    let before = fake.seen().len();
    let error = refused(&fake, Policy::default()).await;
    assert_eq!(error.kind(), ErrorKind::Size, "{error}");
    let after = fake.seen();
    assert!(
        after[before..].iter().all(|seen| !seen.path.contains("/blobs/")),
        "nothing of it was fetched"
    );
    let fake = published().await;
    fake.lie(|_, path| {
        path.contains("/manifests/")
            .then(|| full(200, vec![b' '; 2 * 1024 * 1024]))
    });
    assert_eq!(refused(&fake, Policy::default()).await.kind(), ErrorKind::Size);
}

#[tokio::test]
async fn a_manifest_of_another_digest_than_its_name_or_its_header_is_refused() {
    let fake = published().await;
    let reference = fake.reference(&format!("@{}", Digest::of(b"another manifest")));
    let bytes = fake.manifest("1");
    fake.lie(move |_, path| {
        path.contains("/manifests/").then(|| {
            let mut answer = full(200, bytes.clone());
            answer
                .headers_mut()
                .insert("content-type", MANIFEST_TYPE.parse().unwrap());
            answer.headers_mut().insert(
                "docker-content-digest",
                Digest::of(b"another manifest").as_str().parse().unwrap(),
            );
            answer
        })
    });
    let operator = Operator::new(Policy::default());
    for reference in [reference, fake.reference(":1")] {
        let error = operator.registry.pull(&reference).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Digest, "{error}");
    }
    assert!(operator.is_empty());
}

#[tokio::test]
async fn a_denied_digest_is_refused_whether_it_is_the_manifests_or_the_components_and_in_the_cache_too() {
    let fake = published().await;
    let operator = Operator::new(Policy::default());
    let pulled = operator.registry.pull(&fake.reference(":1")).await.unwrap();
    for denied in [&pulled.manifest, &pulled.digest] {
        let policy = Policy {
            deny: [denied.clone()].into(),
            ..Policy::default()
        };
        assert_eq!(refused(&fake, policy.clone()).await.kind(), ErrorKind::Denied);
        let error = operator
            .again(policy)
            .pull(&fake.reference(&format!("@{}", pulled.manifest)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    let by_name = Policy {
        deny: [pulled.manifest.clone()].into(),
        ..Policy::default()
    };
    let before = fake.seen().len();
    let _ = Operator::new(by_name)
        .registry
        .pull(&fake.reference(&format!("@{}", pulled.manifest)))
        .await
        .unwrap_err();
    assert_eq!(fake.seen().len(), before, "no request was sent for it");
}
