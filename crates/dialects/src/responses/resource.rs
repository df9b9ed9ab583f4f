//! The object `response`: its known data so far, and the echoed members of the request.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    api_error::ApiError,
    json::Node,
    passthrough::{self, Passthrough},
};
use provider_contract::contract::Usage;

/// Members of the request that the response echoes unchanged.
const AS_THEY_CAME: [&str; 14] = [
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "safety_identifier",
    "temperature",
    "tool_choice",
    "top_logprobs",
    "top_p",
    "user",
];
/// Their defaults, and values that do not depend on the request.
const USUAL: [(&str, &str); 20] = [
    ("background", "false"),
    ("frequency_penalty", "0"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("presence_penalty", "0"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("service_tier", r#""default""#),
    ("store", "false"),
    ("temperature", "1"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("top_logprobs", "0"),
    ("top_p", "1"),
    ("truncation", r#""disabled""#),
];

/// The echoed members of a request.
#[derive(Clone, Debug)]
pub(super) struct Echo(BTreeMap<&'static str, Box<RawValue>>);

impl Default for Echo {
    fn default() -> Self {
        let mut echo = Self(BTreeMap::new());
        for (name, json) in USUAL {
            echo.set(name, json);
        }
        echo.set("tools", "[]");
        echo
    }
}

impl Echo {
    fn set(&mut self, name: &'static str, json: &str) {
        if let Some(value) = passthrough::read(json) {
            self.0.insert(name, value);
        }
    }

    /// Reads a member of the request.
    pub(super) fn request_member(&mut self, field: &Node<'_>) {
        if let Some(name) = AS_THEY_CAME.iter().find(|name| **name == field.key()) {
            self.set(name, &field.json());
            return;
        }
        let text = |key| field.optional_text(key).ok().flatten();
        match field.key() {
            "reasoning" => {
                let summary = text("summary").or_else(|| text("generate_summary"));
                let reasoning = json!({ "effort": text("effort"), "summary": summary });
                self.set("reasoning", &reasoning.to_string());
            }
            "text" => {
                let format = field
                    .field("format")
                    .map_or_else(|| r#"{"type":"text"}"#.to_owned(), |format| format_json(&format));
                let verbosity = text("verbosity").map_or_else(String::new, |verbosity| {
                    format!(r#","verbosity":{}"#, Value::from(verbosity))
                });
                self.set("text", &format!(r#"{{"format":{format}{verbosity}}}"#));
            }
            _ => {}
        }
    }

    /// Sets the tools that the model was offered.
    pub(super) fn tools(&mut self, tools: &[String]) {
        self.set("tools", &format!("[{}]", tools.join(",")));
    }
}

/// A format with the members that clients require.
fn format_json(format: &Node<'_>) -> String {
    let mut json = format.json();
    if format.optional_text("type").ok().flatten().as_deref() == Some("json_schema") {
        for (key, usual) in [("description", "null"), ("strict", "false")] {
            if format.field(key).is_none() && json.ends_with('}') {
                json.truncate(json.len() - 1);
                json += &format!(r#","{key}":{usual}}}"#);
            }
        }
    }
    json
}

/// The status of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
    Failed,
}

/// The response as clients read it.
#[derive(Serialize)]
pub(super) struct Resource<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created_at: u64,
    /// Unknown: this crate has no clock.
    pub(super) completed_at: Option<u64>,
    pub(super) status: Status,
    pub(super) error: Option<Value>,
    pub(super) incomplete_details: Option<Value>,
    pub(super) model: &'a str,
    pub(super) output: &'a [Box<RawValue>],
    pub(super) usage: Option<UsageJson>,
    #[serde(flatten)]
    pub(super) echo: &'a BTreeMap<&'static str, Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) x_plugin: Option<Details>,
}

/// What has no place in the dialect.
#[derive(Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    pub(super) ending: Value,
    /// The upstream's extras of the message, as written: a number keeps its digits.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) message: BTreeMap<String, Passthrough>,
}

impl<'a> Resource<'a> {
    /// An in-progress response.
    pub(super) fn begun(id: &'a str, created_at: u64, model: &'a str, echo: &'a Echo) -> Self {
        Self {
            id,
            object: "response",
            created_at,
            completed_at: None,
            status: Status::InProgress,
            error: None,
            incomplete_details: None,
            model,
            output: &[],
            usage: None,
            echo: &echo.0,
            x_plugin: None,
        }
    }
}

/// The error of a failed response. Its codes are a closed list: typed clients refuse another one.
pub(super) fn error(cause: &ApiError) -> Value {
    let code = match cause.class {
        "server_error" => "server_error",
        "rate_limit_error" => "rate_limit_exceeded",
        // Not in the list, but agents branch on it.
        _ => &*cause.code,
    };
    json!({ "code": code, "message": cause.message, "type": cause.class, "param": cause.param })
}

/// The usage of a response. Clients require all numbers: an unknown one is 0.
#[derive(Serialize)]
pub(super) struct UsageJson {
    input_tokens: u32,
    input_tokens_details: InputDetails,
    output_tokens: u32,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u32,
    /// No upstream reports it.
    cache_write_tokens: u32,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u32,
}

pub(super) fn usage(usage: &Usage) -> UsageJson {
    let input_tokens = usage.input_tokens.unwrap_or_default();
    let output_tokens = usage.output_tokens.unwrap_or_default();
    UsageJson {
        input_tokens,
        input_tokens_details: InputDetails {
            cached_tokens: usage.cached_input_tokens.unwrap_or_default(),
            cache_write_tokens: 0,
        },
        output_tokens,
        output_tokens_details: OutputDetails {
            reasoning_tokens: usage.reasoning_tokens.unwrap_or_default(),
        },
        total_tokens: u64::from(input_tokens) + u64::from(output_tokens),
    }
}
