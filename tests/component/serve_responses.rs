//! `/v1/responses`: what clients of the Responses API get equals what clients of Chat Completions get.

use std::{fs, path::PathBuf};

use model_server::ServeOptions;
use serde_json::{Value, json};

use crate::{
    harness::Harness,
    http::{Client, Reply, Serving},
    responses_reader::{self, Read},
};

const MODEL: &str = "Qwen/Qwen3-8B";

impl Client {
    async fn respond(&self, body: &Value) -> Reply {
        let request = self
            .request("POST", "/v1/responses")
            .header("content-type", "application/json")
            .body(body.to_string().into());
        self.send(request.expect("a request")).await.read().await
    }

    /// The same prompt in three forms: a stream of Chat Completions, a stream of responses, a whole response.
    async fn ask_alike(&self, model: &str) -> [Read; 3] {
        let chat = json!({"model": model, "messages": [{"role": "user", "content": "Hello!"}], "stream": true,
            "stream_options": {"include_usage": true}});
        let mut body = json!({"model": model, "input": "Hello!", "stream": true});
        let (chunks, _) = self.chat(&chat).await.events();
        let (events, is_done) = self.respond(&body).await.events();
        assert!(!is_done, "a stream of responses ends with its last event");
        body["stream"] = false.into();
        let whole = self.respond(&body).await;
        let read = if whole.status == 200 {
            responses_reader::whole(&whole.json())
        } else {
            let error = &whole.json()["error"];
            Read {
                error: error["message"].as_str().map(str::to_owned),
                ..Read::default()
            }
        };
        let streamed = |events: &[Value], read: &dyn Fn(&[Value]) -> Read| match events {
            // An error before the first event has a status, and no stream.
            [] => Read::default(),
            events => read(events),
        };
        [
            streamed(&chunks, &responses_reader::chat),
            streamed(&events, &responses_reader::stream),
            read,
        ]
    }
}

/// What is equal whether or not the response is complete.
fn assert_alike([chat, stream, whole]: [Read; 3], name: &str) {
    // Ids that the plugin makes up are new in each response.
    let unnamed = |read: &Read| {
        let mut read = read.clone();
        read.calls.iter_mut().for_each(|call| call.0.clear());
        read
    };
    let said = |read: &Read| {
        let read = unnamed(read);
        (read.text, read.reasoning, read.refusal, read.calls)
    };
    assert_eq!(said(&stream), said(&chat), "{name}");
    assert_eq!(stream.error, chat.error, "{name}");
    if stream.error.is_some() {
        return;
    }
    // Only a chat completion has no usage where the upstream counted nothing.
    let zeros = json!([0, 0, 0, 0]);
    let usage = if chat.usage.is_null() { &zeros } else { &chat.usage };
    assert_eq!(&stream.usage, usage, "{name}");
    if !stream.finish.is_empty() {
        // Where calls were cut off by a limit or not, the reason is the same; `stop` beside calls is the upstream's.
        let is_same = stream.finish == chat.finish || stream.finish == "tool_calls" && chat.finish == "stop";
        let is_stop = stream.finish == "stop" && chat.finish == "tool_calls";
        assert!(
            is_same || is_stop,
            "{name}: {} and {}",
            stream.finish,
            chat.finish
        );
    }
    if whole.error.is_none() {
        assert_eq!(unnamed(&stream), unnamed(&whole), "{name}");
    }
}

#[tokio::test]
async fn a_response_equals_the_chat_completion_whole_and_streaming() {
    let serving = Serving::start().await;
    for model in [
        MODEL,
        "mock/tool-pieces",
        "mock/tool-whole",
        "mock/tool-two-pieces",
        "mock/tool-args-empty",
        "mock/tool-after-text",
    ] {
        let read = serving.client.ask_alike(model).await;
        let [_, stream, _] = &read;
        assert!(
            !stream.text.is_empty() || !stream.calls.is_empty(),
            "{model}: {stream:?}"
        );
        assert!(model != MODEL || stream.usage.is_array(), "{model}: {stream:?}");
        assert_alike(read, model);
    }
}

#[tokio::test]
async fn recorded_streams_are_the_same_to_clients_of_both_dialects() {
    let Some(corpus) = std::env::var_os("ROUTER_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: ROUTER_CORPUS is not set");
        return;
    };
    let files = fs::read_dir(corpus.join("sse")).expect("recorded streams");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "sse"));
    files.sort();
    assert!(files.len() > 20, "recorded streams are there");
    let mut said_something = 0;
    for file in files {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let setup = Harness::with()
            .mock(|mock| mock.replay([file]))
            .setting("max-retries", "0");
        let serving = Serving::with(setup, ServeOptions::default()).await;
        let read = serving.client.ask_alike(MODEL).await;
        said_something += usize::from(!read[1].text.is_empty());
        // A second request may find the model on cooldown after the first one failed.
        if read.iter().any(|read| *read == Read::default()) {
            continue;
        }
        assert_alike(read, &name);
    }
    assert!(said_something > 10, "{said_something} streams had a text");
}

#[tokio::test]
async fn a_request_reaches_the_upstream_as_a_chat_completion() {
    let serving = Serving::start().await;
    let body = json!({
        "model": "openai/gpt-oss-120b",
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "ls?"}]},
            {"type": "function_call", "call_id": "c1", "name": "ls", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "a.txt"},
        ],
        "tools": [{"type": "function", "name": "ls", "parameters": {"type": "object"}}, {"type": "web_search"}],
        "tool_choice": "auto",
        "reasoning": {"effort": "low", "summary": "auto"},
        "max_output_tokens": 100,
        "prompt_cache_key": "k",
        "store": false,
    });
    let response = serving.client.respond(&body).await;
    assert_eq!(response.status, 200, "{}", response.text);
    let sent = serving.harness.mock.requests();
    let sent = sent.last().expect("a request").json();
    let messages = sent["messages"].as_array().expect("messages");
    let roles: Vec<_> = messages.iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool"]);
    assert_eq!(messages[2]["tool_calls"][0]["function"]["name"], "ls");
    assert_eq!(messages[3]["tool_call_id"], "c1");
    assert_eq!(sent["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!(sent["reasoning_effort"], "low");
    for not_sent in ["prompt_cache_key", "store", "input", "instructions", "reasoning"] {
        assert!(sent.get(not_sent).is_none(), "{not_sent} was sent: {sent}");
    }
    let response = response.json();
    assert_eq!(response["store"], false);
    assert_eq!(response["instructions"], "Be brief.");
    assert_eq!(response["prompt_cache_key"], "k");
    assert_eq!(response["reasoning"], json!({"effort": "low", "summary": "auto"}));
    let warnings = response["x_plugin"]["warnings"].to_string();
    for named in ["web_search", "prompt_cache_key"] {
        assert!(warnings.contains(named), "{warnings}");
    }
}

#[tokio::test]
async fn an_unsupported_request_is_an_error_with_a_fix() {
    let serving = Serving::start().await;
    for (body, param, says) in [
        (json!({"input": "x"}), "model", "`model` is missing"),
        (json!({"model": MODEL}), "input", "there is no prompt"),
        (
            json!({"model": MODEL, "input": "x", "previous_response_id": "resp_1"}),
            "previous_response_id",
            "send the conversation in `input`",
        ),
        (
            json!({"model": MODEL, "input": "x", "background": true}),
            "background",
            "not stored here",
        ),
    ] {
        let refused = serving.client.respond(&body).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        let error = &refused.json()["error"];
        assert_eq!(error["param"], param);
        assert_eq!(error["type"], "invalid_request_error");
        assert!(
            error["message"].as_str().expect("a message").contains(says),
            "{error}"
        );
    }
    let unknown = serving.client.get("/v1/responses/resp_1").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("not stored"), "{}", unknown.text);
}

#[tokio::test]
async fn an_error_within_a_stream_is_its_last_event() {
    let serving = Serving::start().await;
    let body = json!({"model": "mock/cut", "input": "x", "stream": true});
    let (events, _) = serving.client.respond(&body).await.events();
    let read = responses_reader::stream(&events);
    assert!(!read.text.is_empty(), "{events:?}");
    assert!(read.error.is_some(), "{events:?}");
    let [.., error, failed] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(error["type"], "error");
    assert_eq!(error["message"], failed["response"]["error"]["message"]);
    assert_eq!(failed["response"]["status"], "failed");
}

#[tokio::test]
async fn no_call_of_a_response_that_fails_is_done() {
    let serving = Serving::with(
        Harness::with().setting("max-retries", "0"),
        ServeOptions::default(),
    )
    .await;
    for model in ["mock/tool-cut", "mock/tool-whole-then-error"] {
        let body = json!({"model": model, "input": "x", "stream": true});
        let (events, _) = serving.client.respond(&body).await.events();
        let read = responses_reader::stream(&events);
        assert!(read.error.is_some() && !read.calls.is_empty(), "{events:?}");
        let ends = events.iter().filter(|event| {
            [
                "response.output_item.done",
                "response.function_call_arguments.done",
            ]
            .map(Value::from)
            .contains(&event["type"])
        });
        assert_eq!(ends.count(), 0, "a client would run it: {events:?}");
    }
}

#[tokio::test]
async fn an_error_of_the_plugin_names_the_item_of_the_request() {
    let serving = Serving::start().await;
    let call = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"});
    for (input, param) in [
        (
            json!([{"role": "user", "content": "x"}, call]),
            "input[1].call_id",
        ),
        (
            json!([{"role": "user", "content": "x"}, {"role": "user", "content": []}]),
            "input[1]",
        ),
        (
            json!([{"type": "reasoning", "summary": []},
                {"type": "function_call_output", "call_id": "c1", "output": "x"}]),
            "input[1].call_id",
        ),
    ] {
        let refused = serving
            .client
            .respond(&json!({"model": MODEL, "input": input}))
            .await;
        let error = &refused.json()["error"];
        assert_eq!((refused.status, &error["param"]), (400, &json!(param)), "{error}");
        let message = error["message"].as_str().expect("a message");
        assert!(
            message.contains(param) && !message.contains("messages["),
            "{message}"
        );
    }
}

#[tokio::test]
async fn the_access_key_is_accepted_in_either_header() {
    let key = "an-access-key-of-a-server";
    let serving = Serving::locked(key).await;
    let mut client = serving.client.clone();
    client.key = None;
    let ask = |header: &'static str, value: String| {
        let request = client
            .request("POST", "/v1/responses")
            .header("content-type", "application/json")
            .header(header, value)
            .body(json!({"model": MODEL, "input": "x"}).to_string().into());
        client.send(request.expect("a request"))
    };
    for (header, value, status) in [
        ("authorization", format!("Bearer {key}"), 200),
        ("x-api-key", key.to_owned(), 200),
        ("x-api-key", "another-key-of-a-server".to_owned(), 401),
        ("x-other", key.to_owned(), 401),
    ] {
        let reply = ask(header, value).await.read().await;
        assert_eq!(reply.status, status, "{header}: {}", reply.text);
    }
}
