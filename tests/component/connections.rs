//! Connections of the egress client: TLS by the host's name, connections pooled and reused, also through a proxy.

use std::{pin::pin, sync::Arc, time::Duration};

use component_build::Build;
use mock_router::{End, MockOptions, MockRouter, Script};
use model_provider_host::{
    ErrorKind, Proxies,
    contract::{DiscoveryMode, ModelSource, ProviderErrorKind},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
};

use crate::{
    harness::{Harness, built, plugin, question},
    proxy::Proxy,
    tls::{Authority, GOOD, Identity, TlsRouter},
};

pub const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
const HTTP_1: Identity<'_> = Identity {
    alpn: &[b"http/1.1"],
    ..GOOD
};
pub const HTTP_2: Identity<'_> = Identity {
    alpn: &[b"h2"],
    ..GOOD
};

/// How the host reaches the TLS server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Direct,
    Proxy,
}

const WAYS: [Way; 2] = [Way::Direct, Way::Proxy];

/// A host that trusts the authority of the TLS server in front of its mock router.
pub struct Secured {
    pub harness: Harness,
    tls: TlsRouter,
    pub proxy: Proxy,
    way: Way,
}

impl Secured {
    pub async fn start(identity: Identity<'_>, way: Way) -> Self {
        let authority = Authority::new();
        let mock = mock().await;
        let tls = TlsRouter::start(&mock, authority.server(identity)).await;
        let proxy = Proxy::start(tls.port(), None).await;
        let url = match way {
            Way::Direct => tls.url(),
            // A name that only the proxy knows.
            Way::Proxy => "https://router.test/v1".to_owned(),
        };
        let harness = Harness::with()
            .setting("max-retries", "0")
            .setting("ca-file", authority.file().to_str().unwrap())
            .settings(|settings| settings.proxies = all(&format!("http://127.0.0.1:{}", proxy.port())))
            .start_at(&url, mock, plugin().await)
            .unwrap();
        Self {
            harness,
            tls,
            proxy,
            way,
        }
    }

    /// The number of the connection on which each request arrived.
    pub fn connections(&self) -> Vec<usize> {
        let requests = self.harness.mock.requests();
        requests.iter().map(|request| request.connection).collect()
    }

    /// The count of handshakes and tunnels.
    fn opened(&self, count: usize) {
        assert_eq!(self.tls.handshakes(), count);
        assert_eq!(self.harness.host.connections_opened(), count as u64);
        let tunnels = match self.way {
            Way::Direct => Vec::new(),
            Way::Proxy => vec!["CONNECT router.test:443 HTTP/1.1"; count],
        };
        assert_eq!(self.proxy.requests(), tunnels);
    }
}

/// Puts this proxy in front of everything.
fn all(url: &str) -> Proxies {
    Proxies::from_variables(|name| (name == "ALL_PROXY").then(|| url.to_owned().into()))
}

async fn mock() -> Arc<MockRouter> {
    let mock = MockRouter::start(MockOptions::immediate()).await;
    Arc::new(mock.expect("a mock router"))
}

#[tokio::test]
async fn the_second_request_makes_no_new_connection_and_no_new_handshake() {
    for way in WAYS {
        for identity in [HTTP_1, HTTP_2, GOOD] {
            let secured = Secured::start(identity, way).await;
            for _ in 0..3 {
                secured.harness.ask(MODEL).await.summary();
            }
            assert_eq!(secured.connections(), [1, 1, 1]);
            secured.opened(1);
        }
    }
}

#[tokio::test]
async fn http_2_is_used_where_both_sides_support_it() {
    for (identity, second) in [(HTTP_1, false), (HTTP_2, true), (GOOD, true)] {
        let secured = Secured::start(identity, Way::Direct).await;
        secured.harness.ask(MODEL).await.summary();
        let requests = secured.harness.mock.requests();
        // Over HTTP/2 the authority is in a field of its own.
        assert_eq!(requests[0].header("host").is_none(), second);
    }
}

#[tokio::test]
async fn an_invalid_certificate_is_refused_and_nothing_is_sent() {
    let trusted = Authority::new();
    let stranger = Authority::new();
    let other_name = Identity {
        names: &["other.example"],
        ..GOOD
    };
    let expired = Identity { until: 2001, ..GOOD };
    let cases = [
        (&trusted, other_name, "other.example", "base URL"),
        (&trusted, expired, "expired", "clock"),
        (&stranger, GOOD, "authority", "ca-file"),
    ];
    for (authority, identity, word, hint) in cases {
        let mock = mock().await;
        let tls = TlsRouter::start(&mock, authority.server(identity)).await;
        let harness = Harness::with()
            .setting("max-retries", "1")
            .setting("ca-file", trusted.file().to_str().unwrap())
            .start_at(&tls.url(), mock, plugin().await)
            .unwrap();
        let heard = harness.ask(MODEL).await;
        let error = heard.error();
        assert_eq!(error.kind(), ErrorKind::Provider(ProviderErrorKind::Transport));
        let place = format!("https://localhost:{}", tls.port());
        assert!(error.message().contains(&place), "{error}");
        assert!(error.message().contains(word), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
        assert!(!error.details().request_sent);
        assert!(harness.mock.requests().is_empty());
        assert_eq!(tls.handshakes(), 0);
    }
}

#[tokio::test]
async fn without_the_ca_file_its_authority_is_unknown() {
    let authority = Authority::new();
    let mock = mock().await;
    let tls = TlsRouter::start(&mock, authority.server(GOOD)).await;
    let harness = Harness::with()
        .setting("max-retries", "0")
        .start_at(&tls.url(), mock, plugin().await)
        .unwrap();
    let heard = harness.ask(MODEL).await;
    assert!(
        heard.error().hint().unwrap().contains("ca-file"),
        "{}",
        heard.error()
    );
}

#[tokio::test]
async fn a_failed_connection_reports_its_cause_and_does_not_affect_a_later_response() {
    // The port is taken, so that no other process listens there.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let mock = mock().await;
    let harness = Harness::with()
        .setting("max-retries", "0")
        .start_at(&format!("http://{place}/v1"), mock, plugin().await)
        .unwrap();
    let heard = harness.ask(MODEL).await;
    let error = heard.error();
    assert_eq!(error.kind(), ErrorKind::Provider(ProviderErrorKind::Transport));
    assert!(
        error.message().contains(&place) && error.message().contains("refused"),
        "{error}"
    );
    assert!(error.is_retryable() && error.details().attempts == 1);
}

#[tokio::test]
async fn a_connection_lost_in_the_handshake_is_no_certificate_error_and_is_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let closing = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Half a record only.
            let _ = stream.read_u8().await;
            let _ = stream.write_all(&[22, 3, 3]).await;
        }
    });
    let harness = Harness::with()
        .setting("max-retries", "1")
        .start_at(&format!("https://{place}/v1"), mock().await, plugin().await)
        .unwrap();
    let heard = harness.ask(MODEL).await;
    let error = heard.error();
    assert_eq!(error.kind(), ErrorKind::Provider(ProviderErrorKind::Transport));
    assert!(!error.to_string().contains("certificate"), "{error}");
    assert!(
        !error.details().request_sent && error.details().attempts == 2,
        "{error:?}"
    );
    closing.abort();
}

#[tokio::test]
async fn a_request_that_was_never_sent_moves_to_a_fresh_connection_unseen() {
    for (identity, way) in [
        (HTTP_1, Way::Direct),
        (HTTP_2, Way::Direct),
        (HTTP_1, Way::Proxy),
        (HTTP_2, Way::Proxy),
    ] {
        let secured = Secured::start(identity, way).await;
        let answer = Script::sse([
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ]);
        // Keep-alive is announced, and the connection is closed all the same.
        secured.harness.mock.push(answer.end(End::Close));
        secured.harness.ask(MODEL).await.summary();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let heard = secured.harness.ask(MODEL).await;
        assert_eq!(heard.summary().attempts, 1);
        assert_eq!(secured.connections(), [1, 2]);
        secured.opened(2);
    }
}

#[tokio::test]
async fn a_cancelled_stream_does_not_poison_the_pool() {
    // HTTP/1.1 closes its connection; HTTP/2 resets the stream and the connection stays open.
    for (identity, way, expected) in [
        (HTTP_1, Way::Direct, [1, 2, 2]),
        (HTTP_1, Way::Proxy, [1, 2, 2]),
        (HTTP_2, Way::Direct, [1, 1, 1]),
        (HTTP_2, Way::Proxy, [1, 1, 1]),
    ] {
        let secured = Secured::start(identity, way).await;
        let mock = &secured.harness.mock;
        mock.set_scenario("stall").unwrap();
        let mut completion = secured
            .harness
            .host
            .chat(question(MODEL, "Hello!"))
            .await
            .unwrap();
        completion.next().await.unwrap();
        drop(completion);
        tokio::time::timeout(Duration::from_secs(10), mock.wait_disconnects(1))
            .await
            .expect("the exchange ends");
        mock.clear_scenario();
        for _ in 0..2 {
            secured.harness.ask(MODEL).await.summary();
        }
        assert_eq!(secured.connections(), expected);
    }
}

#[tokio::test]
async fn the_pool_survives_a_swap() {
    let next = tokio::task::spawn_blocking(|| built(Build::NextVersion))
        .await
        .unwrap();
    for way in WAYS {
        let secured = Secured::start(GOOD, way).await;
        secured.harness.ask(MODEL).await.summary();
        let mut swap = pin!(secured.harness.host.swap(&next));
        let report = loop {
            tokio::select! {
                report = &mut swap => break report.unwrap(),
                // The pool drops an idle connection sooner than compiling may end beside other tests.
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    secured.harness.ask(MODEL).await.summary();
                }
            }
        };
        assert_eq!(report.to.number, 2);
        secured.harness.ask(MODEL).await.summary();
        let connections = secured.connections();
        assert!(
            connections.len() >= 2 && connections.iter().all(|number| *number == 1),
            "{connections:?}"
        );
        secured.opened(1);
    }
}

/// A host with a proxy in front of a plain mock router, which is known by this URL.
async fn behind(proxy: &str, url: &str, mock: Arc<MockRouter>) -> Harness {
    Harness::with()
        .setting("max-retries", "0")
        .settings(|settings| settings.proxies = all(proxy))
        .start_at(url, mock, plugin().await)
        .unwrap()
}

#[tokio::test]
async fn a_proxy_gets_plain_http_requests_and_its_credentials() {
    // joe:secret-word
    let key = "Basic am9lOnNlY3JldC13b3Jk";
    let mock = mock().await;
    let proxy = Proxy::start(mock.addr().port(), Some(key)).await;
    let url = format!("http://joe:secret-word@127.0.0.1:{}", proxy.port());
    let harness = behind(&url, "http://router.test/v1", mock).await;
    let listed = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    assert_eq!(listed.source, ModelSource::Live);
    assert_eq!(proxy.requests(), ["GET http://router.test/v1/models HTTP/1.1"]);
    let seen = &harness.mock.requests()[0];
    assert!(
        seen.header("authorization").is_none(),
        "no credential without encryption"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_and_its_password_is_not() {
    let authority = Authority::new();
    let mock = mock().await;
    let tls = TlsRouter::start(&mock, authority.server(GOOD)).await;
    let proxy = Proxy::start(tls.port(), Some("Basic other")).await;
    let place = format!("127.0.0.1:{}", proxy.port());
    let harness = behind(
        &format!("http://joe:secret-word@{place}"),
        "https://router.test/v1",
        mock,
    )
    .await;
    let heard = harness.ask(MODEL).await;
    let error = heard.error();
    assert_eq!(error.kind(), ErrorKind::Provider(ProviderErrorKind::Transport));
    let wanted = format!("the proxy http://{place} (ALL_PROXY) requires a user name and a password");
    assert!(error.message().contains(&wanted), "{error}");
    assert!(!format!("{error:?}").contains("secret-word"), "{error:?}");
    assert!(harness.mock.requests().is_empty());
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let mock = mock().await;
    for (proxy, words) in [
        (
            "http://127.0.0.1:1",
            "cannot be reached: the connection was refused",
        ),
        (
            "socks5h://127.0.0.1:1",
            "cannot be reached: the connection was refused",
        ),
        (
            "http://no-such-proxy.invalid",
            "cannot be reached: its name does not resolve",
        ),
    ] {
        let harness = behind(proxy, "https://router.test/v1", Arc::clone(&mock)).await;
        let heard = harness.ask(MODEL).await;
        assert!(heard.error().message().contains(words), "{}", heard.error());
    }
}

#[tokio::test]
async fn this_machine_is_reached_without_a_proxy_even_if_that_is_wrong() {
    let mock = mock().await;
    let url = mock.base_url();
    let harness = behind("no kind://of proxy", &url, mock).await;
    harness.ask(MODEL).await.summary();
}

#[tokio::test]
async fn an_address_that_is_never_reached_is_not_reached_through_a_proxy_either() {
    let mock = mock().await;
    let proxy = Proxy::start(mock.addr().port(), None).await;
    let url = format!("http://127.0.0.1:{}", proxy.port());
    for origin in ["https://169.254.169.254/v1", "https://[fd00:ec2::254]/v1"] {
        let harness = behind(&url, origin, Arc::clone(&mock)).await;
        let heard = harness.ask(MODEL).await;
        assert_eq!(
            heard.error().kind(),
            ErrorKind::Provider(ProviderErrorKind::Denied)
        );
        assert_eq!(proxy.requests(), Vec::<String>::new());
    }
}
