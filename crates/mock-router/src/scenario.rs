//! Scenarios: named responses, read from the data files under `scenarios/` (format: `scenarios/FORMAT.md`). Adding
//! one needs no Rust. Knows the file format, not when a response is sent.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use did_you_mean::nearest;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::MockError;
use super::script::{End, Head, Script};
use super::sse_chunk::{Envelope, EventStyle};

const FILES: [(&str, &str); 7] = [
    ("errors.json", include_str!("scenarios/errors.json")),
    ("hostile.json", include_str!("scenarios/hostile.json")),
    ("relayed.json", include_str!("scenarios/relayed.json")),
    ("streams.json", include_str!("scenarios/streams.json")),
    ("tools.json", include_str!("scenarios/tools.json")),
    ("transport.json", include_str!("scenarios/transport.json")),
    ("lists.json", include_str!("scenarios/lists.json")),
];

static SCENARIOS: LazyLock<Result<Vec<Scenario>, String>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (file, text) in FILES {
        let some: Vec<Scenario> = serde_json::from_str(text).map_err(|error| format!("{file}: {error}"))?;
        all.extend(some);
    }
    Ok(all)
});

/// Every scenario: its name and its description.
pub fn scenarios() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCENARIOS
        .iter()
        .flatten()
        .map(|scenario| (scenario.name.as_str(), scenario.what.as_str()))
}

/// The scenario of this name.
pub(super) fn find(name: &str) -> Result<&'static Scenario, MockError> {
    let all = SCENARIOS.as_ref().map_err(|why| MockError::Data(why.clone()))?;
    all.iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| MockError::UnknownScenario {
            name: name.to_owned(),
            nearest: nearest(name, all.iter().map(|scenario| scenario.name.as_str())),
        })
}

/// The endpoint of a scenario; the other one behaves normally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Endpoint {
    #[default]
    Chat,
    Models,
}

/// A named sequence of responses; the last one repeats.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) name: String,
    what: String,
    #[serde(default)]
    pub(super) on: Endpoint,
    answers: Vec<ScenarioResponse>,
}

impl Scenario {
    /// The response to request number `count` (from 0) of this scenario.
    pub(super) fn response(&self, count: usize) -> Option<&ScenarioResponse> {
        self.answers.get(count).or(self.answers.last())
    }
}

/// The request's values for `{model}`, `{suffix}` and `{id}` in a response.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    pub(super) model: String,
    pub(super) suffix: String,
    pub(super) id: String,
    pub(super) created: u64,
}

/// How a response begins, as the data files name it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Begin {
    #[default]
    Http,
    Never,
    HangUp,
    Raw,
}

/// One response of a data file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct ScenarioResponse {
    /// Starts from the router's default response; the other keys override it.
    pub(super) default: bool,
    begin: Begin,
    delay_ms: u64,
    status: Option<u16>,
    headers: Map<String, Value>,
    /// The backend that relayed the response; `None` for the router's own.
    backend: Option<String>,
    json: Option<Value>,
    text: Option<String>,
    html: Option<String>,
    /// The body as hexadecimal digits.
    hex: Option<String>,
    sse: Option<Vec<Value>>,
    prefix: Option<String>,
    newline: Option<String>,
    chunking: Option<String>,
    end: Option<End>,
}

/// One step of a stream in a data file that is an object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct EventStep {
    delta: Option<Value>,
    finish: Option<String>,
    usage: Option<Value>,
    chunk: Option<Map<String, Value>>,
    data: Option<Value>,
    raw: Option<String>,
    hex: Option<String>,
    wait_ms: Option<u64>,
    /// How many times `raw` is repeated; 0 is endless.
    times: Option<u64>,
}

impl ScenarioResponse {
    /// The script of this response. `default` composes the router's default response.
    pub(super) fn script(
        &self,
        subject: &Subject,
        default: impl FnOnce(&EventStyle) -> Script,
    ) -> Result<Script, MockError> {
        let fill = |text: &str| {
            let text = text
                .replace("{model}", &subject.model)
                .replace("{suffix}", &subject.suffix);
            text.replace("{id}", &subject.id)
        };
        let mut style = EventStyle::default();
        if let Some(prefix) = &self.prefix {
            style.prefix.clone_from(prefix);
        }
        if let Some(newline) = &self.newline {
            style.newline.clone_from(newline);
        }
        let status = self.status.unwrap_or(200);
        let mut script = if self.default {
            default(&style)
        } else if let Some(json) = &self.json {
            Script::json(status, &map_text(json, &fill))
        } else if let Some(text) = &self.text {
            Script::text(status, "text/plain; charset=utf-8", fill(text))
        } else if let Some(html) = &self.html {
            Script::text(status, "text/html; charset=utf-8", fill(html))
        } else if let Some(hex) = &self.hex {
            Script::status(status).chunk(unhex(hex)?)
        } else if let Some(steps) = &self.sse {
            let envelope = Envelope {
                id: subject.id.clone(),
                created: subject.created,
                model: subject.model.clone(),
            };
            steps.iter().try_fold(Script::stream(), |script, step| {
                add_step(script, step, &style, &envelope)
            })?
        } else {
            Script::status(status)
        };
        script.head = match self.begin {
            Begin::Http => Head::Http,
            Begin::Never => Head::Never,
            Begin::HangUp => Head::HangUp,
            Begin::Raw => Head::Raw,
        };
        script.delay = Duration::from_millis(self.delay_ms);
        if let Some(status) = self.status {
            script.status = status;
        }
        if let Some(backend) = &self.backend {
            script.set_header("x-inference-provider", backend.clone());
        }
        for (name, value) in &self.headers {
            let value = value
                .as_str()
                .ok_or_else(|| MockError::Data(format!("header {name} is not text")))?;
            script.set_header(name, fill(value));
        }
        if let Some(chunking) = &self.chunking {
            script.chunking = Some(chunking.parse().map_err(MockError::Data)?);
        }
        if let Some(end) = self.end {
            script.end = end;
        }
        Ok(script)
    }
}

fn add_step(
    script: Script,
    step: &Value,
    style: &EventStyle,
    envelope: &Envelope,
) -> Result<Script, MockError> {
    if let Value::String(data) = step {
        return Ok(script.chunk(style.event(data)));
    }
    let step = EventStep::deserialize(step).map_err(|error| MockError::Data(format!("{step}: {error}")))?;
    let mut script = script;
    if let Some(pause) = step.wait_ms {
        script = script.wait(Duration::from_millis(pause));
    }
    let event = |value: &Value| style.event(&value.to_string());
    if step.delta.is_some() || step.finish.is_some() {
        let delta = step.delta.unwrap_or_else(|| Value::Object(Map::new()));
        let mut chunk = envelope.delta(&delta, step.finish.as_deref());
        if let (Some(usage), Some(keys)) = (step.usage, chunk.as_object_mut()) {
            keys.insert("usage".to_owned(), usage);
        }
        script = script.chunk(event(&chunk));
    }
    if let Some(keys) = step.chunk {
        script = script.chunk(event(&envelope.chunk(keys)));
    }
    if let Some(data) = &step.data {
        script = script.chunk(event(data));
    }
    if let Some(hex) = &step.hex {
        script = script.chunk(unhex(hex)?);
    }
    if let Some(raw) = step.raw {
        script = match step.times {
            None => script.chunk(raw),
            Some(0) => script.repeat(raw, None),
            Some(times) => script.repeat(raw, Some(times)),
        };
    }
    Ok(script)
}

/// Applies `change` to every text in a JSON value.
fn map_text(value: &Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| map_text(item, change)).collect(),
        Value::Object(keys) => keys
            .iter()
            .map(|(key, value)| (key.clone(), map_text(value, change)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Parses pairs of hexadecimal digits; white space between them is allowed.
fn unhex(text: &str) -> Result<Bytes, MockError> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit))
            .collect()),
        _ => Err(MockError::Data(format!(
            "`{text}` is not pairs of hexadecimal digits"
        ))),
    }
}
