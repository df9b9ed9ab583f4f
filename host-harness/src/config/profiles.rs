//! `auth-profiles.json`: credentials that onboarding has stored, one per profile.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{
    Configuration,
    edit::{self, Backup, Edit},
    tree::Document,
};
use crate::{contract::ProviderInfo, edge::Secret, error::Result};

impl Configuration {
    /// The file of stored credentials.
    #[must_use]
    pub fn profiles_path(&self) -> PathBuf {
        self.state_dir.join("auth-profiles.json")
    }

    /// The stored credential of a provider and the profile that holds it: `auth.order.<id>` of the configuration,
    /// then `<id>:default`, then any other of the provider, in the file's order.
    ///
    /// # Errors
    /// The file, or a profile of this provider, is broken.
    pub fn stored_secret(&self, info: &ProviderInfo) -> Result<Option<(Secret, String)>> {
        let Some(document) = Document::read(&self.profiles_path())? else {
            return Ok(None);
        };
        let id = info.id.as_str();
        let profiles = document.root().get("profiles")?;
        let profiles = profiles.entries()?;
        let mut order = self.root().at(&["auth", "order", id])?.texts()?;
        order.push(format!("{id}:default"));
        order.extend(profiles.iter().map(|(name, _)| (*name).to_owned()));
        for name in order {
            let Some((_, profile)) = profiles.iter().find(|(other, _)| *other == name) else {
                continue;
            };
            let provider = match profile.get("provider")?.word()? {
                Some(provider) => provider,
                None => name.split(':').next().unwrap_or_default(),
            };
            if !provider.eq_ignore_ascii_case(id) {
                continue;
            }
            let key = match profile.get("type")?.word()? {
                None | Some("api_key") => profile.get("key")?,
                Some("token") => profile.get("token")?,
                Some(_) => continue,
            };
            if let Some(secret) = key.text()?.and_then(Secret::new) {
                return Ok(Some((secret, name)));
            }
        }
        Ok(None)
    }

    /// Stores a credential as the profile `<id>:default`, whose name it gives back. Other profiles and keys stay; only
    /// the user may read the file.
    ///
    /// # Errors
    /// The file that is there is no JSON, or it cannot be written.
    pub fn store_profile(&self, info: &ProviderInfo, secret: &Secret) -> Result<String> {
        self.put_profile(info, secret).map(|(name, _)| name)
    }

    /// The same, and whether that changed the file.
    pub(super) fn put_profile(&self, info: &ProviderInfo, secret: &Secret) -> Result<(String, bool)> {
        let name = format!("{}:default", info.id);
        let changed = edit::file(&self.profiles_path(), Backup::None, |edit| {
            put(edit, info, &name, secret)
        })?;
        Ok((name, changed))
    }

    /// Whether the file can take a credential; nothing is written.
    pub(super) fn can_put_profile(&self, info: &ProviderInfo, secret: &Secret) -> Result<()> {
        let name = format!("{}:default", info.id);
        edit::try_out(&self.profiles_path(), |edit| put(edit, info, &name, secret))
    }
}

fn put(edit: &mut Edit, info: &ProviderInfo, name: &str, secret: &Secret) -> Result<()> {
    if edit.get(&[]).and_then(Value::as_object).is_none_or(Map::is_empty) {
        edit.set(&["version"], 1.into())?;
    }
    let profile = ["profiles", name];
    if edit.get(&profile).is_some_and(|profile| !profile.is_object()) {
        edit.remove(&profile);
    }
    let [profiles, profile] = profile;
    edit.set(&[profiles, profile, "type"], "api_key".into())?;
    edit.set(&[profiles, profile, "provider"], info.id.as_str().into())?;
    edit.set(&[profiles, profile, "key"], secret.expose().into())?;
    edit.remove(&[profiles, profile, "token"]);
    Ok(())
}
