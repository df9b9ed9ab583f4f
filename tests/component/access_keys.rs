//! Named access keys: each has its own models, limits and expiry, and does not affect others.

use std::num::NonZeroU32;

use futures::future::join_all;
use model_server::{Expiry, Records, UsageFile, Usd, generate_key};
use serde_json::{Value, json};

use crate::{
    harness::Harness,
    http::{Client, Reply, Serving, question, streamed},
    keyed::{Keys, recording},
};

const MODEL: &str = "Qwen/Qwen3-8B";

/// A request with an output limit.
fn bounded(tokens: u32) -> Value {
    let mut body = question(MODEL);
    body["max_tokens"] = tokens.into();
    body
}

fn statuses(replies: &[Reply]) -> (usize, usize) {
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    let (good, refused) = (count(200), count(429));
    assert_eq!(good + refused, replies.len(), "nothing else");
    (good, refused)
}

fn figure(page: &Reply, line: &str) -> f64 {
    let found = page.text.lines().find_map(|found| found.strip_prefix(line));
    let figure = found.unwrap_or_else(|| panic!("{line}: {}", page.text));
    figure.trim().parse().expect("a figure")
}

#[tokio::test]
async fn a_key_over_its_rate_limit_is_refused_and_other_keys_are_not_affected() {
    let keys = Keys::default()
        .key("flood", |key| key.requests_per_minute = NonZeroU32::new(5))
        .key("calm", |key| key.requests_per_minute = NonZeroU32::new(100));
    let serving = keys.serve(Harness::with()).await;
    let (flood, calm) = (keys.client(&serving, "flood"), keys.client(&serving, "calm"));
    let flooding = join_all((0..60).map(|_| flood.ask(MODEL)));
    let asking = join_all((0..20).map(|_| calm.ask(MODEL)));
    let (flooded, asked) = futures::join!(flooding, asking);
    assert_eq!(statuses(&flooded), (5, 55));
    assert_eq!(statuses(&asked), (20, 0));
    let refused = flooded.iter().find(|reply| reply.status == 429).expect("one");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-should-retry"), "true");
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "rate_limit_exceeded");
    assert_eq!(
        error["limit"],
        json!({"name": "requests-per-minute", "allowed": "5", "used": "5"})
    );
    let sent = serving.harness.mock.requests();
    let sent = sent.iter().filter(|request| request.method == "POST").count();
    assert_eq!(sent, 25, "refused requests never reach the upstream");
}

#[tokio::test]
async fn concurrent_requests_do_not_overspend_and_other_keys_are_not_affected() {
    let keys = Keys::default()
        .key("spender", |key| key.tokens_per_day = Some(1_000))
        .key("other", |key| key.tokens_per_day = Some(1_000_000))
        .key("watcher", |key| key.metrics = true);
    let serving = keys.serve(Harness::with()).await;
    let (spender, other) = (keys.client(&serving, "spender"), keys.client(&serving, "other"));
    let body = bounded(200);
    let mut stream = bounded(200);
    stream["stream"] = true.into();
    let spending = join_all((0..60).map(|n| spender.chat(if n % 2 == 0 { &body } else { &stream })));
    let asking = join_all((0..10).map(|_| other.chat(&body)));
    let (spent, asked) = futures::join!(spending, asking);
    let (good, refused) = statuses(&spent);
    assert!(good > 0 && refused > 0, "{good} {refused}");
    assert_eq!(statuses(&asked), (10, 0));
    // Sequential requests use up the rest.
    let mut more = 0;
    let last = loop {
        let reply = spender.chat(&body).await;
        match reply.status {
            200 => more += 1,
            _ => break reply,
        }
    };
    assert!(more < 100);
    let error = &last.json()["error"];
    assert_eq!((last.status, &error["type"]), (429, &json!("insufficient_quota")));
    assert_eq!(error["limit"]["name"], "tokens-per-day");
    assert_eq!(last.header("x-should-retry"), "false");
    let wait: u64 = last.header("retry-after").parse().expect("seconds");
    assert!((1..=24 * 60 * 60).contains(&wait), "{wait}");
    let page = keys.client(&serving, "watcher").get("/metrics").await;
    let used = figure(&page, r#"model_server_day_tokens{key="spender"}"#);
    assert!((1.0..=1_000.0).contains(&used), "{used}");
    let input = figure(&page, r#"model_server_tokens_total{key="spender",kind="input"}"#);
    let output = figure(&page, r#"model_server_tokens_total{key="spender",kind="output"}"#);
    assert!(
        (input + output - used).abs() < 0.5,
        "settled to the actual usage: {input} {output} {used}"
    );
    let reached = figure(
        &page,
        r#"model_server_refusals_total{key="spender",reason="tokens-per-day"}"#,
    );
    assert!(reached >= 1.0);
}

#[tokio::test]
async fn cost_is_counted_at_the_price_of_the_responding_backend() {
    let keys = Keys::default()
        .key("cents", |key| key.usd_per_day = Usd::parse("0.01"))
        .key("watcher", |key| key.metrics = true);
    let serving = keys
        .serve(Harness::with().setting("serve-unknown-cost", "0.004"))
        .await;
    let client = keys.client(&serving, "cents");
    // Fetches the model list with its prices.
    assert_eq!(client.get("/v1/models").await.status, 200);
    let mut body = bounded(100);
    body["model"] = "deepseek-ai/DeepSeek-R1".into();
    let reply = client.chat(&body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let page = keys.client(&serving, "watcher").get("/metrics").await;
    let spent = figure(&page, r#"model_server_spend_dollars_total{key="cents"}"#);
    assert!(spent > 0.0 && spent < 0.004, "by its price: {spent}");
    // A model without a price is charged as the setting says.
    body["model"] = "mock/tool-whole".into();
    let codes = [client.chat(&body).await.status, client.chat(&body).await.status];
    assert_eq!(codes, [200, 200]);
    let third = client.chat(&body).await;
    assert_eq!(
        third.json()["error"]["limit"]["name"],
        "usd-per-day",
        "{}",
        third.text
    );
}

#[tokio::test]
async fn a_limit_error_has_the_form_of_each_dialect() {
    let keys = Keys::default().key("a", |key| key.tokens_per_day = Some(1));
    let serving = keys.serve(Harness::with()).await;
    let client = keys.client(&serving, "a");
    for (path, body, class) in [
        ("/v1/chat/completions", streamed(MODEL), "/error/type"),
        (
            "/v1/responses",
            json!({"model": MODEL, "input": "x", "stream": true}),
            "/error/type",
        ),
        (
            "/v1/messages",
            json!({"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
            "/error/type",
        ),
    ] {
        let request = client
            .request("POST", path)
            .header("content-type", "application/json")
            .body(body.to_string().into());
        let reply = client.send(request.expect("a request")).await.read().await;
        assert_eq!(reply.status, 429, "{path}");
        let said = reply.json();
        let wants = if path.ends_with("messages") {
            assert_eq!(said["type"], "error");
            "rate_limit_error"
        } else {
            "insufficient_quota"
        };
        assert_eq!(said.pointer(class), Some(&json!(wants)), "{said}");
        let message = said
            .pointer("/error/message")
            .and_then(Value::as_str)
            .expect("a message");
        assert!(message.contains("1 tokens per day"), "{message}");
        // It is larger than the limit of a day: no wait would help.
        assert!(message.contains("shorten it"), "{message}");
        assert!(!reply.headers.contains_key("retry-after"), "{:?}", reply.headers);
    }
}

#[tokio::test]
async fn a_key_uses_and_lists_only_its_allowed_models() {
    let aliased = |settings: &mut model_provider_host::Settings| {
        let alias = model_provider_host::contract::settings::ModelAlias {
            alias: "Quick".to_owned(),
            reference: "huggingface/Qwen/Qwen3-8B".to_owned(),
        };
        settings.models = std::sync::Arc::new(model_provider_host::settings::ModelSettings::new(
            Vec::new(),
            vec![alias],
        ));
    };
    let keys = Keys::default()
        .key("alias", |key| key.models = Some(vec!["quick".to_owned()]))
        .key("pattern", |key| {
            key.models = Some(vec!["deepseek-ai/*".to_owned()]);
        })
        .key("mock", |key| key.models = Some(vec!["mock/*".to_owned()]))
        .key("nothing", |key| key.models = Some(Vec::new()))
        .key("all", |_| {});
    let mut options = keys.options();
    options.fallbacks = vec!["deepseek-ai/DeepSeek-R1".to_owned()];
    let serving = Serving::with(Harness::with().settings(aliased), options).await;
    let of = |name: &str| keys.client(&serving, name);
    let status = async |name: &str, model: &str| of(name).ask(model).await.status;
    for model in ["Quick", MODEL, "huggingface/Qwen/Qwen3-8B:cheapest"] {
        assert_eq!(status("alias", model).await, 200, "{model}");
        assert_eq!(status("pattern", model).await, 403, "{model}");
    }
    assert_eq!(status("pattern", "deepseek-ai/DeepSeek-R1:novita").await, 200);
    assert_eq!(status("nothing", MODEL).await, 403);
    let refused = of("alias").ask("deepseek-ai/DeepSeek-R1").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["error"]["code"], "model_not_allowed");
    assert_eq!(refused.json()["error"]["param"], "model");
    // A fallback model has to be allowed, too.
    assert_eq!(status("all", "mock/503-html").await, 200, "the fallback responds");
    assert_eq!(
        status("mock", "mock/503-html").await,
        503,
        "but not for a key that may not use the fallback"
    );

    let listed = async |name: &str| {
        let list = of(name).get("/v1/models").await.json();
        let models = list["data"].as_array().expect("a list").clone();
        models
            .iter()
            .map(|model| model["id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("alias").await, [MODEL]);
    let pattern = listed("pattern").await;
    assert!(
        !pattern.is_empty() && pattern.iter().all(|id| id.starts_with("deepseek-ai/")),
        "{pattern:?}"
    );
    assert_eq!(listed("nothing").await, [""; 0]);
    assert!(listed("all").await.len() > pattern.len() + 1);
    let one = async |name: &str, id: &str| of(name).get(&format!("/v1/models/{id}")).await;
    assert_eq!(one("alias", MODEL).await.status, 200);
    let hidden = one("alias", "deepseek-ai/DeepSeek-R1").await;
    assert_eq!(
        (hidden.status, &hidden.json()["error"]["code"]),
        (404, &json!("model_not_found"))
    );
}

#[tokio::test]
async fn an_expired_key_and_an_unknown_key_get_the_same_response() {
    let keys = Keys::default()
        .key("ended", |key| {
            key.expires = Some(Expiry::try_from("2020-01-01".to_owned()).expect("a day"));
        })
        .key("off", |key| key.disabled = true)
        .key("watcher", |key| key.metrics = true);
    let serving = keys.serve(Harness::with()).await;
    let mut said = Vec::new();
    let unknown = generate_key().expect("a key");
    for key in [
        keys.secret("ended"),
        keys.secret("off"),
        unknown.expose(),
        "short",
        "",
    ] {
        let client = Client {
            key: Some(key.to_owned()),
            ..serving.client.clone()
        };
        let reply = client.ask(MODEL).await;
        let mut names: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
        names.sort();
        said.push((reply.status, reply.text, names));
    }
    assert_eq!(said[0].0, 401);
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    // Only the operator sees the reason.
    let page = keys.client(&serving, "watcher").get("/metrics").await;
    for line in [
        r#"model_server_refusals_total{key="ended",reason="expired"}"#,
        r#"model_server_refusals_total{key="off",reason="disabled"}"#,
    ] {
        assert_eq!(figure(&page, line), 1.0);
    }
    assert_eq!(
        figure(
            &page,
            r#"model_server_refusals_total{key="-",reason="unknown-key"}"#
        ),
        3.0
    );
    // A client does not see the names of other keys.
    let other = Keys::default().key("b", |_| {});
    let serving = other.serve(Harness::with()).await;
    let page = other.client(&serving, "b").get("/metrics").await;
    assert_eq!(page.status, 403);
    assert_eq!(serving.client.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn usage_of_a_key_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("usage.json");
    let keys = Keys::default().key("a", |key| {
        key.requests_per_minute = NonZeroU32::new(3);
        key.tokens_per_day = Some(1_000_000);
    });
    let records = || Records::default().with_usage(UsageFile::open(&path).expect("a file"));
    let serving = recording(Harness::start().await, keys.options(), records()).await;
    let client = keys.client(&serving, "a");
    for _ in 0..2 {
        assert_eq!(client.ask(MODEL).await.status, 200);
    }
    let Serving {
        server, harness: _, ..
    } = serving;
    server.shutdown(std::time::Duration::from_secs(5)).await;
    // A server that has shut down unlocks the file.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let kept: Value = serde_json::from_slice(&std::fs::read(&path).expect("the file")).expect("JSON");
    assert!(
        kept["keys"]["a"]["tokens"].as_u64().expect("a figure") > 0,
        "{kept}"
    );
    let serving = recording(Harness::start().await, keys.options(), records()).await;
    let client = keys.client(&serving, "a");
    assert_eq!(client.ask(MODEL).await.status, 200, "the third");
    assert_eq!(client.ask(MODEL).await.status, 429);
}

#[tokio::test]
async fn a_client_that_disconnects_is_charged_the_reservation() {
    let keys = Keys::default()
        .key("a", |key| key.tokens_per_day = Some(1_000))
        .key("watcher", |key| key.metrics = true);
    let serving = keys
        .serve(Harness::with().mock(|mock| mock.scenario("stall")))
        .await;
    let client = keys.client(&serving, "a");
    let mut body = bounded(600);
    body["stream"] = true.into();
    let mut stream = client.open_chat(&body).await;
    assert!(stream.next().await.is_some());
    assert_eq!(client.chat(&body).await.status, 429, "it is reserved");
    drop(stream);
    let watcher = keys.client(&serving, "watcher");
    let line = r#"model_server_requests_total{key="a",dialect="chat-completions",outcome="abandoned"}"#;
    for _ in 0..500 {
        let page = watcher.get("/metrics").await;
        if page.text.contains(line) {
            let used = figure(&page, r#"model_server_day_tokens{key="a"}"#);
            assert!(used >= 600.0, "{used}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the disconnect is not recorded");
}

#[tokio::test]
async fn a_response_that_broke_off_is_charged_and_a_request_that_was_refused_is_not() {
    let cases = [
        ("mock/500-message", false, false),
        ("mock/500-message", true, false),
        ("mock/tool-args-cut", false, true),
        ("mock/tool-args-cut", true, true),
        ("mock/cut", false, true),
        ("mock/cut", true, true),
    ];
    let named = |at: usize| format!("key-{at}");
    let keys = Keys::default().key("watcher", |key| key.metrics = true);
    let keys = (0..cases.len()).fold(keys, |keys, at| {
        keys.key(&named(at), |key| key.tokens_per_day = Some(1_000_000))
    });
    let serving = keys.serve(Harness::with().setting("max-retries", "0")).await;
    let watcher = keys.client(&serving, "watcher");
    for (at, (model, is_stream, is_charged)) in cases.into_iter().enumerate() {
        let name = named(at);
        let mut body = bounded(600);
        (body["model"], body["stream"]) = (model.into(), is_stream.into());
        keys.client(&serving, &name).chat(&body).await;
        let line = format!(
            r#"model_server_requests_total{{key="{name}",dialect="chat-completions",outcome="failed"}}"#
        );
        let mut page = watcher.get("/metrics").await;
        for _ in 0..500 {
            if page.text.contains(&line) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            page = watcher.get("/metrics").await;
        }
        assert!(page.text.contains(&line), "{model} did not fail: {}", page.text);
        let used = figure(&page, &format!(r#"model_server_day_tokens{{key="{name}"}}"#));
        assert_eq!(used >= 600.0, is_charged, "{model}, stream: {is_stream}: {used}");
    }
}
