//! Unknown keys of the configuration: misspelt ones look as if they worked. The configuration crate knows which keys
//! are read here, and which are OpenClaw's.

use serde_json::Value;

use super::report::Report;
use model_provider_host::{Settings, contract::ProviderInfo, settings::nearest};
use openclaw_config::{Configuration, KnownKeys};

/// Looks for unknown keys next to known ones.
pub(super) fn examine(report: &mut Report, configuration: &Configuration, info: &ProviderInfo) {
    for place in configuration.known_keys(info) {
        let found = place
            .way
            .iter()
            .try_fold(configuration.value(), |value, name| match value {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                value => value.get(name.as_str()),
            });
        let keys = found.and_then(Value::as_object).into_iter().flatten();
        for (key, _) in keys.filter(|(key, _)| !place.used.contains(&key.as_str())) {
            say(report, &place, key);
        }
    }
}

/// Names the settings that only the plugin can know: it ignores unknown ones.
pub(super) fn settings_of_plugin(report: &mut Report, settings: &Settings) {
    for name in settings.extras.keys() {
        let message = format!("`{name}` is not a setting of the host; it is the plugin's, or misspelt");
        report.note("settings", message);
    }
}

fn say(report: &mut Report, place: &KnownKeys, key: &str) {
    let path = path(&place.way, key);
    if place.unused.contains(&key) {
        report.note(
            "configuration",
            format!("`{path}` is OpenClaw's, and not used here"),
        );
        return;
    }
    let known = place.used.iter().chain(place.unused);
    let is_of_a_model = matches!(place.way.as_slice(), [models, _, id, list, _] if models == "models" && list == "models" && !id.is_empty());
    let fix = match nearest(key, known.copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if is_of_a_model => "put it under `providers` of host-harness.json5".to_owned(),
        None => "check its spelling; OpenClaw refuses keys that it does not know".to_owned(),
    };
    let message = if is_of_a_model {
        format!("`{path}` goes to the plugin as it is; OpenClaw refuses it")
    } else {
        format!("`{path}` is not used")
    };
    report.warn("configuration", message, &fix);
}

/// The path of a key, as a user writes it.
fn path(way: &[String], key: &str) -> String {
    let mut path = String::new();
    for name in way.iter().map(String::as_str).chain([key]) {
        let is_index = !path.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = name.chars().all(|c| c.is_alphanumeric() || "_-$".contains(c));
        path += &match (is_index, is_plain) {
            (true, _) => format!("[{name}]"),
            (false, false) => format!("[\"{name}\"]"),
            (false, true) if path.is_empty() => name.to_owned(),
            (false, true) => format!(".{name}"),
        };
    }
    path
}
