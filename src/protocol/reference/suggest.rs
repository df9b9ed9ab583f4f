//! Help for mistakes: what a text may have meant, by how little one has to change in it.
//!
//! Scans all known models, so only what failed or is unknown to everybody comes here.

use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::grammar::{Reference, parse, without_prefix};
use crate::contract::types::Routing;
use crate::protocol::catalog::{Known, bundled_ids};
use crate::protocol::provider::{BACKENDS, ID, POLICIES};
use crate::protocol::settings::Settings;

/// Most suggestions that an error carries.
const MOST: usize = 5;
/// Longest text that is compared, in bytes.
const LONGEST: usize = 128;

/// References that a broken text may have meant, in their one spelling, best first.
pub(super) fn for_broken(text: &str, settings: &impl Settings) -> Vec<String> {
    let known = known_ids(settings);
    let repaired = repair(text);
    let (query, routing) = match &repaired {
        Some(Reference { model, routing }) => (model.clone(), routing.clone()),
        None => bare_name(text),
    };
    let mut scored: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|id| Some((score(&fold(&query), &fold(id))?, id.as_str())))
        .collect();
    scored.sort();
    let exact = scored.first().is_some_and(|(score, _)| *score == 0);
    let as_repaired = repaired.filter(|_| !exact).map(|reference| reference.canonical());
    let nearest = scored.iter().map(|(_, id)| {
        let model = (*id).to_string();
        Reference {
            model,
            routing: routing.clone(),
        }
        .canonical()
    });
    let mut suggestions: Vec<String> = as_repaired.into_iter().chain(nearest).collect();
    suggestions.truncate(MOST);
    suggestions
}

/// The known model that one nobody knows may have meant. Another digit is another model, not a slip.
pub(super) fn for_unknown(model: &str, settings: &impl Settings) -> Option<String> {
    let query = fold(model);
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
    let wanted = digits(&query);
    let mut best: Option<(usize, String)> = None;
    for id in known_ids(settings) {
        let candidate = fold(&id);
        let whole = if digits(&candidate) == wanted {
            distance(&query, &candidate, 2)
        } else {
            None
        };
        let same_name = (name_of(&query) == name_of(&candidate)).then_some(3);
        if let Some(score) = whole.or(same_name)
            && best.as_ref().is_none_or(|(least, _)| score < *least)
        {
            best = Some((score, id));
        }
    }
    best.map(|(_, id)| id)
}

/// The policy or backend that a suffix may have meant.
pub(super) fn for_suffix(suffix: &str, known: &Known) -> Option<String> {
    let listed = known
        .listed()
        .into_iter()
        .flat_map(|model| &model.routes)
        .map(|route| route.backend.as_str());
    let limit = if suffix.len() < 5 { 1 } else { 2 };
    POLICIES
        .into_iter()
        .chain(BACKENDS)
        .chain(listed)
        .filter_map(|word| Some((distance(suffix, word, limit)?, word)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word.to_string())
}

/// The ids of all models that anybody knows, each once.
fn known_ids(settings: &impl Settings) -> BTreeSet<String> {
    let mut ids: BTreeSet<String> = bundled_ids().map(ToString::to_string).collect();
    ids.extend(settings.listed_ids());
    // A configured id may carry a suffix; its model is what is looked for.
    ids.extend(
        settings
            .list_configured()
            .into_iter()
            .filter_map(|model| Some(parse(&model.id).ok()?.model)),
    );
    ids
}

/// The text as one form, so that spelling habits do not count: `Llama_3.3 70b` and `llama-3.3-70B`.
fn fold(text: &str) -> String {
    text.chars()
        .map(|c| {
            if matches!(c, '_' | ' ') {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// How far a known id is from what was written, both folded. None if they have too little in common.
fn score(query: &str, id: &str) -> Option<usize> {
    let (query_name, name) = (name_of(query), name_of(id));
    let has_org = query_name.len() != query.len();
    let whole = distance(query, id, limit(query));
    let name_alone = distance(query_name, name, limit(query_name)).map(|d| d + usize::from(has_org) * 2);
    let within =
        (query_name.len() >= 3 && name.contains(query_name)).then(|| 3 + (name.len() - query_name.len()) / 2);
    [whole, name_alone, within].into_iter().flatten().min()
}

/// The most changes that still make it the same word.
fn limit(word: &str) -> usize {
    (word.len() / 4).clamp(1, 6)
}

/// How many letters have to be put in, left out, changed or swapped with their neighbour to make `b` from `a`; none
/// if more than `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > limit || a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row: Vec<usize> = Vec::with_capacity(b.len() + 1);
    for (i, x) in a.iter().enumerate() {
        row.clear();
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        if row.iter().all(|cost| *cost > limit) {
            return None;
        }
        core::mem::swap(&mut before, &mut last);
        core::mem::swap(&mut last, &mut row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

/// The reference that a broken text becomes by leaving out what is too much in it.
fn repair(text: &str) -> Option<Reference> {
    let text = text.replace('@', ":");
    let words: Vec<&str> = text.split_whitespace().collect();
    // White space beside a separator is an accident, elsewhere it stands for a hyphen.
    let joined = words
        .join(" ")
        .replace(" /", "/")
        .replace("/ ", "/")
        .replace(" :", ":")
        .replace(": ", ":");
    let parts: Vec<String> = joined
        .replace(' ', "-")
        .split('/')
        .filter(|part| !part.is_empty())
        .map(String::from)
        .collect();
    let (last, before) = parts.split_last()?;
    let mut pieces = last.split(':').filter(|piece| !piece.is_empty());
    let name = pieces.next()?;
    let mut repaired = before.join("/").replace(':', "");
    repaired.push('/');
    repaired.push_str(name);
    if let Some(suffix) = pieces.next().filter(|suffix| *suffix != "main") {
        repaired.push(':');
        repaired.push_str(suffix);
    }
    parse(&repaired).ok()
}

/// What is left of a text that lacks an organisation: the name, and the suffix if it is one that is known.
fn bare_name(text: &str) -> (String, Routing) {
    let text = text.trim();
    let text = without_prefix(text).unwrap_or(text);
    let (name, suffix) = text.split_once([':', '@']).unwrap_or((text, ""));
    // Any organisation does: only the suffix is read.
    let routing = match parse(&format!("{ID}/{ID}/x:{suffix}")) {
        Ok(reference) if POLICIES.contains(&suffix) || BACKENDS.contains(&suffix) => reference.routing,
        _ => Routing::Default,
    };
    (name.split_whitespace().collect::<Vec<_>>().join("-"), routing)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_swap_counts_once_and_too_many_changes_are_none() {
        assert_eq!(distance("cheapest", "cheapest", 2), Some(0));
        assert_eq!(distance("cheepest", "cheapest", 2), Some(1));
        assert_eq!(distance("haepest", "cheapest", 2), Some(2));
        assert_eq!(distance("togehter", "together", 1), Some(1));
        assert_eq!(distance("abc", "xyz", 2), None);
        assert_eq!(distance("", "ab", 2), Some(2));
        assert_eq!(distance(&"a".repeat(100_000), &"a".repeat(100_000), 2), None);
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_zero_only_for_equals(a in "[abc]{0,8}", b in "[abc]{0,8}") {
            prop_assert_eq!(distance(&a, &b, 8), distance(&b, &a, 8));
            prop_assert_eq!(distance(&a, &b, 8) == Some(0), a == b);
        }
    }
}
