//! `demo`: a guided tour on the embedded mock router, without network, token or configuration.
//!
//! Every step runs the real code and is checked: the demo succeeds only if every check passed. The models and
//! references that it shows are the mock's data, which alone knows a provider.

mod output;
mod steps;

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use self::output::Scene;
use super::{
    Failure, Outcome,
    args::Global,
    format,
    session::{self, own_component},
    signals,
    style::Style,
    terminal::Terminal,
};
use dialects::chat_completions::request::ChatBody;
use mock_router::{MockOptions, MockRouter};
use model_provider_host::{
    Error, ErrorKind, Grants, Host, HostOptions, Plugin, Result, Secret, Settings,
    contract::{ChatRequest, settings::ModelAlias},
    settings::ModelSettings,
};

/// Pace of a response's events: slow enough to watch.
const PACE: Duration = Duration::from_millis(40);

pub(super) async fn run(terminal: Terminal, global: &Global) -> Outcome {
    tokio::select! {
        outcome = tour(terminal, global) => outcome,
        () = signals::interrupted() => Err(Error::new(ErrorKind::Cancelled, "the demo was ended early").into()),
    }
}

async fn tour(terminal: Terminal, global: &Global) -> Outcome {
    let began = Instant::now();
    let data = Data::read()?;
    let state = tempfile::tempdir().map_err(|error| {
        Error::new(
            ErrorKind::Configuration,
            format!("no temporary directory can be made: {error}"),
        )
    })?;
    let router = MockRouter::start(MockOptions::default().pace(PACE))
        .await
        .map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))?;
    let mut scene = Scene {
        terminal,
        paint: terminal.out,
        step: 0,
    };
    let path = match &global.plugin {
        Some(path) => path.clone(),
        None => own_component(terminal).await?,
    };
    let sandbox = session::sandbox(
        state.path(),
        &Settings::default().limits,
        session::Calls::at_once(64),
    )?;
    let loading = terminal.spinner("compiling the component");
    let plugin = Plugin::load(&sandbox, &path).await?;
    drop(loading);
    let mut settings = Settings::declaring(model_server::SETTINGS)
        .with_models(ModelSettings::new(Vec::new(), data.aliases()));
    session::apply(&mut settings, &global.set)?;
    settings.base_url = model_provider_host::settings::base_url(&router.base_url()).ok();
    let options = HostOptions::default()
        .with_settings(settings)
        .with_credential(Secret::new(&data.token))
        // The service is the mock router, and the token is a made-up one.
        .with_grants(Grants::parse(component_build::GRANT)?);
    let host = Host::start(plugin, options)?;

    scene.title(&format!("{} as one WebAssembly component", host.info().name))?;
    scene.say("No network, no token, no configuration: a mock router on loopback is the service.")?;
    let stage = steps::Stage {
        data: &data,
        router: &router,
        host: &host,
        sandbox: &sandbox,
    };
    stage.sandbox(&mut scene)?;
    stage.models(&mut scene).await?;
    stage.references(&mut scene).await?;
    stage.conversation(&mut scene).await?;
    stage.credential(&mut scene)?;
    stage.failure(&mut scene).await?;
    stage.swap(&mut scene).await?;

    scene.title(&format!(
        "All checks passed in {}",
        format::duration(began.elapsed())
    ))?;
    scene.say(&next_words(&host))?;
    Ok(())
}

/// What to try next, with the provider's environment variable for the credential.
fn next_words(host: &Host) -> String {
    let variable = host
        .info()
        .credential
        .and_then(|credential| credential.env_vars.into_iter().next())
        .map_or_else(String::new, |variable| format!("{variable}=… "));
    format!("Next, with a token of your own: {variable}host-harness chat \"What is a component?\"")
}

/// What the tour shows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Data {
    token: String,
    aliases: Vec<Alias>,
    references: Vec<Reference>,
    conversation: Value,
    tool_result: String,
    failure: FailureData,
    before_swap: Value,
    after_swap: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    alias: String,
    reference: String,
}

/// A reference as a user writes it, and what it has to resolve to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    write: String,
    why: String,
    becomes: Option<String>,
    error: Option<String>,
    suggests: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureData {
    scenario: String,
    request: Value,
    kind: String,
}

impl Data {
    fn read() -> Result<Self> {
        serde_json::from_str(mock_router::DEMO)
            .map_err(|error| Error::new(ErrorKind::Configuration, format!("the demo's own data: {error}")))
    }

    fn aliases(&self) -> Vec<ModelAlias> {
        let alias = |alias: &Alias| ModelAlias {
            alias: alias.alias.clone(),
            reference: alias.reference.clone(),
        };
        self.aliases.iter().map(alias).collect()
    }
}

/// A request of the demo's data.
fn request(body: &Value) -> Result<ChatRequest> {
    let file = ChatBody::parse(body.to_string().as_bytes())?;
    Ok(ChatRequest {
        model: file.model.unwrap_or_default(),
        ..file.request
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_the_demo_is_complete() {
        let data = Data::read().expect("the data");
        for body in [
            &data.conversation,
            &data.failure.request,
            &data.before_swap,
            &data.after_swap,
        ] {
            let request = request(body).expect("a request");
            assert!(!request.model.is_empty() && !request.messages.is_empty());
        }
        let promises = |reference: &Reference| reference.becomes.is_some() != reference.error.is_some();
        assert!(data.references.iter().all(promises));
        assert!(mock_router::scenarios().any(|(name, _)| name == data.failure.scenario));
    }
}
