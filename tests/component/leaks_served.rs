//! The search for a marked token in the responses, metrics and logs of `serve`. All logs are on.

use component_build::Build;
use http_body_util::Full;
use mock_router::{MockOptions, MockRouter, scenarios};
use serde_json::{Value, json};

use crate::{
    harness::built,
    http::{Client, Reply, question},
    leaks::echoes,
    program::{Program, Running},
    secret_search::{TOKEN, found, percent, search_files, search_text},
};

const MODEL: &str = "Qwen/Qwen3-8B";

async fn serve(program: &Program, mock: &MockRouter, more: &[&str]) -> (Running, Client) {
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release)).await;
    let plugin = plugin.expect("it builds").to_string_lossy().into_owned();
    let url = mock.base_url();
    let mut line = vec!["--plugin", &plugin, "-vvv", "--base-url", &url];
    for setting in [
        "max-retries=0",
        "first-byte-timeout-ms=300",
        "idle-timeout-ms=300",
        "max-response-bytes=300000",
    ] {
        line.extend(["--set", setting]);
    }
    line.push("serve");
    line.extend(more);
    let running = program.start(&line).await;
    let client = Client::of(&running.first);
    (running, client)
}

/// Fails if a response contains it, in its head or its body.
fn search(what: &str, reply: &Reply) {
    search_text(what, format!("{:?}", reply.headers).as_bytes());
    for value in reply.headers.values() {
        search_text(what, value.as_bytes());
    }
    search_text(what, reply.text.as_bytes());
}

fn request(model: &str, stream: bool) -> Value {
    let mut body = question(model);
    body["stream"] = stream.into();
    body
}

/// Bodies with the token where a client may put it.
fn holding() -> Vec<String> {
    let message =
        |content: Value| json!({ "model": MODEL, "messages": [{ "role": "user", "content": content }] });
    let mut system = question(MODEL);
    system["messages"] = json!([{ "role": "system", "content": TOKEN }, { "role": "user", "content": "Hi" }]);
    let mut extra = question(MODEL);
    extra[TOKEN] = json!(TOKEN);
    let mut wrong = question(MODEL);
    wrong["temperature"] = json!(TOKEN);
    vec![
        message(json!(TOKEN)).to_string(),
        message(json!([{ "type": "text", "text": format!("It is {TOKEN}.") }])).to_string(),
        message(json!([{ "type": TOKEN }])).to_string(),
        json!({ "model": MODEL, "messages": [{ "role": TOKEN, "content": "Hi" }] }).to_string(),
        json!({ "model": TOKEN, "messages": TOKEN }).to_string(),
        question(TOKEN).to_string(),
        question(&format!("huggingface/acme/{TOKEN}")).to_string(),
        system.to_string(),
        extra.to_string(),
        wrong.to_string(),
        format!("{{ \"model\": {TOKEN}"),
        TOKEN.to_owned(),
    ]
}

#[tokio::test]
async fn a_server_returns_counts_and_logs_no_token() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    let (running, client) = serve(&program, &mock, &[]).await;
    let encoded = percent(TOKEN);
    for path in [
        "/healthz",
        "/v1/models",
        "/v1/models/Qwen/Qwen3-8B",
        &format!("/v1/models/{encoded}"),
        &format!("/v1/models/acme/{encoded}"),
        &format!("/v1/models?key={encoded}"),
        &format!("/{encoded}"),
        "/nowhere",
    ] {
        search(path, &client.get(path).await);
    }
    for body in holding() {
        let request = client.chat_request().body(body.clone().into());
        let reply = client.send(request.expect("a request")).await.read().await;
        search(&body, &reply);
    }
    for (name, value) in [
        ("authorization", format!("Bearer {TOKEN}")),
        ("x-request-id", TOKEN.to_owned()),
        ("origin", format!("http://{encoded}.test")),
        ("content-type", TOKEN.to_owned()),
        ("expect", TOKEN.to_owned()),
    ] {
        let request = client.request("POST", "/v1/chat/completions").header(name, value);
        let request = request.body(Full::from(question(MODEL).to_string()));
        search(name, &client.send(request.expect("a request")).await.read().await);
    }
    let names: Vec<&str> = scenarios().map(|(name, _)| name).collect();
    assert!(names.len() > 50);
    for (turn, name) in names.into_iter().enumerate() {
        let reply = client
            .chat(&request(&format!("mock/{name}"), turn % 2 == 0))
            .await;
        search(name, &reply);
    }
    let mut blanked = 0;
    for (turn, script) in echoes().into_iter().enumerate() {
        mock.push(script);
        let reply = client.chat(&request(MODEL, turn % 2 == 0)).await;
        search(&format!("echo {turn}"), &reply);
        blanked += usize::from(reply.text.contains("****"));
    }
    assert!(blanked > 50, "only {blanked} responses had something to redact");
    search("metrics", &client.get("/metrics").await);
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in ended.err.lines() {
        search_text("the log", line.as_bytes());
    }
    search_text("stdout", ended.out.as_bytes());
    search_files("kept", program.files(), &[]);
    // It was there to be found, in both.
    assert!(ended.err.contains("DEBUG") && ended.err.contains("request finished"));
    let sent = mock.requests();
    let bearer = format!("Bearer {TOKEN}");
    assert!(
        sent.iter()
            .any(|request| request.header("authorization") == Some(&bearer))
    );
    assert!(sent.iter().all(|request| found(&request.body).is_none()));
}

#[tokio::test]
async fn an_access_key_is_not_repeated_either() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let program = Program::new()
        .variable("HF_TOKEN", "hf_another_token")
        .variable("SERVE_KEY", TOKEN);
    let (running, mut client) = serve(&program, &mock, &["--access-key-env", "SERVE_KEY"]).await;
    for (key, status) in [
        (None, 401),
        (Some(format!("{TOKEN}x")), 401),
        (Some(TOKEN.to_owned()), 200),
    ] {
        client.key = key;
        let reply = client.ask(MODEL).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        search("a response", &reply);
    }
    let ended = running.stop().await;
    search_text("the log", (ended.out + &ended.err).as_bytes());
    let sent = mock.requests();
    let head = |request: &mock_router::RecordedRequest| format!("{:?}", request.headers);
    assert!(
        sent.iter()
            .all(|request| found(head(request).as_bytes()).is_none()),
        "it is the server's own"
    );
}
