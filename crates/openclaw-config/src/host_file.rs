//! `host-harness.json5`: this program's own settings, in a file beside OpenClaw's, since OpenClaw refuses unknown
//! keys.
//!
//! Top-level members are settings for every provider; those below `providers.<id>` are for one provider and take
//! precedence. `models` there holds the plugin's own settings for single models. References to variables are
//! resolved as everywhere.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    Configuration,
    document::{Document, Node},
    interpolation,
    settings::Apply,
};
use model_provider_host::{
    Result, Settings,
    contract::{Extra, ProviderInfo},
};

/// The name of the file.
const NAME: &str = "host-harness.json5";

impl Configuration {
    /// The path of this program's settings file, existing or not.
    #[must_use]
    pub fn host_file(&self) -> PathBuf {
        super::folder(&self.path).join(NAME)
    }

    /// Applies the file to the settings of a provider.
    ///
    /// # Errors
    /// It is not valid JSON5, or a setting has an invalid value; the error names its position.
    pub(super) fn apply_host_file(&self, info: &ProviderInfo, apply: Apply<'_>) -> Result<()> {
        let Some(document) = self.host_document()? else {
            return Ok(());
        };
        let root = document.root();
        for (name, node) in root.entries()? {
            if name != "providers" && name != "$schema" {
                apply(&node, name)?;
            }
        }
        let own = super::provider_in(&root.get("providers")?, &info.id)?;
        for (name, node) in own.entries()? {
            if name != "models" {
                apply(&node, name)?;
            }
        }
        Ok(())
    }

    /// The plugin's own settings for single models: each id with its members.
    pub(super) fn model_settings(&self, info: &ProviderInfo) -> Result<Vec<(String, Vec<Extra>)>> {
        let Some(document) = self.host_document()? else {
            return Ok(Vec::new());
        };
        let own = super::provider_in(&document.root().get("providers")?, &info.id)?;
        let mut models = Vec::new();
        for (id, node) in own.get("models")?.entries()? {
            let mut members = Vec::new();
            for (key, node) in node.entries()? {
                if node.value().is_some() {
                    members.push(Extra {
                        key: key.to_owned(),
                        value_json: self.resolved(&node)?.to_string(),
                    });
                }
            }
            models.push((id.trim().to_owned(), members));
        }
        Ok(models)
    }

    /// The file; `None` if it does not exist.
    fn host_document(&self) -> Result<Option<Document>> {
        let path = self.host_file();
        // A user who names this path with `--config` means it as the configuration.
        if path == self.path {
            return Ok(None);
        }
        Document::read(&path)
    }

    /// The value of a setting with its references resolved. An unresolved one is an error: without it, a request
    /// could go to another place or be billed to another account.
    fn resolved(&self, node: &Node<'_>) -> Result<Value> {
        let mut value = node.value().cloned().unwrap_or_default();
        let dotenv = self.dotenv()?;
        let look_up = |name: &str| self.variable(name, &self.environment, &dotenv);
        resolve(&mut value, &look_up).map_err(|why| {
            node.wrong(&format!("cannot be used: {why}"))
                .with_hint("set the variable, or write the value itself; `$${` is an escaped `${`")
        })?;
        Ok(value)
    }

    /// Applies one setting of a file, by its `--set` name.
    pub(super) fn apply(&self, node: &Node<'_>, name: &str, settings: &mut Settings) -> Result<()> {
        if node.value().is_none() {
            return Ok(());
        }
        let value = self.resolved(node)?;
        let result = match (name, &value) {
            // OpenClaw's own spelling.
            ("discovery", Value::Object(_)) => match node.get("enabled")?.flag()? {
                Some(false) => settings.set(name, "off"),
                _ => Ok(()),
            },
            ("ca-file", Value::String(text)) => {
                let path = self.environment.expand_home(text.trim());
                settings.ca_file = Some(super::folder(&self.path).join(path));
                Ok(())
            }
            _ => settings.set_json(name, &value),
        };
        result.map_err(|error| {
            node.wrong(&format!("cannot be used: {error}"))
                .with_hint("the names and values are those of --set NAME=VALUE")
        })
    }
}

/// Replaces the references in all texts of a value.
fn resolve(value: &mut Value, look_up: &impl Fn(&str) -> Option<String>) -> std::result::Result<(), String> {
    match value {
        Value::String(text) => *text = interpolation::plain(text, look_up)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, look_up))?,
        Value::Object(members) => {
            let mut members = members.iter_mut();
            members.try_for_each(|(_, member)| resolve(member, look_up))?;
        }
        _ => {}
    }
    Ok(())
}
