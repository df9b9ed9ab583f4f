//! Rewrites the figures of the bundled catalog from a list of the router, live or recorded.
//!
//! ```console
//! $ curl -s https://router.huggingface.co/v1/models | cargo run -p huggingface-protocol --example rewrite_bundled -- -
//! $ cargo run -p huggingface-protocol --example rewrite_bundled -- LIST.json [--date 2026-02-28] [--table FILE]
//! ```
//!
//! Takes the raw response, or a recording that has it as `response_body` (and perhaps `recorded_at`). For each model
//! in the table it updates the figures that the list has (window, price, modalities), each with its source, and
//! leaves the rest unchanged; it adds and removes no model. A second run changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "an example stops at the first surprise"
)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    env, fs,
    io::Read,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use huggingface_protocol::{
    catalog,
    contract::types::{Model, ModelSource, Route},
    settings::PlainSettings,
};
use serde_json::Value;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalog/bundled_models.rs");
/// So many backends are named as a source; of more that agree, `all` is said.
const MOST_NAMED: usize = 4;

fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(changes) => {
            for change in &changes {
                println!("{change}");
            }
            println!("{} figures changed", changes.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rewrite_bundled: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<Vec<String>, String> {
    let (mut list, mut date, mut table) = (None, None, TABLE.to_owned());
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} wants a value"));
        match arg.as_str() {
            "--date" => date = Some(value()?),
            "--table" => table = value()?,
            _ if list.is_none() => list = Some(arg),
            _ => return Err(format!("one list is enough; what is {arg}?")),
        }
    }
    let list = list.ok_or("name the file of a list, or - for standard input")?;
    let text = if list == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| format!("standard input: {error}"))?;
        text
    } else {
        read(&list)?
    };
    let list = List::read(&text, date)?;
    let old = read(&table)?;
    let (new, changes) = rewrite(&old, &list)?;
    if new != old {
        fs::write(&table, new).map_err(|error| format!("{table}: {error}"))?;
    }
    Ok(changes)
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

/// A list by the rules of the catalog, and its day.
struct List {
    date: String,
    models: Vec<Model>,
    /// The rows as they are: a catalog fills gaps, which would look like what the list says.
    rows: Vec<Value>,
}

impl List {
    fn read(text: &str, date: Option<String>) -> Result<Self, String> {
        let whole: Value =
            serde_json::from_str(text).map_err(|error| format!("the list is no JSON: {error}"))?;
        let recorded = whole.get("response_body");
        let answer = match recorded {
            Some(Value::String(text)) => text.clone(),
            Some(answer) => answer.to_string(),
            None => text.to_owned(),
        };
        let catalog = catalog::from_list(answer.as_bytes(), &PlainSettings::default());
        if catalog.source != ModelSource::Live {
            let why = catalog.warnings.into_iter().map(|warning| warning.message);
            return Err(why.collect::<Vec<_>>().join(" "));
        }
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let rows = answer.get("data").unwrap_or(&answer).as_array();
        Ok(Self {
            date: match (date, whole["recorded_at"].as_str(), recorded) {
                (Some(date), _, _) => date,
                (None, Some(date), _) => {
                    day_of(date).ok_or_else(|| format!("{date} is no date; give --date"))?
                }
                (None, None, Some(_)) => return Err("this recording has no date; give --date".into()),
                (None, None, None) => today(),
            },
            models: catalog.models,
            rows: rows.cloned().unwrap_or_default(),
        })
    }

    /// What the list says of a field of a model, as the table writes it, and who says so.
    fn figure(&self, model: &Model, field: &str, old: &str) -> Option<(String, String)> {
        let modalities = |key: &str, words: &[String]| {
            let row = self
                .rows
                .iter()
                .find(|row| row["id"].as_str().map(str::trim) == Some(&model.id));
            let says = row.is_some_and(|row| {
                row["architecture"][key]
                    .as_array()
                    .is_some_and(|words| !words.is_empty())
            });
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            says.then(|| (format!("&[{}]", words.join(", ")), String::new()))
        };
        match field {
            "input" => modalities("input_modalities", &model.input),
            "output" => modalities("output_modalities", &model.output),
            "context_window" => {
                let is_usable = |route: &&Route| !matches!(route.status.as_str(), "error" | "offline");
                let windows = model.routes.iter().filter(is_usable);
                let windows: Vec<_> = windows
                    .filter_map(|route| Some((route.context_window?, &*route.backend)))
                    .collect();
                let least = windows.iter().map(|(window, _)| *window).min()?;
                let who: Vec<&str> = windows
                    .iter()
                    .filter(|(window, _)| *window == least)
                    .map(|(_, who)| *who)
                    .collect();
                let who = if who.len() > MOST_NAMED && who.len() == windows.len() {
                    "all".into()
                } else {
                    who.join(", ")
                };
                Some((format!("Some({})", grouped(least)), who))
            }
            "price" => {
                let pick = model.picks.iter().find(|pick| pick.policy == "cheapest")?;
                let route = model.routes.iter().find(|route| route.backend == pick.backend)?;
                let price = route.price.as_ref()?;
                // The list has no price of cached tokens.
                let cached = old.rsplit_once(", ").map_or("None)", |(_, cached)| cached);
                Some((
                    format!("usd({:?}, {:?}, {cached}", price.input, price.output),
                    pick.backend.clone(),
                ))
            }
            _ => None,
        }
    }
}

/// The table with the list's figures, and what changed.
fn rewrite(table: &str, list: &List) -> Result<(String, Vec<String>), String> {
    let (head, rest) = table
        .split_once("    Bundled {\n")
        .ok_or("the table has no models")?;
    let (blocks, tail) = rest.rsplit_once("    },\n").ok_or("the table has no end")?;
    let mut changes = Vec::new();
    let mut models = Vec::new();
    for block in blocks.split("    },\n    Bundled {\n") {
        let mut fields = Vec::new();
        for line in block.lines() {
            fields.push(Field::read(line).ok_or_else(|| format!("no field with a source: {line}"))?);
        }
        let id = fields
            .iter()
            .find(|field| field.name == "id")
            .map(|field| field.value.trim_matches('"').to_owned());
        let id = id.ok_or("a model has no id")?;
        if let Some(model) = list.models.iter().find(|model| model.id == id) {
            for field in &mut fields {
                if let Some((value, who)) = list.figure(model, field.name, &field.value) {
                    changes.extend(
                        field
                            .renew(value, &who, &list.date)
                            .map(|change| format!("{id}: {change}")),
                    );
                }
            }
        }
        let width = fields
            .iter()
            .map(|field| field.code().len())
            .max()
            .unwrap_or_default();
        let lines: Vec<String> = fields
            .iter()
            .map(|field| format!("{:width$} // {}\n", field.code(), field.source))
            .collect();
        models.push(lines.concat());
    }
    let models = models.join("    },\n    Bundled {\n");
    Ok((format!("{head}    Bundled {{\n{models}    }},\n{tail}"), changes))
}

/// One line of the table: `name: value, // source`.
struct Field<'t> {
    name: &'t str,
    value: String,
    source: String,
}

impl<'t> Field<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let (code, source) = line.split_once(" // ")?;
        let (name, value) = code.trim().strip_suffix(',')?.split_once(": ")?;
        Some(Self {
            name,
            value: value.to_owned(),
            source: source.trim().to_owned(),
        })
    }

    fn code(&self) -> String {
        format!("        {}: {},", self.name, self.value)
    }

    /// Updates a figure from the list of this day. A figure from the same backends keeps its day.
    fn renew(&mut self, value: String, who: &str, date: &str) -> Option<String> {
        let (from, rest) = self.source.split_once("; ").unwrap_or((&self.source, ""));
        let told = from
            .split_once(' ')
            .filter(|(list, _)| *list == "list")
            .map(|(_, rest)| rest);
        let same_source = told.map(|told| told.split_once(": ").map_or("", |(_, who)| who)) == Some(who);
        if same_source && self.value == value {
            return None;
        }
        let mut source = format!("list {date}");
        if !who.is_empty() {
            source += &format!(": {who}");
        }
        if !rest.is_empty() {
            source += &format!("; {rest}");
        } else if told.is_none() && value.ends_with("))") && value.starts_with("usd(") {
            source += &format!("; cached: {from}");
        }
        let change = format!(
            "{} {} ({}) -> {value} ({source})",
            self.name, self.value, self.source
        );
        self.value = value;
        self.source = source;
        Some(change)
    }
}

/// Thousands apart, as the table writes numbers.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// The day of `Wed, 31 Dec 2025 20:40:45 GMT` or of `2025-12-31T20:40:45Z`, as `2025-12-31`.
fn day_of(date: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = date.split_whitespace().collect();
    if let [_, day, month, year, ..] = words.as_slice() {
        let month = MONTHS.iter().position(|name| name == month)? + 1;
        let day: u8 = day.parse().ok()?;
        return Some(format!("{year}-{month:02}-{day:02}"));
    }
    let day = date.get(..10)?;
    day.bytes()
        .all(|b| b.is_ascii_digit() || b == b'-')
        .then(|| day.to_owned())
}

/// Today's date in UTC, by the proleptic Gregorian calendar.
fn today() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut days = seconds / 86_400;
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests;
