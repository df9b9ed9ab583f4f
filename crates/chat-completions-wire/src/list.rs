//! The router's list of models: its rows, and the members of a row, taken apart in one pass each.
//!
//! A row is read by itself, so that what is wrong with one spoils no other. `step` is the table of what is looked at;
//! what a value means must not be known here.

use alloc::{string::String, vec::Vec};

use crate::walk::{Step, Table, walk, walk_by_levels, walk_plain};

/// The rows of a list as raw text.
#[derive(Debug, Default)]
pub struct Rows<'a> {
    /// The first of them.
    pub rows: Vec<&'a str>,
    /// How many came after those.
    pub cut: usize,
    /// Whether there is a list at all.
    pub is_list: bool,
    most: usize,
}

impl<'a> Rows<'a> {
    /// Finds the rows of a response: an object with `data`, or the bare array. It keeps at most `most` rows.
    pub fn read(body: &'a str, most: usize) -> Result<Self, serde_json::Error> {
        let mut rows = Self {
            most,
            ..Self::default()
        };
        Reading::into(&mut rows).all(body, start(body))?;
        Ok(rows)
    }
}

impl<'a> Sink<'a> for Rows<'a> {
    fn open(&mut self, place: Place) {
        // As with every repeated name, the last one holds; one that is no array is none.
        if place == Place::Rows {
            self.rows.clear();
            self.cut = 0;
            self.is_list = true;
        }
    }

    fn take(&mut self, _: Leaf, _: &str, row: &'a str) {
        if self.rows.len() < self.most {
            self.rows.push(row);
        } else {
            self.cut += 1;
        }
    }

    fn close(&mut self, _: Place) {}
}

/// An object or array that is walked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The whole response.
    Document,
    /// `data`, or the whole response if it is an array: all rows, as raw text.
    Rows,
    /// One of them, when it is read by itself.
    Row,
    /// `architecture`: the modalities.
    Architecture,
    /// `providers`: all routes.
    Routes,
    /// One of them.
    Route,
    /// `pricing` of a route.
    Price,
}

/// A value of the list or of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are called as the members are")]
pub enum Leaf {
    Row,
    Id,
    /// `name`, `title` or `display_name`: the earlier one counts.
    Name(usize),
    InputModalities,
    OutputModalities,
    /// Any other member of the row.
    Other,
    Provider,
    Status,
    ContextLength,
    SupportsTools,
    SupportsStructuredOutput,
    FirstTokenLatencyMs,
    Throughput,
    InputPrice,
    OutputPrice,
    /// Any other member of the route.
    OtherOfRoute,
}

/// Receives the members of rows.
pub trait Sink<'a> {
    /// An object or array begins.
    fn open(&mut self, place: Place);
    /// A value, under its name.
    fn take(&mut self, leaf: Leaf, name: &str, raw: &'a str);
    /// What began ends.
    fn close(&mut self, place: Place);
}

/// Parses a row. It may be opened twice: the members before that are repeated. A row that is no JSON is not closed.
pub fn read_row<'a>(row: &'a str, sink: &mut dyn Sink<'a>) {
    let _ = Reading::into(sink).all(row, Step::Object(Place::Row));
}

/// Parses a whole list in one pass: its rows, and the members of each. Returns false if anything in it is unusual:
/// then the sink's content is invalid, and [`Rows`] and [`read_row`] are to be used.
pub fn read_list<'a>(body: &'a str, sink: &mut dyn Sink<'a>) -> bool {
    let mut reading = Reading::into(sink);
    reading.takes_rows_apart = true;
    walk_plain(body, &mut reading, start(body)).is_ok()
}

/// The format of a list: an object with `data`, or the bare array.
fn start(body: &str) -> Step<Place, Leaf> {
    match body.trim_ascii_start().as_bytes().first() {
        Some(b'[') => Step::Array(Place::Rows),
        _ => Step::Object(Place::Document),
    }
}

/// Parses a row with serde_json alone; tests compare with it.
pub fn read_row_by_serde<'a>(row: &'a str, sink: &mut dyn Sink<'a>) {
    let (mut reading, start) = (Reading::into(sink), Step::Object(Place::Row));
    let _ = walk(row, &mut reading, start).or_else(|_| walk_by_levels(row, &mut reading, start));
}

fn step(place: Place, name: &str) -> Step<Place, Leaf> {
    use Step::{Array, Object, Skip, Take};
    match (place, name) {
        (Place::Document, "data") => Array(Place::Rows),
        (Place::Row, "id") => Take(Leaf::Id),
        (Place::Row, "name") => Take(Leaf::Name(0)),
        (Place::Row, "title") => Take(Leaf::Name(1)),
        (Place::Row, "display_name") => Take(Leaf::Name(2)),
        (Place::Row, "architecture") => Object(Place::Architecture),
        (Place::Row, "providers") => Array(Place::Routes),
        (Place::Row, "object") => Skip,
        (Place::Row, _) => Take(Leaf::Other),
        (Place::Architecture, "input_modalities") => Take(Leaf::InputModalities),
        (Place::Architecture, "output_modalities") => Take(Leaf::OutputModalities),
        (Place::Route, "provider") => Take(Leaf::Provider),
        (Place::Route, "status") => Take(Leaf::Status),
        (Place::Route, "context_length") => Take(Leaf::ContextLength),
        (Place::Route, "pricing") => Object(Place::Price),
        (Place::Route, "supports_tools") => Take(Leaf::SupportsTools),
        (Place::Route, "supports_structured_output") => Take(Leaf::SupportsStructuredOutput),
        (Place::Route, "first_token_latency_ms") => Take(Leaf::FirstTokenLatencyMs),
        (Place::Route, "throughput") => Take(Leaf::Throughput),
        (Place::Route, _) => Take(Leaf::OtherOfRoute),
        (Place::Price, "input") => Take(Leaf::InputPrice),
        (Place::Price, "output") => Take(Leaf::OutputPrice),
        _ => Skip,
    }
}

/// A list or a row while it is parsed.
struct Reading<'s, 'a> {
    sink: &'s mut dyn Sink<'a>,
    /// The name of the current member, where the leaf does not imply it.
    name: String,
    takes_rows_apart: bool,
}

impl<'s, 'a> Reading<'s, 'a> {
    fn into(sink: &'s mut dyn Sink<'a>) -> Self {
        Self {
            sink,
            name: String::new(),
            takes_rows_apart: false,
        }
    }

    /// Walks through a text, and a second time if something in it is invalid, so that no member spoils another one.
    fn all(&mut self, text: &'a str, start: Step<Place, Leaf>) -> Result<(), serde_json::Error> {
        walk_plain(text, self, start).or_else(|_| walk_by_levels(text, self, start))
    }
}

impl<'a> Table<'a> for Reading<'_, 'a> {
    type Place = Place;
    type Leaf = Leaf;

    fn member(&mut self, place: Place, name: &str) -> Step<Place, Leaf> {
        let step = step(place, name);
        if let Step::Take(Leaf::Other | Leaf::OtherOfRoute) = step {
            self.name.clear();
            self.name.push_str(name);
        }
        step
    }

    fn element(&self, place: Place) -> Step<Place, Leaf> {
        match place {
            Place::Rows if self.takes_rows_apart => Step::Object(Place::Row),
            Place::Rows => Step::Take(Leaf::Row),
            Place::Routes => Step::Object(Place::Route),
            _ => Step::Skip,
        }
    }

    fn open(&mut self, place: Place) {
        self.sink.open(place);
    }

    fn take(&mut self, leaf: Leaf, raw: &'a str) {
        self.sink.take(leaf, &self.name, raw);
    }

    fn close(&mut self, place: Place) {
        self.sink.close(place);
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec, vec::Vec};

    use super::*;

    /// The received members, in their order.
    #[derive(Default)]
    struct Given(Vec<String>);

    impl<'a> Sink<'a> for Given {
        fn open(&mut self, place: Place) {
            self.0.push(format!("{place:?} {{"));
        }
        fn take(&mut self, leaf: Leaf, name: &str, raw: &'a str) {
            let name = match leaf {
                Leaf::Other | Leaf::OtherOfRoute => name,
                _ => "",
            };
            self.0.push(format!("{leaf:?} {name} {raw}"));
        }
        fn close(&mut self, place: Place) {
            self.0.push(format!("}} {place:?}"));
        }
    }

    fn given(row: &str) -> Vec<String> {
        let mut given = Given::default();
        read_row(row, &mut given);
        given.0
    }

    #[test]
    fn a_row_is_given_in_its_order() {
        let row = r#"{"id":"a/b","x":1,"architecture":{"input_modalities":["text"]},
            "providers":[{"provider":"p","pricing":{"input":1},"y":[]}]}"#;
        // An unusual row is parsed again, from its beginning.
        let odd = row.replace("}]}", "},7]}");
        let expected = [
            "Row {",
            "Id  \"a/b\"",
            "Other x 1",
            "Architecture {",
            "InputModalities  [\"text\"]",
            "} Architecture",
            "Routes {",
            "Route {",
            "Provider  \"p\"",
            "Price {",
            "InputPrice  1",
            "} Price",
            "OtherOfRoute y []",
            "} Route",
            "} Routes",
            "} Row",
        ];
        assert_eq!(given(row), expected);
        let given = given(&odd);
        let from = given.iter().rposition(|line| line == "Row {").unwrap();
        assert_eq!(given[from..], expected);
        let mut parsed = Given::default();
        read_row_by_serde(&odd, &mut parsed);
        assert_eq!(parsed.0, expected);
    }

    #[test]
    fn a_list_is_given_in_one_go_unless_it_is_odd() {
        for (body, is_given) in [
            (r#"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#, true),
            (r#"[{"id":"a"},{"id":"b"}]"#, true),
            (r#"[{"id":"a"},7,{"id":"b"}]"#, false),
            (r#"[{"id":"a"},{"id":"b"}"#, false),
        ] {
            let mut list = Given::default();
            assert_eq!(read_list(body, &mut list), is_given, "{body}");
            if is_given {
                let rows = ["Row {", "Id  \"a\"", "} Row", "Row {", "Id  \"b\"", "} Row"];
                let from = list.0.iter().position(|line| line == "Row {").unwrap();
                assert_eq!(list.0[from..from + 6], rows);
            }
        }
    }

    #[test]
    fn a_member_without_a_value_spoils_no_other() {
        for bad in [
            r#""providers":1e999"#,
            r#""architecture":"\ud800""#,
            r#""\ud800":1"#,
            r#""providers":[{"pricing":1e999,"\ud800":1},"\ud800",{"pricing":"\ud800"}]"#,
        ] {
            let given = given(&format!(
                r#"{{"x":1,{bad},"id":"a/b","providers":[{{"provider":"p"}}]}}"#
            ));
            // From where the row was opened last.
            let from = given.iter().rposition(|line| line == "Row {").unwrap();
            assert_eq!(given[from + 1], "Other x 1", "{bad}");
            let expected = [
                "Id  \"a/b\"",
                "Routes {",
                "Route {",
                "Provider  \"p\"",
                "} Route",
                "} Routes",
                "} Row",
            ];
            assert_eq!(given[given.len() - 7..], expected, "{bad}");
        }
    }

    #[test]
    fn the_last_list_of_rows_holds() {
        for (body, rows, is_list) in [
            ("[1, {}]", vec!["1", "{}"], true),
            (r#"{"data":[1],"data":[2],"data":3}"#, vec!["2"], true),
            (r#"{"data":{"data":[1]}}"#, vec![], false),
            (r#"{"\ud800":1e999,"data":"\ud800","data":[1]}"#, vec!["1"], true),
            ("7", vec![], false),
        ] {
            let read = Rows::read(body, 9).unwrap();
            assert_eq!((read.rows, read.is_list), (rows, is_list), "{body}");
        }
        assert_eq!(Rows::read("[1,2,3]", 2).unwrap().cut, 1);
    }
}
