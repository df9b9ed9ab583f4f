//! The OpenAI-compatible server: clients with retries of their own, clients in a browser's engine, and clients with unusual
//! configurations.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use model_server::ServeOptions;

use crate::{
    harness::Harness,
    http::{Reply, Serving, question, streamed},
};

const MODEL: &str = "Qwen/Qwen3-8B";

/// Sends a request as a client does that retries this often, and returns the count of its requests.
async fn retrying(serving: &Serving, model: &str, retries: usize, stream: bool) -> usize {
    let body = if stream { streamed(model) } else { question(model) };
    for made in 1..=retries + 1 {
        let reply = serving.client.chat(&body).await;
        assert_ne!(reply.status, 200);
        if reply.header("x-should-retry") == "false" {
            return made;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    retries + 1
}

#[tokio::test]
async fn a_permanent_failure_costs_one_request_more_than_the_client_makes() {
    for scenario in ["429", "503-loading", "hang-up"] {
        for (retries, stream) in [(2, false), (6, true)] {
            let serving = Serving::with(Harness::with(), ServeOptions::default()).await;
            let made = retrying(&serving, &format!("mock/{scenario}"), retries, stream).await;
            let sent = serving.harness.mock.requests();
            let sent = sent.iter().filter(|sent| sent.method == "POST").count();
            assert!(sent <= made + 1, "{scenario}: {made} requests became {sent}");
            assert!(sent > made, "{scenario}: the first request was retried");
        }
    }
}

#[tokio::test]
async fn a_transient_failure_is_retried_and_not_shown() {
    for scenario in ["fail-once-503", "fail-once-429"] {
        let serving = Serving::with(Harness::with(), ServeOptions::default()).await;
        let answer = serving.client.ask(&format!("mock/{scenario}")).await;
        assert_eq!(answer.status, 200, "{scenario}: {}", answer.text);
        assert_eq!(answer.json()["x_plugin"]["attempts"], 2);
    }
    let setup = Harness::with().setting("serve-max-retries", "0");
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let refused = serving.client.ask("mock/fail-once-503").await;
    assert_eq!((refused.status, refused.header("x-should-retry")), (503, "true"));
}

#[tokio::test]
async fn an_app_with_an_allowed_origin_gets_cors_headers_in_the_preflight_and_the_response() {
    let setup = Harness::with().setting("serve-allowed-origins", "app://,tauri://localhost");
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let asks = async |method: &str, origin: &str| -> Reply {
        let request = serving
            .client
            .request(method, "/v1/models")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,x-stainless-lang");
        let request = request.body(Full::default()).expect("a request");
        serving.client.send(request).await.read().await
    };
    let preflight = asks("OPTIONS", "app://obsidian.md").await;
    assert_eq!(preflight.status, 200);
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        "app://obsidian.md"
    );
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        "authorization,x-stainless-lang"
    );
    let list = asks("GET", "tauri://localhost").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.header("access-control-allow-origin"), "tauri://localhost");
    assert!(
        list.header("access-control-expose-headers")
            .contains("x-request-id")
    );
    for other in ["https://evil.example", "null", "tauri://localhost.evil"] {
        assert_eq!(asks("GET", other).await.status, 403, "{other}");
        for method in ["GET", "OPTIONS"] {
            let reply = asks(method, other).await;
            assert!(
                reply.headers.get("access-control-allow-origin").is_none(),
                "{other}"
            );
        }
    }
}

#[tokio::test]
async fn an_app_reads_why_it_is_refused_without_the_key() {
    let secret = model_provider_host::Secret::new("a-key-of-this-server");
    let address = "127.0.0.1:0".parse().expect("an address");
    let options = ServeOptions::default()
        .with_access(model_server::Access::new(address, secret.as_ref()).expect("a good key"));
    let setup = Harness::with().setting("serve-allowed-origins", "app://");
    let serving = Serving::with(setup, options).await;
    let request = serving
        .client
        .request("GET", "/v1/models")
        .header("origin", "app://x");
    let reply = serving
        .client
        .send(request.body(Full::default()).expect("a request"))
        .await;
    let reply = reply.read().await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("access-control-allow-origin"), "app://x");
}

#[tokio::test]
async fn an_allowed_host_name_is_served() {
    let setup = Harness::with().setting("serve-allowed-hosts", "host.docker.internal");
    let serving = Serving::with(setup, ServeOptions::default()).await;
    for (host, status) in [("host.docker.internal:80", 200), ("evil.example", 403)] {
        let request = hyper::Request::builder().uri("/v1/models").header("host", host);
        let request = request.body(Full::default()).expect("a request");
        assert_eq!(
            serving.client.send(request).await.read().await.status,
            status,
            "{host}"
        );
    }
}

#[tokio::test]
async fn paths_as_clients_put_them_together_are_understood() {
    let serving = Serving::start().await;
    for path in [
        "//v1/models",
        "/v1/models/",
        "/v1//models",
        "/v1/models//Qwen/Qwen3-8B/",
        "/healthz/",
    ] {
        assert_eq!(serving.client.get(path).await.status, 200, "{path}");
    }
    for path in ["/v1/chat/completions/", "//v1/chat/completions"] {
        let request = serving
            .client
            .request("POST", path)
            .header("content-type", "application/json")
            .body(question(MODEL).to_string().into())
            .expect("a request");
        assert_eq!(
            serving.client.send(request).await.read().await.status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_client_without_a_model_gets_the_default_model_and_its_name() {
    let options = || ServeOptions::default().with_default_models(vec![MODEL.into()]);
    let serving = Serving::with(Harness::with(), options()).await;
    for name in ["dummy", "Default"] {
        let whole = serving.client.ask(name).await.json();
        let (chunks, is_done) = serving.client.chat(&streamed(name)).await.events();
        assert!(is_done);
        for said in [&whole, chunks.last().expect("a chunk")] {
            assert_eq!(said["model"], MODEL, "{said}");
            assert_eq!(said["x_plugin"]["warnings"][0]["code"], "default-model", "{said}");
        }
    }
    // If a model has this name, it means that model.
    let alias = model_provider_host::contract::settings::ModelAlias {
        alias: "default".into(),
        reference: "huggingface/deepseek-ai/DeepSeek-R1".into(),
    };
    let models = model_provider_host::settings::ModelSettings::new(Vec::new(), vec![alias]);
    let setup = Harness::with().settings(|settings| settings.models = models.into());
    let serving = Serving::with(setup, options()).await;
    assert_eq!(serving.client.ask("default").await.json()["model"], "default");
    // Without a default model there is nothing that the name could mean.
    let refused = Serving::start().await.client.ask("dummy").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["param"]),
        (400, &"model".into())
    );
}

#[tokio::test]
async fn an_unsupported_endpoint_names_the_one_to_use() {
    let serving = Serving::start().await;
    for (path, says) in [
        ("/responses", "base URL"),
        ("/v1/responses/compact", "as `input`"),
        ("/v1/responses/resp_1/cancel", "not stored"),
        ("/v1/completions", "POST /v1/chat/completions"),
        ("/v1/embeddings", "only chat models"),
        ("/messages", "base URL"),
        ("/chat/completions", "base URL"),
        ("/v1/v1/chat/completions", "base URL"),
        ("/models", "base URL"),
        ("/api/chat", "OpenAI-compatible"),
        ("/v1/chat/completions/chatcmpl-1", "not stored"),
        ("/v1/files", "/v1/models"),
    ] {
        let request = serving.client.request("POST", path).body(Bytes::new().into());
        let request = request.expect("a request");
        let reply = serving.client.send(request).await.read().await;
        assert_eq!(reply.status, 404, "{path}");
        let error = &reply.json()["error"];
        assert_eq!(error["code"], "unknown_url");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(says), "{path}: {message}");
    }
}

#[tokio::test]
async fn a_body_with_a_content_encoding_is_refused() {
    let serving = Serving::start().await;
    for (coding, status, says) in [
        ("gzip", 415, "`gzip`"),
        ("zstd", 415, "`zstd`"),
        ("a-secret-word", 415, "another encoding"),
        ("identity", 200, ""),
    ] {
        let request = serving.client.chat_request().header("content-encoding", coding);
        let request = request
            .body(question(MODEL).to_string().into())
            .expect("a request");
        let reply = serving.client.send(request).await.read().await;
        assert_eq!(reply.status, status, "{coding}: {}", reply.text);
        assert!(
            reply.text.contains(says) && !reply.text.contains("a-secret-word"),
            "{}",
            reply.text
        );
    }
}
