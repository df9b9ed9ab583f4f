//! References: `openai-compatible/ID`, where the id is the server's own and may hold slashes and colons.
//!
//! This module must not know the network: model metadata comes from the settings and the cached list.

#![allow(
    clippy::result_large_err,
    reason = "the contract's error record is what callers get, and it is built on failures only"
)]

use alloc::{format, string::String, vec::Vec};

use chat_completions::{
    Resolved,
    contract::types::{Error, ErrorKind, ModelRef, Routing, Warning},
    settings::Settings,
    text::contains,
    warning::{DID_YOU_MEAN, quote, warning},
};

use crate::{catalog, provider::ID};

/// Most references that are suggested.
const MOST: usize = 5;
/// The longest id, in bytes.
const LONGEST: usize = 256;

/// The id behind the prefix, which is read in any case. `None` without a prefix.
fn without_prefix(text: &str) -> Option<&str> {
    let (prefix, rest) = text.split_at_checked(ID.len())?;
    let rest = rest.strip_prefix('/')?;
    prefix.eq_ignore_ascii_case(ID).then(|| rest.trim())
}

/// The id that a text names, with or without the prefix.
pub(crate) fn id_of(text: &str) -> &str {
    let text = text.trim();
    without_prefix(text).unwrap_or(text)
}

/// The one spelling of a reference.
pub(crate) fn canonical(id: &str) -> String {
    format!("{ID}/{id}")
}

/// Understands a reference or an alias.
pub(crate) fn understand(text: &str, settings: &impl Settings) -> Result<Resolved, Error> {
    let text = text.trim();
    let id = id_of(text);
    let is_known = || settings.find_configured(id).is_some() || settings.find_listed(id).is_some();
    if without_prefix(text).is_none() && !is_known() {
        if let Some(meant) = by_alias(text, settings)? {
            return Ok(describe(&meant, settings));
        }
        if id.contains(char::is_whitespace) {
            return Err(invalid(
                text,
                "it holds white space, and no alias or model is called so",
                settings,
            ));
        }
    }
    check(text, id, settings)?;
    Ok(describe(id, settings))
}

fn check(text: &str, id: &str, settings: &impl Settings) -> Result<(), Error> {
    let why = if id.is_empty() {
        "it names no model"
    } else if id.len() > LONGEST {
        "it is longer than 256 bytes"
    } else if id.contains(char::is_control) {
        "it holds a control character"
    } else {
        return Ok(());
    };
    Err(invalid(text, why, settings))
}

fn invalid(text: &str, why: &str, settings: &impl Settings) -> Error {
    Error::before_sending(
        ErrorKind::InvalidReference,
        format!("invalid model reference {}: {why}", quote(text)),
    )
    .with_hint("Write openai-compatible/ID, with an id of the server's list (`models`).")
    .with_suggestions(similar(id_of(text), settings))
}

/// Resolves an alias. An alias of several references is an error.
fn by_alias(text: &str, settings: &impl Settings) -> Result<Option<String>, Error> {
    let mut meant: Vec<String> = Vec::new();
    for alias in settings.find_alias(text) {
        let id = String::from(id_of(&alias.reference));
        if !meant.contains(&id) {
            meant.push(id);
        }
    }
    if meant.len() > 1 {
        let meant: Vec<String> = meant.iter().map(|id| canonical(id)).collect();
        let message = format!(
            "the alias {} means {} references: {}",
            quote(text),
            meant.len(),
            meant.join(", ")
        );
        return Err(Error::before_sending(ErrorKind::InvalidReference, message)
            .with_hint("Use one of the references, or give one of them another alias.")
            .with_suggestions(meant));
    }
    let Some(id) = meant.pop() else { return Ok(None) };
    check(text, &id, settings)?;
    Ok(Some(id))
}

fn describe(id: &str, settings: &impl Settings) -> Resolved {
    let reference = canonical(id);
    let aliases = settings.aliases_of(&reference).into_iter();
    let alias = aliases
        .filter(|alias| id_of(&alias.reference) == id)
        .map(|alias| String::from(alias.alias.trim()))
        .find(|alias| !alias.is_empty());
    let metadata = catalog::entry(id, settings).map(|mut model| {
        model.alias.clone_from(&alias);
        model
    });
    let instead = match metadata {
        Some(_) => Vec::new(),
        None => similar(id, settings),
    };
    let warnings: Vec<Warning> = instead
        .first()
        .map(|meant| {
            let message = format!("{} is not in the last list. Did you mean {meant}?", quote(id));
            warning(DID_YOU_MEAN, message)
        })
        .into_iter()
        .collect();
    let model = ModelRef {
        model: String::from(id),
        routing: Routing::Default,
        canonical: reference,
        wire_id: String::from(id),
        display_name: metadata
            .as_ref()
            .map_or_else(|| String::from(id), |model| model.display_name.clone()),
        alias,
        provider_locked: false,
        metadata,
        warnings,
    };
    Resolved { model, instead }
}

/// References in the cached list that contain the text, or are contained in it, in any case: `llama3.2` matches
/// `llama3.2:latest`.
fn similar(id: &str, settings: &impl Settings) -> Vec<String> {
    let id = id.to_lowercase();
    let name = |id: &str| String::from(id.rsplit('/').next().unwrap_or(id));
    let short = name(&id);
    let mut found: Vec<String> = Vec::new();
    if short.is_empty() {
        return found;
    }
    for listed in settings.listed_ids() {
        let other = listed.to_lowercase();
        let is_alike = contains(&other, &short) || contains(&id, &name(&other));
        if is_alike && found.len() < MOST && !found.iter().any(|known| id_of(known) == listed) {
            found.push(canonical(&listed));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use chat_completions::{
        contract::settings::{ConfiguredModel, ModelAlias},
        model::blank,
        settings::PlainSettings,
    };
    use proptest::prelude::*;

    use super::*;

    fn settings() -> PlainSettings {
        let alias = |alias: &str, reference: &str| ModelAlias {
            alias: alias.into(),
            reference: reference.into(),
        };
        PlainSettings {
            configured: vec![ConfiguredModel {
                id: "my model".into(),
                display_name: Some("Mine".into()),
                reasoning: None,
                input: vec![],
                context_window: Some(4096),
                max_output_tokens: None,
                price: None,
                extras: vec![],
            }],
            aliases: vec![
                alias("Small One", "openai-compatible/llama3.2:3b"),
                alias("twice", "a"),
                alias("twice", "openai-compatible/b"),
                alias("again", "OpenAI-Compatible/a"),
                alias("again", "a"),
            ],
            listed: vec![blank(
                "llama3.2:latest",
                chat_completions::contract::types::ModelSource::Live,
            )],
            ..PlainSettings::default()
        }
    }

    fn resolve(text: &str) -> Result<ModelRef, Error> {
        understand(text, &settings()).map(|resolved| resolved.model)
    }

    #[test]
    fn an_id_may_hold_slashes_and_colons_and_is_sent_as_it_is() {
        for (text, id) in [
            ("meta-llama/llama-3.1-8b:free", "meta-llama/llama-3.1-8b:free"),
            (" OpenAI-Compatible/acme/b:c/d ", "acme/b:c/d"),
            ("openai-compatible/my model", "my model"),
            ("my model", "my model"),
            ("openai-compatible/openai-compatible/x", "openai-compatible/x"),
            ("small  ONE", "llama3.2:3b"),
            ("again", "a"),
        ] {
            let found = resolve(text).unwrap();
            assert_eq!((found.model.as_str(), found.wire_id.as_str()), (id, id), "{text}");
            assert_eq!(found.canonical, format!("{ID}/{id}"), "{text}");
            assert_eq!(
                resolve(&found.canonical).unwrap().canonical,
                found.canonical,
                "{text}"
            );
        }
        assert_eq!(resolve("my model").unwrap().display_name, "Mine");
        assert_eq!(
            resolve("llama3.2:3b").unwrap().alias.as_deref(),
            Some("Small One")
        );
    }

    #[test]
    fn what_is_no_reference_is_a_typed_error() {
        for text in [
            "",
            " ",
            "openai-compatible/",
            "two words",
            "a\u{7}b",
            &"x".repeat(300),
        ] {
            let error = resolve(text).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidReference, "{text:?}");
            assert!(error.hint.is_some() && !error.request_sent, "{text:?}");
        }
        let error = resolve("twice").unwrap_err();
        assert_eq!(error.suggestions, ["openai-compatible/a", "openai-compatible/b"]);
    }

    #[test]
    fn a_model_that_the_last_list_lacks_is_no_error_and_one_like_it_is_named() {
        let resolved = understand("llama3.2", &settings()).unwrap();
        assert_eq!(resolved.model.warnings[0].code, DID_YOU_MEAN);
        assert_eq!(resolved.instead, ["openai-compatible/llama3.2:latest".to_owned()]);
        assert!(resolve("llama3.2:latest").unwrap().warnings.is_empty());
        assert!(resolve("quite-another").unwrap().warnings.is_empty());
    }

    proptest! {
        #[test]
        fn any_text_resolves_to_itself_or_is_an_invalid_reference(text in ".{0,40}|(openai-compatible/)?[a-z/: .]{0,12}") {
            match resolve(&text) {
                Ok(found) => {
                    let again = resolve(&found.canonical).unwrap();
                    prop_assert_eq!(again.canonical, found.canonical);
                    prop_assert!(!found.display_name.is_empty());
                }
                Err(error) => prop_assert_eq!(error.kind, ErrorKind::InvalidReference),
            }
        }
    }
}
