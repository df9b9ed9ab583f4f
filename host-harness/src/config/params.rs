//! `agents.defaults.models["<reference>"].params`: what is asked of a model unless a request says otherwise.

use serde_json::Value;

use super::{Configuration, strip_prefix, tree::Node};
use crate::{
    contract::{ChatRequest, Extra, ProviderInfo, blank_request},
    error::Result,
    params::Params,
};

impl Configuration {
    /// The parameters of every reference of a provider.
    ///
    /// # Errors
    /// One of them is of the wrong type; named with its place.
    pub fn params(&self, info: &ProviderInfo) -> Result<Params> {
        let mut params = Params::default();
        for (reference, model) in self.root().at(&["agents", "defaults", "models"])?.entries()? {
            if strip_prefix(reference, &info.id).is_none() {
                continue;
            }
            let mut wanted = blank_request();
            let mut is_any = false;
            for (name, node) in model.get("params")?.entries()? {
                is_any = true;
                if let Some(value) = node.value()
                    && !read(&mut wanted, name, &node, value)?
                {
                    params.unknown.push(node.key());
                }
            }
            if is_any {
                params.insert(reference, wanted);
            }
        }
        Ok(params)
    }
}

/// Whether it is one that can be asked for. OpenClaw's spelling and the wire's are the same here.
fn read(wanted: &mut ChatRequest, name: &str, node: &Node<'_>, value: &Value) -> Result<bool> {
    let number = || value.as_f64().ok_or_else(|| node.fault("a number"));
    match name {
        "temperature" => wanted.temperature = Some(number()?),
        "topP" | "top_p" => wanted.top_p = Some(number()?),
        "frequencyPenalty" | "frequency_penalty" => wanted.frequency_penalty = Some(number()?),
        "presencePenalty" | "presence_penalty" => wanted.presence_penalty = Some(number()?),
        "maxTokens" | "max_tokens" | "maxCompletionTokens" | "max_completion_tokens" => {
            wanted.max_output_tokens = node.count()?;
        }
        "seed" => wanted.seed = Some(value.as_i64().ok_or_else(|| node.fault("a whole number"))?),
        "stop" => {
            wanted.stop = match value {
                Value::String(text) => vec![text.clone()],
                _ => node.texts()?,
            };
        }
        "reasoningEffort" | "reasoning_effort" => wanted.reasoning_effort = node.word()?.map(str::to_owned),
        "extraBody" | "extra_body" => {
            for (key, node) in node.entries()? {
                wanted.extras.extend(node.value().map(|value| Extra {
                    key: key.to_owned(),
                    value_json: value.to_string(),
                }));
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
