//! A plugin that sends any request in its prompt, and what leaves the host: the table `tests/cases/egress.json`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mock_router::Script;
use model_provider_host::{ErrorKind, Grant, Plugin, Secret, contract::ProviderErrorKind};
use serde::Deserialize;
use tokio::{net::TcpListener, sync::OnceCell, task::JoinHandle};

use crate::{
    guests,
    harness::{Harness, TOKEN, question, sandbox},
    program::Program,
};

#[derive(Deserialize)]
struct Table {
    denied: Vec<Denied>,
    sent: Vec<Sent>,
    bases: Vec<Base>,
}

#[derive(Deserialize)]
struct Denied {
    what: String,
    order: String,
    says: Option<String>,
    learns: Option<String>,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct Sent {
    what: String,
    order: String,
}

#[derive(Deserialize)]
struct Base {
    what: String,
    url: String,
    address: String,
}

fn table() -> Table {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/cases/egress.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).expect("the table is JSON")
}

async fn plugin() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    let load = || async {
        let file = tokio::task::spawn_blocking(guests::egress).await.unwrap();
        Plugin::load(sandbox(), &file).await.unwrap()
    };
    PLUGIN.get_or_init(load).await.clone()
}

/// A local port that must get no connection; counts those that it gets.
struct Forbidden {
    port: u16,
    calls: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Forbidden {
    async fn start() -> Self {
        let listener = TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let accepting = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            port,
            calls,
            accepting,
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The guest with a grant, a token and an operator's header, in front of a mock router.
async fn harness() -> Harness {
    let plugin = plugin().await;
    let grant = Grant::requested_by(plugin.info()).unwrap();
    Harness::with()
        .mock(|mock| mock.require_key(false))
        .grants(|grants| grants.insert("egress", grant))
        .settings(|settings| {
            settings.headers = vec![("x-team".to_owned(), Secret::new("red-team-1").unwrap())];
        })
        .start_with(plugin)
        .await
}

fn filled(text: &str, port: u16, other: u16) -> String {
    text.replace("{port}", &port.to_string())
        .replace("{other}", &other.to_string())
}

#[tokio::test]
async fn a_request_outside_the_allowed_origin_is_denied_and_nothing_of_it_is_sent() {
    let forbidden = Forbidden::start().await;
    let mut wrong = Vec::new();
    for case in table().denied {
        let mut check = |holds: bool, found: &dyn std::fmt::Debug| {
            if !holds {
                wrong.push(format!("{}: {found:?}", case.what));
            }
        };
        let harness = harness().await;
        let port = harness.mock.addr().port();
        let order = filled(&case.order, port, forbidden.port);

        let heard = harness.send(question("ask", &order)).await;
        check(heard.error.is_some(), &heard);
        if let (Some(says), Some(error)) = (&case.says, &heard.error) {
            check(
                error.kind() == ErrorKind::Provider(ProviderErrorKind::Denied),
                error,
            );
            check(
                error.message().contains(&filled(says, port, forbidden.port)),
                error,
            );
            let hint = case.hint.as_deref().unwrap_or(if order.contains('\n') {
                "under `headers`"
            } else {
                "as the base URL"
            });
            check(error.hint().is_some_and(|given| given.contains(hint)), error);
            check(
                harness.host.blocked_requests() == 1,
                &harness.host.blocked_requests(),
            );
        }

        let learnt = harness.send(question("tell", &order)).await.text();
        let learns = case.learns.as_deref().unwrap_or("ErrorCode::HttpRequestDenied");
        // And no more: host names and settings are the operator's.
        check(learnt.contains(learns) && learnt.len() < 60, &learnt);

        check(harness.mock.requests().is_empty(), &harness.mock.requests());
        let order = format!("GET http://127.0.0.1:{port}/v1/models");
        let next = harness.send(question("ask", &order)).await.text();
        check(next.starts_with("200\n"), &next);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(forbidden.calls(), 0);
}

#[tokio::test]
async fn a_request_to_the_allowed_origin_is_sent_normalized_with_the_hosts_headers() {
    for case in table().sent {
        let harness = harness().await;
        let port = harness.mock.addr().port();
        let heard = harness.send(question("ask", filled(&case.order, port, 0))).await;
        assert!(heard.text().starts_with("200\n"), "{}: {heard:?}", case.what);
        let requests = harness.mock.requests();
        assert_eq!(
            requests[0].header("host"),
            Some(format!("127.0.0.1:{port}").as_str())
        );
        assert_eq!(requests[0].header("x-team"), Some("red-team-1"));
        assert_eq!(requests[0].header("x-egress-key"), Some(TOKEN));
    }
}

#[tokio::test]
async fn a_guests_own_timeouts_apply() {
    let harness = harness().await;
    let port = harness.mock.addr().port();
    let pause = Duration::from_secs(20);
    for (script, limit, learns) in [
        (
            Script::status(200).delay(pause),
            "@first-byte: 200",
            "HttpResponseTimeout",
        ),
        (
            Script::status(200).chunk("a").wait(pause).chunk("b"),
            "@between-bytes: 200",
            "cut",
        ),
    ] {
        harness.mock.push(script);
        let order = format!("POST http://127.0.0.1:{port}/v1/chat/completions\n{limit}");
        let learnt = tokio::time::timeout(pause / 2, harness.send(question("tell", order)));
        let learnt = learnt.await.expect("before the server goes on").text();
        assert!(learnt.contains(learns), "{limit}: {learnt}");
    }
    // Each chunk arrives in time, so their total may exceed the timeout.
    let step = Duration::from_millis(150);
    let slow = (0..5).fold(Script::status(200), |script, _| script.chunk("a").wait(step));
    harness.mock.push(slow);
    let order = format!("POST http://127.0.0.1:{port}/v1/chat/completions\n@between-bytes: 5000");
    let told = harness.send(question("tell", order)).await.text();
    assert!(told.ends_with("aaaaa"), "{told}");
}

#[tokio::test]
async fn some_addresses_are_not_reached_even_if_the_operator_configures_them() {
    let forbidden = Forbidden::start().await;
    for allow_private in ["false", "true"] {
        for case in table().bases {
            let url = filled(&case.url, 0, forbidden.port);
            let harness = harness().await;
            let elsewhere = Harness::with()
                .setting("allow-private", allow_private)
                .start_at(&url, Arc::clone(&harness.mock), plugin().await)
                .unwrap();
            let order = format!("GET {url}/models");
            let heard = elsewhere.send(question("ask", &order)).await;
            let error = heard.error();
            assert_eq!(
                error.kind(),
                ErrorKind::Provider(ProviderErrorKind::Denied),
                "{}: {error}",
                case.what
            );
            assert!(error.message().contains(&case.address), "{}: {error}", case.what);
            assert!(
                error.hint().unwrap().contains("never reached"),
                "{}: {error}",
                case.what
            );
            assert_eq!(elsewhere.host.connections_opened(), 0, "{}", case.what);
        }
    }
    assert_eq!(forbidden.calls(), 0);
}

#[tokio::test]
async fn a_redirect_is_a_response_and_is_not_followed() {
    let forbidden = Forbidden::start().await;
    for (status, place) in [
        (301, format!("http://127.0.0.1:{}/v1/models", forbidden.port)),
        (302, "http://169.254.169.254/".to_owned()),
        (307, "//evil.test/".to_owned()),
        (308, "/v1/other".to_owned()),
    ] {
        let harness = harness().await;
        let redirect = Script::status(status).header("location", place.clone());
        harness.mock.push_models(redirect);
        let order = format!("GET {}/models", harness.mock.base_url());
        let heard = harness.send(question("ask", &order)).await;
        assert!(
            heard.text().starts_with(&format!("{status}\n")),
            "{}",
            heard.text()
        );
        assert!(
            heard.text().contains(&format!("location: {place}")),
            "{}",
            heard.text()
        );
        assert_eq!(harness.mock.requests().len(), 1);
    }
    assert_eq!(forbidden.calls(), 0);
}

#[tokio::test]
async fn a_response_is_passed_on_without_cookies_and_the_headers_of_the_host() {
    let harness = harness().await;
    let answer = Script::text(200, "text/plain", "ok")
        .header("set-cookie", "a=b")
        .header("x-egress-key", TOKEN)
        .header("proxy-authenticate", "Basic")
        .header("x-echo", format!("you are {TOKEN}"))
        .header("x-kept", "yes");
    harness.mock.push_models(answer);
    let order = format!("GET {}/models", harness.mock.base_url());
    let text = harness.send(question("ask", &order)).await.text();
    for gone in ["set-cookie", "x-egress-key", "proxy-authenticate", TOKEN] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    assert!(
        text.contains("x-kept: yes") && text.contains("x-echo: you are ***"),
        "{text}"
    );
}

#[tokio::test]
async fn a_compressed_response_is_refused() {
    let harness = harness().await;
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n";
    harness.mock.push_models(Script::raw(format!("{head}0\r\n\r\n")));
    let order = format!("GET {}/models", harness.mock.base_url());
    let learnt = harness.send(question("tell", &order)).await.text();
    assert!(learnt.contains("HttpResponseTransferCoding"), "{learnt}");
}

#[tokio::test]
async fn a_partial_response_is_refused() {
    for script in [
        Script::text(206, "text/plain", "the second half"),
        Script::text(226, "text/plain", "what is new"),
        Script::text(200, "text/plain", "some").header("content-range", "bytes 2-5/9"),
        Script::text(200, "multipart/byteranges; boundary=x", "--x"),
    ] {
        let harness = harness().await;
        harness.mock.push_models(script);
        let order = format!("GET {}/models", harness.mock.base_url());
        let learnt = harness.send(question("tell", &order)).await.text();
        assert!(learnt.starts_with("ErrorCode::Http"), "{learnt}");
    }
    let harness = harness().await;
    harness
        .mock
        .push_models(Script::text(206, "text/plain", "the second half"));
    let order = format!("GET {}/models", harness.mock.base_url());
    let heard = harness.send(question("ask", &order)).await;
    assert_eq!(
        heard.error().kind(),
        ErrorKind::Provider(ProviderErrorKind::Denied)
    );
    assert!(heard.error().message().contains("206"), "{}", heard.error());
}

#[tokio::test]
async fn of_an_encoded_response_a_guest_gets_the_head_and_no_byte_of_the_body() {
    let harness = harness().await;
    let order = format!("GET {}/models", harness.mock.base_url());
    for head in [
        "HTTP/1.1 429 Too Many Requests\r\ncontent-encoding: gzip\r\n",
        "HTTP/1.1 429 Too Many Requests\r\ntransfer-encoding: gzip, chunked\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-16\r\n",
    ] {
        let length = if head.contains("chunked") {
            ""
        } else {
            "content-length: 5\r\n"
        };
        let raw = format!("{head}{length}\r\n5\r\nhello\r\n0\r\n\r\n");
        harness.mock.push_models(Script::raw(raw));
        // The head arrives, and reading on fails.
        let learnt = harness.send(question("tell", &order)).await.text();
        assert_eq!(learnt, "cut", "{head}");
    }
}

#[tokio::test]
async fn a_plugin_cannot_fill_the_operators_log() {
    let file = tokio::task::spawn_blocking(guests::hostile).await.unwrap();
    let plugin = file.to_str().unwrap();
    let line = [
        "--plugin",
        plugin,
        "--base-url",
        "http://127.0.0.1:9",
        "chat",
        "-m",
    ];
    let ended = Program::new()
        .run(&[&line[..], &["hostile/a/forbid-1000", "Hello!"]].concat(), None)
        .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let denied = ended.err.lines().filter(|line| line.contains("denied"));
    let denied = denied.count();
    // The limit is per call of the plugin, and a request needs several calls.
    assert!((2..=50).contains(&denied), "{denied} lines: {ended:?}");
    assert!(ended.err.contains("counted and not logged"), "{ended:?}");
}

#[tokio::test]
async fn the_operators_log_has_each_denial_and_how_to_allow_it() {
    let file = tokio::task::spawn_blocking(guests::egress).await.unwrap();
    let program = Program::new();
    let asked = |order: &'static str, more: &'static [&'static str]| {
        let mut line = vec!["--plugin", file.to_str().unwrap(), "chat", "-m", "tell", order];
        line.extend(more);
        let program = &program;
        async move { program.run(&line, None).await }
    };
    // The guest returns the error as a response, so that no error is shown.
    let ended = asked("GET https://evil.test/", &["--base-url", "http://127.0.0.1:9"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .err
            .contains("sent a request to https://evil.test; only http://127.0.0.1:9"),
        "{ended:?}"
    );
    assert!(
        ended.err.contains("as the base URL") && ended.err.contains("WARN"),
        "{ended:?}"
    );
    let ended = asked("GET https://evil.test/", &[]).await;
    assert!(
        ended.err.contains("no grant") && ended.err.contains("grant FILE.wasm"),
        "{ended:?}"
    );
}
