//! What onboarding leaves in a person's files: the credential as a profile, the default model and what belongs to it.
//!
//! Adds and replaces what was asked for, and nothing else: doing the same again changes no byte.

use serde_json::{Value, json};

use super::{
    Configuration,
    edit::{self, Backup, Edit},
    strip_prefix,
};
use crate::{contract::ProviderInfo, edge::Secret, error::Result};

/// What a person has decided.
#[derive(Clone, Debug)]
pub struct Onboarding {
    /// The credential to store; `None` leaves stored ones as they are.
    pub key: Option<Secret>,
    /// The profile that is used, if the credential comes from one that is there.
    pub profile: Option<String>,
    /// The reference that is asked if no other is named.
    pub model: String,
    /// What to call it.
    pub alias: Alias,
    /// Those that are asked when it fails; `None` leaves them as they are.
    pub fallbacks: Option<Vec<String>>,
}

/// The name of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alias {
    /// This one; blank takes the name away.
    Set(String),
    /// This one, unless it has a name or the name is another's.
    IfNone(String),
}

/// What was written, and whether that changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Onboarded {
    /// The profile that holds the credential.
    pub profile: Option<String>,
    /// Whether the configuration is another now.
    pub configuration_changed: bool,
    /// Whether the stored credentials are others now.
    pub profiles_changed: bool,
}

impl Configuration {
    /// Writes what was decided into the configuration and the file of credentials.
    ///
    /// # Errors
    /// One of the files is broken or cannot be written. What has not been written stays as it was.
    pub fn onboard(&self, info: &ProviderInfo, decided: &Onboarding) -> Result<Onboarded> {
        let profile = match &decided.key {
            Some(_) => Some(format!("{}:default", info.id)),
            None => decided.profile.clone(),
        };
        let alias_is_taken = match &decided.alias {
            Alias::IfNone(alias) => self.reference_of(info, alias)?.is_some(),
            Alias::Set(_) => false,
        };
        // First what can go wrong by the form of either file: then nothing has been written.
        if let Some(key) = &decided.key {
            self.can_put_profile(info, key)?;
        }
        let configuration_changed = edit::file(self.path(), Backup::Keep, |edit| {
            if let Some(profile) = &profile {
                name_profile(edit, info, profile, decided.key.is_some())?;
            }
            name_provider(edit, info)?;
            name_model(edit, decided)?;
            name_alias(edit, info, decided, alias_is_taken)
        })?;
        let mut profiles_changed = false;
        if let Some(key) = &decided.key {
            profiles_changed = self.put_profile(info, key)?.1;
        }
        Ok(Onboarded {
            profile,
            configuration_changed,
            profiles_changed,
        })
    }

    /// The alias of a reference, as `agents.defaults.models` gives it.
    ///
    /// # Errors
    /// A key on the way there is of the wrong type.
    pub fn alias_of(&self, info: &ProviderInfo, reference: &str) -> Result<Option<String>> {
        let aliases = self.aliases(info)?;
        Ok(aliases
            .find_aliases_of(reference)
            .next()
            .map(|alias| alias.alias.clone()))
    }

    /// The reference of which a text is an alias already.
    ///
    /// # Errors
    /// A key on the way to the aliases is of the wrong type.
    pub fn reference_of(&self, info: &ProviderInfo, alias: &str) -> Result<Option<String>> {
        let aliases = self.aliases(info)?;
        Ok(aliases
            .find_alias(alias)
            .next()
            .map(|alias| alias.reference.clone()))
    }
}

/// `auth.profiles.<name>`, and the first place in `auth.order.<id>` for a new one, if there is such an order.
fn name_profile(edit: &mut Edit, info: &ProviderInfo, profile: &str, is_new: bool) -> Result<()> {
    edit.set(
        &["auth", "profiles", profile, "provider"],
        info.id.as_str().into(),
    )?;
    edit.set(&["auth", "profiles", profile, "mode"], "api_key".into())?;
    let order = ["auth", "order", info.id.as_str()];
    if let Some(Value::Array(old)) = edit.get(&order).filter(|_| is_new) {
        let mut new = vec![Value::from(profile)];
        new.extend(old.iter().filter(|name| name.as_str() != Some(profile)).cloned());
        edit.set(&order, new.into())?;
    }
    Ok(())
}

/// `models.mode` and the members that `models.providers.<id>` has to have, where they are missing.
fn name_provider(edit: &mut Edit, info: &ProviderInfo) -> Result<()> {
    let providers = ["models", "providers"];
    let id = edit.key(&providers, |key| key.trim() == info.id);
    let id = id.as_deref().unwrap_or(&info.id);
    let [models, providers] = providers;
    let missing = [
        (vec![models, "mode"], json!("merge")),
        (
            vec![models, providers, id, "baseUrl"],
            json!(info.default_base_url),
        ),
        (vec![models, providers, id, "models"], json!([])),
    ];
    for (keys, value) in missing {
        if edit.get(&keys).is_none() {
            edit.set(&keys, value)?;
        }
    }
    Ok(())
}

/// `agents.defaults.model`: text stays text if it says the same, and is the primary of an object otherwise.
fn name_model(edit: &mut Edit, decided: &Onboarding) -> Result<()> {
    let model = ["agents", "defaults", "model"];
    let [agents, defaults, name] = model;
    let fallbacks = decided.fallbacks.as_ref().map(|fallbacks| json!(fallbacks));
    let is_empty = decided.fallbacks.as_ref().is_none_or(Vec::is_empty);
    match edit.get(&model) {
        Some(Value::String(text)) if text.trim() == decided.model && is_empty => return Ok(()),
        Some(Value::String(_)) => edit.set(&model, json!({ "primary": decided.model }))?,
        _ => edit.set(
            &[agents, defaults, name, "primary"],
            decided.model.as_str().into(),
        )?,
    }
    let place = [agents, defaults, name, "fallbacks"];
    match fallbacks {
        Some(fallbacks) if !is_empty || edit.get(&place).is_some() => edit.set(&place, fallbacks),
        _ => Ok(()),
    }
}

/// `agents.defaults.models["<reference>"]`: the entry that OpenClaw wants for a model that may be used, and its alias.
fn name_alias(
    edit: &mut Edit,
    info: &ProviderInfo,
    decided: &Onboarding,
    alias_is_taken: bool,
) -> Result<()> {
    let models = ["agents", "defaults", "models"];
    let [agents, defaults, models_key] = models;
    let same = |key: &str| {
        key.trim() == decided.model
            || strip_prefix(key, &info.id)
                .is_some_and(|rest| Some(rest) == strip_prefix(&decided.model, &info.id))
    };
    let reference = edit.key(&models, same).unwrap_or_else(|| decided.model.clone());
    let entry = [agents, defaults, models_key, reference.as_str()];
    let place = [agents, defaults, models_key, reference.as_str(), "alias"];
    if edit.get(&entry).is_none() {
        edit.set(&entry, json!({}))?;
    }
    match &decided.alias {
        Alias::Set(alias) if alias.trim().is_empty() => {
            edit.remove(&place);
            Ok(())
        }
        Alias::Set(alias) => edit.set(&place, alias.trim().into()),
        Alias::IfNone(alias) => {
            if alias_is_taken || edit.get(&place).is_some() {
                return Ok(());
            }
            edit.set(&place, alias.as_str().into())
        }
    }
}
