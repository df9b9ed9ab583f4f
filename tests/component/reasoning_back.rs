//! The reasoning of earlier turns on its way back, and what happens where a backend refuses it.

use serde_json::{Value, json};

use crate::{harness::Harness, http::Serving};

/// The second turn of an agent, whose first one had reasoning.
fn second_turn(model: &str) -> Value {
    json!({"model": model, "messages": [
        {"role": "user", "content": "How is the weather in Paris?"},
        {"role": "assistant", "content": null, "reasoning_content": "I have to look.",
            "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
    ]})
}

/// The reasoning in each request that the upstream got.
fn sent_back(harness: &Harness) -> Vec<Value> {
    let requests = harness.mock.requests();
    let bodies = requests
        .iter()
        .filter(|request| request.path.ends_with("/chat/completions"));
    let bodies = bodies.map(|request| serde_json::from_slice::<Value>(&request.body).expect("JSON"));
    bodies
        .map(|body| body["messages"][1]["reasoning_content"].clone())
        .collect()
}

fn warnings(answer: &Value) -> Vec<&str> {
    let warnings = answer["x_plugin"]["warnings"].as_array().into_iter().flatten();
    warnings.filter_map(|warning| warning["code"].as_str()).collect()
}

#[tokio::test]
async fn reasoning_of_a_tool_turn_goes_back() {
    let serving = Serving::start().await;
    let answer = serving.client.chat(&second_turn("Qwen/Qwen3-8B")).await;
    assert_eq!((answer.status, warnings(&answer.json())), (200, vec![]));
    assert_eq!(sent_back(&serving.harness), ["I have to look."]);
}

#[tokio::test]
async fn reasoning_that_a_backend_refuses_is_left_out_of_the_next_attempt() {
    let serving = Serving::start().await;
    for is_stream in [false, true] {
        let before = sent_back(&serving.harness).len();
        serving
            .harness
            .mock
            .set_scenario("400-reasoning-refused")
            .expect("a scenario");
        let mut body = second_turn("Qwen/Qwen3-8B");
        body["stream"] = json!(is_stream);
        let answer = serving.client.chat(&body).await;
        assert_eq!(answer.status, 200);
        let told = if is_stream {
            let (mut chunks, is_done) = answer.events();
            assert!(is_done);
            chunks.pop().expect("the last chunk")
        } else {
            answer.json()
        };
        assert_eq!(warnings(&told), ["reasoning-left-out"], "{told}");
        assert_eq!(told["x_plugin"]["attempts"], 2);
        let sent = sent_back(&serving.harness);
        assert_eq!(sent[before..], [json!("I have to look."), Value::Null]);
    }
}

#[tokio::test]
async fn a_backend_that_is_known_to_refuse_reasoning_gets_none() {
    let serving = Serving::start().await;
    let answer = serving
        .client
        .chat(&second_turn("openai/gpt-oss-120b:groq"))
        .await;
    assert_eq!(
        (answer.status, warnings(&answer.json())),
        (200, vec!["reasoning-left-out"])
    );
    assert_eq!(sent_back(&serving.harness), [Value::Null]);
}

#[tokio::test]
async fn without_retries_the_refusal_is_the_response() {
    let setup = Harness::with().setting("max-retries", "0");
    let serving = Serving::with(setup, model_server::ServeOptions::default()).await;
    serving
        .harness
        .mock
        .set_scenario("400-reasoning-refused")
        .expect("a scenario");
    let answer = serving.client.chat(&second_turn("Qwen/Qwen3-8B")).await;
    assert_eq!(answer.status, 400, "{}", answer.json());
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("reasoning_content"))
    );
    assert_eq!(sent_back(&serving.harness).len(), 1);
}
