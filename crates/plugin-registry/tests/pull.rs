//! Pulls, and what is refused before anything could be compiled.

mod fake;

use std::time::Duration;

use fake::{Fake, Operator, client, full, options, parts, redirect};
use plugin_registry::{
    Artifact, CONFIG_TYPE, ClientOptions, Credentials, Digest, ErrorKind, Key, LAYER_TYPE, Limits, Lock,
    MANIFEST_TYPE, Policy, Require,
};
use serde_json::{Value, json};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 a component, as far as a registry can tell";

fn artifact() -> Artifact {
    Artifact {
        component: COMPONENT.to_vec(),
        ..Artifact::default()
    }
}

async fn published() -> Fake {
    let fake = Fake::start().await;
    client()
        .publish(&fake.reference(":1"), &artifact())
        .await
        .unwrap();
    fake
}

/// Pulls the tag `1` into an empty cache, and expects that nothing is cached.
async fn refused(fake: &Fake, policy: Policy) -> plugin_registry::Error {
    let operator = Operator::new(policy);
    let error = operator.registry.pull(&fake.reference(":1")).await.unwrap_err();
    assert!(operator.is_empty(), "{error}");
    error
}

/// Publishes, and changes the manifest of the tag.
async fn with_manifest(change: impl FnOnce(&Fake, &mut Value)) -> Fake {
    let fake = published().await;
    let mut manifest: Value = serde_json::from_slice(&fake.manifest("1")).unwrap();
    change(&fake, &mut manifest);
    fake.put_manifest("1", MANIFEST_TYPE, manifest.to_string().as_bytes());
    fake
}

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

fn pin(pulled: &plugin_registry::Pulled, source: &str) -> plugin_registry::Pin {
    plugin_registry::Pin {
        digest: pulled.digest.clone(),
        manifest: Some(pulled.manifest.clone()),
        source: source.to_owned(),
        facts: plugin_registry::Facts {
            version: "1.0.0".to_owned(),
            contract: "0.2.0".to_owned(),
            size: pulled.component.len() as u64,
            imports: Vec::new(),
            asks: plugin_registry::Access::default(),
        },
        granted: None,
        signers: pulled.signers.clone(),
    }
}

#[tokio::test]
async fn a_registry_that_redirects_elsewhere_is_refused_and_no_redirect_carries_the_credential() {
    let (fake, storage) = (published().await, Fake::start().await);
    storage.put_blob(COMPONENT);
    let name = Digest::of(COMPONENT);
    let target = format!("http://{}/v2/x/y/blobs/{name}", storage.address);
    let to = target.clone();
    fake.lie(move |_, path| path.ends_with(name.as_str()).then(|| redirect(&to)));
    fake.wants("Basic dXNlcjpzZWNyZXQ=", "Basic realm=\"x\"");
    let with_password = || ClientOptions {
        credentials: Credentials::Given {
            user: "user".to_owned(),
            password: "secret".to_owned().into(),
        },
        ..options()
    };
    let operator = Operator::with(Policy::default(), with_password());
    let error = operator.registry.pull(&fake.reference(":1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
    assert!(error.message().contains(&storage.address.to_string()), "{error}");
    assert!(
        operator.is_empty() && storage.seen().is_empty(),
        "no request was sent there"
    );

    let policy = Policy {
        redirects: vec![storage.address.to_string()],
        ..Policy::default()
    };
    let operator = Operator::with(policy, with_password());
    assert_eq!(
        operator
            .registry
            .pull(&fake.reference(":1"))
            .await
            .unwrap()
            .component,
        COMPONENT
    );
    let seen = storage.seen();
    assert!(
        !seen.is_empty()
            && seen
                .iter()
                .all(|seen| !seen.headers.contains_key("authorization")),
        "{seen:?}"
    );
    assert!(
        fake.seen()
            .iter()
            .any(|seen| seen.headers.contains_key("authorization"))
    );
}

#[tokio::test]
async fn redirects_to_plain_http_to_users_and_without_end_are_refused_as_is_one_of_a_manifest() {
    let name = Digest::of(COMPONENT);
    for to in [
        "http://registry.example/x",
        "https://user:password@registry.example/x",
        "file:///etc/passwd",
        "https://registry.example/x",
    ] {
        let fake = published().await;
        let name = name.clone();
        fake.lie(move |_, path| path.ends_with(name.as_str()).then(|| redirect(to)));
        let error = refused(&fake, Policy::default()).await;
        assert_eq!(error.kind(), ErrorKind::Redirect, "{to}: {error}");
        assert!(!error.to_string().contains("password"), "{error}");
    }
    let fake = published().await;
    fake.lie(|_, path| path.contains("/blobs/").then(|| redirect(path)));
    assert_eq!(
        refused(&fake, Policy::default()).await.kind(),
        ErrorKind::Redirect
    );
    let fake = published().await;
    fake.lie(|_, path| {
        path.ends_with("/manifests/1")
            .then(|| redirect("/v2/openclaw/acme/manifests/2"))
    });
    assert_eq!(
        refused(&fake, Policy::default()).await.kind(),
        ErrorKind::Redirect
    );
}

#[tokio::test]
async fn a_token_is_requested_only_from_the_registrys_own_token_servers() {
    let fake = published().await;
    let server = Fake::start().await;
    server.lie(|_, path| path.starts_with("/token").then(|| full(200, r#"{"token":"t1"}"#)));
    fake.wants(
        "Bearer t1",
        &format!("Bearer realm=\"http://{}/token\",service=\"s\"", server.address),
    );
    let error = refused(&fake, Policy::default()).await;
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
    assert!(server.seen().is_empty());
    let policy = Policy {
        token_servers: vec![server.address.to_string()],
        ..Policy::default()
    };
    let operator = Operator::new(policy);
    operator.registry.pull(&fake.reference(":1")).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "one token for all requests of a pull");
    assert!(
        seen[0].path.contains("scope=repository%3Aopenclaw%2Facme%3Apull"),
        "{seen:?}"
    );
    // Without access, the error says how to log in.
    fake.wants("Bearer other", "Basic realm=\"x\"");
    let error = refused(&fake, Policy::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.fix().unwrap().contains("docker login"), "{error}");
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

#[tokio::test]
async fn a_registry_that_the_policy_does_not_allow_gets_no_request() {
    let fake = published().await;
    let policy = Policy {
        allow: vec!["ghcr.io/openclaw".to_owned()],
        ..Policy::default()
    };
    let before = fake.seen().len();
    let error = refused(&fake, policy).await;
    assert_eq!((error.kind(), fake.seen().len()), (ErrorKind::Policy, before));
    assert!(error.fix().unwrap().contains("`allow`"), "{error}");
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

#[tokio::test]
async fn a_registry_that_stalls_or_is_not_there_ends_in_an_error_in_time() {
    let fake = published().await;
    let limits = Limits {
        total: Duration::from_millis(600),
        idle: Duration::from_millis(300),
        ..options().limits
    };
    let operator = Operator::with(Policy::default(), ClientOptions { limits, ..options() });
    // It accepts connections, and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("oci://{}/a/b:1", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    assert_eq!(
        operator.registry.pull(&at).await.unwrap_err().kind(),
        ErrorKind::Network
    );
    let at = fake.reference(":1");
    drop(fake);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = operator.registry.pull(&at).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    let fake = Fake::start().await;
    let error = operator.registry.pull(&fake.reference(":1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

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
