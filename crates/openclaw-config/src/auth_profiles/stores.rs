//! The files and databases that hold profiles, by precedence.
//! Knows their locations and layouts, not which profile is used.

use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use super::super::{
    document::Document,
    report::Unresolved,
    schema::{Profile, Text},
    state_database::{Database, Row},
};
use model_provider_host::{Error, Result};

/// All existing stores.
pub(super) struct Stores(Vec<Store>);

/// One store.
struct Store {
    place: String,
    document: Document,
    /// The state beside the credentials: the order of profiles.
    state: Option<Document>,
    /// Milliseconds since 1970.
    written: i64,
}

/// Every location of a profile store, databases included.
pub(super) fn paths(state_dir: &Path) -> Vec<PathBuf> {
    let mut paths = vec![
        state_dir.join("auth-profiles.json"),
        state_dir.join("state/openclaw.sqlite"),
    ];
    for agent in agents(state_dir) {
        paths.push(agent.join("auth-profiles.json"));
        paths.push(agent.join("openclaw-agent.sqlite"));
    }
    paths
}

/// The folders of all agents, the main one first.
fn agents(state_dir: &Path) -> Vec<PathBuf> {
    let folder = state_dir.join("agents");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort_by_key(|name| (name != "main", name.clone()));
    names
        .into_iter()
        .map(|name| folder.join(name).join("agent"))
        .filter(|agent| agent.is_dir())
        .collect()
}

impl Stores {
    /// Reads all stores: the shared ones and the main agent's, most recently written first; then those of the other
    /// agents. An unreadable store is reported and skipped, since another one may hold the credential.
    pub(super) fn read(state_dir: &Path, passed: &mut Vec<Unresolved>) -> Self {
        // Of two with the same time the first wins.
        let mut shared = Vec::new();
        let mut others = Vec::new();
        for agent in agents(state_dir) {
            let is_main = agent.starts_with(state_dir.join("agents/main"));
            let stores = if is_main { &mut shared } else { &mut others };
            stores.extend(Store::of_file(&agent.join("auth-profiles.json"), passed));
            let database = agent.join("openclaw-agent.sqlite");
            stores.extend(Store::of_database(Database::of_agent(&agent), &database, passed));
        }
        shared.extend(Store::of_file(&state_dir.join("auth-profiles.json"), passed));
        let database = state_dir.join("state/openclaw.sqlite");
        shared.extend(Store::of_database(
            Database::of_state(state_dir),
            &database,
            passed,
        ));
        shared.sort_by_key(|store| std::cmp::Reverse(store.written));
        shared.append(&mut others);
        Self(shared)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of all profiles.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let mut names: Vec<String> = Vec::new();
        for store in &self.0 {
            for name in store.names() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names.into_iter()
    }

    /// The order that a store itself defines for a provider.
    pub(super) fn order(&self, id: &str, passed: &mut Vec<Unresolved>) -> Option<Vec<String>> {
        for store in &self.0 {
            for document in store.state.iter().chain([&store.document]) {
                match order_in(document, id) {
                    Ok(None) => {}
                    Ok(order) => return order,
                    Err(error) => passed.push(broken(format!("order of {id}"), &error)),
                }
            }
        }
        None
    }

    /// The profiles of this name that belong to a provider, each with its location.
    pub(super) fn profiles(
        &self,
        name: &str,
        id: &str,
        passed: &mut Vec<Unresolved>,
    ) -> Vec<(String, Profile)> {
        let mut found = Vec::new();
        for store in &self.0 {
            match store.read_profile(name, id) {
                Ok(profile) => found.extend(profile.map(|profile| (store.place.clone(), profile))),
                Err(error) => passed.push(broken(format!("profile {name}"), &error)),
            }
        }
        found
    }

    /// When OpenClaw has used a profile, in milliseconds since 1970; 0 if never.
    pub(super) fn last_used(&self, name: &str) -> u64 {
        let used = self
            .usage(name)
            .filter_map(|usage| usage.get("lastUsed")?.as_f64());
        used.fold(0.0, f64::max) as u64
    }

    /// OpenClaw's usage statistics of a profile, in each store.
    fn usage(&self, name: &str) -> impl Iterator<Item = &serde_json::Value> {
        let documents = self
            .0
            .iter()
            .flat_map(|store| store.state.iter().chain([&store.document]));
        documents.filter_map(move |document| document.value().get("usageStats")?.get(name))
    }

    /// The end of a profile's cooldown in milliseconds since 1970, from OpenClaw's record of its failures.
    pub(super) fn unusable_until(&self, name: &str) -> Option<f64> {
        let times = self.usage(name).flat_map(|usage| {
            let until = |key| usage.get(key).and_then(serde_json::Value::as_f64);
            [until("cooldownUntil"), until("disabledUntil")]
        });
        times.flatten().max_by(f64::total_cmp)
    }
}

/// The report for a value that has the wrong form.
fn broken(place: String, error: &Error) -> Unresolved {
    let fix = error.hint().unwrap_or("correct or remove it").to_owned();
    Unresolved::new(place, error.message(), fix)
}

/// The order that a document defines for a provider.
fn order_in(document: &Document, id: &str) -> Result<Option<Vec<String>>> {
    for (provider, names) in document.root().get("order")?.entries()? {
        if provider.trim().eq_ignore_ascii_case(id)
            && let Some(names) = names.read::<Vec<Text>>()?
        {
            return Ok(Some(names.into_iter().map(|name| name.0).collect()));
        }
    }
    Ok(None)
}

impl Store {
    /// Reads a store from a file; reports what is wrong with it.
    fn of_file(path: &Path, passed: &mut Vec<Unresolved>) -> Option<Self> {
        let mut read = |path: &Path| {
            let document = Document::read(path).and_then(|document| {
                if let Some(document) = &document {
                    document.root().get("profiles")?.entries()?;
                }
                Ok(document)
            });
            document.unwrap_or_else(|error| {
                passed.push(broken(path.display().to_string(), &error));
                None
            })
        };
        let document = read(path)?;
        let state = read(&path.with_file_name("auth-state.json"));
        let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let written = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Some(Self {
            place: path.display().to_string(),
            state,
            document,
            written,
        })
    }

    /// Reads a store from a database; reports what is wrong with it.
    fn of_database(
        opened: Result<Option<Database>, String>,
        path: &Path,
        passed: &mut Vec<Unresolved>,
    ) -> Option<Self> {
        let read = || -> Result<Option<Self>, String> {
            let Some(database) = opened? else {
                return Ok(None);
            };
            let Some(Row { json, written }) = database.auth_profiles()? else {
                return Ok(None);
            };
            let parse = |json: String| {
                let parsed = Document::parse(database.path(), json);
                parsed.map_err(|_| "its credentials are not JSON".to_owned())
            };
            Ok(Some(Self {
                place: path.display().to_string(),
                document: parse(json)?,
                state: database.auth_state()?.map(|row| parse(row.json)).transpose()?,
                written,
            }))
        };
        read().unwrap_or_else(|why| {
            let fix = "until then the keys in it are not found; a key by `onboard` or a variable is";
            passed.push(Unresolved::new(path.display().to_string(), why, fix));
            None
        })
    }

    fn names(&self) -> Vec<String> {
        let value = self.document.value();
        let own = value.get("profiles");
        let members = own.unwrap_or(value).as_object().into_iter().flatten();
        let profiles = members.filter(|(_, value)| value.is_object());
        // The oldest files name a profile by its provider alone.
        let is_short = |name: &str| own.is_none() && !name.contains(':');
        profiles
            .map(|(name, _)| match is_short(name) {
                true => format!("{name}:default"),
                false => name.clone(),
            })
            .collect()
    }

    /// A profile by its name, if it is of a provider.
    fn read_profile(&self, name: &str, id: &str) -> Result<Option<Profile>> {
        let Some(node) = self.profile(name)? else {
            return Ok(None);
        };
        let by_name = name.split(':').next().unwrap_or_default();
        let is_its = |owner: &str| owner.trim().eq_ignore_ascii_case(id);
        let owner = match node.get("provider")?.word() {
            Ok(owner) => owner.unwrap_or(by_name),
            // Only problems of profiles that seem to be this provider's are reported.
            Err(error) if is_its(by_name) => return Err(error),
            Err(_) => return Ok(None),
        };
        if is_its(owner) {
            node.read::<Profile>()
        } else {
            Ok(None)
        }
    }

    /// A profile by its name. The oldest files have no `profiles`, and name a profile by its provider alone.
    fn profile(&self, name: &str) -> Result<Option<super::super::document::Node<'_>>> {
        let root = self.document.root();
        let profiles = root.get("profiles")?;
        let holder = if profiles.value().is_some() {
            profiles
        } else {
            root
        };
        let node = holder.get(name)?;
        let node = match node.value() {
            None => match name.strip_suffix(":default") {
                Some(provider) if holder.key().is_empty() => holder.get(provider)?,
                _ => node,
            },
            Some(_) => node,
        };
        Ok(node
            .value()
            .is_some_and(serde_json::Value::is_object)
            .then_some(node))
    }
}
