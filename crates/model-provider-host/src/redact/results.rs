//! Redaction of complete results: responses, model lists, references, errors. Every type is destructured by name,
//! so that a new field cannot be missed.

use std::collections::HashMap;

use super::{
    finder::{Finder, blank, into_text},
    strings::{self, Found, Path, Paths, Place},
};
use crate::contract::{
    AssistantPart, Error, Extra, Media, MediaSource, Model, ModelCatalog, ModelRef, PolicyPick, Price,
    Reasoning, Route, Routing, Summary, ToolCall, Usage, Warning, types::ChatResponse,
};

fn option(finder: &Finder, text: &mut Option<String>) {
    if let Some(text) = text {
        finder.clean(text);
    }
}

fn all(finder: &Finder, texts: &mut [String]) {
    for text in texts {
        finder.clean(text);
    }
}

pub(crate) fn extras(finder: &Finder, extras: &mut [Extra]) {
    for Extra { key, value_json } in extras {
        finder.clean(key);
        finder.clean(value_json);
    }
}

fn warnings(finder: &Finder, warnings: &mut [Warning]) {
    for Warning { code, message } in warnings {
        finder.clean(code);
        finder.clean(message);
    }
}

pub(crate) fn media(finder: &Finder, media: &mut Media) {
    let Media {
        mime_type,
        source,
        extras: more,
    } = media;
    finder.clean(mime_type);
    extras(finder, more);
    match source {
        MediaSource::Url(url) => {
            finder.clean(url);
        }
        MediaSource::Data(data) => {
            finder.mask(data);
        }
    }
}

pub(crate) fn error(finder: &Finder, error: &mut Error) {
    let Error {
        kind: _,
        message,
        hint,
        retryable: _,
        retry_after_ms: _,
        request_sent: _,
        attempts: _,
        status: _,
        code,
        backend,
        request_id,
        suggestions,
        extras: more,
    } = error;
    finder.clean(message);
    for text in [hint, code, backend, request_id] {
        option(finder, text);
    }
    all(finder, suggestions);
    extras(finder, more);
}

pub(crate) fn summary(finder: &Finder, summary: &mut Summary) {
    let Summary {
        finish_reason: _,
        raw_finish_reason,
        usage:
            Usage {
                input_tokens: _,
                cached_input_tokens: _,
                output_tokens: _,
                reasoning_tokens: _,
            },
        model,
        backend,
        request_id,
        attempts: _,
        warnings: said,
        extras: more,
    } = summary;
    for text in [raw_finish_reason, backend, request_id] {
        option(finder, text);
    }
    finder.clean(model);
    warnings(finder, said);
    extras(finder, more);
}

/// A complete response. A secret that spans parts is found, since clients concatenate them.
pub(crate) fn response(finder: &Finder, response: &mut ChatResponse) {
    let ChatResponse {
        content,
        summary: end,
    } = response;
    summary(finder, end);
    let (mut text, mut thought, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for part in content {
        match part {
            AssistantPart::Text(said) => text.push(said),
            AssistantPart::Reasoning(Reasoning {
                text: said,
                signature,
                extras: more,
            }) => {
                option(finder, signature);
                extras(finder, more);
                thought.push(said);
            }
            AssistantPart::ToolCall(ToolCall {
                id,
                name,
                arguments_json,
                extras: more,
            }) => {
                extras(finder, more);
                for text in [id, name, arguments_json] {
                    finder.clean(text);
                }
            }
            AssistantPart::Media(shown) => media(finder, shown),
            AssistantPart::Other(other) => {
                extras(finder, std::slice::from_mut(other));
                own.push(other);
            }
        }
    }
    joined(finder, &mut text);
    joined(finder, &mut thought);
    others(finder, &mut own);
}

/// Parts in the upstream's own form, whose strings clients join as those of a stream's events.
fn others(finder: &Finder, parts: &mut [&mut Extra]) {
    if parts.len() < 2 {
        return;
    }
    let paths = Paths::default();
    let mut streams: HashMap<Path, Vec<(usize, Found)>> = HashMap::new();
    for (part, extra) in parts.iter().enumerate() {
        for found in paths.strings(extra) {
            streams.entry(found.path).or_default().push((part, found));
        }
    }
    let mut changed: HashMap<usize, Vec<(Place, String)>> = HashMap::new();
    for mut strings in streams.into_values().filter(|strings| strings.len() > 1) {
        let mut texts: Vec<&mut String> = strings.iter_mut().map(|(_, found)| &mut found.text).collect();
        if joined(finder, &mut texts) {
            for (part, Found { place, text, .. }) in strings {
                changed.entry(part).or_default().push((place, text));
            }
        }
    }
    for (part, strings) in changed {
        if let Some(extra) = parts.get_mut(part) {
            strings::replace(&mut extra.value_json, strings);
        }
    }
}

/// Strings that are searched as one; returns whether there was a secret.
fn joined(finder: &Finder, texts: &mut [&mut String]) -> bool {
    if let [text] = texts {
        return finder.clean(text);
    }
    let mut whole = String::new();
    texts.iter().for_each(|text| whole.push_str(text));
    let found = finder.ranges(whole.as_bytes());
    if found.is_empty() {
        return false;
    }
    let mut begin = 0;
    for text in texts {
        let end = begin + text.len();
        let mut bytes = std::mem::take(*text).into_bytes();
        for range in &found {
            let (from, to) = (range.start.max(begin), range.end.min(end));
            if from < to {
                blank(&mut bytes, from - begin..to - begin);
            }
        }
        **text = into_text(bytes);
        begin = end;
    }
    true
}

fn price(finder: &Finder, price: &mut Option<Price>) {
    if let Some(Price {
        input,
        output,
        cached_input,
    }) = price
    {
        finder.clean(input);
        finder.clean(output);
        option(finder, cached_input);
    }
}

fn route(finder: &Finder, route: &mut Route) {
    let Route {
        backend,
        status,
        context_window: _,
        price: costs,
        supports_tools: _,
        supports_structured_output: _,
        first_token_latency_ms: _,
        tokens_per_second: _,
        extras: more,
    } = route;
    finder.clean(backend);
    finder.clean(status);
    price(finder, costs);
    extras(finder, more);
}

fn model(finder: &Finder, model: &mut Model) {
    let Model {
        id,
        display_name,
        alias,
        source: _,
        input,
        output,
        reasoning: _,
        context_window: _,
        max_output_tokens: _,
        price: costs,
        supports_tools: _,
        supports_structured_output: _,
        routes,
        picks,
        extras: more,
    } = model;
    finder.clean(id);
    finder.clean(display_name);
    option(finder, alias);
    all(finder, input);
    all(finder, output);
    price(finder, costs);
    for served in routes {
        route(finder, served);
    }
    for PolicyPick { policy, backend } in picks {
        finder.clean(policy);
        finder.clean(backend);
    }
    extras(finder, more);
}

pub(crate) fn catalog(finder: &Finder, catalog: &mut ModelCatalog) {
    let ModelCatalog {
        models,
        source: _,
        warnings: said,
    } = catalog;
    for row in models {
        model(finder, row);
    }
    warnings(finder, said);
}

pub(crate) fn reference(finder: &Finder, reference: &mut ModelRef) {
    let ModelRef {
        model: name,
        routing,
        canonical,
        wire_id,
        display_name,
        alias,
        provider_locked: _,
        metadata,
        warnings: said,
    } = reference;
    for text in [name, canonical, wire_id, display_name] {
        finder.clean(text);
    }
    match routing {
        Routing::Default => {}
        Routing::Policy(text) | Routing::Backend(text) => {
            finder.clean(text);
        }
    }
    option(finder, alias);
    if let Some(known) = metadata {
        model(finder, known);
    }
    warnings(finder, said);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_cut_by_parts_is_found_where_they_are_put_together() {
        let finder = Finder::new(["a-secret-of-length"], 512);
        let mut texts = ["<a-sec", "", "ret-of-", "length>"].map(str::to_owned);
        assert!(joined(&finder, &mut texts.iter_mut().collect::<Vec<_>>()));
        assert_eq!(texts, ["<*****", "", "*******", "******>"]);
    }

    #[test]
    fn a_secret_that_is_cut_by_parts_of_one_key_is_found_where_clients_join_them() {
        let finder = Finder::new(["a-secret-of-length"], 512);
        let parts = [
            ("refusal", r#""<a-sec""#),
            ("audio", r#"{"id":"ret-of-length","x":{"text":"a-s"},"n":1.50}"#),
            ("refusal", r#""ret-of\u002dlength>""#),
            ("audio", r#"{"x":{"text":"\u0065cret-of-"}}"#),
            ("citations", r#"["a-sec"]"#),
            ("audio", r#"{"x":{"text":"length\u0021"}}"#),
            ("refusal", r#"17"#),
        ];
        let mut parts = parts.map(|(key, json)| Extra {
            key: key.to_owned(),
            value_json: json.to_owned(),
        });
        others(&finder, &mut parts.iter_mut().collect::<Vec<_>>());
        assert_eq!(
            parts.map(|part| part.value_json),
            [
                r#""<*****""#,
                r#"{"id":"ret-of-length","x":{"text":"***"},"n":1.50}"#,
                r#""*************>""#,
                r#"{"x":{"text":"*********"}}"#,
                r#"["a-sec"]"#,
                r#"{"x":{"text":"******!"}}"#,
                "17",
            ]
        );
    }
}
