//! Recorded streams of the real router, as clients of two dialects read them. Found by `ROUTER_CORPUS`; skipped without
//! it.

use std::path::PathBuf;

use futures::{StreamExt as _, stream};
use model_server::ServeOptions;
use serde_json::{Value, json};

use crate::{
    corpus::{corpus, files},
    harness::Harness,
    http::{Serving, streamed},
    messages_reader::{self, events},
};

const MODEL: &str = "huggingface/some/model";

/// What a client of chat completions makes of a stream.
fn chat_completion(chunks: &[Value]) -> Value {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::<(String, String)>::new());
    let (mut finish, mut usage, mut error) = (Value::Null, Value::Null, Value::Null);
    for chunk in chunks {
        if !chunk["error"].is_null() {
            error = json!(chunk["error"]["message"]);
        }
        if !chunk["usage"].is_null() {
            usage = json!([
                chunk["usage"]["prompt_tokens"],
                chunk["usage"]["prompt_tokens_details"]["cached_tokens"]
                    .as_u64()
                    .unwrap_or(0),
                chunk["usage"]["completion_tokens"],
                chunk["usage"]["completion_tokens_details"]["reasoning_tokens"],
            ]);
        }
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        text += delta["content"].as_str().unwrap_or_default();
        thinking += delta["reasoning_content"].as_str().unwrap_or_default();
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(piece["index"].as_u64().expect("an index")).expect("small");
            if at == calls.len() {
                calls.push((String::new(), String::new()));
            }
            calls[at].0 += piece["function"]["name"].as_str().unwrap_or_default();
            calls[at].1 += piece["function"]["arguments"].as_str().unwrap_or_default();
        }
        if !choice["finish_reason"].is_null() {
            finish = choice["finish_reason"].clone();
        }
    }
    if !error.is_null() {
        // How much of a call has arrived when a stream breaks off has no meaning.
        calls.clear();
    }
    let calls: Vec<Value> = calls
        .into_iter()
        .map(|(name, arguments)| json!([name, serde_json::from_str::<Value>(&arguments).expect("JSON")]))
        .collect();
    json!({"text": text, "thinking": thinking, "calls": calls, "finish": finish, "usage": usage, "error": error})
}

/// The Messages API's clients know a prompt that is too long by its first words.
fn without_lead(message: &Value) -> Value {
    let text = message.as_str().unwrap_or_default();
    json!(text.strip_prefix("prompt is too long: ").unwrap_or(text))
}

/// What a client of Messages makes of the same, in terms of Chat Completions.
fn message(events: &[Value]) -> Value {
    let (message, error) = messages_reader::folded(events);
    let error = error
        .map(|error| without_lead(&error["error"]["message"]))
        .unwrap_or_default();
    let blocks = message["content"].as_array().cloned().unwrap_or_default();
    let said = |kind: &str, member: &str| -> String {
        let blocks = blocks.iter().filter(|block| block["type"] == kind);
        blocks
            .map(|block| block[member].as_str().expect("a text"))
            .collect()
    };
    let calls = blocks
        .iter()
        .filter(|block| block["type"] == "tool_use" && error.is_null());
    let counts = &message["usage"];
    let is_known = !message["x_plugin"]["warnings"]
        .to_string()
        .contains("usage-unknown");
    let count = |member: &str| counts[member].as_u64().unwrap_or_default();
    let usage = (is_known && error.is_null()).then(|| {
        json!([
            count("input_tokens") + count("cache_read_input_tokens"),
            count("cache_read_input_tokens"),
            counts["output_tokens"],
            counts["output_tokens_details"]["thinking_tokens"],
        ])
    });
    let finish = match message["stop_reason"].as_str() {
        None => Value::Null,
        Some("end_turn" | "stop_sequence") => "stop".into(),
        Some("max_tokens" | "model_context_window_exceeded") => "length".into(),
        Some("tool_use") => "tool_calls".into(),
        Some("refusal") => "content_filter".into(),
        Some(other) => panic!("{other} is no stop reason"),
    };
    json!({
        "text": said("text", "text"),
        "thinking": said("thinking", "thinking"),
        "calls": calls.map(|call| json!([call["name"], call["input"]])).collect::<Vec<_>>(),
        "finish": finish,
        "usage": usage,
        "error": error,
    })
}

async fn both(file: PathBuf) -> (PathBuf, Value, Value) {
    let setup = Harness::with()
        .mock(|mock| mock.replay([file.clone()]))
        .setting("max-retries", "0");
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let mut body = streamed(MODEL);
    body["stream_options"] = json!({"include_usage": true});
    let chunks = serving.client.chat(&body).await;
    let chat = if chunks.status == 200 {
        chat_completion(&chunks.events().0)
    } else {
        chunks.json()["error"]["message"].clone()
    };
    let reply = messages_reader::send(&serving.client, &messages_reader::streamed(MODEL)).await;
    let messages = if reply.status == 200 {
        message(&events(&reply))
    } else {
        without_lead(&reply.json()["error"]["message"])
    };
    (file, chat, messages)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_stream_has_the_same_content_in_messages_as_in_chat_completions() {
    let Some(corpus) = corpus() else { return };
    let read: Vec<_> = stream::iter(files(&corpus.join("sse"), ".sse"))
        .map(both)
        .buffer_unordered(8)
        .collect()
        .await;
    let mut with_calls = 0;
    for (file, chat, messages) in &read {
        assert_eq!(chat, messages, "{}", file.display());
        with_calls += usize::from(chat["calls"].as_array().is_some_and(|calls| !calls.is_empty()));
    }
    assert!(
        read.len() > 100 && with_calls > 10,
        "{} recordings, {with_calls} with calls",
        read.len()
    );
    eprintln!("{} recordings, {with_calls} with calls", read.len());
}
