//! OpenClaw's configuration: one JSON5 file and the state directory beside it. Knows the meaning of the keys, and
//! no provider: every lookup takes the id, the variables and the grant of a plugin.
//!
//! Unused keys are neither read nor refused. Values never get into messages or logs. Knows no command line and no
//! server: the results are settings, credentials and reports.

mod auth_profiles;
mod credential_lookup;
mod default_model;
mod document;
mod dotenv;
mod edit;
mod environment;
mod guarded;
mod host_file;
mod interpolation;
mod model_selection;
mod models_cache;
mod onboarding;
mod openclaw_era;
mod openclaw_plugin;
mod params;
mod price;
mod provider_facts;
mod report;
mod schema;
mod secret_ref;
mod settings;
mod shell;
mod state_database;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;

pub use auth_profiles::{StoredKey, StoredSecret};
pub use credential_lookup::{FoundSecret, SecretSearch, SecretSource};
pub use default_model::{DefaultModel, NamedModel};
pub use environment::Environment;
pub use guarded::Guarded;
pub use model_selection::is_plain_alias;
pub use models_cache::CachedModels;
pub use onboarding::{Alias, Onboarded, Onboarding};
pub use openclaw_plugin::PluginConfig;
pub use report::Unresolved;
pub use schema::KnownKeys;

use document::{Document, Node, Roots};
use model_provider_host::{Error, ErrorKind, Result, contract::ProviderInfo, settings::DeclaredSettings};

/// The parsed configuration file, and the location of its state.
///
/// ```
/// use openclaw_config::{Configuration, Environment};
///
/// let home = tempfile::tempdir()?;
/// let file = home.path().join("openclaw.json");
/// std::fs::write(&file, "{ agents: { defaults: { model: { primary: 'acme/big' } } } }")?;
///
/// let environment = Environment::new([("ACME_API_KEY", "sk_0123")], Some(home.path().to_owned()));
/// let configuration = Configuration::load(Some(&file), &environment)?;
/// assert!(configuration.is_present());
/// assert_eq!(configuration.primary()?.as_deref(), Some("acme/big"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Configuration {
    document: Document,
    path: PathBuf,
    state_dir: PathBuf,
    is_present: bool,
    /// Whether `models.json` is treated as missing.
    leaves_list_out: bool,
    /// Whether `.env` is treated as missing.
    leaves_dotenv_out: bool,
    environment: Environment,
    /// The settings that crates on top of the host declare.
    declared: DeclaredSettings,
    /// The model that the user named instead of the default.
    requested_model: Option<String>,
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content may hold secrets.
        f.debug_struct("Configuration")
            .field("path", &self.path)
            .field("state_dir", &self.state_dir)
            .field("is_present", &self.is_present)
            .finish_non_exhaustive()
    }
}

impl Configuration {
    /// The same, with the names of the settings that crates on top of the host declare.
    #[must_use]
    pub fn declaring(mut self, declared: DeclaredSettings) -> Self {
        self.declared = declared;
        self
    }

    /// The same for a command that uses this model. The reference may name the profile whose credential is used.
    #[must_use]
    pub fn for_model(mut self, model: Option<&str>) -> Self {
        self.requested_model = model.map(str::to_owned);
        self
    }

    /// Reads the file that `--config` names, else `$OPENCLAW_CONFIG_PATH`, else `openclaw.json` in
    /// `$OPENCLAW_STATE_DIR` if it exists, else `~/.openclaw/openclaw.json`; if none of these exists, the path is
    /// the one in `$OPENCLAW_STATE_DIR`. The state directory is `$OPENCLAW_STATE_DIR`, else the folder of `named`,
    /// else `~/.openclaw`.
    ///
    /// # Errors
    /// `named` does not exist, or the file is not valid JSON5. A missing default is an empty configuration.
    pub fn load(named: Option<&Path>, environment: &Environment) -> Result<Self> {
        let configuration = Self::load_or_empty(named, environment)?;
        if named.is_some() && !configuration.is_present {
            let message = format!("there is no configuration file {}", configuration.path.display());
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("check the name after --config, or leave it out for the default file"));
        }
        Ok(configuration)
    }

    /// Like [`load`](Self::load), for a command that may create the file: `named` need not exist yet.
    ///
    /// # Errors
    /// The file is not valid JSON5, or there is no home directory to find it in.
    pub fn load_or_empty(named: Option<&Path>, environment: &Environment) -> Result<Self> {
        let home = environment.home().map(|home| home.join(".openclaw"));
        let state = environment.path("OPENCLAW_STATE_DIR");
        let path = named
            .map(Path::to_owned)
            .or_else(|| environment.path("OPENCLAW_CONFIG_PATH"))
            .or_else(|| {
                let beside_state = state.as_ref().map(|dir| dir.join("openclaw.json"));
                // A new file belongs to the state directory that was named, not into the home directory.
                let in_home = home
                    .as_ref()
                    .is_some_and(|dir| dir.join("openclaw.json").is_file());
                beside_state.filter(|path| path.is_file() || !in_home)
            })
            .or_else(|| home.as_ref().map(|dir| dir.join("openclaw.json")));
        let state_dir = state.or_else(|| named.map(folder)).or(home);
        let (Some(path), Some(state_dir)) = (path, state_dir) else {
            let message = "there is no home directory to look for the configuration in";
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("name the file with --config, or set OPENCLAW_STATE_DIR"));
        };
        // The compilation cache needs an absolute directory, since a program may change its working directory.
        let state_dir = std::path::absolute(&state_dir).unwrap_or(state_dir);
        Self::read(path, state_dir, environment, false)
    }

    /// Loads the same files again, after they were written.
    ///
    /// # Errors
    /// The file is not valid JSON5.
    pub fn reread(&self) -> Result<Self> {
        self.again(false)
    }

    /// The same as if there were no `.env`.
    fn without_dotenv(&self) -> Result<Self> {
        self.again(true)
    }

    fn again(&self, leaves_dotenv_out: bool) -> Result<Self> {
        let (path, state_dir) = (self.path.clone(), self.state_dir.clone());
        let again = Self::read(path, state_dir, &self.environment, leaves_dotenv_out)?;
        Ok(again
            .declaring(self.declared)
            .for_model(self.requested_model.as_deref()))
    }

    fn read(
        path: PathBuf,
        state_dir: PathBuf,
        environment: &Environment,
        leaves_dotenv_out: bool,
    ) -> Result<Self> {
        let document = Document::read(&path)?;
        let mut configuration = Self {
            is_present: document.is_some(),
            leaves_list_out: false,
            leaves_dotenv_out,
            document: document.unwrap_or_else(|| Document::empty(&path)),
            path,
            state_dir,
            environment: environment.clone(),
            declared: DeclaredSettings::default(),
            requested_model: None,
        };
        configuration.complete()?;
        Ok(configuration)
    }

    /// Resolves includes and variables.
    fn complete(&mut self) -> Result<()> {
        /// Strings below these keys are resolved when they are read, so that an unresolved one is reported with its
        /// key.
        const LATER: [&str; 6] = ["apiKey", "headers", "baseUrl", "env", "secrets", "auth"];
        let document = std::mem::replace(&mut self.document, Document::empty(&self.path));
        let mut document = document.with_includes(&self.include_roots())?;
        self.document = document.clone();
        if !holds_variables(document.value()) {
            return Ok(());
        }
        let dotenv = self.dotenv()?;
        document.map_texts(|way, text| {
            if !text.contains("${") || way.iter().any(|key| LATER.contains(key)) {
                return None;
            }
            interpolation::expand(text, |name| self.variable(name, &self.environment, &dotenv)).ok()
        });
        self.document = document;
        Ok(())
    }

    /// The folders that may hold included files: the configuration's own, and those in `OPENCLAW_INCLUDE_ROOTS`.
    fn include_roots(&self) -> Roots {
        let named = self.environment.get("OPENCLAW_INCLUDE_ROOTS");
        let named = named.iter().flat_map(|list| std::env::split_paths(list.as_str()));
        let named = named.map(|path| self.environment.expand_home(&path.to_string_lossy()));
        Roots::new(&self.path, named)
    }

    /// The path of the file, existing or not.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state directory: credentials, cached models, grants and caches.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Whether the file exists.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.is_present
    }

    /// The whole document, unknown keys included. May hold secrets.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.document.value()
    }

    /// The files that the configuration includes.
    pub fn included_files(&self) -> impl Iterator<Item = &Path> {
        self.document.included()
    }

    /// The objects whose keys are all known, OpenClaw's own included.
    #[must_use]
    pub fn known_keys(&self, info: &ProviderInfo) -> Vec<KnownKeys> {
        let provider = self.provider(info);
        let models = provider.as_ref().ok().and_then(|node| node.get("models").ok());
        let models = models
            .and_then(|node| Some(node.items().ok()?.len()))
            .unwrap_or_default();
        let spelled = self.root().at(&["models", "providers"]);
        let spelled = spelled.and_then(|node| spelling(&node, &info.id));
        let entries = self.value().pointer("/agents/defaults/models");
        let entries: Vec<&str> = entries
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(reference, _)| reference.as_str())
            .collect();
        let spelled = spelled.ok().flatten().unwrap_or_else(|| info.id.clone());
        schema::known_keys(&spelled, &info.id, models, &entries)
    }

    fn root(&self) -> Node<'_> {
        self.document.root()
    }

    /// `models.providers.<id>`.
    fn provider<'a>(&'a self, info: &ProviderInfo) -> Result<Node<'a>> {
        provider_in(&self.root().at(&["models", "providers"])?, &info.id)
    }
}

/// Whether any string holds `${`.
fn holds_variables(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(holds_variables),
        Value::Object(members) => members.values().any(holds_variables),
        _ => false,
    }
}

/// Whether a key names a provider: surrounding white space and case are ignored.
fn is_provider(key: &str, id: &str) -> bool {
    key.trim().eq_ignore_ascii_case(id)
}

/// The spelling of a provider's key; of several the exact one.
fn spelling(providers: &Node<'_>, id: &str) -> Result<Option<String>> {
    let entries = providers.entries()?;
    let exact = entries.iter().find(|(name, _)| name.trim() == id);
    let found = exact.or_else(|| entries.iter().find(|(name, _)| is_provider(name, id)));
    Ok(found.map(|(name, _)| (*name).to_owned()))
}

/// The member for a provider.
fn provider_in<'a>(providers: &Node<'a>, id: &str) -> Result<Node<'a>> {
    match spelling(providers, id)? {
        Some(name) => providers.get(&name),
        None => providers.get(id),
    }
}

/// The text after `<id>/`, in any case.
fn strip_prefix<'t>(reference: &'t str, id: &str) -> Option<&'t str> {
    let (prefix, rest) = reference.trim().split_once('/')?;
    prefix.trim().eq_ignore_ascii_case(id).then_some(rest)
}

/// Whether two texts name the same model of a provider, however the prefix is spelled.
fn is_same_reference(a: &str, b: &str, id: &str) -> bool {
    a.trim() == b.trim()
        || strip_prefix(a, id)
            .zip(strip_prefix(b, id))
            .is_some_and(|(a, b)| a == b)
}

/// Makes an alias that OpenClaw's own commands accept out of another text.
#[must_use]
pub fn plain_alias(text: &str) -> String {
    model_selection::plain_alias(text)
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    }
}
