//! A component, a host and a mock router in one line, so that tests read as sentences.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use model_provider_host::{
    ChatStream, Error, Grants, Host, HostOptions, Plugin, Sandbox, SandboxOptions, Secret, Settings,
    contract::{AssistantPart, ChatEvent, ChatRequest, Reasoning, Summary, ToolCall, types},
};

/// The token that the mock accepts; long enough to be searched for.
pub const TOKEN: &str = "hf_integration_test_token";

/// Builds a component once for all tests.
pub fn built(which: Build) -> PathBuf {
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    static NEXT: OnceLock<PathBuf> = OnceLock::new();
    let cell = match which {
        Build::Release => &RELEASE,
        Build::NextVersion => &NEXT,
    };
    cell.get_or_init(|| {
        component_build::build(which, |words| eprintln!("{words}")).expect("the component builds")
    })
    .clone()
}

/// One engine for all tests. With the variable `GUESTS_WAIT` the guests wait themselves, through `read`.
pub fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let options = SandboxOptions::default().with_guests_wait(std::env::var_os("GUESTS_WAIT").is_some());
        Sandbox::new(&options).expect("an engine")
    })
}

/// The component, compiled once for all tests.
pub async fn plugin() -> Plugin {
    static PLUGIN: tokio::sync::OnceCell<Plugin> = tokio::sync::OnceCell::const_new();
    PLUGIN.get_or_init(|| load(sandbox())).await.clone()
}

/// The component in an engine whose guests wait themselves.
pub async fn waiting_plugin() -> Plugin {
    static PLUGIN: tokio::sync::OnceCell<Plugin> = tokio::sync::OnceCell::const_new();
    let load = || async {
        let options = SandboxOptions::default()
            .with_guests_wait(true)
            .with_max_concurrent(64);
        let plugin = load(&Sandbox::new(&options).expect("an engine")).await;
        assert!(!plugin.is_nonblocking());
        plugin
    };
    PLUGIN.get_or_init(load).await.clone()
}

async fn load(sandbox: &Sandbox) -> Plugin {
    let file = tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .expect("the build ends");
    Plugin::load(sandbox, &file).await.expect("the component loads")
}

/// A host with a mock router behind it.
#[derive(Debug)]
pub struct Harness {
    pub mock: Arc<MockRouter>,
    pub host: Host,
}

/// How a [`Harness`] is made.
pub struct Setup {
    mock: MockOptions,
    settings: Settings,
    token: Option<String>,
    grants: Grants,
}

impl Harness {
    /// A mock without pauses, a token, the component's own settings.
    pub fn with() -> Setup {
        Setup {
            mock: MockOptions::immediate(),
            settings: Settings::declaring(model_server::SETTINGS),
            token: Some(TOKEN.to_owned()),
            grants: Grants::parse(component_build::GRANT).expect("grants"),
        }
    }

    pub async fn start() -> Self {
        Self::with().start().await
    }

    /// Sends one prompt and collects the response.
    pub async fn ask(&self, model: &str) -> Heard {
        self.send(question(model, "Hello!")).await
    }

    pub async fn send(&self, request: ChatRequest) -> Heard {
        match self.host.chat(request).await {
            Ok(completion) => collect(completion).await,
            Err(error) => Heard {
                error: Some(error),
                ..Heard::default()
            },
        }
    }
}

impl Setup {
    pub fn mock(mut self, change: impl FnOnce(MockOptions) -> MockOptions) -> Self {
        self.mock = change(self.mock);
        self
    }

    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.set(name, value).expect("a setting");
        self
    }

    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub fn token(mut self, token: Option<&str>) -> Self {
        self.token = token.map(str::to_owned);
        self
    }

    pub fn grants(mut self, change: impl FnOnce(&mut Grants)) -> Self {
        change(&mut self.grants);
        self
    }

    pub async fn start(self) -> Harness {
        self.start_with(plugin().await).await
    }

    pub async fn start_with(self, plugin: Plugin) -> Harness {
        self.try_start_with(plugin).await.expect("a host")
    }

    pub async fn try_start_with(self, plugin: Plugin) -> Result<Harness, Error> {
        let mock = MockRouter::start(self.mock.clone()).await.expect("a mock router");
        let url = mock.base_url();
        self.start_at(&url, Arc::new(mock), plugin)
    }

    /// A host whose base URL this is: of the mock router itself, or of a server in front of it.
    pub fn start_at(self, base_url: &str, mock: Arc<MockRouter>, plugin: Plugin) -> Result<Harness, Error> {
        let mut settings = self.settings;
        settings.base_url = Some(base_url.parse().expect("a URL"));
        let options = HostOptions::default()
            .with_settings(settings)
            .with_credential(self.token.as_deref().and_then(Secret::new))
            .with_grants(self.grants);
        let host = Host::start(plugin, options)?;
        Ok(Harness { mock, host })
    }
}

/// A tool with a city as its argument.
pub fn weather_tool() -> types::Tool {
    types::Tool::Function(weather_function())
}

/// The function of that tool.
pub fn weather_function() -> types::FunctionTool {
    types::FunctionTool {
        name: "get_weather".to_owned(),
        description: Some("The weather of a city".to_owned()),
        parameters_json: r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#
            .to_owned(),
        strict: None,
        extras: Vec::new(),
    }
}

/// A collected response.
#[derive(Debug, Default)]
pub struct Heard {
    pub events: Vec<ChatEvent>,
    pub summary: Option<Summary>,
    pub error: Option<Error>,
}

impl Heard {
    pub fn text(&self) -> String {
        self.events
            .iter()
            .filter_map(|event| match event {
                ChatEvent::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    pub fn reasoning(&self) -> String {
        self.events
            .iter()
            .filter_map(|event| match event {
                ChatEvent::Reasoning(Reasoning { text, .. }) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Names and joined arguments of the calls, in their order.
    pub fn tool_calls(&self) -> Vec<ToolCall> {
        let mut calls: Vec<(u32, ToolCall)> = Vec::new();
        for event in &self.events {
            match event {
                ChatEvent::ToolCallStart(start) => {
                    calls.push((start.index, ToolCall::new(&start.id, &start.name, "")));
                }
                ChatEvent::ToolCallDelta(delta) => {
                    let call = calls.iter_mut().find(|(index, _)| *index == delta.index);
                    call.expect("a delta comes after its start").1.arguments_json +=
                        &delta.arguments_fragment;
                }
                _ => {}
            }
        }
        calls.into_iter().map(|(_, call)| call).collect()
    }

    /// The summary; the response has to be complete.
    pub fn summary(&self) -> &Summary {
        assert!(self.error.is_none(), "an error came: {:?}", self.error);
        self.summary.as_ref().expect("a response ends with a summary")
    }

    /// The error; the response has to fail.
    pub fn error(&self) -> &Error {
        self.error.as_ref().expect("an error")
    }
}

/// Reads a response to its end, with a guard against one that never ends.
pub async fn collect(mut completion: ChatStream) -> Heard {
    let mut heard = Heard::default();
    let reading = async {
        loop {
            match completion.next().await {
                Ok(Some(event)) => heard.events.push(event),
                Ok(None) => break heard.summary = completion.summary().cloned(),
                Err(error) => break heard.error = Some(error),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .expect("the response ends within a minute");
    heard
}

/// The parts of a response as text, for comparisons.
pub fn parts_text(parts: &[AssistantPart]) -> String {
    parts
        .iter()
        .filter_map(|part| match part {
            AssistantPart::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// A request of one user message.
pub fn question(model: impl Into<String>, text: impl Into<String>) -> ChatRequest {
    ChatRequest::new(model).user(text)
}
