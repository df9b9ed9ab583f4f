//! `requests.json`: the body sent for a request, or why nothing is sent.

use serde_json::{Value, json};

use super::{super::types::*, answers::check_error, bytes};

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

/// The text of a `…-json` field: text as it is, anything else as JSON.
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
        None => MediaSource::Data(bytes(&value["data"])),
    };
    Media {
        mime_type: text(&value["mime-type"]),
        source,
        extras: list(&value["extras"], extra),
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
            extras: list(&call["extras"], extra),
        })
    } else if value["reasoning"].is_string() {
        AssistantPart::Reasoning(Reasoning {
            text: text(&value["reasoning"]),
            signature: maybe(&value["signature"]),
            extras: list(&value["extras"], extra),
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
    let members = value.as_object().unwrap();
    let (role, content) = members.iter().find(|(key, _)| *key != "extras").unwrap();
    let extras = list(&value["extras"], extra);
    match role.as_str() {
        "system" => Message::System(SystemMessage {
            content: list(content, content_part),
            extras,
        }),
        "user" => Message::User(UserMessage {
            content: list(content, content_part),
            extras,
        }),
        "assistant" => Message::Assistant(AssistantMessage {
            content: list(content, assistant_part),
            extras,
        }),
        "tool" => Message::Tool(ToolResult {
            call_id: text(&content["call-id"]),
            content: list(&content["content"], content_part),
            is_error: content["is-error"] == true,
            extras,
        }),
        other => panic!("unknown role {other}"),
    }
}

fn tool(value: &Value) -> Tool {
    if value["other"].is_object() {
        return Tool::Other(extra(&value["other"]));
    }
    Tool::Function(FunctionTool {
        name: text(&value["name"]),
        description: maybe(&value["description"]),
        parameters_json: raw(&value["parameters-json"]),
        strict: value["strict"].as_bool(),
        extras: list(&value["extras"], extra),
    })
}

/// A number; the texts `NaN` and `inf` mean numbers that JSON cannot express.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A case's `request`; without messages it is `hi`.
pub(crate) fn chat_request(value: &Value, model: &str) -> ChatRequest {
    let choice = &value["tool-choice"];
    let format = &value["response-format"];
    ChatRequest {
        model: model.into(),
        messages: match &value["messages"] {
            Value::Null => vec![message(&json!({ "user": ["hi"] }))],
            messages => list(messages, message),
        },
        tools: list(&value["tools"], tool),
        tool_choice: match choice.as_str() {
            Some("auto") => Some(ToolChoice::Auto),
            Some("none") => Some(ToolChoice::None),
            Some("required") => Some(ToolChoice::Required),
            _ if choice["other"].is_object() => Some(ToolChoice::Other(extra(&choice["other"]))),
            _ => maybe(&choice["named"]).map(ToolChoice::Named),
        },
        response_format: match format.as_str() {
            Some("text") => Some(ResponseFormat::Text),
            Some("json-object") => Some(ResponseFormat::JsonObject),
            _ if format.is_null() => None,
            _ if format["other"].is_object() => Some(ResponseFormat::Other(extra(&format["other"]))),
            _ => Some(ResponseFormat::JsonSchema(JsonSchema {
                name: text(&format["name"]),
                description: maybe(&format["description"]),
                schema_json: raw(&format["schema-json"]),
                strict: format["strict"].as_bool(),
                extras: list(&format["extras"], extra),
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
    }
}

/// What a case declares known of `org/name`.
pub(crate) fn known_model(value: &Value) -> Option<Model> {
    let route = |route: &Value| Route {
        backend: text(&route["backend"]),
        status: "live".into(),
        context_window: None,
        price: None,
        supports_tools: route["supports-tools"].as_bool(),
        supports_structured_output: route["supports-structured-output"].as_bool(),
        first_token_latency_ms: None,
        tokens_per_second: None,
        extras: Vec::new(),
    };
    value.is_object().then(|| Model {
        id: "org/name".into(),
        display_name: "Name".into(),
        alias: None,
        source: ModelSource::Live,
        input: list(&value["input"], text),
        output: Vec::new(),
        reasoning: value["reasoning"].as_bool(),
        context_window: None,
        max_output_tokens: None,
        price: None,
        supports_tools: value["supports-tools"].as_bool(),
        supports_structured_output: value["supports-structured-output"].as_bool(),
        routes: list(&value["routes"], route),
        picks: Vec::new(),
        extras: list(&value["extras"], extra),
    })
}

/// The plugin's own settings of a case.
pub(crate) fn plugin_settings(value: &Value) -> Vec<Extra> {
    list(value, extra)
}

/// What is wrong with a body that was sent, and with its warnings.
pub(crate) fn check_body(case: &Value, body: &[u8], warnings: &[Warning]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    if case["error"].is_object() {
        return vec![format!("it was not refused: {text}")];
    }
    // Members of every request are not repeated in a case; null means absent.
    let mut expected = json!({
        "model": "org/name",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    for (key, value) in case["body"].as_object().into_iter().flatten() {
        expected[key] = value.clone();
    }
    if let Some(members) = expected.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    let mut wrong = Vec::new();
    if serde_json::from_slice::<Value>(body).ok() != Some(expected) {
        wrong.push(format!("the body is {text}"));
    }
    if let Some(part) = case["text"].as_str()
        && !text.contains(part)
    {
        wrong.push(format!("the body has no {part}: {text}"));
    }
    let codes: Vec<&str> = warnings.iter().map(|warning| &*warning.code).collect();
    if json!(codes) != case.get("warnings").cloned().unwrap_or(json!([])) {
        wrong.push(format!("the warnings are {codes:?}"));
    }
    wrong
}

/// What is wrong with the refusal of a request.
pub(crate) fn check_refusal(case: &Value, error: &Error) -> Vec<String> {
    if !case["error"].is_object() {
        return vec![format!("it was refused: {error:?}")];
    }
    let mut wrong = check_error(&case["error"], error);
    if error.request_sent || error.attempts != 0 {
        wrong.push(format!("something was sent: {error:?}"));
    }
    wrong
}
