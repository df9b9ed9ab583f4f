//! What onboarding writes to a user's files: the credential as a profile, the default model and its entries.
//!
//! Adds and replaces only what the user chose; doing the same again changes no byte. Included files are read and
//! never written.

use serde_json::{Value, json};

use super::{
    Configuration,
    auth_profiles::StoredKey,
    edit::{self, Backup, Edit},
    openclaw_era::Era,
    provider_facts, strip_prefix,
};
use model_provider_host::{Result, contract::ProviderInfo};

/// The user's choices.
///
/// ```no_run
/// # use model_provider_host::{Result, Secret, contract::ProviderInfo};
/// # fn run(configuration: openclaw_config::Configuration, info: ProviderInfo, key: Secret) -> Result<()> {
/// use openclaw_config::{Alias, Onboarding, StoredKey};
///
/// let choices = Onboarding {
///     key: Some(StoredKey::Plain(key)),
///     profile: None,
///     base_url: None,
///     model: "acme/big".to_owned(),
///     replaces_default: false,
///     alias: Alias::IfNone("big".to_owned()),
///     fallbacks: None,
/// };
/// let onboarded = configuration.onboard(&info, &choices)?;
/// println!("the default model is {}", onboarded.default);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Onboarding {
    /// The credential to store; `None` leaves stored ones unchanged.
    pub key: Option<StoredKey>,
    /// The profile to use, if the credential comes from an existing one.
    pub profile: Option<String>,
    /// The base URL, if it is not the provider's own; `None` leaves an existing one unchanged.
    pub base_url: Option<String>,
    /// The default model's reference.
    pub model: String,
    /// Whether it replaces an existing default.
    pub replaces_default: bool,
    /// Its alias.
    pub alias: Alias,
    /// Its fallback models; `None` leaves them unchanged.
    pub fallbacks: Option<Vec<String>>,
}

/// The alias of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alias {
    /// Sets this one; blank removes the alias.
    Set(String),
    /// Sets this one, unless the reference has an alias or another reference has this one.
    IfNone(String),
    /// Leaves it unchanged.
    Keep,
}

/// The result of onboarding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Onboarded {
    /// The profile that holds the credential.
    pub profile: Option<String>,
    /// The default model after onboarding.
    pub default: String,
    /// Whether the configuration changed.
    pub configuration_changed: bool,
    /// Whether the stored credentials changed.
    pub profiles_changed: bool,
}

impl Configuration {
    /// Edits the configuration: comments and order survive, and the previous file is saved as a backup.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Edit) -> Result<()>) -> Result<bool> {
        let roots = Some(self.include_roots());
        edit::file_with_includes(self.path(), roots, Backup::Keep, change)
    }

    /// Writes the choices to the configuration and the credentials file.
    ///
    /// # Errors
    /// One of the files is broken or cannot be written. What has not been written is unchanged.
    pub fn onboard(&self, info: &ProviderInfo, decided: &Onboarding) -> Result<Onboarded> {
        let profile = match &decided.key {
            Some(_) => Some(format!("{}:default", info.id)),
            None => decided.profile.clone(),
        };
        // First checks the form of both files, so that an error leaves both unchanged.
        if let Some(key) = &decided.key {
            self.can_put_profile(info, key)?;
        }
        let other = self.primary()?.filter(|_| !decided.replaces_default);
        let default = other.clone().unwrap_or_else(|| decided.model.clone());
        let configuration_changed = self.edit(|edit| {
            if let Some(profile) = &profile {
                name_profile(edit, info, profile, decided.key.is_some())?;
            }
            name_provider(edit, info, decided.base_url.as_deref())?;
            if other.is_none() {
                name_model(edit, &decided.model, decided.fallbacks.as_deref())?;
            }
            self.name_entry(edit, info, &decided.model, &decided.alias)
        })?;
        let mut profiles_changed = false;
        if let Some(key) = &decided.key {
            profiles_changed = self.put_profile(info, key)?.1;
        }
        Ok(Onboarded {
            profile,
            default,
            configuration_changed,
            profiles_changed,
        })
    }

    /// `agents.defaults.models["<reference>"]`: the entry of a model, its alias, and the mark that stops OpenClaw
    /// from treating the entries as an allowlist.
    pub(super) fn name_entry(
        &self,
        edit: &mut Edit,
        info: &ProviderInfo,
        model: &str,
        alias: &Alias,
    ) -> Result<()> {
        let alias = match alias {
            Alias::IfNone(alias) if self.reference_of(info, alias)?.is_some() => &Alias::Keep,
            alias => alias,
        };
        let models = ["agents", "defaults", "models"];
        let [agents, defaults, models_key] = models;
        let old = edit.seen(&models);
        let old: Vec<String> = old
            .as_ref()
            .and_then(Value::as_object)
            .map(|entries| {
                entries
                    .keys()
                    .filter(|key| !key.trim().is_empty())
                    .cloned()
                    .collect()
            })
            .unwrap_or_default();
        let era = self.era();
        let is_named = matches!(alias, Alias::Set(alias) if !alias.trim().is_empty());
        if old.is_empty() && era == Era::Old && !is_named {
            // The first entry there would make all other models unusable.
            return Ok(());
        }
        let same = |key: &str| {
            key.trim() == model
                || strip_prefix(key, &info.id).is_some_and(|rest| Some(rest) == strip_prefix(model, &info.id))
        };
        let reference = edit.key(&models, same).unwrap_or_else(|| model.to_owned());
        let entry = [agents, defaults, models_key, reference.as_str()];
        let place = [agents, defaults, models_key, reference.as_str(), "alias"];
        if edit.seen(&entry).is_none() {
            edit.set(&entry, json!({}))?;
        }
        match alias {
            Alias::Set(alias) if alias.trim().is_empty() => edit.remove(&place)?,
            Alias::Set(alias) => edit.set(&place, alias.trim().into())?,
            Alias::IfNone(alias) if edit.seen(&place).is_none() => edit.set(&place, alias.as_str().into())?,
            Alias::IfNone(_) | Alias::Keep => {}
        }
        mark_policy(edit, era, &old)
    }

    /// The alias of a reference in `agents.defaults.models`.
    ///
    /// # Errors
    /// A key on the path has the wrong type.
    pub fn alias_of(&self, info: &ProviderInfo, reference: &str) -> Result<Option<String>> {
        let aliases = self.aliases(info)?;
        Ok(aliases
            .find_aliases_of(reference)
            .next()
            .map(|alias| alias.alias.clone()))
    }

    /// The reference that has this alias already.
    ///
    /// # Errors
    /// A key on the path to the aliases has the wrong type.
    pub fn reference_of(&self, info: &ProviderInfo, alias: &str) -> Result<Option<String>> {
        let aliases = self.aliases(info)?;
        Ok(aliases
            .find_alias(alias)
            .next()
            .map(|alias| alias.reference.clone()))
    }
}

/// Marks the entries of `agents.defaults.models` as no allowlist. If they were one until now, it moves to
/// `modelPolicy.allow` unchanged: new entries do not widen it. OpenClaw uses a default model regardless of it.
fn mark_policy(edit: &mut Edit, era: Era, old: &[String]) -> Result<()> {
    let mark = ["meta", "migrations", "modelPolicyAllowlist"];
    let policy = ["agents", "defaults", "modelPolicy"];
    if era == Era::Old || edit.seen(&mark) == Some(Value::Bool(true)) {
        return Ok(());
    }
    if !old.is_empty() && edit.seen(&policy).is_none() {
        if era == Era::Unknown {
            // The entries are the user's own, and restrict what they did before.
            return Ok(());
        }
        let [agents, defaults, policy] = policy;
        edit.set(&[agents, defaults, policy, "allow"], json!(old))?;
    }
    edit.set(&mark, true.into())
}

/// `auth.profiles.<name>`. A new profile also becomes the first in `auth.order.<id>`, if that exists or the
/// provider has another profile.
fn name_profile(edit: &mut Edit, info: &ProviderInfo, profile: &str, is_new: bool) -> Result<()> {
    edit.set(
        &["auth", "profiles", profile, "provider"],
        info.id.as_str().into(),
    )?;
    edit.set(&["auth", "profiles", profile, "mode"], "api_key".into())?;
    let spelled = edit.key(&["auth", "order"], |key| super::is_provider(key, &info.id));
    let order = ["auth", "order", spelled.as_deref().unwrap_or(&info.id)];
    let before: Vec<Value> = match edit.seen(&order) {
        Some(Value::Array(names)) => names,
        // Without an order the profiles above are tried, the new one last.
        _ => other_profiles(edit, info, profile),
    };
    if is_new && !before.is_empty() {
        let mut new = vec![Value::from(profile)];
        new.extend(
            before
                .iter()
                .filter(|name| name.as_str() != Some(profile))
                .cloned(),
        );
        edit.set(&order, new.into())?;
    }
    Ok(())
}

/// The names of other profiles of a provider in `auth.profiles`.
fn other_profiles(edit: &Edit, info: &ProviderInfo, profile: &str) -> Vec<Value> {
    let profiles = edit.seen(&["auth", "profiles"]);
    let profiles = profiles.as_ref().and_then(Value::as_object).into_iter().flatten();
    let is_its = |entry: &Value| {
        let provider = entry.get("provider").and_then(Value::as_str);
        provider.is_some_and(|provider| super::is_provider(provider, &info.id))
    };
    profiles
        .filter(|(name, entry)| *name != profile && is_its(entry))
        .map(|(name, _)| name.as_str().into())
        .collect()
}

/// `models.mode` and the required members of `models.providers.<id>`, where they are missing, and its base URL if a
/// new one is given.
fn name_provider(edit: &mut Edit, info: &ProviderInfo, base_url: Option<&str>) -> Result<()> {
    let providers = ["models", "providers"];
    let id = edit.key(&providers, |key| super::is_provider(key, &info.id));
    let id = id.as_deref().unwrap_or(&info.id);
    let [models, providers] = providers;
    let missing = [
        (vec![models, "mode"], Some(json!("merge"))),
        (
            vec![models, providers, id, "baseUrl"],
            Some(json!(info.default_base_url)),
        ),
        (
            vec![models, providers, id, "api"],
            provider_facts::api(info).map(Value::from),
        ),
        (vec![models, providers, id, "models"], Some(json!([]))),
    ];
    if let Some(url) = base_url {
        edit.set(&[models, providers, id, "baseUrl"], url.into())?;
    }
    for (keys, value) in missing {
        if let Some(value) = value.filter(|_| edit.seen(&keys).is_none()) {
            edit.set(&keys, value)?;
        }
    }
    Ok(())
}

/// `agents.defaults.model`: stays a string if it says the same, else becomes the `primary` of an object.
pub(super) fn name_model(edit: &mut Edit, reference: &str, fallbacks: Option<&[String]>) -> Result<()> {
    let model = ["agents", "defaults", "model"];
    let [agents, defaults, name] = model;
    let is_empty = fallbacks.is_none_or(<[String]>::is_empty);
    match edit.seen(&model) {
        Some(Value::String(text)) if text.trim() == reference && is_empty => return Ok(()),
        Some(Value::String(_)) => edit.set(&model, json!({ "primary": reference }))?,
        _ => edit.set(&[agents, defaults, name, "primary"], reference.into())?,
    }
    let place = [agents, defaults, name, "fallbacks"];
    match fallbacks {
        Some(fallbacks) if !is_empty || edit.seen(&place).is_some() => edit.set(&place, json!(fallbacks)),
        _ => Ok(()),
    }
}
