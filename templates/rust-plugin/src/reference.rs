//! Model references: `example/NAME`, aliases of the settings, and names alone. Uses the settings, never the network.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    contract::{
        settings,
        types::{Error, ErrorKind, Model, ModelRef, Routing},
    },
    error,
    facts::{ANY_MODEL_ID, BUNDLED, ID},
    models,
};

/// Resolves a reference or an alias.
pub(crate) fn resolve(text: &str) -> Result<ModelRef, Error> {
    let text = text.trim();
    if let Some(name) = without_prefix(text) {
        return named(name);
    }
    if known(text).is_some() {
        return named(text);
    }
    let mut references = Vec::new();
    for alias in settings::find_alias(text) {
        let reference = alias.reference.trim();
        let found = named(without_prefix(reference).unwrap_or(reference))?;
        if !references.contains(&found.canonical) {
            references.push(found.canonical);
        }
    }
    match references.as_slice() {
        [] => named(text),
        [one] => named(without_prefix(one).unwrap_or(one)),
        _ => {
            let message = format!("`{text}` is an alias of {} models", references.len());
            let mut ambiguous = error::new(ErrorKind::InvalidReference, message);
            ambiguous.suggestions = references;
            Err(ambiguous)
        }
    }
}

/// The text after `example/`, which may have any case.
fn without_prefix(text: &str) -> Option<&str> {
    let (prefix, name) = text.split_once('/')?;
    prefix.eq_ignore_ascii_case(ID).then_some(name)
}

/// A reference by its name alone.
fn named(name: &str) -> Result<ModelRef, Error> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_plain);
    let (is_valid, expected) = if ANY_MODEL_ID {
        let is_name = !name.is_empty() && name.trim() == name && !name.contains(char::is_control);
        (is_name, "without control characters and surrounding white space")
    } else {
        (name.split('/').all(is_part), "of letters, digits and `-_./`")
    };
    if !is_valid {
        let message = format!("invalid model reference `{name}`: expected {ID}/NAME {expected}");
        let mut invalid = error::new(ErrorKind::InvalidReference, message);
        invalid.suggestions = suggestions(name);
        return Err(invalid);
    }
    let metadata = known(name);
    let canonical = format!("{ID}/{name}");
    Ok(ModelRef {
        model: name.to_string(),
        routing: Routing::Default,
        wire_id: name.to_string(),
        display_name: metadata
            .as_ref()
            .map_or_else(|| name.to_string(), |model| model.display_name.clone()),
        alias: alias_of(name),
        provider_locked: false,
        metadata,
        warnings: Vec::new(),
        canonical,
    })
}

/// The alias of this model in the settings.
pub(crate) fn alias_of(name: &str) -> Option<String> {
    let whole = settings::find_aliases_of(&format!("{ID}/{name}"));
    let short = || settings::find_aliases_of(name);
    let found = if whole.is_empty() { short() } else { whole };
    found.into_iter().next().map(|alias| alias.alias)
}

/// The metadata of a model in the settings, the cached list or the bundled list.
fn known(name: &str) -> Option<Model> {
    if let Some(configured) = settings::find_configured(name) {
        return Some(models::of_configured(configured));
    }
    settings::find_listed(name).or_else(|| models::bundled(name))
}

/// Known references with this prefix, else the first ones.
pub(crate) fn suggestions(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = settings::list_configured().into_iter().map(|model| model.id).collect();
    ids.extend(settings::listed_ids());
    ids.extend(BUNDLED.iter().map(|(id, _)| id.to_string()));
    let text = text.to_lowercase();
    let common = |id: &String| {
        let id = id.to_lowercase();
        id.chars().zip(text.chars()).take_while(|(a, b)| a == b).count()
    };
    ids.sort_by_key(|id| core::cmp::Reverse(common(id)));
    ids.dedup();
    ids.truncate(3);
    ids.into_iter().map(|id| format!("{ID}/{id}")).collect()
}
