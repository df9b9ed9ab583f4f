//! A token that an upstream echoes decoded: with escapes, over many deltas, in whole responses, in lists and errors. And
//! the conversation that goes on afterwards.

use mock_router::Script;
use model_provider_host::{
    ErrorKind,
    contract::{AssistantPart, ChatEvent, DiscoveryMode, Message, ProviderErrorKind},
};
use serde_json::{Value, json};

use crate::{
    harness::{Harness, TOKEN, collect, question},
    http::{Serving, question as question_of_a_client, streamed},
    leaks,
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
/// This many characters of a token that is split into deltas may be visible.
const SHOWN: usize = 7;

fn chunk(delta: &Value) -> String {
    json!({"choices": [{"index": 0, "delta": delta}]}).to_string()
}

fn end(reason: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}).to_string()
}

/// A delta with its text written as it is here, escapes included.
fn written(field: &str, text: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"{field}":"{text}"}}}}]}}"#)
}

/// The token with this character as an escape.
fn escaped(at: usize) -> String {
    let byte = TOKEN.as_bytes()[at];
    format!("{}\\u{byte:04x}{}", &TOKEN[..at], &TOKEN[at + 1..])
}

fn hides(said: &str) {
    let shown = &TOKEN[..=SHOWN];
    assert!(!said.contains(shown) && !said.contains(&TOKEN[SHOWN..]), "{said}");
    assert!(said.contains("*****"), "{said}");
}

#[tokio::test]
async fn a_token_that_is_escaped_or_cut_into_deltas_is_shown_to_nobody() {
    let harness = Harness::start().await;
    let pieces = |size: usize| {
        TOKEN
            .as_bytes()
            .chunks(size)
            .map(|piece| String::from_utf8_lossy(piece).into_owned())
    };
    let mut scripts: Vec<Vec<String>> = Vec::new();
    for field in ["content", "reasoning_content"] {
        for at in [0, 3, TOKEN.len() - 1] {
            scripts.push(vec![written(field, &format!("key: {}", escaped(at)))]);
        }
        for size in [1, 3, 10] {
            scripts.push(
                pieces(size)
                    .map(|piece| chunk(&json!({ field: piece })))
                    .collect(),
            );
        }
    }
    let call = |arguments: &str| {
        chunk(
            &json!({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": arguments}}]}),
        )
    };
    let more =
        |arguments: &str| chunk(&json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}));
    // Once by the arguments' own escapes, and once cut as well.
    scripts.push(vec![call(&format!("{{\"key\": \"{}\"}}", escaped(4)))]);
    let mut cut = vec![call("{\"key\": \"")];
    cut.extend(pieces(3).map(|piece| more(&piece)));
    cut.push(more("\"}"));
    scripts.push(cut);
    for mut events in scripts {
        let reason = if events[0].contains("tool_calls") {
            "tool_calls"
        } else {
            "stop"
        };
        events.extend([end(reason), "[DONE]".to_owned()]);
        harness.mock.push(Script::sse(&events));
        let heard = harness.ask(MODEL).await;
        heard.summary();
        let arguments: String = heard
            .tool_calls()
            .into_iter()
            .map(|call| call.arguments_json)
            .collect();
        hides(&format!("{}{}{arguments}", heard.text(), heard.reasoning()));
        if reason == "tool_calls" {
            let _: Value = serde_json::from_str(&arguments).expect("still JSON");
        }

        harness.mock.push(Script::sse(&events));
        let whole = harness.host.complete(question(MODEL, "Hello!")).await.unwrap();
        hides(&format!("{:?}", whole.content));
        assert!(
            !format!("{whole:?}").contains(&TOKEN[..SHOWN]),
            "of a whole response nothing is shown"
        );
    }
}

#[tokio::test]
async fn a_client_of_the_server_gets_no_token_that_is_split_into_deltas() {
    let serving = Serving::start().await;
    let mut events: Vec<String> = TOKEN
        .as_bytes()
        .chunks(3)
        .map(|piece| chunk(&json!({"content": String::from_utf8_lossy(piece)})))
        .collect();
    events.extend([end("stop"), "[DONE]".to_owned()]);
    serving.harness.mock.push(Script::sse(&events));
    let reply = serving.client.chat(&streamed(MODEL)).await;
    let said: String = reply
        .events()
        .0
        .iter()
        .filter_map(|event| {
            event["choices"][0]["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(
        said,
        format!("{}{}", &TOKEN[..SHOWN], "*".repeat(TOKEN.len() - SHOWN))
    );
}

#[tokio::test]
async fn a_refusal_in_deltas_shows_no_token_to_any_client() {
    let serving = Serving::start().await;
    let joined = |events: &[Value], pointer: &str| -> String {
        let pieces = events.iter().filter_map(|event| event.pointer(pointer)?.as_str());
        pieces.collect()
    };
    for size in [3, 10] {
        let pieces = TOKEN.as_bytes().chunks(size);
        let mut events: Vec<String> = pieces
            .map(|piece| chunk(&json!({"refusal": String::from_utf8_lossy(piece)})))
            .collect();
        events.extend([end("stop"), "[DONE]".to_owned()]);
        let answer = || serving.harness.mock.push(Script::sse(&events));

        answer();
        let reply = serving.client.chat(&streamed(MODEL)).await;
        hides(&joined(&reply.events().0, "/choices/0/delta/refusal"));
        answer();
        let reply = serving.client.chat(&question_of_a_client(MODEL)).await;
        hides(&joined(&[reply.json()], "/choices/0/message/refusal"));

        for stream in [true, false] {
            answer();
            let body = json!({"model": MODEL, "input": "Hello!", "stream": stream});
            let request = serving.client.request("POST", "/v1/responses");
            let request = request.header("content-type", "application/json");
            let request = request.body(body.to_string().into()).expect("a request");
            let reply = serving.client.send(request).await.read().await;
            if stream {
                let events = reply.events().0;
                let deltas: Vec<Value> = events
                    .into_iter()
                    .filter(|event| event["type"] == "response.refusal.delta")
                    .collect();
                hides(&joined(&deltas, "/delta"));
            }
            hides(&reply.text);
        }

        answer();
        let whole = serving.harness.host.complete(question(MODEL, "Hello!")).await;
        let parts = whole.unwrap().content.into_iter().map(|part| match part {
            AssistantPart::Other(part) => serde_json::from_str(&part.value_json).expect("still JSON"),
            other => panic!("{other:?}"),
        });
        hides(&joined(&parts.collect::<Vec<_>>(), ""));
    }
}

#[tokio::test]
async fn log_probabilities_keep_their_text_held_back_and_are_told_with_it() {
    let serving = Serving::start().await;
    let words = ["It ", "is ", "certain", "ly", ": "];
    let pieces = TOKEN.as_bytes().chunks(3);
    let pieces: Vec<String> = words
        .into_iter()
        .map(str::to_owned)
        .chain(pieces.map(|piece| String::from_utf8_lossy(piece).into_owned()))
        .collect();
    let mut events: Vec<String> = Vec::new();
    for piece in &pieces {
        let logprobs = json!({"content": [{"token": piece, "logprob": -0.5}]});
        let choice = json!({"index": 0, "delta": {"content": piece}, "logprobs": logprobs});
        events.push(json!({"choices": [choice]}).to_string());
    }
    events.extend([end("stop"), "[DONE]".to_owned()]);
    serving.harness.mock.push(Script::sse(&events));
    let reply = serving.client.chat(&streamed(MODEL)).await;
    let (mut text, mut tokens, mut seen) = (String::new(), 0, 0);
    for event in reply.events().0 {
        let choice = &event["choices"][0];
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        if let Some(token) = choice["logprobs"]["content"][0]["token"].as_str() {
            tokens += token.len();
            seen += 1;
            assert_eq!(
                text.len(),
                tokens,
                "the log probability of the text before it: {text}"
            );
        }
    }
    assert_eq!((text.len(), seen), (pieces.concat().len(), pieces.len()));
    hides(&text);
}

#[tokio::test]
async fn errors_summaries_and_lists_are_redacted_by_their_decoded_text() {
    let harness = Harness::with().setting("max-retries", "0").start().await;
    let escaped = escaped(5);
    let error = format!(
        r#"{{"error": {{"message": "no {escaped}", "code": "{escaped}", "type": "{escaped}", "param": "{escaped}"}}}}"#
    );
    for status in [400, 401, 404, 429, 500] {
        harness.mock.push(
            Script::text(status, "application/json", error.clone())
                .header("x-request-id", format!("id-{TOKEN}")),
        );
        let heard = harness.ask(MODEL).await;
        let said = format!("{:?}", heard.error().details());
        assert!(
            !said.contains(TOKEN) && !said.contains("hf_in") && said.contains("****"),
            "{said}"
        );
    }
    harness.mock.push(Script::sse([
        written("content", "Hi."),
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{escaped}"}}],"x_note":"{escaped}"}}"#
        ),
        "[DONE]".to_owned(),
    ]));
    let heard = harness.ask(MODEL).await;
    let said = format!("{:?} {:?}", heard.summary(), heard.events);
    assert!(!said.contains("integration_test"), "{said}");

    let list = format!(
        r#"{{"data": [{{"id": "acme/good", "name": "{escaped}", "owned_by": "{escaped}", "providers": [{{"provider": "p", "status": "{escaped}"}}]}}]}}"#
    );
    harness
        .mock
        .push_models(Script::text(200, "application/json", list));
    let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    let said = format!("{catalog:?}");
    assert!(
        said.contains("acme/good") && !said.contains("integration_test"),
        "{said}"
    );
}

#[tokio::test]
async fn after_a_model_has_echoed_the_token_the_conversation_goes_on() {
    let harness = Harness::start().await;
    for size in [3, 100] {
        let mut events: Vec<String> = TOKEN
            .as_bytes()
            .chunks(size)
            .map(|piece| chunk(&json!({"content": String::from_utf8_lossy(piece)})))
            .collect();
        events.extend([end("stop"), "[DONE]".to_owned()]);
        harness.mock.push(Script::sse(&events));
        let said = harness.ask(MODEL).await.text();
        let mut next = question(MODEL, "And now?");
        next.messages.insert(0, Message::assistant(said));
        collect(harness.host.chat(next).await.expect("it is not refused"))
            .await
            .summary();
    }
    let error = harness
        .host
        .chat(question(MODEL, format!("It is {TOKEN}.")))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Provider(ProviderErrorKind::InvalidRequest)
    );
}

#[tokio::test]
async fn a_short_header_of_the_operators_is_an_ordinary_word_to_everybody() {
    let setup = Harness::with().settings(|settings| {
        let value = |text| model_provider_host::Secret::new(text).unwrap();
        settings.headers = vec![
            ("x-stage".to_owned(), value("production")),
            ("x-key".to_owned(), value("a-key-of-16-and-more")),
        ];
    });
    let harness = setup.start().await;
    let events = [
        chunk(&json!({"content": "in production with a-key-of-16-and-more, in production"})),
        end("stop"),
        "[DONE]".to_owned(),
    ];
    harness.mock.push(Script::sse(&events));
    let request = question(MODEL, "What runs in production?");
    let heard = harness.send(request).await;
    assert_eq!(
        heard.text(),
        format!("in production with {}, in production", "*".repeat(20))
    );
}

#[tokio::test]
async fn a_public_header_of_the_operators_is_an_ordinary_word_and_any_other_one_is_a_secret() {
    let (agent, language, team) = (
        "research-client/1.0 (my company)",
        "de-DE, de;q=0.9, en;q=0.5",
        "my-company-research",
    );
    let setup = Harness::with().settings(move |settings| {
        let value = |text| model_provider_host::Secret::new(text).unwrap();
        settings.headers = vec![
            ("User-Agent".to_owned(), value(agent)),
            ("accept-language".to_owned(), value(language)),
            ("X-Team".to_owned(), value(team)),
            ("x-key".to_owned(), value("a-key-of-16-and-more")),
            // The credential's own header is never public.
            ("authorization".to_owned(), value("another-key-of-the-operators")),
        ];
        settings.public_headers = vec!["x-team".to_owned(), "authorization".to_owned()];
        // Named in a setting as well, it is not refused.
        settings.set("bill-to", team).unwrap();
    });
    let harness = setup.start().await;
    let words = format!("{agent}, {language}, {team}");
    let events = [
        chunk(&json!({"content": format!("{words}, a-key-of-16-and-more, another-key-of-the-operators")})),
        end("stop"),
        "[DONE]".to_owned(),
    ];
    harness.mock.push(Script::sse(&events));
    let heard = harness.send(question(MODEL, &words)).await;
    let text = heard.text();
    assert!(text.starts_with(&words), "{text}");
    assert!(
        !text.contains("a-key-of") && !text.contains("another-key"),
        "{text}"
    );
}

#[tokio::test]
async fn the_first_word_of_a_response_is_sent_with_its_first_delta() {
    let harness = Harness::start().await;
    let events = [chunk(&json!({"content": "Certainly!"}))];
    harness
        .mock
        .push(Script::sse(&events).end(mock_router::End::Stall));
    let mut completion = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    let first = tokio::time::timeout(std::time::Duration::from_secs(30), completion.next());
    let first = first.await.expect("at once").unwrap();
    assert_eq!(first, Some(ChatEvent::Text("Certain".to_owned())));
}

#[tokio::test]
async fn a_token_that_an_upstream_echoes_escaped_reaches_no_guest() {
    let harness = Harness::start().await;
    harness.mock.push(Script::sse([
        written("content", &escaped(0)),
        end("stop"),
        "[DONE]".to_owned(),
    ]));
    // All of it is redacted where the guest reads it, its first characters too.
    assert_eq!(harness.ask(MODEL).await.text().replace('*', ""), "");
    drop(leaks::mock().await);
}
