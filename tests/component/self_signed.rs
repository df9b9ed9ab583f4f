//! Certificates that are their own authority, as `openssl req -x509` makes them.

use std::sync::Arc;

use mock_router::{MockOptions, MockRouter};

use crate::{
    harness::{Harness, plugin},
    tls::{GOOD, Identity, TlsRouter, self_signed},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

async fn mock() -> Arc<MockRouter> {
    Arc::new(MockRouter::start(MockOptions::immediate()).await.unwrap())
}

#[tokio::test]
async fn a_self_signed_certificate_in_the_ca_file_is_accepted_for_its_names_and_its_validity() {
    let other_name = Identity {
        names: &["other.example"],
        ..GOOD
    };
    let nameless = Identity { names: &[], ..GOOD };
    let expired = Identity { until: 2001, ..GOOD };
    for (identity, word) in [
        (GOOD, None),
        (other_name, Some("another name: ")),
        (nameless, Some("subjectAltName")),
        (expired, Some("expired")),
    ] {
        let mock = mock().await;
        let (server, dir) = self_signed(identity);
        let tls = TlsRouter::start(&mock, server).await;
        let file = dir.path().join("own.pem");
        let harness = Harness::with()
            .setting("max-retries", "0")
            .setting("ca-file", file.to_str().unwrap())
            .start_at(&tls.url(), mock, plugin().await)
            .unwrap();
        let heard = harness.ask(MODEL).await;
        let Some(word) = word else {
            heard.summary();
            continue;
        };
        assert!(heard.error().message().contains(word), "{}", heard.error());
        assert!(heard.error().hint().is_some());
        assert!(harness.mock.requests().is_empty());
    }
    // One that is not in the file, and the file of another one.
    let (_, elsewhere) = self_signed(GOOD);
    let file = elsewhere.path().join("own.pem");
    for ca_file in [None, file.to_str()] {
        let mock = mock().await;
        let (server, _dir) = self_signed(GOOD);
        let tls = TlsRouter::start(&mock, server).await;
        let mut setup = Harness::with().setting("max-retries", "0");
        if let Some(file) = ca_file {
            setup = setup.setting("ca-file", file);
        }
        let harness = setup.start_at(&tls.url(), mock, plugin().await).unwrap();
        let heard = harness.ask(MODEL).await;
        let error = heard.error();
        assert!(error.message().contains("self-signed"), "{error}");
        assert!(error.hint().unwrap().contains("ca-file"), "{error}");
        assert!(
            !error.message().contains("Other("),
            "no word of the program's inside: {error}"
        );
        assert!(harness.mock.requests().is_empty());
    }
}
