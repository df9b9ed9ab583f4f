//! Did-you-mean: references close to a mistyped text, by edit distance.
//!
//! It scans all known models, so it runs only for errors and unknown models.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use chat_completions::text::contains;

use super::grammar::{Reference, parse, without_prefix};
use crate::{
    catalog::{Known, bundled_ids},
    contract::types::Routing,
    provider::{BACKENDS, POLICIES},
    settings::Settings,
};

/// Most suggestions that an error carries.
const MOST: usize = 5;
/// Longest text that is compared, in bytes.
const LONGEST: usize = 128;

/// References that a broken text may have meant, in their one spelling, best first.
pub(super) fn for_broken(text: &str, settings: &impl Settings) -> Vec<String> {
    nearest_references(text, &known_ids(settings))
}

/// The known model that one nobody knows may have meant.
pub(super) fn for_unknown(model: &str, settings: &impl Settings) -> Option<String> {
    nearest_model(model, &known_ids(settings))
}

fn nearest_references(text: &str, known: &[String]) -> Vec<String> {
    let repaired = repair(text);
    let (query, routing) = match &repaired {
        Some(Reference { model, routing }) => (fold(model), routing.clone()),
        None => bare_name(text),
    };
    // Sorted as it grows, since it stays short: sorting brings in kilobytes of code.
    let mut best: Vec<(usize, &String)> = Vec::new();
    for id in known {
        if let Some(score) = score(&query, &fold(id))
            && !best.iter().any(|(_, other)| *other == id)
        {
            let place = best.iter().take_while(|other| **other <= (score, id)).count();
            best.insert(place, (score, id));
            best.truncate(MOST);
        }
    }
    let mut suggestions = Vec::new();
    if best.first().is_some_and(|(score, _)| *score == 0) {
        // Only the spelling differs: nothing else was meant.
        best.retain(|(score, _)| *score == 0);
    } else {
        suggestions.extend(repaired.map(|reference| reference.canonical()));
    }
    for (_, id) in best {
        suggestions.push(
            Reference {
                model: id.clone(),
                routing: routing.clone(),
            }
            .canonical(),
        );
    }
    suggestions.truncate(MOST);
    suggestions
}

/// A slip of up to two letters, or the same name of another organisation. Another digit is another model, not
/// a slip.
fn nearest_model(model: &str, known: &[String]) -> Option<String> {
    let query = fold(model);
    let mut best: Option<(usize, &String)> = None;
    for id in known {
        let candidate = fold(id);
        let slip = if same_digits(&query, &candidate) {
            distance(&query, &candidate, 2)
        } else {
            None
        };
        let same_name = (name_of(&query) == name_of(&candidate)).then_some(3);
        if let Some(score) = slip.or(same_name)
            && best.is_none_or(|(least, _)| score < least)
        {
            best = Some((score, id));
        }
    }
    best.map(|(_, id)| id.clone())
}

fn same_digits(a: &str, b: &str) -> bool {
    let (a, b) = (
        a.bytes().filter(u8::is_ascii_digit),
        b.bytes().filter(u8::is_ascii_digit),
    );
    a.eq(b)
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
        .map(|(_, word)| word.to_owned())
}

/// The ids of all models that anybody knows; some may come twice.
fn known_ids(settings: &impl Settings) -> Vec<String> {
    let mut ids = settings.listed_ids();
    for id in bundled_ids() {
        ids.push(id.to_owned());
    }
    for model in settings.list_configured() {
        // A configured id may carry a suffix; its model is what is looked for.
        if let Ok(reference) = parse(&model.id) {
            ids.push(reference.model);
        }
    }
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
    let within = (query_name.len() >= 3 && contains(name, query_name))
        .then(|| 3 + (name.len() - query_name.len()) / 2);
    [whole, name_alone, within].into_iter().flatten().min()
}

/// The most changes that still make it the same word.
fn limit(word: &str) -> usize {
    (word.len() / 4).clamp(1, 6)
}

/// How many letters have to be put in, left out, changed or swapped with their neighbour to make `b` from
/// `a`; none if more than `limit`.
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

/// The text without what is too much in it: white space beside a separator is gone, before a policy or backend it
/// stands for a colon, elsewhere for a hyphen; `@` is taken for `:`; separators that separate nothing are gone.
fn tidy(text: &str) -> String {
    let text = text.trim();
    let (text, suffix) = match text.rsplit_once(char::is_whitespace) {
        Some((model, word)) if is_suffix(&word.to_ascii_lowercase()) => (model, Some(word)),
        _ => (text, None),
    };
    let mut tidied = String::new();
    let mut separator = None;
    for c in text.chars() {
        match if c == '@' { ':' } else { c } {
            c @ ('/' | ':') => separator = Some(c),
            c if c.is_whitespace() => separator = separator.or(Some('-')),
            c => {
                tidied.extend(separator.take().filter(|_| !tidied.is_empty()));
                tidied.push(c);
            }
        }
    }
    if let Some(suffix) = suffix {
        tidied.push(':');
        tidied.push_str(suffix);
    }
    tidied
}

/// Whether it is a policy, or a backend that is known here.
fn is_suffix(word: &str) -> bool {
    POLICIES.contains(&word) || BACKENDS.contains(&word)
}

/// The reference that a broken text becomes when it is tidied; the first of two suffixes stays.
fn repair(text: &str) -> Option<Reference> {
    let tidied = tidy(text);
    let (model, suffixes) = tidied.split_once(':').unwrap_or((&tidied, ""));
    match suffixes.split(':').next() {
        // A revision, as the Hub's own tools write it.
        None | Some("" | "main") => parse(model).ok(),
        Some(suffix) => parse(&format!("{model}:{suffix}")).ok(),
    }
}

/// What is left of a text that lacks an organisation: the name, and the suffix if it is one that is known.
fn bare_name(text: &str) -> (String, Routing) {
    let tidied = tidy(text);
    let bare = without_prefix(&tidied).unwrap_or(&tidied);
    let (name, suffix) = bare.split_once(':').unwrap_or((bare, ""));
    let suffix = suffix.to_ascii_lowercase();
    let routing = if POLICIES.contains(&suffix.as_str()) {
        Routing::Policy(suffix)
    } else if BACKENDS.contains(&suffix.as_str()) {
        Routing::Backend(suffix)
    } else {
        Routing::Default
    };
    (fold(name), routing)
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
