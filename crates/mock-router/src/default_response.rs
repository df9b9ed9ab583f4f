//! The default response: derived deterministically from the request, in the dialect of the chosen backend. Knows
//! nothing of connections.

use serde_json::{Map, Value, json};

use super::schema;
use super::script::Script;
use super::sse_chunk::{Envelope, EventStyle};
use super::tool_call::{Call, Turn};

/// The input of the response.
pub(super) struct ChatPrompt<'a> {
    /// The request body.
    pub(super) request: &'a Value,
    /// The backend that serves the response.
    pub(super) backend: &'a str,
    /// Whether the model sends reasoning.
    pub(super) reasoning: bool,
    /// The fields that every chunk repeats.
    pub(super) envelope: Envelope,
}

/// The key under which a backend sends reasoning; `None`: as a `<think>` block in the text.
fn reasoning_key(backend: &str) -> Option<&'static str> {
    match backend {
        "cerebras" | "groq" | "together" => Some("reasoning"),
        "novita" => None,
        _ => Some("reasoning_content"),
    }
}

/// Where a backend sends usage.
#[derive(PartialEq)]
enum UsagePlace {
    /// In a chunk of its own, without choices.
    Own,
    /// In the chunk with the finish reason.
    Finish,
    /// In every chunk, growing.
    Every,
}

fn usage_place(backend: &str) -> UsagePlace {
    match backend {
        "cerebras" | "zai-org" => UsagePlace::Finish,
        "novita" => UsagePlace::Every,
        _ => UsagePlace::Own,
    }
}

/// The index under which a backend sends a tool call in one delta; `None` if it sends several deltas.
fn whole_call_index(backend: &str) -> Option<i64> {
    match backend {
        "cerebras" | "groq" | "novita" | "zai-org" => Some(0),
        "together" => Some(-1),
        _ => None,
    }
}

struct Composed {
    reasoning: String,
    text: String,
    call: Option<Call>,
    finish: &'static str,
}

/// The default response, streamed or whole, as requested.
pub(super) fn compose(question: &ChatPrompt<'_>, style: &EventStyle) -> Script {
    let composed = compose_parts(question);
    let prompt = tokens(&question.request["messages"].to_string());
    if question.request["stream"] == true {
        stream(question, &composed, prompt, style)
    } else {
        whole(question, &composed, prompt)
    }
}

fn compose_parts(question: &ChatPrompt<'_>) -> Composed {
    let request = question.request;
    let prompt = last_user_text(request);
    let reasoning = if question.reasoning && request["reasoning_effort"] != "none" {
        format!(
            "Words in the question: {}. I answer briefly and say where I come from.",
            prompt.split_whitespace().count()
        )
    } else {
        String::new()
    };
    if let Some(call) = Turn::of(request).call(&prompt) {
        return Composed {
            reasoning,
            text: String::new(),
            call: Some(call),
            finish: "tool_calls",
        };
    }
    let full = text(question, &prompt);
    let (text, finish) = bounded(request, &full);
    Composed {
        reasoning,
        text,
        call: None,
        finish,
    }
}

fn text(question: &ChatPrompt<'_>, prompt: &str) -> String {
    let request = question.request;
    match request["response_format"]["type"].as_str() {
        Some("json_schema") => {
            return schema::sample(&request["response_format"]["json_schema"]["schema"], prompt).to_string();
        }
        Some("json_object") => {
            return json!({"answer": prompt, "model": question.envelope.model}).to_string();
        }
        _ => {}
    }
    if let Some(result) = Turn::of(request).result() {
        return format!(
            "The tool says: {}. That answers “{prompt}”.",
            message_text(result)
        );
    }
    let model = question.envelope.model.as_str();
    let backend = question.backend;
    let images = count_images(request);
    let seen = if images > 0 {
        format!(" I was shown {images} image(s).")
    } else {
        String::new()
    };
    format!(
        "You wrote: “{prompt}”.{seen} This is the mock router speaking for {model}, served by {backend}. \
         It streams real bytes over a real connection: ¡hola, 世界! 👋"
    )
}

/// The text within `max_tokens` (counted in words) and `stop`, and the finish reason.
fn bounded(request: &Value, text: &str) -> (String, &'static str) {
    let stops = match &request["stop"] {
        Value::String(stop) => vec![stop.as_str()],
        Value::Array(stops) => stops.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let end = stops
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop))
        .min();
    let text = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    let limit = request["max_tokens"]
        .as_u64()
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(usize::MAX);
    let pieces = pieces(text);
    if pieces.len() > limit {
        (pieces.into_iter().take(limit).collect(), "length")
    } else {
        (text.to_owned(), "stop")
    }
}

fn stream(question: &ChatPrompt<'_>, composed: &Composed, prompt: usize, style: &EventStyle) -> Script {
    let wanted = question.request["stream_options"]["include_usage"] == true;
    let place = usage_place(question.backend);
    let (mut spoken, mut thought) = (0, 0);
    let mut events: Vec<(Value, Option<&str>, Value)> = Vec::new();
    let mut push = |delta: Value, finish: Option<&'static str>, spoken: usize, thought: usize| {
        events.push((delta, finish, usage(prompt, spoken, thought)));
    };
    push(json!({"role": "assistant", "content": ""}), None, 0, 0);
    let key = reasoning_key(question.backend);
    if !composed.reasoning.is_empty() {
        let block = match key {
            Some(_) => composed.reasoning.clone(),
            None => format!("<think>\n{}\n</think>\n\n", composed.reasoning),
        };
        for piece in pieces(&block) {
            thought += 1;
            spoken += 1;
            push(single(key.unwrap_or("content"), piece), None, spoken, thought);
        }
    }
    for piece in pieces(&composed.text) {
        spoken += 1;
        push(single("content", piece), None, spoken, thought);
    }
    if let Some(call) = &composed.call {
        let calls = call_deltas(call, whole_call_index(question.backend));
        for delta in calls {
            spoken += 4;
            push(json!({"tool_calls": [delta]}), None, spoken, thought);
        }
    }
    push(json!({}), Some(composed.finish), spoken, thought);

    let mut script = Script::stream().header("x-inference-provider", question.backend);
    for (delta, finish, usage) in events {
        let mut chunk = question.envelope.delta(&delta, finish);
        let here = place == UsagePlace::Every || (place == UsagePlace::Finish && finish.is_some());
        if let (true, true, Some(keys)) = (wanted, here, chunk.as_object_mut()) {
            keys.insert("usage".to_owned(), usage);
        }
        script = script.chunk(style.event(&chunk.to_string()));
    }
    if wanted && place == UsagePlace::Own {
        let mut keys = Map::new();
        keys.insert("choices".to_owned(), json!([]));
        keys.insert("usage".to_owned(), usage(prompt, spoken, thought));
        script = script.chunk(style.event(&question.envelope.chunk(keys).to_string()));
    }
    script.chunk(style.event("[DONE]"))
}

fn whole(question: &ChatPrompt<'_>, composed: &Composed, prompt: usize) -> Script {
    let mut message = Map::new();
    message.insert("role".to_owned(), Value::from("assistant"));
    let thought = pieces(&composed.reasoning).len();
    let mut text = composed.text.clone();
    if !composed.reasoning.is_empty() {
        match reasoning_key(question.backend) {
            Some(key) => {
                message.insert(key.to_owned(), Value::from(composed.reasoning.as_str()));
            }
            None => text = format!("<think>\n{}\n</think>\n\n{text}", composed.reasoning),
        }
    }
    let content = if text.is_empty() && composed.call.is_some() {
        Value::Null
    } else {
        Value::from(text.as_str())
    };
    message.insert("content".to_owned(), content);
    if let Some(call) = &composed.call {
        let function = json!({"name": call.name, "arguments": call.arguments});
        message.insert(
            "tool_calls".to_owned(),
            json!([{"id": call.id, "type": "function", "function": function}]),
        );
    }
    let spoken = thought + pieces(&composed.text).len() + composed.call.as_ref().map_or(0, |_| 8);
    let body = question.envelope.whole(
        &Value::Object(message),
        composed.finish,
        usage(prompt, spoken, thought),
    );
    Script::json(200, &body).header("x-inference-provider", question.backend)
}

/// A call in one delta under this index, or in several.
fn call_deltas(call: &Call, whole_under: Option<i64>) -> Vec<Value> {
    let Call { id, name, arguments } = call;
    if let Some(index) = whole_under {
        let function = json!({"name": name, "arguments": arguments});
        return vec![json!({"index": index, "id": id, "type": "function", "function": function})];
    }
    let opening =
        json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
    let letters: Vec<char> = arguments.chars().collect();
    let rest = letters
        .chunks(6)
        .map(|part| json!({"index": 0, "function": {"arguments": part.iter().collect::<String>()}}));
    std::iter::once(opening).chain(rest).collect()
}

fn single(key: &str, text: &str) -> Value {
    let mut delta = Map::new();
    delta.insert(key.to_owned(), Value::from(text));
    Value::Object(delta)
}

fn usage(prompt: usize, spoken: usize, thought: usize) -> Value {
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": spoken,
        "total_tokens": prompt + spoken,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought},
    })
}

/// An approximate token count.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4).max(1)
}

/// Splits a text into words, each with the space before it.
fn pieces(text: &str) -> Vec<&str> {
    let starts = text
        .match_indices([' ', '\n'])
        .map(|(at, _)| at)
        .filter(|at| *at > 0);
    let mut from = 0;
    let mut pieces = Vec::new();
    for start in starts.chain([text.len()]) {
        pieces.extend(text.get(from..start).filter(|piece| !piece.is_empty()));
        from = start;
    }
    pieces
}

fn last_user_text(request: &Value) -> String {
    let mut messages = request["messages"].as_array().into_iter().flatten();
    messages
        .rfind(|message| message["role"] == "user")
        .map(message_text)
        .unwrap_or_default()
}

pub(super) fn message_text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<Vec<_>>()
            .join(" "),
        _ => String::new(),
    }
}

/// How many images the conversation holds.
pub(super) fn count_images(request: &Value) -> usize {
    let messages = request["messages"].as_array().into_iter().flatten();
    let parts = messages
        .filter_map(|message| message["content"].as_array())
        .flatten();
    parts.filter(|part| part["type"] == "image_url").count()
}
