//! Checks that a request says what it was given: choices that differ are sent differently, and values unchanged.

use model_provider_host::contract::{
    ChatRequest, Extra, FunctionTool, JsonSchema, Message, ResponseFormat, Tool, ToolChoice,
};
use serde_json::{Value, json};

use super::{
    request_parts::{conversation, function},
    sent::{body, carried},
};
use crate::{
    check::{Verdict, checks, expect, not_tested},
    session::Bench,
};

checks! {
    "parts/tool-choice-modes", "It calls at least one." => tool_choice_modes;
    "parts/json-object", "A JSON object." => json_object;
    "parts/strict", "Whether the upstream has to enforce the schema." => strict;
    "parts/tool-error", "Whether the tool failed." => tool_error;
    "parts/request-extras-unchanged", "Other parameters, sent unchanged." => request_extras_unchanged;
    "parts/seed-exact", "The same seed gives the same response, where the backend supports that." => seed_exact;
}

/// No two of these requests are sent as the same one.
async fn differ(bench: &Bench, requests: Vec<(&str, ChatRequest)>) -> Result<(), Verdict> {
    let mut bodies: Vec<(&str, String)> = Vec::new();
    for (what, request) in requests {
        let body = body(bench, &request).await?;
        if let Some((other, _)) = bodies.iter().find(|(_, other)| *other == body) {
            return expect(
                false,
                format!("another request for {what} than for {other}, or a warning"),
                || body.clone(),
            );
        }
        bodies.push((what, body));
    }
    Ok(())
}

fn with_tool(bench: &Bench, tool: FunctionTool) -> ChatRequest {
    ChatRequest {
        tools: vec![Tool::Function(tool)],
        ..bench.question()
    }
}

async fn tool_choice_modes(bench: &Bench) -> Result<(), Verdict> {
    let with = |choice| ChatRequest {
        tool_choice: Some(choice),
        ..with_tool(bench, function(Vec::new()))
    };
    let modes = vec![
        ("`auto`", with(ToolChoice::Auto)),
        ("`none`", with(ToolChoice::None)),
        ("`required`", with(ToolChoice::Required)),
    ];
    differ(bench, modes).await
}

async fn json_object(bench: &Bench) -> Result<(), Verdict> {
    let with = |format| ChatRequest {
        response_format: Some(format),
        ..bench.question()
    };
    let formats = vec![
        ("`text`", with(ResponseFormat::Text)),
        ("`json-object`", with(ResponseFormat::JsonObject)),
    ];
    differ(bench, formats).await
}

async fn strict(bench: &Bench) -> Result<(), Verdict> {
    let tool = |strict| {
        let tool = FunctionTool {
            strict,
            ..function(Vec::new())
        };
        with_tool(bench, tool)
    };
    // Without `strict` a request may be like either: the upstream's own default holds.
    let tools = vec![
        ("a strict tool", tool(Some(true))),
        ("a tool that is not strict", tool(Some(false))),
    ];
    differ(bench, tools).await?;
    let schema = |strict| {
        let schema = JsonSchema {
            name: "kit_answer".to_owned(),
            description: None,
            schema_json: r#"{"type":"object"}"#.to_owned(),
            strict,
            extras: Vec::new(),
        };
        ChatRequest {
            response_format: Some(ResponseFormat::JsonSchema(schema)),
            ..bench.question()
        }
    };
    let schemas = vec![
        ("a strict schema", schema(Some(true))),
        ("a schema that is not strict", schema(Some(false))),
    ];
    differ(bench, schemas).await
}

async fn tool_error(bench: &Bench) -> Result<(), Verdict> {
    let with = |failed| {
        let mut request = conversation(bench, "{}", Vec::new());
        for message in &mut request.messages {
            if let Message::Tool(result) = message {
                result.is_error = failed;
            }
        }
        request
    };
    let results = vec![("a result", with(false)), ("the same as an error", with(true))];
    differ(bench, results).await
}

/// Whether a member of this name and value is anywhere in it.
fn holds(value: &Value, name: &str, wanted: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.get(name) == Some(wanted) || members.values().any(|inner| holds(inner, name, wanted))
        }
        Value::Array(items) => items.iter().any(|inner| holds(inner, name, wanted)),
        _ => false,
    }
}

async fn request_extras_unchanged(bench: &Bench) -> Result<(), Verdict> {
    let wanted = [
        ("kit_number", json!(40)),
        ("kit_flag", json!(false)),
        ("kit_text", json!("40")),
        ("kit_nested", json!({"kit_inner": [1.5, null, {"deep": "ü"}]})),
    ];
    // No float has these values, and JSON sets no limit.
    let numbers = ["123456789012345678901234567890", "0.1234567890123456789"];
    let extra = |key: &str, value_json: String| Extra {
        key: key.to_owned(),
        value_json,
    };
    let values = wanted.iter().map(|(key, value)| extra(key, value.to_string()));
    let exact = extra("kit_exact", format!("[{}]", numbers.join(",")));
    let request = ChatRequest {
        extras: values.chain([exact]).collect(),
        ..bench.question()
    };
    let body = body(bench, &request).await?;
    let Ok(sent) = serde_json::from_str::<Value>(&body) else {
        return Err(not_tested("the body of a request is not JSON"));
    };
    for (key, value) in &wanted {
        expect(
            holds(&sent, key, value),
            format!("a member `{key}` with {value}"),
            || body.clone(),
        )?;
    }
    for number in numbers {
        expect(body.contains(number), format!("the number {number}"), || {
            body.clone()
        })?;
    }
    Ok(())
}

async fn seed_exact(bench: &Bench) -> Result<(), Verdict> {
    // No float has this value.
    const SEED: i64 = 9_007_199_254_740_993;
    let request = ChatRequest {
        seed: Some(SEED),
        ..bench.question()
    };
    carried(bench, &request, &[&SEED.to_string()], true).await
}
