//! `models status`: the default model, its fallbacks, and where the key comes from.

use std::sync::Arc;

use serde::Serialize;

use super::super::{
    Failure, Outcome,
    args::{Global, StatusArgs},
    onboard::key::{self, Verdict},
    session::Ground,
    terminal::Terminal,
};
use crate::doctor::is_listed;
use model_provider_host::{
    Host,
    contract::{DiscoveryMode, ModelCatalog, ModelSource},
    sanitize,
};
use openclaw_config::{FoundSecret, SecretSearch};

/// The configured models and whether they can be used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusJson {
    provider: String,
    configuration: String,
    default: ModelStatus,
    fallbacks: Vec<ModelStatus>,
    /// References of other providers, which are skipped here.
    elsewhere: Vec<String>,
    key: KeyStatus,
    usable: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelStatus {
    configured: String,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// What is configured and not used, and why.
    passed_over: Vec<String>,
    /// Whether the service accepts the key; only if it was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<String>,
    usable: bool,
}

pub(super) async fn run(terminal: Terminal, global: &Global, args: &StatusArgs) -> Outcome {
    let mut ground = Ground::open(global)?;
    let plugin = ground.load(terminal, global.plugin.as_deref()).await?;
    let info = plugin.info().clone();
    ground.warn_of_broken_list(terminal, &info);
    let grant = ground.grant_of(&plugin)?;
    let configuration = &ground.configuration;
    let search = configuration
        .search_secret(&info, grant, None, &ground.environment)
        .await?;
    let SecretSearch { found, passed, .. } = search;
    let source = found.as_ref().map(|found| found.source.to_string());
    let secret = found.map(FoundSecret::named);
    let has_key = secret.is_some() || info.credential.is_none();
    let host = ground.start(plugin, ground.settings(&info)?, secret)?;
    let mut key = KeyStatus {
        source,
        passed_over: passed.iter().map(ToString::to_string).collect(),
        probe: None,
        usable: has_key,
    };
    if args.probe && has_key {
        let (said, is_usable) = match key::check(&host, &info).await {
            Verdict::Good => ("ok".to_owned(), true),
            Verdict::Bad(error) => (error.message().to_owned(), false),
            Verdict::Unknown { why, .. } => (format!("unknown: {why}"), true),
        };
        (key.probe, key.usable) = (Some(said), is_usable);
    }
    let models = configuration.default_model(&info)?;
    let live = if args.probe { live(&host).await } else { None };
    // In the order in which `chat` tries them: if the first is another provider's, the next one is used.
    let mut chain = models.chain();
    if chain.is_empty() {
        chain.push(info.default_model.clone().unwrap_or_default());
    }
    let mut statuses = Vec::with_capacity(chain.len());
    for text in chain {
        statuses.push(model(&host, live.as_ref(), text).await);
    }
    let default = statuses.remove(0);
    let fallbacks = statuses;
    let is_good = |model: &ModelStatus| model.error.is_none();
    let status = StatusJson {
        usable: is_good(&default) && fallbacks.iter().all(is_good) && key.usable,
        provider: info.id.clone(),
        configuration: configuration.path().display().to_string(),
        default,
        fallbacks,
        elsewhere: models.elsewhere,
        key,
    };
    if terminal.is_text() {
        show(terminal, &status)?;
    } else {
        terminal.json(&status)?;
    }
    if args.check && !status.usable {
        return Err(Failure::Shown);
    }
    Ok(())
}

/// The service's list, if there is one.
async fn live(host: &Host) -> Option<ModelCatalog> {
    let catalog = host.list_models(DiscoveryMode::Always).await.ok()?;
    (catalog.source == ModelSource::Live).then(|| Arc::unwrap_or_clone(catalog))
}

async fn model(host: &Host, live: Option<&ModelCatalog>, configured: String) -> ModelStatus {
    match host.resolve(&configured).await {
        Ok(found) => ModelStatus {
            configured,
            error: live
                .filter(|catalog| !is_listed(catalog, &found))
                .map(|_| "the service does not list it".to_owned()),
            reference: Some(found.canonical),
        },
        Err(error) => ModelStatus {
            configured,
            reference: None,
            error: Some(error.message().to_owned()),
        },
    }
}

fn show(terminal: Terminal, status: &StatusJson) -> Outcome {
    let line = |label: &str, model: &ModelStatus| {
        let mut line = format!("{label:14} {}", sanitize::line(&model.configured));
        match (&model.reference, &model.error) {
            (Some(reference), None) if *reference != model.configured => {
                line += &format!("  ({})", sanitize::name(reference));
            }
            (_, Some(error)) => {
                line += &format!("  {} {}", terminal.out.red("✗"), sanitize::line(error));
            }
            _ => {}
        }
        line
    };
    terminal.line(&line("default", &status.default))?;
    for fallback in &status.fallbacks {
        terminal.line(&line("fallback", fallback))?;
    }
    for text in &status.elsewhere {
        let text = sanitize::line(text);
        terminal.line(&format!("{:14} {text}  (of another provider)", ""))?;
    }
    let key = sanitize::line(status.key.source.as_deref().unwrap_or("none"));
    terminal.line(&format!("{:14} {key}", "key"))?;
    if let Some(probe) = &status.key.probe {
        terminal.line(&format!("{:14} {}", "service", sanitize::line(probe)))?;
    }
    for passed in &status.key.passed_over {
        terminal.warn(passed);
    }
    let configuration = sanitize::line(&status.configuration);
    terminal.line(&format!("{:14} {configuration}", "configuration"))?;
    Ok(())
}
