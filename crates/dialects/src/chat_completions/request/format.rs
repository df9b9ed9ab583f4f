//! The response format, in the variants that clients send.

use crate::json::{Node, extras};
use provider_contract::{
    Result,
    contract::{Extra, JsonSchema, ResponseFormat},
};

/// The name of an unnamed schema; upstreams require one.
const NAME: &str = "response";
/// The longest name of a schema in the contract.
const LONGEST_NAME: usize = 64;
/// Members that identify a schema.
const OF_SCHEMAS: [&str; 8] = [
    "type",
    "properties",
    "$ref",
    "$defs",
    "anyOf",
    "oneOf",
    "allOf",
    "enum",
];
/// Members of the object around a schema.
const OF_ENVELOPES: [&str; 5] = ["type", "name", "description", "schema", "strict"];

pub(crate) fn response_format(format: &Node<'_>) -> Result<ResponseFormat> {
    let kind = format.need("type")?.string()?;
    match kind.as_str() {
        "text" if format.unknown_fields(&["type"]).is_empty() => Ok(ResponseFormat::Text),
        "json_object" => json_object(format),
        "json_schema" => json_schema(format),
        _ => Ok(other(&kind, format)),
    }
}

fn json_object(format: &Node<'_>) -> Result<ResponseFormat> {
    // With a schema in it, it is the variant of text-generation-inference, or of llama.cpp.
    for key in ["value", "schema"] {
        if let Some(schema) = format.field(key) {
            let beside = format.unknown_fields(&["type", key]);
            return Ok(with(nameless(&schema)?, beside));
        }
    }
    if format.unknown_fields(&["type"]).is_empty() {
        Ok(ResponseFormat::JsonObject)
    } else {
        Ok(other("json_object", format))
    }
}

fn json_schema(format: &Node<'_>) -> Result<ResponseFormat> {
    // Without an envelope its members are in the format itself, as in another dialect.
    let Some(inner) = format.field("json_schema") else {
        return Ok(ResponseFormat::JsonSchema(enveloped(format)?));
    };
    let beside = format.unknown_fields(&["type", "json_schema"]);
    let is_bare = inner.field("schema").is_none() && OF_SCHEMAS.iter().any(|key| inner.field(key).is_some());
    let schema = if is_bare {
        bare(&inner)?
    } else {
        enveloped(&inner)?
    };
    Ok(with(schema, beside))
}

/// A schema in its envelope.
fn enveloped(inner: &Node<'_>) -> Result<JsonSchema> {
    Ok(JsonSchema {
        name: name(&inner.optional_text("name")?.unwrap_or_default()),
        description: inner.optional_text("description")?,
        schema_json: inner.need("schema")?.object_json()?,
        strict: inner.optional_flag("strict")?,
        extras: inner.unknown_fields(&OF_ENVELOPES),
    })
}

/// A bare schema in place of its envelope; it may contain the envelope's name and strictness.
fn bare(inner: &Node<'_>) -> Result<JsonSchema> {
    let named = inner.field("name").filter(Node::is_text);
    let strict = inner.field("strict").filter(|strict| strict.flag().is_ok());
    let mut of_envelope = Vec::new();
    of_envelope.extend(named.as_ref().map(|_| "name"));
    of_envelope.extend(strict.as_ref().map(|_| "strict"));
    let schema_json = if of_envelope.is_empty() {
        inner.object_json()?
    } else {
        extras::object("schema", &inner.unknown_fields(&of_envelope)).value_json
    };
    Ok(JsonSchema {
        name: name(&named.map(|named| named.string()).transpose()?.unwrap_or_default()),
        description: None,
        schema_json,
        strict: strict.map(|strict| strict.flag()).transpose()?,
        extras: Vec::new(),
    })
}

/// A name that upstreams accept: it is a label, so other characters are replaced and the rest is cut.
fn name(given: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name: String = given
        .chars()
        .take(LONGEST_NAME)
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    if name.is_empty() { NAME.to_owned() } else { name }
}

fn nameless(schema: &Node<'_>) -> Result<JsonSchema> {
    Ok(JsonSchema {
        name: NAME.to_owned(),
        description: None,
        schema_json: schema.object_json()?,
        strict: None,
        extras: Vec::new(),
    })
}

/// A schema with unknown members beside its envelope, which the contract can carry only in the upstream's own form.
fn with(schema: JsonSchema, beside: Vec<Extra>) -> ResponseFormat {
    if beside.is_empty() {
        return ResponseFormat::JsonSchema(schema);
    }
    let json = |key: &str, value_json: String| Extra {
        key: key.to_owned(),
        value_json,
    };
    let mut envelope = vec![extras::text("name", &schema.name)];
    envelope.extend(schema.description.map(|text| extras::text("description", &text)));
    envelope.push(json("schema", schema.schema_json));
    envelope.extend(schema.strict.map(|strict| json("strict", strict.to_string())));
    envelope.extend(schema.extras);
    let mut format = vec![
        extras::text("type", "json_schema"),
        extras::object("json_schema", &envelope),
    ];
    format.extend(beside);
    ResponseFormat::Other(extras::object("json_schema", &format))
}

fn other(kind: &str, format: &Node<'_>) -> ResponseFormat {
    ResponseFormat::Other(Extra {
        key: kind.to_owned(),
        value_json: format.json(),
    })
}
