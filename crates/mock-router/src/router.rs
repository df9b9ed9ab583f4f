//! The router's behaviour: selects the script for each request. Checks in the router's order: key, JSON, model.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use super::MockError;
use super::catalog::{Catalog, Lookup};
use super::default_response::{self, ChatPrompt};
use super::faulty_stream::Control;
use super::options::MockOptions;
use super::player::{Body, play};
use super::recorder::{Exchange, RecordedRequest, Recorder, lock};
use super::replay::Replay;
use super::scenario::{self, Endpoint, Scenario, Subject};
use super::script::Script;
use super::sse_chunk::{Envelope, EventStyle};

const CHAT: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";

/// The state of one mock router.
#[derive(Debug)]
pub(super) struct Router {
    options: MockOptions,
    catalog: Catalog,
    replay: Replay,
    pub(super) recorder: Arc<Recorder>,
    play: Mutex<Program>,
}

/// The state that selects the next responses.
#[derive(Debug, Default)]
struct Program {
    scenario: Option<&'static Scenario>,
    /// How many responses each scenario has given.
    counts: HashMap<&'static str, usize>,
    chat: VecDeque<Script>,
    models: VecDeque<Script>,
    replayed: usize,
}

/// Receives one request and returns the response.
pub(super) async fn exchange(
    router: Arc<Router>,
    connection: usize,
    control: Control,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let exchange = Exchange::begin(Arc::clone(&router.recorder));
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut request = RecordedRequest {
        number: 0,
        connection,
        method: head.method,
        path: head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.to_string(), ToString::to_string),
        headers: head.headers,
        body,
        at: Instant::now(),
    };
    request.number = router.recorder.record(request.clone());
    let RecordedRequest {
        number, method, path, ..
    } = &request;
    tracing::debug!(number, connection, %method, path, "mock router: request");
    let mut script = match router.script(&request) {
        Ok(script) => script,
        Err(error) => Script::text(500, "text/plain; charset=utf-8", error.to_string()),
    };
    if !script.has_header("x-powered-by") {
        script.set_header("x-powered-by", "huggingface-moon".to_owned());
    }
    if !script.has_header("x-request-id") {
        script.set_header("x-request-id", request_id(request.number));
    }
    if request.method == Method::HEAD {
        script.steps.clear();
    }
    script.cut_into_chunks(router.options.chunking);
    play(script, exchange, control, router.options.pace).await
}

/// In the form of the real ones, and numbered.
fn request_id(number: usize) -> String {
    format!("Root=1-{number:08x}-{number:024x};{number:08x}-0000-4000-8000-{number:012x}")
}

impl Router {
    pub(super) fn new(options: MockOptions) -> Result<Self, MockError> {
        let replay = Replay::load(&options.replay)?;
        let mut catalog = Catalog::own()?;
        if let Some(list) = &replay.models {
            catalog = catalog.with_list(list.clone());
        }
        let scenario = options.scenario.as_deref().map(scenario::find).transpose()?;
        let play = Mutex::new(Program {
            scenario,
            ..Program::default()
        });
        Ok(Self {
            options,
            catalog,
            replay,
            recorder: Arc::default(),
            play,
        })
    }

    pub(super) fn set_scenario(&self, name: Option<&str>) -> Result<(), MockError> {
        let scenario = name.map(scenario::find).transpose()?;
        let mut play = lock(&self.play);
        play.scenario = scenario;
        if let Some(scenario) = scenario {
            play.counts.remove(scenario.name.as_str());
        }
        Ok(())
    }

    pub(super) fn push_chat(&self, script: Script) {
        lock(&self.play).chat.push_back(script);
    }

    pub(super) fn push_models(&self, script: Script) {
        lock(&self.play).models.push_back(script);
    }

    fn script(&self, request: &RecordedRequest) -> Result<Script, MockError> {
        let path = request.path.split('?').next().unwrap_or_default();
        match (path, &request.method) {
            (CHAT, &Method::POST) => self.chat(request),
            (MODELS, &Method::GET) => self.models(request),
            (CHAT, _) => Ok(Self::named("405-method", &Subject::default())?.header("allow", "POST")),
            (MODELS, _) => Ok(Self::named("405-method", &Subject::default())?.header("allow", "GET")),
            _ => match path.strip_prefix(MODELS).and_then(|rest| rest.strip_prefix('/')) {
                Some(id) if request.method == Method::GET => match self.catalog.model(id) {
                    Some(model) => Ok(Script::json(200, model)),
                    None => Self::named(
                        "404-model",
                        &Subject {
                            model: id.to_owned(),
                            ..Subject::default()
                        },
                    ),
                },
                Some(_) => Ok(Self::named("405-method", &Subject::default())?.header("allow", "GET")),
                None => Self::named("404-path", &Subject::default()),
            },
        }
    }

    /// The list: with any key, and without one.
    fn models(&self, request: &RecordedRequest) -> Result<Script, MockError> {
        if let Some(script) = lock(&self.play).models.pop_front() {
            return Ok(script);
        }
        let list = || {
            let list = Script::text(200, "application/json; charset=utf-8", self.catalog.list());
            list.header("etag", self.catalog.etag())
        };
        if let Some(scenario) = self.current(Endpoint::Models) {
            return self.perform(scenario, &Subject::default(), |_| list());
        }
        if request.header("if-none-match") == Some(self.catalog.etag()) {
            return Ok(Script::status(304).header("etag", self.catalog.etag()));
        }
        Ok(list())
    }

    fn chat(&self, request: &RecordedRequest) -> Result<Script, MockError> {
        if let Some(refusal) = self.key_refusal(request) {
            return Self::named(refusal, &Subject::default());
        }
        if let Some(script) = lock(&self.play).chat.pop_front() {
            return Ok(script);
        }
        if let Some(script) = self.replayed() {
            return Ok(script);
        }
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return Self::named("400-not-json", &Subject::default());
        };
        let named = body["model"].as_str().unwrap_or_default();
        let (model, suffix) = match named.split_once(':') {
            Some((model, suffix)) => (model, Some(suffix)),
            None => (named, None),
        };
        let subject = Subject {
            model: model.to_owned(),
            suffix: suffix.unwrap_or_default().to_owned(),
            id: format!("chatcmpl-mock-{:06}", request.number),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        };
        let by_model = model
            .strip_prefix("mock/")
            .and_then(|name| scenario::find(name).ok());
        let chosen = by_model
            .filter(|scenario| scenario.on == Endpoint::Chat)
            .or_else(|| self.current(Endpoint::Chat));
        if let Some(scenario) = chosen {
            // Its default responses use a model that exists, whatever the request named.
            let backend = match self.catalog.look_up(model, suffix) {
                Lookup::Backend(backend) => backend,
                _ => "together".to_owned(),
            };
            return self.perform(scenario, &subject, |style| {
                self.default(&body, &subject, &backend, style)
            });
        }
        if body["messages"].as_array().is_none_or(Vec::is_empty) {
            return Self::named("400-no-messages", &subject);
        }
        let backend = match self.catalog.look_up(model, suffix) {
            Lookup::Backend(backend) => backend,
            // A recorded list does not limit the models of requests.
            _ if self.replaying() => "together".to_owned(),
            Lookup::NoModel => return Self::named("400-model-not-found", &subject),
            Lookup::NotChat => return Self::named("400-not-chat", &subject),
            Lookup::NotServed => return Self::named("400-not-enabled", &subject),
            Lookup::BadSuffix => return Self::named("400-bad-suffix", &subject),
        };
        if default_response::count_images(&body) > 0 && self.catalog.lacks_vision(model) {
            let mut refusal = Self::named("relayed-no-vision", &subject)?;
            refusal.set_header("x-inference-provider", backend);
            return Ok(refusal);
        }
        Ok(self.default(&body, &subject, &backend, &EventStyle::default()))
    }

    /// The router's refusal of a key: HTML without a header, JSON for a bad key.
    fn key_refusal(&self, request: &RecordedRequest) -> Option<&'static str> {
        if !self.options.require_key || self.replaying() {
            return None;
        }
        if !request.headers.contains_key(header::AUTHORIZATION) {
            return Some("401-html");
        }
        let key = request.header("authorization").and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        });
        let accepted = key.is_some_and(|key| {
            key.len() > "hf_".len()
                && key.starts_with("hf_")
                && !self.options.rejected_keys.iter().any(|bad| bad == key)
        });
        (!accepted).then_some("401-json")
    }

    fn replaying(&self) -> bool {
        !self.options.replay.is_empty()
    }

    fn replayed(&self) -> Option<Script> {
        let last = self.replay.chat.len().checked_sub(1)?;
        let mut play = lock(&self.play);
        let next = play.replayed.min(last);
        play.replayed = next + 1;
        self.replay.chat.get(next).cloned()
    }

    fn default(&self, request: &Value, subject: &Subject, backend: &str, style: &EventStyle) -> Script {
        let envelope = Envelope {
            id: subject.id.clone(),
            created: subject.created,
            model: subject.model.clone(),
        };
        let reasoning = self.catalog.is_reasoning(&subject.model);
        default_response::compose(
            &ChatPrompt {
                request,
                backend,
                reasoning,
                envelope,
            },
            style,
        )
    }

    fn current(&self, endpoint: Endpoint) -> Option<&'static Scenario> {
        lock(&self.play)
            .scenario
            .filter(|scenario| scenario.on == endpoint)
    }

    /// The next response of a scenario.
    fn perform(
        &self,
        scenario: &'static Scenario,
        subject: &Subject,
        default: impl FnOnce(&EventStyle) -> Script,
    ) -> Result<Script, MockError> {
        let count = {
            let mut play = lock(&self.play);
            let count = play.counts.entry(scenario.name.as_str()).or_default();
            *count += 1;
            *count - 1
        };
        let response = scenario.response(count);
        let response =
            response.ok_or_else(|| MockError::Data(format!("scenario {} has no response", scenario.name)))?;
        response.script(subject, default)
    }

    /// The first response of a scenario, as the router's own.
    fn named(name: &str, subject: &Subject) -> Result<Script, MockError> {
        let scenario = scenario::find(name)?;
        let response = scenario.response(0);
        let response = response.ok_or_else(|| MockError::Data(format!("scenario {name} has no response")))?;
        response.script(subject, |_| Script::status(500))
    }
}
