//! The order in which the profiles of a provider are tried, by OpenClaw's rules.
//! Knows what the configuration and the stores say about profiles by name; sees no credential.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{super::Configuration, super::report::Unresolved, stores::Stores};
use crate::schema::Text;
use model_provider_host::Result;

/// The profiles to try, and the key that excludes the rest.
pub(super) struct Order {
    /// In the order in which they are tried.
    pub(super) names: Vec<String>,
    /// The key that names them and thereby excludes all other profiles.
    pub(super) chosen_by: Option<String>,
}

impl Configuration {
    /// The profiles of a provider to try, in order: those of an explicit order only; else those in `auth.profiles`;
    /// else all stored ones. If none of the named profiles is stored, all stored ones are tried, unless only
    /// `auth.order` names them.
    pub(super) fn profile_order(
        &self,
        id: &str,
        stores: &Stores,
        passed: &mut Vec<Unresolved>,
    ) -> Result<Order> {
        let of_stores = stores.order(id, passed);
        let is_of_stores = of_stores.is_some();
        let order = match of_stores {
            Some(order) => Some(order),
            None => self.configured_order(id)?,
        };
        let listed = self.configured_profiles(id);
        let is_stored = |name: &String| stores.names().any(|stored| stored == *name);
        let may_take_all = is_of_stores || !listed.is_empty();
        let named = match order {
            Some(order) => Some((order, format!("auth.order.{id}"))),
            None if listed.is_empty() => None,
            None => Some((listed, "auth.profiles".to_owned())),
        };
        let named =
            named.filter(|(names, _)| names.is_empty() || !may_take_all || names.iter().any(is_stored));
        let is_explicit = named.as_ref().is_some_and(|(_, key)| key != "auth.profiles");
        let (mut names, chosen_by) = match named {
            Some((names, key)) => (names, Some(key)),
            None => (stores.names().collect(), None),
        };
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        if !is_explicit {
            // Tokens before keys, and within each kind the one that OpenClaw used least recently.
            names.sort_by_cached_key(|name| (kind_rank(stores, name, id), stores.last_used(name)));
        }
        // Profiles on cooldown in OpenClaw come last.
        let now = since_1970();
        let until = |name: &String| stores.unusable_until(name).filter(|until| *until > now);
        names.sort_by(|a, b| {
            let (a, b) = (until(a).unwrap_or_default(), until(b).unwrap_or_default());
            a.total_cmp(&b)
        });
        Ok(Order { names, chosen_by })
    }

    /// The profiles that `auth.profiles` has of a provider, in the file's order.
    fn configured_profiles(&self, id: &str) -> Vec<String> {
        let profiles = self.value().pointer("/auth/profiles").and_then(Value::as_object);
        let is_its = |entry: &Value| {
            let provider = entry.get("provider").and_then(Value::as_str);
            provider.is_some_and(|provider| provider.trim().eq_ignore_ascii_case(id))
        };
        let profiles = profiles.into_iter().flatten();
        profiles
            .filter(|(_, entry)| is_its(entry))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// `auth.order.<id>`, the id in any case.
    fn configured_order(&self, id: &str) -> Result<Option<Vec<String>>> {
        let order = self.root().at(&["auth", "order"])?;
        let entries = order.entries()?;
        let entry = entries
            .iter()
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(id));
        let Some((_, names)) = entry else {
            return Ok(None);
        };
        let names = names.read::<Vec<Text>>()?;
        Ok(names.map(|names| names.into_iter().map(|name| name.0).collect()))
    }
}

/// The rank of a profile's kind in the order.
fn kind_rank(stores: &Stores, name: &str, id: &str) -> u8 {
    // Problems of a profile are reported when it is tried.
    let profiles = stores.profiles(name, id, &mut Vec::new());
    let kind = profiles.first().map(|(_, profile)| profile.kind.as_deref());
    match kind {
        Some(Some("token")) => 0,
        // An unreadable profile keeps its rank, so that its problem is reported before another profile is used.
        None | Some(None | Some("api_key")) => 1,
        Some(Some(_)) => 2,
    }
}

/// Milliseconds since 1970, as OpenClaw counts.
pub(super) fn since_1970() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs_f64() * 1000.0
}
