//! Parser and printer of model references: pure, without settings, catalog or aliases.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

use crate::{
    contract::types::Routing,
    provider::{BACKENDS, ID, POLICIES, locks_provider},
};

/// A reference that follows the grammar. Equal references are equal values.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The model's name, without prefix and suffix: `deepseek-ai/DeepSeek-R1`.
    pub model: String,
    /// The routing policy or backend in the suffix.
    pub routing: Routing,
}

impl Reference {
    /// The model with exactly this id and without a suffix, for ids of a list or the settings that the grammar does
    /// not cover.
    #[must_use]
    pub fn verbatim(id: &str) -> Self {
        Self {
            model: id.trim().to_owned(),
            routing: Routing::Default,
        }
    }

    /// The suffix without its colon.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        match &self.routing {
            Routing::Default => None,
            Routing::Policy(suffix) | Routing::Backend(suffix) => Some(suffix),
        }
    }

    /// The model id for the router.
    #[must_use]
    pub fn wire_id(&self) -> String {
        match self.suffix() {
            None => self.model.clone(),
            Some(suffix) => joined(&self.model, ":", suffix),
        }
    }

    /// The canonical text of the reference.
    #[must_use]
    pub fn canonical(&self) -> String {
        joined(ID, "/", &self.wire_id())
    }

    /// The same model with the router's default routing.
    #[must_use]
    pub fn base(&self) -> Self {
        Self {
            model: self.model.clone(),
            routing: Routing::Default,
        }
    }

    /// Whether a policy selects the backend, so that the caller must not (provider-locked).
    #[must_use]
    pub fn provider_locked(&self) -> bool {
        matches!(&self.routing, Routing::Policy(policy) if locks_provider(policy))
    }
}

/// Why a text is an invalid reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// There is nothing but white space.
    Empty,
    /// There is white space inside.
    WhiteSpace,
    /// There is nothing before, between or behind the `/`, or before the `:`.
    EmptyPart,
    /// There is only a name, and no organisation.
    NoOrganisation,
    /// There is only the provider's id and a name, and no organisation.
    PrefixAlone,
    /// There are more parts than an organisation and a name.
    TooManyParts,
    /// Nothing follows the `:`.
    EmptySuffix,
    /// There are two suffixes.
    TwoSuffixes,
    /// A suffix stands before the last `/`.
    MisplacedSuffix,
    /// A character that no reference has.
    Character(char),
}

impl ParseError {
    /// Whether the organisation is missing, so that the text may be the bare name of a model.
    #[must_use]
    pub fn lacks_organisation(self) -> bool {
        matches!(self, Self::NoOrganisation | Self::PrefixAlone)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::Empty => "there is no text",
            Self::WhiteSpace => "there is white space inside",
            Self::EmptyPart => "a part before or behind a \"/\" is empty",
            Self::NoOrganisation => "the organisation before the name is missing",
            Self::PrefixAlone => "the organisation between the prefix and the name is missing",
            Self::TooManyParts => "there are more parts than an organisation and a name",
            Self::EmptySuffix => "nothing follows the \":\"",
            Self::TwoSuffixes => "it has two suffixes, and one is allowed",
            Self::MisplacedSuffix => "a \":\" may stand only behind the name",
            Self::Character('@') => "\"@\" has no meaning here; a backend or policy follows a \":\"",
            Self::Character(c) if c.is_control() => "a control character is in it",
            Self::Character(c) => return write!(f, "\"{c}\" is not allowed in it"),
        };
        f.write_str(why)
    }
}

impl core::error::Error for ParseError {}

/// Parses a reference. The text is trimmed; nothing else is corrected.
pub fn parse(text: &str) -> Result<Reference, ParseError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ParseError::Empty);
    }
    // Nearly every text is of ASCII, where the tables of characters need not be asked.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) && text.contains(char::is_whitespace) {
        return Err(ParseError::WhiteSpace);
    }
    let (path, prefixed) = without_prefixes(text);
    let (org, last) = match path.split_once('/') {
        Some(("", _)) => return Err(ParseError::EmptyPart),
        Some((org, last)) => (org, last),
        None => return Err(ParseError::NoOrganisation),
    };
    if last.split('/').any(str::is_empty) {
        return Err(ParseError::EmptyPart);
    }
    if org.contains(':')
        || last
            .rsplit_once('/')
            .is_some_and(|(before, _)| before.contains(':'))
    {
        return Err(ParseError::MisplacedSuffix);
    }
    let (backend, org, last) = match last.split_once('/') {
        None => (None, org, last),
        // Another client's spelling, in which the backend comes first.
        Some((after, name)) if !name.contains('/') && !name.contains(':') && !after.contains(':') => {
            let known = BACKENDS.iter().find(|known| known.eq_ignore_ascii_case(org));
            (Some(*known.ok_or(ParseError::TooManyParts)?), after, name)
        }
        Some(_) => return Err(ParseError::TooManyParts),
    };
    let (name, suffix) = match last.split_once(':') {
        Some((name, suffix)) => (name, Some(suffix)),
        None => (last, None),
    };
    if name.is_empty() {
        return Err(ParseError::EmptyPart);
    }
    if !prefixed && org.eq_ignore_ascii_case(ID) {
        return Err(ParseError::PrefixAlone);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let foreign = |c: &char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !org.bytes().chain(name.bytes()).all(plain)
        && let Some(c) = org.chars().chain(name.chars()).find(foreign)
    {
        return Err(ParseError::Character(c));
    }
    let routing = suffix.or(backend).map_or(Ok(Routing::Default), routing)?;
    Ok(Reference {
        model: joined(org, "/", name),
        routing,
    })
}

/// Parses a suffix without its colon.
fn routing(suffix: &str) -> Result<Routing, ParseError> {
    if suffix.is_empty() {
        return Err(ParseError::EmptySuffix);
    }
    if suffix.contains(':') {
        return Err(ParseError::TwoSuffixes);
    }
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if let Some(c) = suffix.chars().find(foreign) {
        return Err(ParseError::Character(c));
    }
    let suffix = suffix.to_ascii_lowercase();
    Ok(if POLICIES.contains(&suffix.as_str()) {
        Routing::Policy(suffix)
    } else {
        Routing::Backend(suffix)
    })
}

/// Two texts with a mark between them: `format!` takes several times as long.
fn joined(first: &str, mark: &str, second: &str) -> String {
    let mut text = String::with_capacity(first.len() + mark.len() + second.len());
    for part in [first, mark, second] {
        text.push_str(part);
    }
    text
}

/// The text after the first `/` if the provider's id precedes it.
pub(crate) fn without_prefix(text: &str) -> Option<&str> {
    let (first, rest) = text.split_once('/')?;
    first.eq_ignore_ascii_case(ID).then_some(rest)
}

/// Whether a text is meant as a reference, because it begins with the provider's id and `/`.
pub(crate) fn begins_with_prefix(text: &str) -> bool {
    without_prefix(text).is_some()
}

/// Strips the prefix while more than two parts remain, and returns whether there was one.
fn without_prefixes(text: &str) -> (&str, bool) {
    let mut path = text;
    let mut prefixed = false;
    while let Some(rest) = without_prefix(path).filter(|rest| rest.contains('/')) {
        path = rest;
        prefixed = true;
    }
    (path, prefixed)
}

/// The canonical spelling of a text that is meant as a reference, also for an id that only a list has.
pub(crate) fn canonical_text(text: &str) -> String {
    if let Ok(reference) = parse(text) {
        reference.canonical()
    } else {
        let text = text.trim();
        Reference::verbatim(without_prefix(text).unwrap_or(text)).canonical()
    }
}
