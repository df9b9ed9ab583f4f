//! Keys of the configuration that nobody reads: misspelt ones look as if they worked.

use serde_json::Value;

use super::report::Report;
use crate::{Settings, config::Configuration, contract::ProviderInfo};

/// An object of the configuration and the keys that OpenClaw knows in it.
struct Place<'a> {
    way: Vec<&'a str>,
    known: &'static [&'static str],
}

/// Looks for unknown keys where known ones are used.
pub(super) fn examine(report: &mut Report, configuration: &Configuration, info: &ProviderInfo) {
    let provider = ["models", "providers", info.id.as_str()];
    let places = [
        Place {
            way: provider.to_vec(),
            known: &[
                "baseUrl",
                "apiKey",
                "auth",
                "api",
                "headers",
                "authHeader",
                "models",
            ],
        },
        Place {
            way: vec!["agents", "defaults", "model"],
            known: &["primary", "fallbacks"],
        },
        Place {
            way: vec!["env", "shellEnv"],
            known: &["enabled", "timeoutMs"],
        },
        Place {
            way: vec!["plugins", "entries", &info.id],
            known: &["enabled", "config"],
        },
    ];
    for place in &places {
        look(report, configuration.value(), &place.way, place.known);
    }
    let models = find(configuration.value(), &["agents", "defaults", "models"]);
    for (reference, model) in models.and_then(Value::as_object).into_iter().flatten() {
        for key in unknown(model, &["alias", "params", "streaming"]) {
            say(
                report,
                &format!("agents.defaults.models[\"{reference}\"].{key}"),
                &key,
                &["alias", "params"],
            );
        }
    }
}

/// Names the settings that only the plugin can know: it ignores those that it does not.
pub(super) fn others(report: &mut Report, settings: &Settings) {
    for name in settings.extras.keys() {
        let message = format!("`{name}` is no setting of the host; it is the plugin's, or misspelt");
        report.note("settings", message);
    }
}

fn look(report: &mut Report, value: &Value, way: &[&str], known: &[&str]) {
    for key in find(value, way)
        .map(|value| unknown(value, known))
        .unwrap_or_default()
    {
        say(report, &format!("{}.{key}", way.join(".")), &key, known);
    }
}

fn say(report: &mut Report, path: &str, key: &str, known: &[&str]) {
    let near = known.iter().map(|known| {
        (
            strsim::damerau_levenshtein(&known.to_lowercase(), &key.to_lowercase()),
            known,
        )
    });
    let fix = match near.min().filter(|(distance, _)| *distance <= 2) {
        Some((_, meant)) => format!("did you mean `{meant}`?"),
        None => "remove it, or check its spelling".to_owned(),
    };
    report.warn("configuration", format!("`{path}` is not used"), &fix);
}

fn unknown(value: &Value, known: &[&str]) -> Vec<String> {
    let keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.filter(|key| !known.contains(&key.as_str()))
        .cloned()
        .collect()
}

fn find<'v>(value: &'v Value, way: &[&str]) -> Option<&'v Value> {
    way.iter().try_fold(value, |value, name| {
        let object = value.as_object()?;
        object.get(*name).or_else(|| {
            object
                .iter()
                .find(|(key, _)| key.trim() == *name)
                .map(|(_, value)| value)
        })
    })
}
