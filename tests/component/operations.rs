//! Operations: readiness, trace context, keys by the command line, a TLS-intercepting proxy.

use std::{sync::Arc, time::Duration};

use component_build::Build;
use http_body_util::Full;
use mock_router::{MockOptions, MockRouter};
use model_server::{AccessKeys, ServeOptions};
use serde_json::json;

use crate::{
    guests::Files,
    harness::{Harness, TOKEN, built},
    http::{Client, Serving, question, streamed},
    program::Program,
    proxy::Proxy,
    tls::{Authority, GOOD, TlsRouter},
};

const MODEL: &str = "Qwen/Qwen3-8B";

async fn plugin() -> String {
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release)).await;
    plugin.expect("built").to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_server_is_ready_from_its_self_test_until_its_shutdown() {
    let setup = Harness::with()
        .setting("serve-drain-delay-ms", "1500")
        .mock(|mock| mock.pace(Duration::from_millis(20)));
    let Serving {
        harness: _harness,
        server,
        client,
    } = Serving::with(setup, ServeOptions::default()).await;
    let ready = client.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.json()),
        (200, json!({"status": "ready", "reasons": []}))
    );
    let mut stream = client.open_chat(&streamed(MODEL)).await;
    assert!(stream.next().await.is_some());
    let ending = tokio::spawn(server.shutdown(Duration::from_secs(20)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    // A load balancer sees it, and requests are still served meanwhile.
    let draining = client.get("/readyz").await;
    assert_eq!(
        (draining.status, draining.json()["reasons"].clone()),
        (503, json!(["draining"]))
    );
    assert_eq!(client.get("/healthz").await.json()["status"], "draining");
    assert_eq!(client.ask(MODEL).await.status, 200);
    while stream.next().await.is_some() {}
    assert_eq!(ending.await.expect("it ends"), 0);
}

#[tokio::test]
async fn readiness_checks_of_a_plugin_that_fails_its_self_test_do_not_fill_the_log() {
    let files = tokio::task::spawn_blocking(|| {
        let files = Files::new();
        let plugin = files.ordered("unfit", [("default-model", "trap")]);
        (files, plugin.to_string_lossy().into_owned())
    });
    let (_files, plugin) = files.await.expect("built");
    let line = ["--plugin", &plugin, "--base-url", "http://127.0.0.1:9", "serve"];
    let running = Program::new().start(&line).await;
    let client = Client::of(&running.first);
    for _ in 0..30 {
        let ready = client.get("/readyz").await;
        assert_eq!(
            (ready.status, &ready.json()["reasons"][0]),
            (503, &json!("self-test"))
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = running.stop().await.err;
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("failed its self-test"), "{log}");
}

#[tokio::test]
async fn a_server_without_a_required_token_is_not_ready() {
    // Over loopback a provider may need no token; elsewhere it does.
    let mock = Arc::new(
        MockRouter::start(MockOptions::immediate())
            .await
            .expect("a mock router"),
    );
    let harness = Harness::with()
        .token(None)
        .start_at("https://router.test/v1", mock, crate::harness::plugin().await)
        .expect("a host");
    let serving = Serving::over(harness, ServeOptions::default()).await;
    let ready = serving.client.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.json()["reasons"].clone()),
        (503, json!(["no-credential"]))
    );
    assert_eq!(serving.client.get("/healthz").await.status, 200, "it lives");
}

#[tokio::test]
async fn trace_context_is_propagated_upstream_as_a_span_of_the_server() {
    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let serving = Serving::start().await;
    let sent = || {
        let requests = serving.harness.mock.requests();
        let last = requests.iter().rev().find(|request| request.method == "POST");
        last.expect("a request")
            .header("traceparent")
            .expect("a trace")
            .to_owned()
    };
    for body in [question(MODEL), streamed(MODEL)] {
        let request = serving.client.chat_request().header("traceparent", GIVEN);
        let request = request.body(Full::from(body.to_string())).expect("a request");
        assert_eq!(serving.client.send(request).await.read().await.status, 200);
        let sent = sent();
        assert_eq!((&sent[..36], &sent[52..]), (&GIVEN[..36], "-01"));
        assert_ne!(sent[36..52], GIVEN[36..52], "a span of its own");
    }
    // An invalid header is ignored, and each request gets a trace.
    let mut traces = Vec::new();
    for given in ["00-0-0-00", "secret-words"] {
        let request = serving.client.chat_request().header("traceparent", given);
        let request = request
            .body(Full::from(question(MODEL).to_string()))
            .expect("a request");
        assert_eq!(serving.client.send(request).await.read().await.status, 200);
        traces.push(sent()[3..35].to_owned());
    }
    assert_ne!(traces[0], traces[1]);
    assert!(
        traces
            .iter()
            .all(|trace| trace.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
}

#[tokio::test]
async fn the_command_line_creates_a_key_shows_it_once_and_removes_it() {
    let program = Program::new();
    let file = program.state().join("keys.json").to_string_lossy().into_owned();
    let run = async |arguments: &[&str]| program.run(arguments, None).await;
    let made = run(&[
        "access-key",
        "add",
        "ci",
        "--file",
        &file,
        "--model",
        "Qwen/*",
        "--requests-per-minute",
        "60",
        "--usd-per-day",
        "5",
        "--expires",
        "2090-01-31",
    ])
    .await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let key = made.out.trim().to_owned();
    assert!(
        key.starts_with("hk_") && key.len() == 67,
        "alone on its line: {made:?}"
    );
    let kept = || std::fs::read_to_string(&file).expect("the file");
    assert!(!kept().contains(&key));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = run(&["access-key", "add", "ci", "--file", &file]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    let rotated = run(&["--format", "json", "access-key", "rotate", "ci", "--file", &file]).await;
    let newer = rotated.json()["key"].as_str().expect("a key").to_owned();
    assert_ne!(newer, key);
    let keys = || AccessKeys::parse(&kept()).expect("the file");
    assert_eq!(keys().iter().next().expect("one").sha256.len(), 2);
    let listed = run(&["access-key", "list", "--file", &file]).await;
    assert_eq!(
        listed.out.trim(),
        r#"ci  models=["Qwen/*"] requestsPerMinute=60 usdPerDay=5.00 expires=2090-01-31 keys=2"#
    );
    assert_eq!(
        run(&["access-key", "retire", "ci", "--file", &file]).await.code,
        Some(0)
    );
    assert_eq!(
        run(&["access-key", "disable", "ci", "--file", &file]).await.code,
        Some(0)
    );
    assert!(keys().iter().all(|key| key.disabled && key.sha256.len() == 1));
    assert_eq!(
        run(&["access-key", "enable", "ci", "--file", &file]).await.code,
        Some(0)
    );
    assert_eq!(
        run(&["access-key", "remove", "ci", "--file", &file]).await.code,
        Some(0)
    );
    assert_eq!(keys().iter().count(), 0);
    let gone = run(&["access-key", "rotate", "ci", "--file", &file]).await;
    assert!(
        gone.code == Some(1) && gone.err.contains("there is no key `ci`"),
        "{gone:?}"
    );
}

#[tokio::test]
async fn behind_a_tls_intercepting_proxy_requests_need_its_ca_and_the_error_names_the_setting() {
    let mock = Arc::new(
        MockRouter::start(MockOptions::immediate())
            .await
            .expect("a mock router"),
    );
    // The proxy terminates TLS with the company's certificates, as TLS-intercepting proxies do.
    let authority = Authority::new();
    let tls = TlsRouter::start(&mock, authority.server(GOOD)).await;
    let proxy = Proxy::start(tls.port(), Some("Basic dXNlcjpwYXNzd29yZA==")).await;
    let plugin = plugin().await;
    let program = Program::new().variable("HF_TOKEN", TOKEN).variable(
        "HTTPS_PROXY",
        &format!("http://user:password@127.0.0.1:{}", proxy.port()),
    );
    let ca_file = format!("ca-file={}", authority.file().display());
    let base = ["--plugin", &plugin, "--base-url", "https://router.test/v1"];
    let running = program
        .start(&[&base[..], &["--set", &ca_file, "serve"]].concat())
        .await;
    let client = Client::of(&running.first);
    let reply = client.ask(MODEL).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(client.chat(&streamed(MODEL)).await.events().1);
    assert_eq!(client.get("/readyz").await.status, 200);
    let url = format!("http://{}/readyz", client.address);
    assert_eq!(program.run(&["health", &url], None).await.code, Some(0));
    assert!(
        proxy
            .requests()
            .iter()
            .all(|line| line == "CONNECT router.test:443 HTTP/1.1")
    );
    assert_eq!(running.stop().await.code, Some(0));
    let dead = program.run(&["health", &url], None).await;
    assert!(
        dead.code == Some(1) && dead.err.contains("is not ready"),
        "{dead:?}"
    );

    let running = program.start(&[&base[..], &["serve"]].concat()).await;
    let reply = Client::of(&running.first).ask(MODEL).await;
    let message = reply.json()["error"]["message"]
        .as_str()
        .expect("a message")
        .to_owned();
    assert!(
        reply.status == 502 && message.contains("ca-file"),
        "{}",
        reply.text
    );
    let ended = running.stop().await;
    assert!(!ended.err.contains("password"), "{ended:?}");
}
