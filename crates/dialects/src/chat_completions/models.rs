//! Models as entries of the dialect's list, with additional data.

use serde_json::{Value, json};

use crate::ending::known;
use provider_contract::contract::{Extra, Model, Price};

/// The list.
#[must_use]
pub fn list(models: &[Model]) -> Value {
    let entries: Vec<Value> = models.iter().map(|model| entry(&model.id, model)).collect();
    json!({ "object": "list", "data": entries })
}

/// One model under the requested id, which may have a suffix.
pub fn entry(id: &str, model: &Model) -> Value {
    let owner = extra(&model.extras, "owned_by").unwrap_or_else(|| {
        let owner = model.id.split_once('/').map(|(owner, _)| owner);
        owner.unwrap_or_default().into()
    });
    known(json!({
        "id": id,
        "object": "model",
        // Clients expect a number; most lists have none.
        "created": extra(&model.extras, "created").filter(Value::is_number).unwrap_or_else(|| 0.into()),
        "owned_by": owner,
        "name": model.alias.as_deref().unwrap_or(&model.display_name),
        "context_length": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "architecture": { "input_modalities": model.input, "output_modalities": model.output },
        "reasoning": model.reasoning,
        "supports_tools": model.supports_tools,
        "supports_structured_output": model.supports_structured_output,
        "pricing": model.price.as_ref().map(price),
        "backends": model.routes.iter().map(|route| route.backend.as_str()).collect::<Vec<_>>(),
    }))
}

/// US dollars per million tokens, as text.
fn price(price: &Price) -> Value {
    known(json!({ "input": price.input, "output": price.output, "cached_input": price.cached_input }))
}

fn extra(extras: &[Extra], key: &str) -> Option<Value> {
    let extra = extras.iter().find(|extra| extra.key == key)?;
    serde_json::from_str(&extra.value_json).ok()
}
