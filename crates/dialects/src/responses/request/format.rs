//! The response format.

use crate::json::Node;
use provider_contract::{
    Result,
    contract::{Extra, JsonSchema, ResponseFormat},
};

/// The name of an unnamed schema; upstreams require one.
const NAME: &str = "response";

pub(super) fn response_format(format: &Node<'_>) -> Result<ResponseFormat> {
    let kind = format.need("type")?.string()?;
    match kind.as_str() {
        "text" if format.unknown_fields(&["type"]).is_empty() => Ok(ResponseFormat::Text),
        "json_object" if format.unknown_fields(&["type"]).is_empty() => Ok(ResponseFormat::JsonObject),
        "json_schema" => Ok(ResponseFormat::JsonSchema(JsonSchema {
            name: format.optional_text("name")?.unwrap_or_else(|| NAME.to_owned()),
            description: format.optional_text("description")?,
            schema_json: format.need("schema")?.object_json()?,
            strict: format.optional_flag("strict")?,
            extras: format.unknown_fields(&["type", "name", "description", "schema", "strict"]),
        })),
        _ => Ok(ResponseFormat::Other(Extra {
            value_json: format.json(),
            key: kind,
        })),
    }
}
