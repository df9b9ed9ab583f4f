//! The router's list of models, read so that no row and no field can spoil another one.
//!
//! Knows the wire's names and types; what is configured or bundled comes in later, in `merge`.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::error::Category;

use super::index::Index;
use super::json::{boolean, count, is_scalar, measure};
use super::{decimal, merge, routes};
use crate::contract::types::{Extra, Model, ModelSource, Price, Route};
use crate::json::{items, line, members, parts};

/// Most rows that are read.
pub(super) const MAX_ROWS: usize = 10_000;
/// Most routes of one model, and of all models together, that are read.
pub(super) const MAX_ROUTES: usize = 64;
const MAX_ROUTES_IN_ALL: usize = 20_000;
/// Longest id and name, longest backend, most modalities, and longest and most values of unknown fields.
const MAX_TEXT: usize = 256;
const MAX_SLUG: usize = 64;
const MAX_MODALITIES: usize = 8;
const MAX_EXTRA: usize = 512;
const MAX_EXTRAS: usize = 8;

/// What a list says.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The rows that name a model, in their order; no id twice. Names are empty where the row has none.
    pub(super) models: Vec<Model>,
    /// How many rows name no model.
    pub(super) skipped: usize,
    /// How many rows came after the last one that is read.
    pub(super) cut_rows: usize,
    /// How many routes were too many.
    pub(super) cut_routes: usize,
    routes: usize,
}

/// Reads a list; an error says why it is none.
pub(super) fn decode(body: &str) -> Result<List, String> {
    let body = body.trim_start_matches('\u{feff}');
    let rows = Rows::read(body).map_err(|error| broken(&error))?;
    if !body.trim_start().starts_with(['{', '[']) {
        return Err("its answer is JSON, but neither an object nor an array".to_string());
    }
    if !rows.found {
        return Err("its answer has no list named \"data\"".to_string());
    }
    let mut list = List {
        cut_rows: rows.cut,
        ..List::default()
    };
    let mut ids = Index::default();
    for row in rows.rows {
        match list.row(row) {
            None => list.skipped += 1,
            Some(model) => {
                if ids.note(&model.id, list.models.len()) {
                    list.models.push(model);
                }
            }
        }
    }
    Ok(list)
}

/// Why an answer cannot be read. Not in the parser's words, which take a person nowhere and the component
/// kilobytes.
fn broken(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Eof => "its answer is empty or was cut off".to_string(),
        Category::Syntax | Category::Data | Category::Io => {
            format!(
                "its answer is no JSON from line {}, column {} on",
                error.line(),
                error.column()
            )
        }
    }
}

impl List {
    /// One row; none if it names no model.
    fn row(&mut self, row: &str) -> Option<Model> {
        let mut id = None;
        let mut names: [Option<String>; 3] = [const { None }; 3];
        let mut model = merge::blank("", ModelSource::Live);
        let is_object = members(row, &mut |key, value| match key {
            "id" => id = line(value, MAX_TEXT),
            "name" => names[0] = line(value, MAX_TEXT),
            "title" => names[1] = line(value, MAX_TEXT),
            "display_name" => names[2] = line(value, MAX_TEXT),
            "architecture" => {
                members(value, &mut |key, value| match key {
                    "input_modalities" => model.input = modalities(value),
                    "output_modalities" => model.output = modalities(value),
                    _ => (),
                });
            }
            "providers" => self.routes(value, &mut model.routes),
            "object" => (),
            _ => keep_extra(&mut model.extras, key, value),
        });
        model.id = id.filter(|_| is_object)?;
        model.display_name = names.into_iter().flatten().next().unwrap_or_default();
        routes::summarize(&mut model);
        Some(model)
    }

    fn routes(&mut self, rows: &str, routes: &mut Vec<Route>) {
        self.routes -= routes.len(); // a repeated key: the last one holds
        routes.clear();
        items(rows, &mut |row| {
            if let Some(route) = route(row)
                && !routes.iter().any(|other| other.backend == route.backend)
            {
                if routes.len() < MAX_ROUTES && self.routes < MAX_ROUTES_IN_ALL {
                    routes.push(route);
                    self.routes += 1;
                } else {
                    self.cut_routes += 1;
                }
            }
        });
    }
}

/// One backend's row; none if it names no backend.
fn route(row: &str) -> Option<Route> {
    let mut backend = None;
    let mut route = Route {
        backend: String::new(),
        status: String::new(),
        context_window: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        first_token_latency_ms: None,
        tokens_per_second: None,
        extras: Vec::new(),
    };
    members(row, &mut |key, value| match key {
        "provider" => backend = line(value, MAX_SLUG),
        "status" => route.status = line(value, MAX_SLUG).unwrap_or_default(),
        "context_length" => route.context_window = count(value),
        "pricing" => route.price = price(value),
        "supports_tools" => route.supports_tools = boolean(value),
        "supports_structured_output" => route.supports_structured_output = boolean(value),
        "first_token_latency_ms" => route.first_token_latency_ms = measure(value),
        "throughput" => route.tokens_per_second = measure(value),
        _ => keep_extra(&mut route.extras, key, value),
    });
    route.backend = backend?;
    if route.status.is_empty() {
        route.status.push_str("unknown");
    }
    Some(route)
}

/// Both prices; one alone is none.
fn price(pricing: &str) -> Option<Price> {
    let mut input = None;
    let mut output = None;
    members(pricing, &mut |key, value| match key {
        "input" => input = decimal::price_text(value),
        "output" => output = decimal::price_text(value),
        _ => (),
    });
    Some(Price {
        input: input?,
        output: output?,
        cached_input: None,
    })
}

/// The words of a list of modalities, in lower case and each once.
fn modalities(value: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    items(value, &mut |word| {
        if let Some(word) = line(word, MAX_SLUG).map(|word| word.to_ascii_lowercase())
            && words.len() < MAX_MODALITIES
            && !words.contains(&word)
        {
            words.push(word);
        }
    });
    words
}

/// Keeps what has no field of its own, if it is a short plain value. The last of repeated keys holds.
fn keep_extra(extras: &mut Vec<Extra>, key: &str, value: &str) {
    extras.retain(|extra| extra.key != key);
    if extras.len() < MAX_EXTRAS && key.len() <= MAX_SLUG && value.len() <= MAX_EXTRA && is_scalar(value) {
        extras.push(Extra {
            key: key.to_string(),
            value_json: value.to_string(),
        });
    }
}

/// The rows of the list as raw text.
#[derive(Default)]
struct Rows<'a> {
    rows: Vec<&'a str>,
    found: bool,
    cut: usize,
}

impl<'a> Rows<'a> {
    /// The whole answer: an object with `data`, or the bare array.
    fn read(body: &'a str) -> Result<Self, serde_json::Error> {
        let mut rows = Self::default();
        if body.trim_start().starts_with('[') {
            parts(body, &mut |_, row| rows.push(row))?;
            rows.found = true;
        } else {
            parts(body, &mut |name, data| {
                // As with every repeated name, the last one holds; one that is no array is none.
                let mut inner = Self {
                    found: true,
                    ..Self::default()
                };
                if name == "data" && items(data, &mut |row| inner.push(row)) {
                    rows = inner;
                }
            })?;
        }
        Ok(rows)
    }

    fn push(&mut self, row: &'a str) {
        if self.rows.len() < MAX_ROWS {
            self.rows.push(row);
        } else {
            self.cut += 1;
        }
    }
}
