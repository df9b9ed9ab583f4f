//! `auth-profiles.json`: credentials that onboarding has stored, one per profile.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Configuration, tree::Document};
use crate::{
    contract::ProviderInfo,
    edge::Secret,
    error::{Error, Kind, Result},
    files,
};

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
        let path = self.profiles_path();
        let _lock = files::lock(&path)?;
        let mut root = match Document::read(&path)? {
            Some(document) => document.value().clone(),
            None => json!({ "version": 1 }),
        };
        let name = format!("{}:default", info.id);
        let not_an_object = || {
            let message = format!("{}: `profiles` is no object in braces", path.display());
            Error::new(Kind::Configuration, message).with_hint("correct the file, or move it away")
        };
        let object = root.as_object_mut().ok_or_else(not_an_object)?;
        let profiles = object
            .entry("profiles")
            .or_insert_with(|| Value::Object(Map::new()))
            .as_object_mut()
            .ok_or_else(not_an_object)?;
        let profile = profiles
            .entry(name.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        if !profile.is_object() {
            *profile = Value::Object(Map::new());
        }
        if let Some(profile) = profile.as_object_mut() {
            profile.insert("type".to_owned(), "api_key".into());
            profile.insert("provider".to_owned(), info.id.as_str().into());
            profile.insert("key".to_owned(), secret.expose().into());
            profile.shift_remove("token");
        }
        let text = zeroize::Zeroizing::new(format!("{root:#}\n"));
        if std::fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(name);
        }
        files::write_private(&path, text.as_bytes())?;
        Ok(name)
    }
}
