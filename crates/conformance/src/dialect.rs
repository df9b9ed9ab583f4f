//! Dialect of the upstream: its response in each situation, from a router file. This module must not know components.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;
use model_provider_host::{Error, ErrorKind, Result, files};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    check::{Verdict, not_tested},
    upstream::{End, Exchange, Played},
};

/// The largest router file.
const LARGEST: u64 = 4 * 1024 * 1024;
/// The base URL of a session. The path is part of the test.
pub(crate) const BASE_URL: &str = "http://upstream.test/base/v1";

/// OpenAI's chat completions.
const CHAT_COMPLETIONS: &str = include_str!("chat-completions.json");

/// The upstream's response in each situation.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// The model reference for chats; the plugin's default model if it is missing.
    pub(crate) model: Option<String>,
    situations: BTreeMap<String, Exchange>,
    /// The upstream's own words for the reasons why a response ended, by situation.
    finish_reasons: BTreeMap<String, String>,
    absent: BTreeMap<String, String>,
}

/// A router file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    /// For a person.
    #[serde(default)]
    #[allow(dead_code, reason = "a place for words; nothing reads it")]
    about: Value,
    /// `chat-completions`: situations that the file omits are as in that dialect.
    #[serde(default)]
    based_on: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    situations: BTreeMap<String, Situation>,
    /// Situations that the upstream does not know, and why: checks that need them are not tested.
    #[serde(default)]
    absent: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Situation {
    #[serde(default)]
    connection: Option<Connection>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Server-sent events: objects and texts.
    #[serde(default)]
    sse: Option<Vec<Value>>,
    /// One JSON value.
    #[serde(default)]
    json: Option<Value>,
    /// Chunks of text, as they are.
    #[serde(default)]
    body: Option<Vec<String>>,
    /// JSON values, each in a line of its own.
    #[serde(default)]
    lines: Option<Vec<Value>>,
    /// The upstream's own word for the reason why the response ends.
    #[serde(default)]
    finish_reason: Option<String>,
    /// How often the body is repeated.
    #[serde(default)]
    times: Option<usize>,
    #[serde(default)]
    end: Option<Ending>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Connection {
    Refused,
    Garbage,
    Silent,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ending {
    Close,
    Cut,
    Stall,
}

impl Default for Dialect {
    /// OpenAI's chat completions.
    fn default() -> Self {
        // The file is part of this crate, and a test reads it.
        Self::parse(CHAT_COMPLETIONS).unwrap_or_else(|_| Self::empty())
    }
}

impl Dialect {
    fn empty() -> Self {
        Self {
            model: None,
            situations: BTreeMap::new(),
            finish_reasons: BTreeMap::new(),
            absent: BTreeMap::new(),
        }
    }

    /// Reads a router file.
    ///
    /// # Errors
    /// `configuration`, with the path in the file, if it cannot be read or is invalid.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = files::read_input_text(path, LARGEST).map_err(|error| error.to_string());
        text.and_then(|text| Self::parse(&text)).map_err(|why| {
            let message = format!("cannot use the router file {}: {why}", path.display());
            Error::new(ErrorKind::Configuration, message)
                .with_hint("docs/conformance.md lists the situations and how each is written")
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut dialect = match file.based_on.as_deref() {
            None => Self::empty(),
            Some("chat-completions") => Self::default(),
            Some(other) => {
                return Err(format!(
                    "`basedOn` is `{other}`: expected `chat-completions`, or nothing"
                ));
            }
        };
        let is_own = text == CHAT_COMPLETIONS;
        let known = if is_own {
            None
        } else {
            Some(Self::default().situations)
        };
        for name in file.situations.keys().chain(file.absent.keys()) {
            if known.as_ref().is_some_and(|known| !known.contains_key(name)) {
                return Err(format!("there is no situation `{name}`"));
            }
        }
        if let Some(name) = file
            .absent
            .keys()
            .find(|name| file.situations.contains_key(*name))
        {
            return Err(format!("situation `{name}` is in `situations` and in `absent`"));
        }
        for (name, mut situation) in file.situations {
            match situation.finish_reason.take() {
                Some(word) => dialect.finish_reasons.insert(name.clone(), word),
                None => dialect.finish_reasons.remove(&name),
            };
            let exchange = situation
                .exchange()
                .map_err(|why| format!("situation `{name}`: {why}"))?;
            dialect.situations.insert(name, exchange);
        }
        for (name, why) in file.absent {
            dialect.situations.remove(&name);
            dialect.absent.insert(name, why);
        }
        dialect.model = file.model;
        Ok(dialect)
    }

    /// The upstream's own word for the reason why the response of a situation ends, if the file names it.
    pub(crate) fn finish_reason(&self, situation: &str) -> Option<&str> {
        self.finish_reasons.get(situation).map(String::as_str)
    }

    /// The exchange of a situation, or why checks that need it are not tested.
    pub(crate) fn exchange(&self, situation: &str) -> Result<Exchange, Verdict> {
        self.situations.get(situation).cloned().ok_or_else(|| {
            not_tested(match self.absent.get(situation) {
                Some(why) => format!("the upstream has no `{situation}`: {why}"),
                None => format!("the router file has no situation `{situation}`"),
            })
        })
    }
}

impl Situation {
    fn exchange(self) -> Result<Exchange, String> {
        match self.connection {
            Some(Connection::Refused) => return Ok(Exchange::Refused),
            Some(Connection::Garbage) => return Ok(Exchange::Garbage),
            Some(Connection::Silent) => return Ok(Exchange::Silent),
            None => {}
        }
        let (kind, pieces) = match (self.sse, self.lines, self.json, self.body) {
            (Some(events), None, None, None) => ("text/event-stream", events.iter().map(event).collect()),
            (None, Some(lines), None, None) => ("application/x-ndjson", lines.iter().map(line).collect()),
            (None, None, Some(json), None) => ("application/json", vec![json.to_string()]),
            (None, None, None, Some(pieces)) => ("text/plain", pieces),
            (None, None, None, None) => ("text/plain", Vec::new()),
            _ => return Err("expected one of `sse`, `lines`, `json` and `body`".to_owned()),
        };
        let times = self.times.unwrap_or(1);
        let count = pieces.len() * times;
        let mut headers: Vec<(String, String)> = self.headers.into_iter().collect();
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        for (name, value) in &headers {
            http::HeaderName::try_from(name.as_str()).map_err(|_| format!("`{name}` is no header"))?;
            http::HeaderValue::try_from(value.as_str())
                .map_err(|_| format!("the value of `{name}` is none of a header"))?;
        }
        let status = self.status.unwrap_or(200);
        http::StatusCode::from_u16(status)
            .map_err(|_| format!("`status` is {status}: expected 100 to 999"))?;
        Ok(Exchange::Response(Played {
            status,
            headers,
            body: pieces.into_iter().map(Bytes::from).cycle().take(count).collect(),
            end: match self.end {
                None | Some(Ending::Close) => End::Close,
                Some(Ending::Cut) => End::Cut,
                Some(Ending::Stall) => End::Stall,
            },
        }))
    }
}

fn event(event: &Value) -> String {
    match event {
        Value::String(text) => format!("data: {text}\n\n"),
        value => format!("data: {value}\n\n"),
    }
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(dialect: &Dialect, situation: &str) -> Played {
        match dialect.exchange(situation) {
            Ok(Exchange::Response(played)) => played,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_of_json_arrive_one_by_one() {
        let text = r#"{"situations": {"text": {"lines": [{"text": "wörld"}, "end"]}}}"#;
        let played = played(&Dialect::parse(text).unwrap(), "text");
        assert_eq!(played.body, ["{\"text\":\"wörld\"}\n", "\"end\"\n"]);
        let kind = ("content-type".to_owned(), "application/x-ndjson".to_owned());
        assert_eq!(played.headers, [kind]);
    }

    #[test]
    fn an_upstream_has_words_of_its_own_for_the_end_of_a_response() {
        let text = r#"{"basedOn": "chat-completions", "situations": {"text": {"lines": [], "finishReason": "COMPLETE"}}}"#;
        let dialect = Dialect::parse(text).unwrap();
        assert_eq!(dialect.finish_reason("text"), Some("COMPLETE"));
        assert_eq!(dialect.finish_reason("finish-other"), None);
    }

    #[test]
    fn the_dialect_of_chat_completions_is_read_whole() {
        let own = Dialect::parse(CHAT_COMPLETIONS).unwrap();
        assert!(own.exchange("text").is_ok() && own.exchange("status-429").is_ok());
        assert!(own.absent.is_empty());
    }

    #[test]
    fn a_router_file_says_what_is_wrong_with_it() {
        for (text, says) in [
            ("{", "EOF"),
            (r#"{"situation": {}}"#, "unknown field `situation`"),
            (r#"{"basedOn": "smoke"}"#, "`chat-completions`"),
            (r#"{"situations": {"tex": {}}}"#, "no situation `tex`"),
            (
                r#"{"situations": {"text": {}}, "absent": {"text": "why"}}"#,
                "in `situations` and in `absent`",
            ),
            (
                r#"{"situations": {"text": {"sse": [], "json": 1}}}"#,
                "situation `text`: expected one of",
            ),
            (
                r#"{"situations": {"text": {"status": 7}}}"#,
                "expected 100 to 999",
            ),
            (
                r#"{"situations": {"text": {"headers": {"a b": ""}}}}"#,
                "is no header",
            ),
        ] {
            let error = Dialect::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_situation_that_the_upstream_does_not_have_is_not_tested() {
        let text = r#"{"basedOn": "chat-completions", "absent": {"status-402": "it is free"}}"#;
        let dialect = Dialect::parse(text).unwrap();
        assert_eq!(
            dialect.exchange("status-402"),
            Err(not_tested("the upstream has no `status-402`: it is free"))
        );
        assert!(dialect.exchange("status-401").is_ok());
    }
}
