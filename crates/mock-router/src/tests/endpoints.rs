//! Paths, keys, the list, the journal, and scripts that a test pushes.

use serde_json::{Value, json};

use super::client::{self, chat, get, send};
use super::{asking, mock};
use crate::{MockOptions, MockRouter, Script};

#[tokio::test]
async fn the_list_comes_with_any_key_and_without_one() {
    let mock = mock().await;
    let list = get(&mock, "/v1/models").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.json()["object"], "list");
    assert!(
        list.json()["data"]
            .as_array()
            .is_some_and(|models| models.len() >= 16)
    );
    assert_eq!(list.header("x-powered-by"), Some("huggingface-moon"));
    assert_eq!(list.header("x-inference-provider"), None);
    assert!(
        list.text().contains("0.060000000000000005"),
        "float noise reaches the wire"
    );
    let bogus = send(&mock, "GET", "/v1/models?x=1", Some("bogus"), "")
        .await
        .expect("a response");
    assert_eq!(bogus.body, list.body);
}

#[tokio::test]
async fn the_list_has_both_field_sets_and_every_kind_of_row() {
    let list = get(&mock().await, "/v1/models").await.json();
    let models = list["data"].as_array().expect("models");
    let rows: Vec<&Value> = models
        .iter()
        .filter_map(|model| model["providers"].as_array())
        .flatten()
        .collect();
    for (what, found) in [
        (
            "a row of three keys",
            rows.iter()
                .any(|row| row.as_object().is_some_and(|row| row.len() == 3)),
        ),
        (
            "a row with figures",
            rows.iter()
                .any(|row| row["throughput"].is_f64() && row["is_free"] == false),
        ),
        (
            "a row without figures",
            rows.iter()
                .any(|row| row["pricing"].is_object() && row.get("is_free").is_none()),
        ),
        ("a staging row", rows.iter().any(|row| row["status"] == "staging")),
        ("an error row", rows.iter().any(|row| row["status"] == "error")),
        (
            "a model with vision",
            models
                .iter()
                .any(|m| m["architecture"]["input_modalities"][0] == "image"),
        ),
    ] {
        assert!(found, "{what}");
    }
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let mock = mock().await;
    let etag = get(&mock, "/v1/models")
        .await
        .header("etag")
        .expect("an etag")
        .to_owned();
    assert!(etag.starts_with("W/\""));
    let mut stream = client::connect(&mock).await;
    let ask = format!("GET /v1/models HTTP/1.1\r\nhost: x\r\nif-none-match: {etag}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, ask.as_bytes())
        .await
        .expect("written");
    assert_eq!(
        client::read_answer(&mut stream, 1 << 20)
            .await
            .map(|answer| answer.status),
        Some(304)
    );
}

#[tokio::test]
async fn a_single_model_is_an_object_and_an_unknown_path_a_404() {
    let mock = mock().await;
    assert_eq!(
        get(&mock, "/v1/models/Qwen/Qwen3-8B").await.json()["id"],
        "Qwen/Qwen3-8B"
    );
    assert_eq!(get(&mock, "/v1/models/Qwen/None").await.status, 404);
    assert_eq!(get(&mock, "/v2/anything").await.json()["error"], "Not Found");
    let wrong = get(&mock, "/v1/chat/completions").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    let head = send(&mock, "HEAD", "/v1/models", None, "")
        .await
        .expect("a response");
    assert_eq!(head.status, 405);
}

#[tokio::test]
async fn the_key_is_checked_before_the_json_and_the_json_before_the_model() {
    let options = MockOptions::immediate().reject_key("hf_revoked");
    let mock = MockRouter::start(options).await.expect("the mock starts");
    let ask = async |key: Option<&str>, body: &str| {
        send(&mock, "POST", "/v1/chat/completions", key, body)
            .await
            .expect("a response")
    };
    let page = ask(None, "{").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (401, Some("text/html; charset=utf-8"))
    );
    for key in ["sk-wrong", "hf_", "hf_revoked"] {
        let refused = ask(Some(key), "{").await;
        assert_eq!(refused.status, 401);
        assert_eq!(
            refused.header("x-error-message"),
            refused.json()["error"].as_str()
        );
        assert!(
            refused
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Bearer realm"))
        );
    }
    assert_eq!(ask(Some("hf_good"), "{").await.status, 400);
    for (model, code, word) in [
        ("bad model", "model_not_found", "'bad model' does not exist"),
        ("mock/no-such-scenario", "model_not_found", "does not exist"),
        (
            "Qwen/Qwen3-8B:nebius",
            "model_not_supported",
            "'nebius' is not valid",
        ),
        (
            "Qwen/Qwen3-8B:groq",
            "model_not_supported",
            "any provider you have enabled",
        ),
        (
            "deepseek-ai/DeepSeek-R1:hf-inference",
            "model_not_supported",
            "any provider you have enabled",
        ),
        (
            "google/gemma-2-2b-it",
            "model_not_supported",
            "any provider you have enabled",
        ),
        (
            "openai/whisper-large-v3",
            "model_not_supported",
            "is not a chat model",
        ),
    ] {
        let refused = ask(Some("hf_good"), &asking(model, "hi").to_string()).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].as_str()),
            (400, Some(code)),
            "{model}"
        );
        assert!(refused.text().contains(word), "{model}: {}", refused.text());
        assert_eq!(refused.header("x-inference-provider"), None);
    }
}

#[tokio::test]
async fn a_router_without_keys_needs_none() {
    let mock = MockRouter::start(MockOptions::immediate().require_key(false))
        .await
        .expect("the mock starts");
    let body = asking("Qwen/Qwen3-8B", "hi").to_string();
    let answer = send(&mock, "POST", "/v1/chat/completions", None, &body)
        .await
        .expect("a response");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn pushed_scripts_come_first_and_in_order() {
    let mock = mock().await;
    mock.push(Script::json(418, &json!({"error": "one"})));
    mock.push(Script::sse([r#"{"choices":[]}"#, "[DONE]"]).header("retry-after", "7"));
    mock.push_models(Script::text(200, "text/plain", "no list"));
    let ask = asking("Qwen/Qwen2.5-7B-Instruct", "hi");
    assert_eq!(chat(&mock, &ask).await.status, 418);
    let second = chat(&mock, &ask).await;
    assert_eq!(second.text(), "data: {\"choices\":[]}\n\ndata: [DONE]\n\n");
    assert_eq!(second.header("retry-after"), Some("7"));
    assert!(chat(&mock, &ask).await.joined("content").contains("hi"));
    assert_eq!(get(&mock, "/v1/models").await.text(), "no list");
    assert_eq!(get(&mock, "/v1/models").await.json()["object"], "list");
}

#[tokio::test]
async fn the_journal_holds_requests_and_distinguishes_connections() {
    let mock = mock().await;
    let mut stream = client::connect(&mock).await;
    for text in ["one", "two"] {
        let body = asking("Qwen/Qwen2.5-7B-Instruct", text).to_string();
        let ask = client::request("POST", "/v1/chat/completions", Some("hf_good"), &body);
        tokio::io::AsyncWriteExt::write_all(&mut stream, ask.as_bytes())
            .await
            .expect("written");
        assert!(
            client::read_answer(&mut stream, 1 << 20)
                .await
                .is_some_and(|answer| answer.complete)
        );
    }
    get(&mock, "/v1/models?a=b").await;
    let requests = mock.requests();
    assert_eq!(
        requests
            .iter()
            .map(|request| request.connection)
            .collect::<Vec<_>>(),
        [1, 1, 2]
    );
    assert_eq!(requests[1].json()["messages"][0]["content"], "two");
    assert_eq!(requests[1].header("Authorization"), Some("Bearer hf_good"));
    assert_eq!(requests[2].path, "/v1/models?a=b");
    assert_eq!(
        (mock.connections(), mock.disconnects(), mock.open_exchanges()),
        (2, 0, 0)
    );
    assert!(mock.body_bytes_sent() > 1000);
}
