//! Whether OpenClaw has a plugin for a provider and loads it. This decides if `plugins.entries.<id>.config` may
//! hold settings.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Configuration,
    document::Node,
    provider_in,
    report::Unresolved,
    schema::{PluginEntry, Plugins},
    settings::Apply,
    state_database::Database,
};
use model_provider_host::{Result, contract::ProviderInfo};

/// Members of a plugin's `config` that only the plugin itself uses.
const ITS_OWN: [&str; 2] = ["component", "sha256"];

/// Settings of a provider that only this program knows, and their location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginConfig {
    /// Settings below `plugins.entries.<id>.config` that OpenClaw's bundled plugin does not know.
    pub settings: Vec<String>,
    /// The location of the OpenClaw plugin that knows them, if it is installed.
    pub installed: Option<PathBuf>,
}

impl Configuration {
    /// The settings below `plugins.entries.<id>.config`, and whether OpenClaw accepts them.
    ///
    /// # Errors
    /// A key on the path has the wrong type.
    pub fn plugin_config(&self, info: &ProviderInfo) -> Result<PluginConfig> {
        let settings: Vec<String> = self.plugin_settings(info)?;
        let installed = if settings.is_empty() {
            None
        } else {
            self.installed_plugin(&info.id)
        };
        Ok(PluginConfig { settings, installed })
    }

    /// Applies `plugins.entries.<id>.config` to the settings of a provider, and warns about what OpenClaw refuses.
    pub(super) fn apply_plugin_config(&self, info: &ProviderInfo, apply: Apply<'_>) -> Result<()> {
        let config = self.plugin_entry(info)?.get("config")?;
        for (name, node) in config.entries()? {
            if !ITS_OWN.contains(&name) {
                apply(&node, name)?;
            }
        }
        Ok(())
    }

    /// The warning about settings where OpenClaw refuses them. This program reads them there nevertheless.
    ///
    /// # Errors
    /// As of [`plugin_config`](Self::plugin_config).
    pub fn misplaced_settings(&self, info: &ProviderInfo) -> Result<Option<Unresolved>> {
        let config = self.plugin_config(info)?;
        if config.settings.is_empty() || config.installed.is_some() {
            return Ok(None);
        }
        let place = self.plugin_entry(info)?.get("config")?.key();
        // A key may be anything, even an API key put there by mistake. Only names in the form of settings are
        // repeated.
        let is_plain = |name: &&String| {
            name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        let named: Vec<String> = config
            .settings
            .iter()
            .filter(is_plain)
            .map(|name| format!("`{name}`"))
            .collect();
        let what = if named.is_empty() {
            "the settings".to_owned()
        } else {
            named.join(", ")
        };
        let why =
            format!("OpenClaw refuses {what} there unless the plugin of this provider is installed in it");
        let fix = format!("move it to {}", self.host_file().display());
        Ok(Some(Unresolved::new(place, why, fix).misplaced()))
    }

    /// `plugins.entries.<id>`, the id in any case.
    fn plugin_entry(&self, info: &ProviderInfo) -> Result<Node<'_>> {
        provider_in(&self.root().at(&["plugins", "entries"])?, &info.id)
    }

    fn plugin_settings(&self, info: &ProviderInfo) -> Result<Vec<String>> {
        let config = self.plugin_entry(info)?.get("config")?;
        let names = config.entries()?.into_iter();
        let is_openclaws =
            |name: &str, value: Option<&Value>| name == "discovery" && value.is_some_and(Value::is_object);
        Ok(names
            .filter(|(name, node)| node.value().is_some() && !is_openclaws(name, node.value()))
            .map(|(name, _)| name.to_owned())
            .collect())
    }

    /// The location of an installed OpenClaw plugin by its id: from OpenClaw's list of installed plugins, its
    /// plugin folder, or `plugins.load.paths`.
    fn installed_plugin(&self, id: &str) -> Option<PathBuf> {
        let by_index = || {
            let database = Database::of_state(&self.state_dir).ok()??;
            let row = database.state_row("plugins.installedIndex").ok()??;
            let index: Value = serde_json::from_str(&row.json).ok()?;
            let record = index.get("installRecords")?.get(id)?;
            let path = record.get("installPath").and_then(Value::as_str);
            Some(path.map_or_else(|| database.path().to_owned(), PathBuf::from))
        };
        let by_record = || {
            let installs = self.root().at(&["plugins", "installs", id]).ok()?;
            installs.value()?;
            Some(self.path.clone())
        };
        let by_folder = || {
            let folder = self.state_dir.join("extensions").join(id);
            folder.join("openclaw.plugin.json").is_file().then_some(folder)
        };
        let by_path = || {
            let plugins = self.root().get("plugins").ok()?.read::<Plugins>().ok()??;
            let paths = plugins.load.paths.into_iter();
            paths
                .map(|path| super::folder(&self.path).join(self.environment.expand_home(&path.0)))
                .find(|path| manifest_id(path).as_deref() == Some(id))
        };
        by_index().or_else(by_record).or_else(by_folder).or_else(by_path)
    }

    /// Why OpenClaw does not load the plugin of a provider. This program loads the file that it is given
    /// nevertheless.
    ///
    /// # Errors
    /// `plugins` has the wrong form.
    pub fn plugin_switched_off(&self, info: &ProviderInfo) -> Result<Option<String>> {
        let node = self.root().get("plugins")?;
        let plugins = node.read::<Plugins>()?.unwrap_or_default();
        let place = self.plugin_entry(info)?;
        let entry = place.read::<PluginEntry>()?.unwrap_or_default();
        let names =
            |list: &[super::schema::Text]| list.iter().any(|name| name.0.eq_ignore_ascii_case(&info.id));
        Ok(if plugins.enabled == Some(false) {
            Some("plugins.enabled".to_owned())
        } else if names(&plugins.deny) {
            Some("plugins.deny".to_owned())
        } else if entry.enabled == Some(false) {
            Some(format!("{}.enabled", place.key()))
        } else if !plugins.allow.is_empty() && !names(&plugins.allow) {
            Some("plugins.allow".to_owned())
        } else {
            None
        })
    }
}

/// The id in the manifest of a plugin's folder.
fn manifest_id(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("openclaw.plugin.json")).ok()?;
    let manifest: Value = serde_json::from_str(&text).ok()?;
    Some(manifest.get("id")?.as_str()?.to_owned())
}
