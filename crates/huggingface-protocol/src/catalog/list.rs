//! Parser of the router's model list, in which no row and no field can spoil another one.
//!
//! It knows the names and types on the wire; configured and bundled models are added in `merge`.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::mem;

use chat_completions::{
    json::items,
    model::{
        Index, blank, decimal,
        lenient::{boolean, count, is_scalar, line, measure},
    },
};
use chat_completions_wire::list::{Leaf, Place, Rows, Sink, read_list, read_row};
use serde_json::error::Category;

use super::routes;
use crate::contract::types::{Extra, Model, ModelSource, Price, Route};

/// The most rows that are read.
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

/// A parsed list.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The rows that name a model, in their order; no id twice. Names are empty where the row has none.
    pub(super) models: Vec<Model>,
    /// How many rows name no model.
    pub(super) skipped: usize,
    /// The number of rows beyond the limit.
    pub(super) cut_rows: usize,
    /// The number of routes beyond the limit.
    pub(super) cut_routes: usize,
}

/// Parses a list; the error says why it is invalid.
pub(super) fn decode(body: &str) -> Result<List, String> {
    let body = body.trim_start_matches('\u{feff}');
    let mut whole = Whole::default();
    if read_list(body, &mut whole) && whole.is_list {
        return Ok(whole.list);
    }
    let rows = Rows::read(body, MAX_ROWS).map_err(|error| broken(&error))?;
    if !body.trim_ascii_start().starts_with(['{', '[']) {
        return Err("its response is JSON, but neither an object nor an array".to_owned());
    }
    if !rows.is_list {
        return Err("its response has no list named \"data\"".to_owned());
    }
    let mut whole = Whole::default();
    whole.list.cut_rows = rows.cut;
    for row in rows.rows {
        whole.row.room = whole.room();
        read_row(row, &mut whole.row);
        whole.keep_row();
    }
    Ok(whole.list)
}

/// A list while it is parsed.
#[derive(Default)]
struct Whole {
    list: List,
    /// Whether there is a list at all.
    is_list: bool,
    ids: Index,
    /// How many rows and how many routes were read.
    rows: usize,
    routes: usize,
    row: Row,
}

impl Whole {
    /// How many routes the next row may have.
    fn room(&self) -> usize {
        (MAX_ROUTES_IN_ALL - self.routes).min(MAX_ROUTES)
    }

    /// Adds the current row, if it names a model that is not in the list yet.
    fn keep_row(&mut self) {
        match self.row.finish() {
            None => self.list.skipped += 1,
            Some((model, cut_routes)) => {
                if self.ids.note(&model.id, self.list.models.len()) {
                    self.routes += model.routes.len();
                    self.list.cut_routes += cut_routes;
                    self.list.models.push(model);
                }
            }
        }
    }
}

impl<'a> Sink<'a> for Whole {
    fn open(&mut self, place: Place) {
        match place {
            // As with every repeated member, the last list counts.
            Place::Rows => {
                *self = Self {
                    is_list: true,
                    ..Self::default()
                }
            }
            Place::Row => {
                self.row.room = self.room();
                self.row.open(place);
            }
            place => self.row.open(place),
        }
    }

    fn take(&mut self, leaf: Leaf, name: &str, value: &'a str) {
        self.row.take(leaf, name, value);
    }

    fn close(&mut self, place: Place) {
        match place {
            Place::Row if self.rows >= MAX_ROWS => self.list.cut_rows += 1,
            Place::Row => {
                self.rows += 1;
                self.keep_row();
            }
            place => self.row.close(place),
        }
    }
}

/// Describes a parse error. The parser's own messages do not help a person, and would add kilobytes to the component.
fn broken(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Eof => "its response is empty or was cut off".to_owned(),
        Category::Syntax | Category::Data | Category::Io => {
            format!(
                "its response is not JSON from line {}, column {} on",
                error.line(),
                error.column()
            )
        }
    }
}

/// A row while it is parsed.
struct Row {
    /// Most routes that it may have.
    room: usize,
    id: Option<String>,
    names: [Option<String>; 3],
    model: Model,
    route: Route,
    input_price: Option<String>,
    output_price: Option<String>,
    cut_routes: usize,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            room: MAX_ROUTES,
            id: None,
            names: Default::default(),
            model: blank("", ModelSource::Live),
            route: blank_route(),
            input_price: None,
            output_price: None,
            cut_routes: 0,
        }
    }
}

impl Row {
    /// Returns the model and the number of routes beyond the limit; `None` if it has no name.
    fn finish(&mut self) -> Option<(Model, usize)> {
        let mut model = mem::replace(&mut self.model, blank("", ModelSource::Live));
        let names = mem::take(&mut self.names);
        model.id = self.id.take()?;
        model.display_name = names.into_iter().flatten().next().unwrap_or_default();
        routes::summarize(&mut model);
        Some((model, mem::take(&mut self.cut_routes)))
    }

    /// Begins, or begins again.
    fn begin(&mut self) {
        let room = self.room;
        *self = Self {
            room,
            ..Self::default()
        };
    }

    /// Adds the current route, if it names a backend that is not in the row yet.
    fn keep_route(&mut self) {
        let mut route = mem::replace(&mut self.route, blank_route());
        let routes = &mut self.model.routes;
        if route.backend.is_empty() || routes.iter().any(|other| other.backend == route.backend) {
            return;
        }
        if route.status.is_empty() {
            route.status.push_str("unknown");
        }
        if routes.len() < self.room {
            routes.push(route);
        } else {
            self.cut_routes += 1;
        }
    }
}

impl<'a> Sink<'a> for Row {
    fn open(&mut self, place: Place) {
        match place {
            // A repeated member: the last one counts.
            Place::Routes => {
                self.model.routes.clear();
                self.cut_routes = 0;
            }
            // The rest of a failed parse, or of a member with the same name.
            Place::Route => self.route = blank_route(),
            Place::Price => (self.input_price, self.output_price) = (None, None),
            // The earlier content, if the row is parsed again.
            Place::Row => self.begin(),
            Place::Document | Place::Rows | Place::Architecture => {}
        }
    }

    fn take(&mut self, leaf: Leaf, name: &str, value: &'a str) {
        let (model, route) = (&mut self.model, &mut self.route);
        match leaf {
            Leaf::Id => self.id = line(value, MAX_TEXT),
            Leaf::Name(at) => {
                if let Some(name) = self.names.get_mut(at) {
                    *name = line(value, MAX_TEXT);
                }
            }
            Leaf::InputModalities => model.input = modalities(value),
            Leaf::OutputModalities => model.output = modalities(value),
            Leaf::Other => keep_extra(&mut model.extras, name, value),
            Leaf::Provider => route.backend = line(value, MAX_SLUG).unwrap_or_default(),
            Leaf::Status => route.status = line(value, MAX_SLUG).unwrap_or_default(),
            Leaf::ContextLength => route.context_window = count(value),
            Leaf::SupportsTools => route.supports_tools = boolean(value),
            Leaf::SupportsStructuredOutput => route.supports_structured_output = boolean(value),
            Leaf::FirstTokenLatencyMs => route.first_token_latency_ms = measure(value),
            Leaf::Throughput => route.tokens_per_second = measure(value),
            Leaf::InputPrice => self.input_price = decimal::price_text(value),
            Leaf::OutputPrice => self.output_price = decimal::price_text(value),
            Leaf::OtherOfRoute => keep_extra(&mut route.extras, name, value),
            Leaf::Row => {}
        }
    }

    fn close(&mut self, place: Place) {
        match place {
            Place::Route => self.keep_route(),
            // A price needs both parts.
            Place::Price => {
                let prices = self.input_price.take().zip(self.output_price.take());
                self.route.price = prices.map(|(input, output)| Price {
                    input,
                    output,
                    cached_input: None,
                });
            }
            Place::Document | Place::Rows | Place::Row | Place::Architecture | Place::Routes => {}
        }
    }
}

/// A route with no known values.
fn blank_route() -> Route {
    Route {
        backend: String::new(),
        status: String::new(),
        context_window: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        first_token_latency_ms: None,
        tokens_per_second: None,
        extras: Vec::new(),
    }
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

/// Adds an unknown field to the extras, if it is a short plain value. The last of repeated keys counts.
fn keep_extra(extras: &mut Vec<Extra>, key: &str, value: &str) {
    extras.retain(|extra| extra.key != key);
    if extras.len() < MAX_EXTRAS && key.len() <= MAX_SLUG && value.len() <= MAX_EXTRA && is_scalar(value) {
        extras.push(Extra {
            key: key.to_owned(),
            value_json: value.to_owned(),
        });
    }
}
