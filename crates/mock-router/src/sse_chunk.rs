//! The chunks of a streamed response and their server-sent events. Knows no scenario and no request.

use serde_json::{Map, Value, json};

/// What every chunk of one response repeats.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) created: u64,
    pub model: String,
}

impl Envelope {
    /// A chunk with these keys after the repeated ones.
    pub(super) fn chunk(&self, keys: Map<String, Value>) -> Value {
        let mut chunk = self.head("chat.completion.chunk");
        chunk.extend(keys);
        Value::Object(chunk)
    }

    /// A chunk with one choice.
    pub(super) fn delta(&self, delta: &Value, finish: Option<&str>) -> Value {
        let mut keys = Map::new();
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        keys.insert("choices".to_owned(), json!([choice]));
        self.chunk(keys)
    }

    /// A whole response.
    pub(super) fn whole(&self, message: &Value, finish: &str, usage: Value) -> Value {
        let mut whole = self.head("chat.completion");
        let choice = json!({"index": 0, "message": message, "finish_reason": finish});
        whole.insert("choices".to_owned(), json!([choice]));
        whole.insert("usage".to_owned(), usage);
        Value::Object(whole)
    }

    fn head(&self, object: &str) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("id".to_owned(), Value::from(self.id.as_str()));
        head.insert("object".to_owned(), Value::from(object));
        head.insert("created".to_owned(), Value::from(self.created));
        head.insert("model".to_owned(), Value::from(self.model.as_str()));
        head
    }
}

/// How events are written: the two points in which servers differ.
#[derive(Clone, Debug)]
pub(super) struct EventStyle {
    /// `data: ` or `data:`.
    pub(super) prefix: String,
    /// LF, CRLF or CR.
    pub(super) newline: String,
}

impl Default for EventStyle {
    fn default() -> Self {
        Self {
            prefix: "data: ".to_owned(),
            newline: "\n".to_owned(),
        }
    }
}

impl EventStyle {
    /// One event with this data.
    pub(super) fn event(&self, data: &str) -> String {
        let Self { prefix, newline } = self;
        format!("{prefix}{data}{newline}{newline}")
    }
}
