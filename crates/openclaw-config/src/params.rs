//! `params`: defaults of request parameters by model.

use serde_json::Value;

use super::{Configuration, document::Node, strip_prefix};
use model_provider_host::{
    Result,
    contract::{ChatRequest, Extra, ProviderInfo, ResponseFormat, ToolChoice},
    request_defaults::{OUTPUT_LIMITS, Params},
};

impl Configuration {
    /// The request parameters for every reference of a provider. From lowest to highest precedence, key by key:
    /// `agents.defaults.params`, the provider, its model, `agents.defaults.models["<reference>"]`.
    ///
    /// # Errors
    /// One of them has the wrong type; the error names its position.
    pub fn params(&self, info: &ProviderInfo) -> Result<Params> {
        let mut params = Params::default();
        let agents = self.root().at(&["agents", "defaults"])?;
        let provider = self.provider(info)?;
        let mut of_all = ChatRequest::new("");
        let mut is_any = read_all(&mut of_all, &agents.get("params")?, &mut params.unknown)?;
        is_any |= read_all(&mut of_all, &provider.get("params")?, &mut params.unknown)?;
        if is_any {
            params.insert_default(of_all.clone());
        }
        let mut of_models: Vec<(String, ChatRequest)> = Vec::new();
        for model in provider.get("models")?.items()? {
            let mut wanted = of_all.clone();
            if read_all(&mut wanted, &model.get("params")?, &mut params.unknown)?
                && let Some(id) = model.get("id")?.word()?
            {
                let id = strip_prefix(id, &info.id)
                    .filter(|rest| rest.contains('/'))
                    .unwrap_or(id);
                of_models.push((format!("{}/{id}", info.id), wanted));
            }
        }
        for (reference, model) in agents.get("models")?.entries()? {
            if strip_prefix(reference, &info.id).is_none() {
                continue;
            }
            let known = of_models
                .iter()
                .find(|(known, _)| super::is_same_reference(known, reference, &info.id));
            let mut wanted = known.map_or_else(|| of_all.clone(), |(_, wanted)| wanted.clone());
            if read_all(&mut wanted, &model.get("params")?, &mut params.unknown)? {
                of_models.retain(|(known, _)| !super::is_same_reference(known, reference, &info.id));
                of_models.push((reference.to_owned(), wanted));
            }
        }
        for (reference, wanted) in of_models {
            params.insert(&reference, wanted);
        }
        Ok(params)
    }
}

/// Reads the members of a `params` object over the previous values; returns whether there were any.
fn read_all(wanted: &mut ChatRequest, params: &Node<'_>, unknown: &mut Vec<String>) -> Result<bool> {
    let mut is_any = false;
    for (name, node) in params.entries()? {
        if let Some(value) = node.value() {
            is_any = true;
            if matches!(name, "extraBody" | "extra_body") {
                read_body(wanted, &node, unknown)?;
            } else if read(wanted, name, &node, value)?.is_none() {
                unknown.push(node.key());
            }
        }
    }
    Ok(is_any)
}

/// Reads a known request parameter; returns its names on the wire. OpenClaw and the wire format spell them alike.
fn read(
    wanted: &mut ChatRequest,
    name: &str,
    node: &Node<'_>,
    value: &Value,
) -> Result<Option<&'static [&'static str]>> {
    let number = || value.as_f64().ok_or_else(|| node.invalid("a number"));
    let names: &[&str] = match name {
        "temperature" => {
            wanted.temperature = Some(number()?);
            &["temperature"]
        }
        "topP" | "top_p" => {
            wanted.top_p = Some(number()?);
            &["top_p"]
        }
        "frequencyPenalty" | "frequency_penalty" => {
            wanted.frequency_penalty = Some(number()?);
            &["frequency_penalty"]
        }
        "presencePenalty" | "presence_penalty" => {
            wanted.presence_penalty = Some(number()?);
            &["presence_penalty"]
        }
        "maxTokens" | "max_tokens" | "maxCompletionTokens" | "max_completion_tokens" => {
            wanted.max_output_tokens = node.count()?;
            &OUTPUT_LIMITS
        }
        "seed" => {
            wanted.seed = Some(value.as_i64().ok_or_else(|| node.invalid("a whole number"))?);
            &["seed"]
        }
        "stop" => {
            wanted.stop = match value {
                Value::String(text) => vec![text.clone()],
                _ => node.texts()?,
            };
            &["stop"]
        }
        "reasoningEffort" | "reasoning_effort" => {
            wanted.reasoning_effort = node.word()?.map(str::to_owned);
            &["reasoning_effort"]
        }
        "chatTemplateKwargs" | "chat_template_kwargs" => {
            set_extra(wanted, "chat_template_kwargs", value);
            return Ok(Some(&[]));
        }
        "parallelToolCalls" | "parallel_tool_calls" => {
            set_extra(wanted, "parallel_tool_calls", value);
            return Ok(Some(&[]));
        }
        _ => return Ok(None),
    };
    // A field counts more than what a place of lower precedence says of it in another form.
    wanted.extras.retain(|extra| !names.contains(&&*extra.key));
    Ok(Some(names))
}

/// Reads `extra_body`: members of the body, whatever they are. Those that a request has fields for are defaults of the
/// fields, so that a request's own value takes precedence; an output limit keeps its name. A value that no field can
/// have is sent as it is, and null takes back what a place of lower precedence says.
fn read_body(wanted: &mut ChatRequest, body: &Node<'_>, unknown: &mut Vec<String>) -> Result<()> {
    for (name, node) in body.entries()? {
        let Some(value) = node.value().filter(|value| !value.is_null()) else {
            unset(wanted, name);
            continue;
        };
        match name {
            // The plugin sets them for each request.
            "model" | "messages" | "stream" | "stream_options" | "n" | "tools" => unknown.push(node.key()),
            "tool_choice" => wanted.tool_choice = Some(tool_choice(value)),
            "response_format" => wanted.response_format = Some(response_format(value)),
            _ => match read(wanted, name, &node, value) {
                // The plugin chooses the older name.
                Ok(Some(_)) if name == OUTPUT_LIMITS[1] => set_extra(wanted, name, value),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    unset(wanted, name);
                    set_extra(wanted, name, value);
                }
            },
        }
    }
    Ok(())
}

/// Takes back the default of a member of the body.
fn unset(wanted: &mut ChatRequest, name: &str) {
    wanted.extras.retain(|known| known.key != name);
    match name {
        "temperature" => wanted.temperature = None,
        "top_p" => wanted.top_p = None,
        "frequency_penalty" => wanted.frequency_penalty = None,
        "presence_penalty" => wanted.presence_penalty = None,
        "max_tokens" | "max_completion_tokens" => {
            wanted.max_output_tokens = None;
            wanted
                .extras
                .retain(|known| !OUTPUT_LIMITS.contains(&&*known.key));
        }
        "seed" => wanted.seed = None,
        "stop" => wanted.stop = Vec::new(),
        "reasoning_effort" => wanted.reasoning_effort = None,
        "tool_choice" => wanted.tool_choice = None,
        "response_format" => wanted.response_format = None,
        _ => {}
    }
}

fn set_extra(wanted: &mut ChatRequest, key: &str, value: &Value) {
    wanted.extras.retain(|known| known.key != key);
    wanted.extras.push(Extra {
        key: key.to_owned(),
        value_json: value.to_string(),
    });
}

fn tool_choice(value: &Value) -> ToolChoice {
    match value.as_str() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required") => ToolChoice::Required,
        _ => ToolChoice::Other(in_own_form(value)),
    }
}

fn response_format(value: &Value) -> ResponseFormat {
    ResponseFormat::Other(in_own_form(value))
}

/// A value in the upstream's own form, under its type.
fn in_own_form(value: &Value) -> Extra {
    Extra {
        key: value["type"].as_str().unwrap_or("other").to_owned(),
        value_json: value.to_string(),
    }
}
