use serde_json::{Value, json};

use super::*;
use crate::chat::{Fold, Sink};
use crate::contract::types::*;

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .into()
}

fn maybe(value: &Value) -> Option<String> {
    value.as_str().map(String::from)
}

fn list<T>(value: &Value, each: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(each).collect()
}

/// The text of a `…-json` field: text as it stands, anything else as JSON.
fn raw(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

fn extra(value: &Value) -> Extra {
    Extra {
        key: text(&value["key"]),
        value_json: raw(&value["value-json"]),
    }
}

fn media(value: &Value) -> Media {
    let source = match value["url"].as_str() {
        Some(url) => MediaSource::Url(url.into()),
        None => MediaSource::Data(body(&value["data"])),
    };
    Media {
        mime_type: text(&value["mime-type"]),
        source,
    }
}

fn content_part(value: &Value) -> ContentPart {
    if value["media"].is_object() {
        ContentPart::Media(media(&value["media"]))
    } else if value["other"].is_object() {
        ContentPart::Other(extra(&value["other"]))
    } else {
        ContentPart::Text(text(value))
    }
}

fn assistant_part(value: &Value) -> AssistantPart {
    let call = &value["tool-call"];
    if call.is_object() {
        AssistantPart::ToolCall(ToolCall {
            id: text(&call["id"]),
            name: text(&call["name"]),
            arguments_json: raw(&call["arguments-json"]),
        })
    } else if value["reasoning"].is_string() {
        AssistantPart::Reasoning(Reasoning {
            text: text(&value["reasoning"]),
            signature: maybe(&value["signature"]),
        })
    } else if value["media"].is_object() {
        AssistantPart::Media(media(&value["media"]))
    } else if value["other"].is_object() {
        AssistantPart::Other(extra(&value["other"]))
    } else {
        AssistantPart::Text(text(value))
    }
}

fn message(value: &Value) -> Message {
    let (role, content) = value.as_object().unwrap().iter().next().unwrap();
    match role.as_str() {
        "system" => Message::System(text(content)),
        "user" => Message::User(list(content, content_part)),
        "assistant" => Message::Assistant(list(content, assistant_part)),
        "tool" => Message::Tool(ToolResult {
            call_id: text(&content["call-id"]),
            content: list(&content["content"], content_part),
            is_error: content["is-error"] == true,
        }),
        other => panic!("unknown role {other}"),
    }
}

fn tool(value: &Value) -> Tool {
    Tool {
        name: text(&value["name"]),
        description: maybe(&value["description"]),
        parameters_json: raw(&value["parameters-json"]),
        strict: value["strict"].as_bool(),
    }
}

/// A number; the texts `NaN` and `inf` stand for what JSON has no number for.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn chat_request(value: &Value) -> ChatRequest {
    let choice = &value["tool-choice"];
    let format = &value["response-format"];
    ChatRequest {
        messages: match &value["messages"] {
            Value::Null => request().messages,
            messages => list(messages, message),
        },
        tools: list(&value["tools"], tool),
        tool_choice: match choice.as_str() {
            Some("auto") => Some(ToolChoice::Auto),
            Some("none") => Some(ToolChoice::None),
            Some("required") => Some(ToolChoice::Required),
            _ => maybe(&choice["named"]).map(ToolChoice::Named),
        },
        response_format: match format.as_str() {
            Some("text") => Some(ResponseFormat::Text),
            Some("json-object") => Some(ResponseFormat::JsonObject),
            _ if format.is_null() => None,
            _ => Some(ResponseFormat::JsonSchema(JsonSchema {
                name: text(&format["name"]),
                description: maybe(&format["description"]),
                schema_json: raw(&format["schema-json"]),
                strict: format["strict"].as_bool(),
            })),
        },
        reasoning_effort: maybe(&value["reasoning-effort"]),
        max_output_tokens: value["max-output-tokens"]
            .as_u64()
            .map(|tokens| u32::try_from(tokens).unwrap()),
        temperature: number(&value["temperature"]),
        top_p: number(&value["top-p"]),
        frequency_penalty: number(&value["frequency-penalty"]),
        presence_penalty: number(&value["presence-penalty"]),
        seed: value["seed"].as_i64(),
        stop: list(&value["stop"], text),
        extras: list(&value["extras"], extra),
        ..request()
    }
}

fn known_model(value: &Value) -> Option<Model> {
    value.is_object().then(|| Model {
        input: list(&value["input"], text),
        supports_tools: value["supports-tools"].as_bool(),
        supports_structured_output: value["supports-structured-output"].as_bool(),
        routes: list(&value["routes"], |route| Route {
            backend: text(&route["backend"]),
            status: "live".into(),
            context_window: None,
            price: None,
            supports_tools: route["supports-tools"].as_bool(),
            supports_structured_output: route["supports-structured-output"].as_bool(),
            first_token_latency_ms: None,
            tokens_per_second: None,
            extras: Vec::new(),
        }),
        ..model()
    })
}

fn exchange_of(case: &Value) -> Result<Exchange, Error> {
    let mut reference = reference(known_model(&case["model"]));
    if let Some(backend) = case["backend"].as_str() {
        reference.routing = Routing::Backend(backend.into());
        reference.wire_id = format!("org/name:{backend}");
    }
    let mut snapshot = snapshot(0);
    snapshot.extras = list(&case["settings"], extra);
    Exchange::new(chat_request(&case["request"]), reference, &snapshot, 3)
}

fn written(exchange: &Exchange) -> String {
    let mut body = Vec::new();
    exchange.write_body(&mut body).unwrap();
    assert_eq!(body.len() as u64, exchange.head().content_length);
    String::from_utf8(body).unwrap()
}

#[test]
fn every_request_leaves_as_the_case_says_or_is_refused() {
    for case in cases("requests.json") {
        let name = case["name"].as_str().unwrap();
        match (exchange_of(&case), &case["error"]) {
            (Ok(exchange), Value::Null) => {
                let text = written(&exchange);
                let body: Value =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
                // What every request holds, a case does not repeat.
                let mut expected = json!({
                    "model": "org/name",
                    "messages": [{"role": "user", "content": "hi"}],
                    "stream": true,
                    "stream_options": {"include_usage": true},
                });
                for (key, value) in case["body"].as_object().into_iter().flatten() {
                    expected[key] = value.clone();
                }
                assert_eq!(body, expected, "{name}");
                if let Some(part) = case["text"].as_str() {
                    assert!(text.contains(part), "{name}: {text}");
                }
                let warnings: Vec<&str> = exchange.warnings().iter().map(|warning| &*warning.code).collect();
                assert_eq!(
                    json!(warnings),
                    case.get("warnings").cloned().unwrap_or(json!([])),
                    "{name}"
                );
            }
            (Err(error), expected @ Value::Object(_)) => {
                assert!(!error.request_sent && error.attempts == 0, "{name}");
                check_error(name, expected, &error);
            }
            (Ok(exchange), expected) => panic!("{name}: not refused ({expected}): {}", written(&exchange)),
            (Err(error), _) => panic!("{name}: {error:?}"),
        }
    }
}

#[test]
fn the_model_comes_first() {
    assert!(written(&exchange(0)).starts_with("{\"model\":\"org/name\",\"messages\":["));
}

#[test]
fn the_head_names_what_the_body_is_and_who_pays() {
    let case = json!({"settings": [{"key": "bill-to", "value-json": "\" my-org \""}]});
    let head = exchange_of(&case).unwrap().head();
    assert_eq!((head.method, head.path), ("POST", "/chat/completions"));
    let find = |name: &str| {
        head.headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(find("content-type"), Some("application/json"));
    assert_eq!(find("x-hf-bill-to"), Some("my-org"));
    assert!(
        find("user-agent")
            .unwrap()
            .starts_with("openclaw-huggingface-provider/")
    );
    assert_eq!((find("accept-encoding"), find("authorization")), (None, None));
    for value in ["null", "\"\"", "\" \""] {
        let case = json!({"settings": [{"key": "bill-to", "value-json": value}]});
        assert_eq!(exchange_of(&case).unwrap().head().headers.len(), 3);
    }
    for value in ["7", "\"a\\r\\nx: y\"", "\"é\""] {
        let case = json!({"settings": [{"key": "bill-to", "value-json": value}]});
        assert!(exchange_of(&case).unwrap_err().message.contains("bill-to"));
    }
}

#[test]
fn a_sink_that_fails_stops_the_writing_with_its_error() {
    struct Full(u32);
    impl Sink for Full {
        type Error = &'static str;
        fn write(&mut self, _: &[u8]) -> Result<(), Self::Error> {
            self.0 += 1;
            Err("full")
        }
    }
    let case = json!({"request": {"messages": [{"system": "x".repeat(100_000)}]}});
    let mut sink = Full(0);
    assert_eq!(exchange_of(&case).unwrap().write_body(&mut sink), Err("full"));
    assert_eq!(sink.0, 1);
}

#[test]
fn what_an_answer_gave_can_be_sent_back() {
    let stream = "{\"choices\":[{\"message\":{\"content\":\"<think>t</think>x\",\"tool_calls\":[\
                  {\"id\":\"0\",\"function\":{\"name\":\"f\",\"arguments\":\"null\"}},\
                  {\"id\":\"0\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}]}";
    let mut fold = Fold::default();
    outcome(&Served::ok(stream), &[])
        .events
        .into_iter()
        .for_each(|event| fold.push(event));
    let parts = fold.finish();
    let results = parts.iter().filter_map(|part| match part {
        AssistantPart::ToolCall(call) => Some(Message::Tool(ToolResult {
            call_id: call.id.clone(),
            content: vec![ContentPart::Text("ok".into())],
            is_error: false,
        })),
        _ => None,
    });
    let results: Vec<Message> = results.collect();
    assert_eq!(results.len(), 2);
    let mut request = request();
    request.messages.push(Message::Assistant(parts));
    request.messages.extend(results);
    let exchange = Exchange::new(request, reference(None), &snapshot(0), 1).unwrap();
    let body: Value = serde_json::from_str(&written(&exchange)).unwrap();
    assert_eq!(body["messages"][1]["content"], "x");
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["function"]["arguments"],
        "{}"
    );
}
