//! Auth profiles: the credentials that onboarding stores, one per profile, in OpenClaw's stores and this program's.
//!
//! Both eras of OpenClaw and this program have stores of their own. All are read, the most recently written first.
//! Only the main agent's `auth-profiles.json` is written: the older era reads it, the newer one imports it.

mod order;
mod stores;

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{
    Configuration,
    credential_lookup::SecretSource,
    default_model::Pinned,
    edit::{self, Backup, Edit},
    report::Unresolved,
    schema::Profile,
};
use model_provider_host::{Error, ErrorKind, Result, Secret, contract::ProviderInfo};
use order::{Order, since_1970};
use stores::Stores;

/// A stored credential and its location.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredSecret {
    /// The credential.
    pub secret: Secret,
    /// The profile that holds it.
    pub profile: String,
    /// The file or database that holds the profile.
    pub place: String,
}

impl StoredSecret {
    /// The credential, and where it was found.
    pub(super) fn named(self) -> (Secret, SecretSource) {
        let source = SecretSource::Profile {
            name: self.profile,
            place: self.place,
        };
        (self.secret, source)
    }
}

impl Configuration {
    /// The file that credentials are stored in.
    #[must_use]
    pub fn profiles_path(&self) -> PathBuf {
        self.agent_dir().join("auth-profiles.json")
    }

    /// The folder of the agent that is there in any case.
    fn agent_dir(&self) -> PathBuf {
        self.state_dir.join("agents/main/agent")
    }

    /// Every file and database that may hold credentials, existing or not.
    #[must_use]
    pub fn credential_files(&self) -> Vec<PathBuf> {
        stores::paths(&self.state_dir)
    }

    /// The stored credential of a provider, as OpenClaw chooses it: by `auth.order.<id>`, else by `auth.profiles`,
    /// else any profile of the provider. The first two exclude the profiles that they do not name.
    ///
    /// # Errors
    /// The configuration or `.env` is broken. A broken profile file is skipped.
    pub fn stored_secret(&self, info: &ProviderInfo) -> Result<Option<StoredSecret>> {
        self.find_stored(info, &mut Vec::new())
    }

    /// Like [`stored_secret`](Self::stored_secret), but also reports each skipped place and the reason.
    pub(super) fn find_stored(
        &self,
        info: &ProviderInfo,
        passed: &mut Vec<Unresolved>,
    ) -> Result<Option<StoredSecret>> {
        let id = info.id.as_str();
        let stores = Stores::read(&self.state_dir, passed);
        if stores.is_empty() {
            return Ok(None);
        }
        let Order { names, chosen_by } = self.profile_order(id, &stores, passed)?;
        if let Some(found) = self.first_usable(&stores, &names, info, passed)? {
            return Ok(Some(found));
        }
        if let Some(key) = chosen_by {
            for name in stores.names().filter(|name| !names.contains(name)) {
                if !stores.profiles(&name, id, passed).is_empty() {
                    let why = format!("`{key}` does not name it");
                    passed.push(Unresolved::new(
                        format!("profile {name}"),
                        why,
                        "add it there to use it",
                    ));
                }
            }
        }
        Ok(None)
    }

    /// The credential of a profile that a model names, with or without the provider's id before it.
    pub(super) fn find_named(
        &self,
        info: &ProviderInfo,
        pinned: &Pinned,
        passed: &mut Vec<Unresolved>,
    ) -> Result<Option<StoredSecret>> {
        let name = &pinned.profile;
        let stores = Stores::read(&self.state_dir, passed);
        let names = [name.clone(), format!("{}:{name}", info.id)];
        let before = passed.len();
        let found = self.first_usable(&stores, &names, info, passed)?;
        if found.is_none() && pinned.is_asked_for {
            // A user who names a profile does not want another key to be used, or billed.
            let why = passed.get(before..).unwrap_or_default();
            let why = why.first().map_or_else(
                || format!("there is no stored profile `{name}` of `{}`", info.id),
                ToString::to_string,
            );
            let known: Vec<String> = stores.names().filter(|name| is_of(&stores, name, info)).collect();
            let hint = match known.as_slice() {
                [] => "no profile is stored; `onboard` stores one".to_owned(),
                known => format!("stored are {}", known.join(", ")),
            };
            return Err(Error::new(ErrorKind::Configuration, why).with_hint(hint));
        }
        if found.is_none() && passed.len() == before {
            let why = format!("it names the profile `{name}`, which is not stored");
            let fix = "store that profile, or remove the `@` and the name after it";
            passed.push(Unresolved::new("agents.defaults.model", why, fix));
        }
        Ok(found)
    }

    /// The credential of the first usable profile; reports why the profiles before it are unusable.
    fn first_usable(
        &self,
        stores: &Stores,
        names: &[String],
        info: &ProviderInfo,
        passed: &mut Vec<Unresolved>,
    ) -> Result<Option<StoredSecret>> {
        let id = info.id.as_str();
        let dotenv = self.dotenv()?;
        for name in names {
            for (place, profile) in stores.profiles(name, id, passed) {
                let found = match self.configured_against(name, &profile, id) {
                    Some(why) => Err((why, "correct `auth.profiles`, or remove the entry")),
                    None => self.usable(profile, info, &dotenv),
                };
                match found {
                    Ok(Some(secret)) => {
                        return Ok(Some(StoredSecret {
                            secret,
                            profile: name.clone(),
                            place,
                        }));
                    }
                    Ok(None) => {}
                    Err((why, fix)) => {
                        passed.push(Unresolved::new(
                            format!("profile {name}"),
                            format!("{why} ({place})"),
                            fix,
                        ));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Why an entry of `auth.profiles` prevents OpenClaw from using a profile.
    fn configured_against(&self, name: &str, profile: &Profile, id: &str) -> Option<String> {
        let entry = self.value().pointer("/auth/profiles")?.get(name)?;
        let word = |key| entry.get(key).and_then(Value::as_str).map(str::trim);
        if let Some(provider) = word("provider").filter(|provider| !provider.eq_ignore_ascii_case(id)) {
            return Some(format!("`auth.profiles` says that its provider is `{provider}`"));
        }
        let kind = profile.kind.as_deref().unwrap_or("api_key");
        let mode = word("mode").filter(|mode| *mode != kind)?;
        // OpenClaw treats these two as the same kind.
        let is_same = mode == "oauth" && kind == "token";
        (!is_same)
            .then(|| format!("it is of the type `{kind}`, and `auth.profiles` gives it the mode `{mode}`"))
    }

    /// The credential of a profile, `None` if the profile's kind holds no key, or the reason why it is unusable.
    fn usable(
        &self,
        profile: Profile,
        info: &ProviderInfo,
        dotenv: &str,
    ) -> Result<Option<Secret>, (String, &'static str)> {
        if profile.setup.is_some() {
            let fix = "`openclaw models auth activate` makes it active";
            return Err(("it is a replacement that is not active yet".to_owned(), fix));
        }
        let inputs = match profile.kind.as_deref() {
            None | Some("api_key") => [profile.key_ref, profile.key, profile.api_key],
            Some("token") => [profile.token_ref, profile.token, None],
            Some(kind) => {
                let why = format!("it is of the type `{kind}`, which is not used here");
                return Err((why, "store a key with `onboard`"));
            }
        };
        if let Some(expires) = &profile.expires {
            check_expiry(expires)?;
        }
        // A reference wins over the fields beside it, and nothing replaces one that fails to resolve.
        for input in inputs.iter().flatten() {
            let look_up = |name: &str| self.variable(name, &self.environment, dotenv);
            match self.credential_of(input, info, look_up) {
                Ok(None) => {}
                Ok(Some((secret, _))) => return Ok(Some(secret)),
                Err(why) => return Err((why, "correct it, or store a key with `onboard`")),
            }
        }
        Ok(None)
    }

    /// Stores a credential as the profile `<id>:default` and returns that name. Other profiles and keys are
    /// unchanged; the file is readable by the user only.
    ///
    /// # Errors
    /// The existing file is not JSON, or it cannot be written.
    pub fn store_profile(&self, info: &ProviderInfo, key: &StoredKey) -> Result<String> {
        self.put_profile(info, key).map(|(name, _)| name)
    }

    /// Like [`store_profile`](Self::store_profile), and whether the file changed.
    pub(super) fn put_profile(&self, info: &ProviderInfo, key: &StoredKey) -> Result<(String, bool)> {
        let name = format!("{}:default", info.id);
        self.move_own_profiles()?;
        let changed = edit::file(&self.profiles_path(), Backup::None, |edit| {
            put(edit, info, &name, key)
        })?;
        Ok((name, changed))
    }

    /// Checks that the file can take a credential; writes nothing.
    pub(super) fn can_put_profile(&self, info: &ProviderInfo, key: &StoredKey) -> Result<()> {
        let name = format!("{}:default", info.id);
        edit::try_out(&self.profiles_path(), |edit| put(edit, info, &name, key))
    }

    /// Migrates the profiles of the file that earlier versions of this program wrote to OpenClaw's file, if that
    /// does not exist yet, so that OpenClaw finds them.
    fn move_own_profiles(&self) -> Result<()> {
        let old = self.state_dir.join("auth-profiles.json");
        if self.profiles_path().exists() || !old.exists() {
            return Ok(());
        }
        let Some(document) = super::document::Document::read(&old)? else {
            return Ok(());
        };
        let value = document.own().clone();
        edit::file(&self.profiles_path(), Backup::None, |edit| {
            for (name, value) in value.as_object().into_iter().flatten() {
                edit.set(&[name.as_str()], value.clone())?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// Whether a profile is of a provider.
fn is_of(stores: &Stores, name: &str, info: &ProviderInfo) -> bool {
    !stores.profiles(name, &info.id, &mut Vec::new()).is_empty()
}

/// A credential as it is stored: itself, or the variable that holds it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoredKey {
    /// The credential.
    Plain(Secret),
    /// The name of a variable, so that the credential is in no file.
    Variable(String),
}

fn put(edit: &mut Edit, info: &ProviderInfo, name: &str, key: &StoredKey) -> Result<()> {
    if edit.get(&[]).and_then(Value::as_object).is_none_or(Map::is_empty) {
        edit.set(&["version"], 1.into())?;
    }
    let profile = ["profiles", name];
    if edit.get(&profile).is_some_and(|profile| !profile.is_object()) {
        edit.remove(&profile)?;
    }
    let [profiles, profile] = profile;
    edit.set(&[profiles, profile, "type"], "api_key".into())?;
    edit.set(&[profiles, profile, "provider"], info.id.as_str().into())?;
    let (set, gone, value) = match key {
        StoredKey::Plain(secret) => ("key", "keyRef", secret.expose().into()),
        StoredKey::Variable(name) => (
            "keyRef",
            "key",
            serde_json::json!({ "source": "env", "provider": "default", "id": name }),
        ),
    };
    edit.set(&[profiles, profile, set], value)?;
    for gone in [gone, "token", "tokenRef", "expires"] {
        edit.remove(&[profiles, profile, gone])?;
    }
    Ok(())
}

/// Refuses an expired credential. `expires` is in milliseconds since 1970.
fn check_expiry(expires: &Value) -> Result<(), (String, &'static str)> {
    /// The latest time that JavaScript's `Date` can represent.
    const LATEST: f64 = 8_640_000_000_000_000.0;
    if expires.is_null() {
        return Ok(());
    }
    let valid = expires.as_f64().filter(|at| *at > 0.0 && *at <= LATEST);
    let Some(at) = valid else {
        return Err((
            "its `expires` is not a time in milliseconds".to_owned(),
            "correct or remove it",
        ));
    };
    if since_1970() >= at {
        return Err(("it has expired".to_owned(), "store a new key with `onboard`"));
    }
    Ok(())
}
