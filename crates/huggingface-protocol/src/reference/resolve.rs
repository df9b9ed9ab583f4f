//! Resolves any text that a person types to a model.
//!
//! A successful lookup reads single entries of the settings only, so that its cost does not grow with the
//! configuration. Mistakes, and unknown models, may cost a scan.

#![allow(
    clippy::result_large_err,
    reason = "the contract's error record is what callers get, and it is built on failures only"
)]

use alloc::{format, string::String, vec::Vec};

use chat_completions::{Resolved, model::display_name};

use super::grammar::{ParseError, Reference, begins_with_prefix, canonical_text, parse, without_prefix};
use super::{hub_url, suggest};
use crate::{
    catalog::{Known, find_route, is_usable, look_up},
    contract::types::{Error, ErrorKind, ModelRef, Routing, Warning},
    provider::BACKENDS,
    settings::Settings,
    warning::{BACKEND_IN_ERROR, BACKEND_NOT_LISTED, DID_YOU_MEAN, HUB_URL, UNKNOWN_BACKEND, quote, warning},
};

/// The expected form of a reference, for errors.
const HOW_TO: &str = "Write huggingface/ORG/NAME; behind it may stand :cheapest, :fastest, :preferred or a backend, \
                      such as :together.";

/// A reference and its model's metadata.
struct Found {
    reference: Reference,
    known: Known,
}

/// Resolves a reference, an alias or the address of a page of the Hub; see [`reference`](super) for the order.
pub fn resolve(text: &str, settings: &impl Settings) -> Result<ModelRef, Error> {
    understand(text, settings).map(|resolved| resolved.model)
}

/// The same, with references that may have been meant.
pub fn understand(text: &str, settings: &impl Settings) -> Result<Resolved, Error> {
    let text = text.trim();
    let written = read(text, settings);
    if begins_with_prefix(text) || written.as_ref().is_ok_and(|found| found.known.is_some()) {
        return conclude(text, written, settings);
    }
    if let Some(meant) = by_alias(text, settings)? {
        return Ok(describe(meant, Vec::new(), settings));
    }
    if let (Err(_), Some(path)) = (&written, hub_url::model_path(text)) {
        let found = read(path, settings).map_err(|why| invalid(path, why, settings))?;
        let message = format!(
            "{} is an address; it was taken as {}.",
            quote(text),
            found.reference.canonical()
        );
        return Ok(describe(found, Vec::from([warning(HUB_URL, message)]), settings));
    }
    conclude(text, written, settings)
}

fn conclude(
    text: &str,
    written: Result<Found, ParseError>,
    settings: &impl Settings,
) -> Result<Resolved, Error> {
    let found = written.map_err(|why| invalid(text, why, settings))?;
    Ok(describe(found, Vec::new(), settings))
}

/// Reads a text by the grammar, or as an id outside of it that the settings or the last list have.
fn read(text: &str, settings: &impl Settings) -> Result<Found, ParseError> {
    let (reference, why) = match parse(text) {
        Ok(reference) => (reference, None),
        Err(why) => (
            Reference::verbatim(without_prefix(text).unwrap_or(text)),
            Some(why),
        ),
    };
    if reference.model.is_empty() {
        return Err(ParseError::Empty);
    }
    let known = look_up(&reference, settings);
    match why {
        Some(why) if !known.is_some() => Err(why),
        _ => Ok(Found { reference, known }),
    }
}

/// Resolves an alias. An alias of several references, or of a text that is no reference, is an error.
fn by_alias(text: &str, settings: &impl Settings) -> Result<Option<Found>, Error> {
    let aliases = settings.find_alias(text);
    let Some(first) = aliases.first() else {
        return Ok(None);
    };
    let mut meant: Vec<String> = Vec::new();
    for alias in &aliases {
        let canonical = canonical_text(&alias.reference);
        if !meant.contains(&canonical) {
            meant.push(canonical);
        }
    }
    if meant.len() > 1 {
        let message = format!(
            "The alias {} means {} references: {}.",
            quote(text),
            meant.len(),
            meant.join(", ")
        );
        return Err(Error::before_sending(ErrorKind::InvalidReference, message)
            .with_hint("Use one of the references, or give one of them another alias.")
            .with_suggestions(meant));
    }
    let stands_for = first.reference.trim();
    read(stands_for, settings).map(Some).map_err(|why| {
        let message = format!(
            "The alias {} stands for {}, which is an invalid model reference: {why}.",
            quote(text),
            quote(stands_for)
        );
        Error::before_sending(ErrorKind::InvalidReference, message)
            .with_hint("Correct the reference to which the configuration gives this alias.")
            .with_suggestions(suggest::for_broken(stands_for, settings))
    })
}

fn invalid(text: &str, why: ParseError, settings: &impl Settings) -> Error {
    let message = format!("Invalid model reference {}: {why}.", quote(text));
    Error::before_sending(ErrorKind::InvalidReference, message)
        .with_hint(HOW_TO)
        .with_suggestions(suggest::for_broken(text, settings))
}

fn describe(found: Found, mut warnings: Vec<Warning>, settings: &impl Settings) -> Resolved {
    let Found { reference, known } = found;
    let mut instead = Vec::new();
    if let Routing::Backend(backend) = &reference.routing {
        warnings.extend(doubt_backend(&reference, backend, &known, &mut instead));
    }
    if !known.is_some() {
        warnings.extend(doubt_model(&reference, settings, &mut instead));
    }
    let canonical = reference.canonical();
    let alias = alias_of(&canonical, settings);
    let metadata = known.entry(&reference).map(|mut model| {
        // The entry is the model's own unless the settings describe exactly this reference.
        let entry = if model.id == reference.wire_id() {
            canonical.clone()
        } else {
            reference.base().canonical()
        };
        model.alias = if entry == canonical {
            alias.clone()
        } else {
            alias_of(&entry, settings)
        };
        model
    });
    let model = ModelRef {
        display_name: metadata.as_ref().map_or_else(
            || display_name(&reference.model),
            |model| model.display_name.clone(),
        ),
        wire_id: reference.wire_id(),
        provider_locked: reference.provider_locked(),
        canonical,
        alias,
        metadata,
        warnings,
        model: reference.model,
        routing: reference.routing,
    };
    Resolved { model, instead }
}

/// The alias of exactly this reference, the first of several.
fn alias_of(canonical: &str, settings: &impl Settings) -> Option<String> {
    settings.aliases_of(canonical).into_iter().find_map(|given| {
        let alias = given.alias.trim();
        (!alias.is_empty() && canonical_text(&given.reference) == canonical).then(|| String::from(alias))
    })
}

/// Warnings about a backend: the router may accept it nevertheless, so it is no error.
fn doubt_backend(
    reference: &Reference,
    backend: &str,
    known: &Known,
    instead: &mut Vec<String>,
) -> Option<Warning> {
    let listed = known.listed().filter(|model| !model.routes.is_empty());
    if let Some(model) = listed
        && let Some(route) = find_route(model, backend)
    {
        let message = format!(
            "The last list gives the status {} for this model at {backend}.",
            quote(&route.status)
        );
        return (!is_usable(route)).then(|| warning(BACKEND_IN_ERROR, message));
    }
    if !BACKENDS.contains(&backend) {
        let meant = match suggest::for_suffix(backend, known) {
            Some(meant) => {
                instead.push(format!("{}:{meant}", reference.base().canonical()));
                format!(" Did you mean :{meant}?")
            }
            None => String::from(" The router refuses a suffix that it does not know."),
        };
        return Some(warning(
            UNKNOWN_BACKEND,
            format!(
                "{} is no policy and no backend known here.{meant}",
                quote(backend)
            ),
        ));
    }
    listed.map(|model| {
        let backends: Vec<&str> = model.routes.iter().map(|route| route.backend.as_str()).collect();
        let message = format!(
            "The last list has this model at {}, not at {backend}.",
            backends.join(", ")
        );
        warning(BACKEND_NOT_LISTED, message)
    })
}

/// A warning about an unknown model whose name is close to a known one.
fn doubt_model(
    reference: &Reference,
    settings: &impl Settings,
    instead: &mut Vec<String>,
) -> Option<Warning> {
    let model = suggest::for_unknown(&reference.model, settings)?;
    let meant = Reference {
        model,
        routing: reference.routing.clone(),
    }
    .canonical();
    let message = format!(
        "{} is a model that is not known here. Did you mean {meant}?",
        quote(&reference.model)
    );
    instead.push(meant);
    Some(warning(DID_YOU_MEAN, message))
}
