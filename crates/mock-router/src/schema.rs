//! A plausible value for a JSON schema, for the arguments of tool calls and for structured responses.
//! Deterministic.

use serde_json::{Map, Value, json};

/// The recursion limit, deeper than any sensible schema; it ends recursive schemas.
const DEPTH: usize = 8;

/// A value that conforms to `schema`; `hint` is the value of strings without other constraints.
pub(super) fn sample(schema: &Value, hint: &str) -> Value {
    Sampler { root: schema, hint }.value(schema, "", DEPTH)
}

struct Sampler<'a> {
    root: &'a Value,
    hint: &'a str,
}

impl Sampler<'_> {
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else {
            return Value::Null;
        };
        if let Some(target) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            return self
                .root
                .pointer(target)
                .map_or(Value::Null, |target| self.value(target, name, depth));
        }
        for fixed in ["const", "default"] {
            if let Some(value) = schema.get(fixed) {
                return value.clone();
            }
        }
        for choice in ["enum", "examples"] {
            if let Some(first) = schema[choice].get(0) {
                return first.clone();
            }
        }
        for variants in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema[variants].get(0) {
                return self.value(first, name, depth);
            }
        }
        let kind = schema["type"].as_str().or_else(|| {
            // `["string", "null"]`: the first type that is not null.
            schema["type"]
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .find(|kind| *kind != "null")
        });
        match kind {
            Some("string") => self.text(schema, name),
            Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(1)),
            Some("number") => json!(schema["minimum"].as_f64().unwrap_or(1.5)),
            Some("boolean") => Value::Bool(true),
            Some("null") => Value::Null,
            Some("array") => match schema.get("items") {
                Some(items) => json!([self.value(items, name, depth)]),
                None => json!([]),
            },
            Some("object") => self.object(schema, depth),
            _ if schema.get("properties").is_some() => self.object(schema, depth),
            _ => self.text(schema, name),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let properties = schema["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, schema)| (name.clone(), self.value(schema, name, depth)))
            .collect::<Map<_, _>>()
            .into()
    }

    fn text(&self, schema: &Value, name: &str) -> Value {
        let name = name.to_lowercase();
        let named = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let text = match schema["format"].as_str() {
            Some("date") => "2026-09-01".to_owned(),
            Some("date-time") => "2026-09-01T12:00:00Z".to_owned(),
            Some("uri" | "url") => "https://example.com/".to_owned(),
            Some("email") => "someone@example.com".to_owned(),
            _ if named(&["city", "location", "place"]) => self.place(),
            _ if named(&["date", "day"]) => "2026-09-01".to_owned(),
            _ if named(&["url"]) => "https://example.com/".to_owned(),
            _ if self.hint.is_empty() => "example".to_owned(),
            _ => self.hint.to_owned(),
        };
        match schema["maxLength"]
            .as_u64()
            .and_then(|max| usize::try_from(max).ok())
        {
            Some(max) => text.chars().take(max).collect::<String>().into(),
            None => text.into(),
        }
    }

    /// The last capitalised word of the hint that is not its first word: the place in `What is the weather in
    /// Paris?`.
    fn place(&self) -> String {
        let words = self
            .hint
            .split_whitespace()
            .skip(1)
            .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
        let capital = words
            .filter(|word| word.chars().next().is_some_and(char::is_uppercase))
            .last();
        capital.unwrap_or("Madrid").to_owned()
    }
}
