//! The default response: its content, its backend, and its dialect.

use serde_json::{Value, json};

use super::client::{self, chat};
use super::{asking, mock};

#[tokio::test]
async fn the_default_stream_echoes_the_user_and_ends_with_usage_and_done() {
    let mock = mock().await;
    let answer = chat(&mock, &asking("Qwen/Qwen2.5-7B-Instruct", "Where is Ávila?")).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-inference-provider"), Some("together"));
    assert!(
        answer
            .header("x-request-id")
            .is_some_and(|id| id.starts_with("Root=1-"))
    );
    assert!(answer.complete && answer.text().ends_with("data: [DONE]\n\n"));
    assert!(
        answer.joined("content").contains("Where is Ávila?"),
        "{}",
        answer.text()
    );
    let chunks = answer.chunks();
    assert!(chunks.len() > 10);
    let usage = &chunks.last().expect("chunks")["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        usage["prompt_tokens"]
            .as_u64()
            .zip(usage["completion_tokens"].as_u64())
            .map(|(a, b)| a + b)
    );
    let again = chat(&mock, &asking("Qwen/Qwen2.5-7B-Instruct", "Where is Ávila?")).await;
    assert_eq!(again.joined("content"), answer.joined("content"));
}

#[tokio::test]
async fn policies_and_backends_choose_the_responding_backend() {
    let mock = mock().await;
    for (model, backend) in [
        ("deepseek-ai/DeepSeek-V3.2", "baseten"),
        ("deepseek-ai/DeepSeek-V3.2:fastest", "baseten"),
        ("deepseek-ai/DeepSeek-V3.2:cheapest", "novita"),
        ("deepseek-ai/DeepSeek-V3.2:preferred", "novita"),
        ("deepseek-ai/DeepSeek-V3.2:featherless-ai", "featherless-ai"),
    ] {
        assert_eq!(
            chat(&mock, &asking(model, "hi"))
                .await
                .header("x-inference-provider"),
            Some(backend),
            "{model}"
        );
    }
}

#[tokio::test]
async fn reasoning_models_think_first_each_in_the_dialect_of_its_backend() {
    let mock = mock().await;
    for (backend, key) in [("groq", "reasoning"), ("fireworks-ai", "reasoning_content")] {
        let answer = chat(&mock, &asking(&format!("openai/gpt-oss-120b:{backend}"), "hi")).await;
        assert!(
            answer.joined(key).starts_with("Words in the question: 1."),
            "{backend}"
        );
    }
    let tagged = chat(&mock, &asking("deepseek-ai/DeepSeek-R1:novita", "hi")).await;
    assert!(tagged.joined("content").starts_with("<think>\n"));
}

fn with_tool(mut request: Value) -> Value {
    request["tools"] = json!([{"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "days": {"$ref": "#/$defs/days"},
        },
        "$defs": {"days": {"type": "integer", "minimum": 3}},
    }}}]);
    request
}

fn arguments(answer: &client::HttpResponse) -> Value {
    let deltas = answer.chunks();
    let calls = deltas
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str());
    serde_json::from_str(&calls.collect::<String>()).expect("arguments are JSON")
}

#[tokio::test]
async fn a_tool_is_called_with_arguments_that_fit_its_schema_and_its_result_is_used() {
    let mock = mock().await;
    // Whole, whole under index -1, and in several deltas.
    for backend in ["groq", "together", "ovhcloud"] {
        let model = format!("meta-llama/Llama-3.3-70B-Instruct:{backend}");
        let mut request = with_tool(asking(&model, "What is the weather in Paris?"));
        let answer = chat(&mock, &request).await;
        assert_eq!(
            arguments(&answer),
            json!({"city": "Paris", "unit": "celsius", "days": 3}),
            "{backend}"
        );
        assert!(answer.text().contains(r#""finish_reason":"tool_calls""#));

        let result = json!({"role": "tool", "tool_call_id": "call_mock_0", "content": "21 degrees"});
        request["messages"].as_array_mut().expect("messages").push(result);
        assert!(
            chat(&mock, &request)
                .await
                .joined("content")
                .contains("21 degrees")
        );
    }
    let mut none = with_tool(asking("Qwen/Qwen2.5-7B-Instruct", "hi"));
    none["tool_choice"] = json!("none");
    assert!(!chat(&mock, &none).await.text().contains("tool_calls"));
}

#[tokio::test]
async fn a_response_without_streaming_is_one_json_object() {
    let mock = mock().await;
    let mut request = asking("Qwen/Qwen2.5-7B-Instruct", "hi");
    request["stream"] = json!(false);
    let answer = chat(&mock, &request).await;
    assert_eq!(answer.json()["object"], "chat.completion");
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        answer.header("content-length"),
        Some(answer.body.len().to_string().as_str())
    );
    let called = chat(&mock, &with_tool(request)).await.json();
    assert_eq!(
        called["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "get_weather"
    );
}

#[tokio::test]
async fn limits_stops_formats_and_images_are_honoured() {
    let mock = mock().await;
    let mut short = asking("Qwen/Qwen2.5-7B-Instruct", "hi");
    short["max_tokens"] = json!(2);
    let answer = chat(&mock, &short).await;
    assert_eq!(answer.joined("content").split_whitespace().count(), 2);
    assert!(answer.text().contains(r#""finish_reason":"length""#));

    let mut stopped = asking("Qwen/Qwen2.5-7B-Instruct", "hi");
    stopped["stop"] = json!(["mock"]);
    assert!(
        chat(&mock, &stopped)
            .await
            .joined("content")
            .ends_with("This is the ")
    );

    let mut formatted = asking("Qwen/Qwen2.5-7B-Instruct", "hi");
    formatted["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {
        "type": "object", "properties": {"fruit": {"type": "boolean"}}}}});
    assert_eq!(
        chat(&mock, &formatted).await.joined("content"),
        r#"{"fruit":true}"#
    );

    let image = json!([
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]);
    let mut seen = asking("Qwen/Qwen3-VL-8B-Instruct", "");
    seen["messages"][0]["content"] = image;
    assert!(chat(&mock, &seen).await.joined("content").contains("1 image(s)"));
    seen["model"] = json!("Qwen/Qwen2.5-7B-Instruct");
    let refused = chat(&mock, &seen).await;
    assert_eq!(
        (refused.status, refused.header("x-inference-provider")),
        (400, Some("together"))
    );
}
