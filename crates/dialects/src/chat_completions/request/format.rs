//! The format of a response's text, in the spellings that clients have for it.

use super::json_path::Node;
use model_provider_host::{contract::{Extra, JsonSchema, ResponseFormat}, Result};

/// The name of a schema that has none; upstreams want one.
const NAME: &str = "response";
/// Members of the object around a schema.
const OF_ENVELOPES: [&str; 5] = ["type", "name", "description", "schema", "strict"];

pub(super) fn response_format(format: &Node<'_>) -> Result<ResponseFormat> {
    let kind = format.need("type")?.string()?;
    match kind.as_str() {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => json_object(format),
        "json_schema" => json_schema(format),
        _ => Ok(other(&kind, format)),
    }
}

fn json_object(format: &Node<'_>) -> Result<ResponseFormat> {
    // With a schema in it, it is the form of text-generation-inference, or of llama.cpp.
    if let Some(schema) = format.field("value").or_else(|| format.field("schema")) {
        return nameless(&schema);
    }
    if format.others(&["type"]).is_empty() {
        Ok(ResponseFormat::JsonObject)
    } else {
        Ok(other("json_object", format))
    }
}

fn json_schema(format: &Node<'_>) -> Result<ResponseFormat> {
    // Without an envelope its members stand in the format, as another dialect has them.
    let inner = format.field("json_schema").unwrap_or_else(|| format.clone());
    let Some(schema) = inner.field("schema") else {
        // The schema itself, put where its envelope belongs.
        let is_schema = [
            "type",
            "properties",
            "$ref",
            "$defs",
            "anyOf",
            "oneOf",
            "allOf",
            "enum",
        ]
        .iter()
        .any(|key| inner.field(key).is_some());
        return if is_schema && inner.key() == "json_schema" {
            nameless(&inner)
        } else {
            nameless(&inner.need("schema")?)
        };
    };
    Ok(ResponseFormat::JsonSchema(JsonSchema {
        name: inner.optional_text("name")?.unwrap_or_else(|| NAME.to_owned()),
        description: inner.optional_text("description")?,
        schema_json: schema.object_json()?,
        strict: inner.optional_flag("strict")?,
        extras: inner.others(&OF_ENVELOPES),
    }))
}

fn nameless(schema: &Node<'_>) -> Result<ResponseFormat> {
    Ok(ResponseFormat::JsonSchema(JsonSchema {
        name: NAME.to_owned(),
        description: None,
        schema_json: schema.object_json()?,
        strict: None,
        extras: Vec::new(),
    }))
}

fn other(kind: &str, format: &Node<'_>) -> ResponseFormat {
    ResponseFormat::Other(Extra {
        key: kind.to_owned(),
        value_json: format.json(),
    })
}
