//! Recorded responses: files with one response of the real router each. Parses them to scripts; knows no endpoint.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::MockError;
use super::script::Script;

/// The size limit of a recording.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The parsed recordings.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// Responses to chat requests, in order; the last one repeats.
    pub(super) chat: Vec<Script>,
    /// The list of models.
    pub(super) models: Option<Value>,
}

/// Recorders store decoded bodies beside original headers: these headers no longer fit.
const DROPPED: [&str; 4] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "content-encoding",
];

impl Replay {
    /// Reads recorded files: `NAME.sse` with its `NAME.json` beside it (either may be named), whole responses,
    /// errors, lists.
    pub(super) fn load(files: &[PathBuf]) -> Result<Self, MockError> {
        let mut replay = Self::default();
        let mut streams: Vec<PathBuf> = Vec::new();
        for file in files {
            let stream = file.with_extension("sse");
            let is_stream = file.extension().is_some_and(|extension| extension == "sse")
                || (file.extension().is_some_and(|extension| extension == "json") && stream.is_file());
            if is_stream {
                // Naming both a stream and the file beside it, as `sse/*` does, is naming one recording.
                if !streams.contains(&stream) {
                    replay.chat.push(read_stream(&stream)?);
                    streams.push(stream);
                }
            } else {
                replay.read_whole(file)?;
            }
        }
        Ok(replay)
    }

    fn read_whole(&mut self, file: &Path) -> Result<(), MockError> {
        let text = read(file)?;
        let text =
            String::from_utf8(text).map_err(|error| wrong(file, format!("it is not UTF-8: {error}")))?;
        let recorded: Value =
            serde_json::from_str(&text).map_err(|error| wrong(file, format!("it is not JSON: {error}")))?;
        let raw = ["response_raw", "body_raw"]
            .iter()
            .find_map(|key| recorded[*key].as_str());
        let Some(parsed) = recorded.get("response_body").or_else(|| recorded.get("body")) else {
            let why = "it has neither `response_body` nor `body`: no recorded response".to_owned();
            return Err(wrong(file, why));
        };
        let is_list = recorded["kind"] == "models" || parsed["object"] == "list";
        if is_list || parsed["object"] == "model" {
            self.models = Some(match parsed["data"] {
                Value::Array(_) => parsed.clone(),
                _ => json!({"object": "list", "data": [parsed]}),
            });
            return Ok(());
        }
        let mut script = head(file, &recorded)?;
        let body = match (raw, parsed) {
            (Some(raw), _) => raw.to_owned(),
            (None, Value::String(text)) => text.clone(),
            (None, Value::Null) => String::new(),
            (None, json) => json.to_string(),
        };
        if !script.has_header("content-type") && !parsed.is_string() {
            script = script.header("content-type", "application/json");
        }
        self.chat.push(script.chunk(body));
        Ok(())
    }
}

fn read_stream(file: &Path) -> Result<Script, MockError> {
    let body = read(file)?;
    let beside = file.with_extension("json");
    let mut script = if beside.is_file() {
        let recorded = serde_json::from_slice(&read(&beside)?);
        head(
            &beside,
            &recorded.map_err(|error| wrong(&beside, format!("it is not JSON: {error}")))?,
        )?
    } else {
        Script::status(200)
    };
    if !script.has_header("content-type") {
        script = script.header("content-type", "text/event-stream");
    }
    script.sized = false;
    Ok(script.chunk(body))
}

/// Status and headers of a recorded response.
fn head(file: &Path, recorded: &Value) -> Result<Script, MockError> {
    let status = recorded["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| (200..=599).contains(status));
    let status = status.ok_or_else(|| {
        wrong(
            file,
            format!("`status` is {}, no HTTP status", recorded["status"]),
        )
    })?;
    let mut script = Script::status(status);
    for (name, value) in recorded["response_headers"].as_object().into_iter().flatten() {
        if DROPPED.iter().any(|dropped| name.eq_ignore_ascii_case(dropped)) {
            continue;
        }
        let usable = name.parse::<http::HeaderName>().is_ok();
        match value
            .as_str()
            .filter(|value| usable && http::HeaderValue::from_str(value).is_ok())
        {
            Some(value) => script = script.header(name, value),
            None => {
                return Err(wrong(
                    file,
                    format!("header `{name}` is {value}, which cannot be sent"),
                ));
            }
        }
    }
    Ok(script)
}

fn read(file: &Path) -> Result<Vec<u8>, MockError> {
    let read = || {
        use std::io::Read as _;
        // A named pipe or a device may never end.
        if !std::fs::metadata(file)?.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(file)?
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(std::io::Error::other(format!("it has more than {LARGEST} bytes")));
        }
        Ok(bytes)
    };
    read().map_err(|error| wrong(file, error.to_string()))
}

fn wrong(file: &Path, why: String) -> MockError {
    MockError::Replay {
        file: file.to_owned(),
        why,
    }
}
