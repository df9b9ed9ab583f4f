//! Destinations and timeouts of requests: redirects, token servers, registries that are not allowed or do not respond.

use std::time::Duration;

use plugin_registry::{ClientOptions, Credentials, Digest, ErrorKind, Limits, Policy};

use crate::{
    fake::{Fake, Operator, full, options, redirect},
    published::{COMPONENT, published, refused},
};

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
