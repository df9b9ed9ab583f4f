//! `params`: defaults of request parameters by model.

use serde_json::Value;

use super::{Configuration, document::Node, strip_prefix};
use model_provider_host::{
    Result,
    contract::{ChatRequest, Extra, ProviderInfo, ResponseFormat, ToolChoice},
    request_defaults::Params,
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
            } else if !read(wanted, name, &node, value)? {
                unknown.push(node.key());
            }
        }
    }
    Ok(is_any)
}

/// Whether it is a known request parameter. OpenClaw and the wire format spell them alike.
fn read(wanted: &mut ChatRequest, name: &str, node: &Node<'_>, value: &Value) -> Result<bool> {
    let number = || value.as_f64().ok_or_else(|| node.invalid("a number"));
    match name {
        "temperature" => wanted.temperature = Some(number()?),
        "topP" | "top_p" => wanted.top_p = Some(number()?),
        "frequencyPenalty" | "frequency_penalty" => wanted.frequency_penalty = Some(number()?),
        "presencePenalty" | "presence_penalty" => wanted.presence_penalty = Some(number()?),
        "maxTokens" | "max_tokens" | "maxCompletionTokens" | "max_completion_tokens" => {
            wanted.max_output_tokens = node.count()?;
        }
        "seed" => wanted.seed = Some(value.as_i64().ok_or_else(|| node.invalid("a whole number"))?),
        "stop" => {
            wanted.stop = match value {
                Value::String(text) => vec![text.clone()],
                _ => node.texts()?,
            };
        }
        "reasoningEffort" | "reasoning_effort" => wanted.reasoning_effort = node.word()?.map(str::to_owned),
        "chatTemplateKwargs" | "chat_template_kwargs" => set_extra(wanted, "chat_template_kwargs", value),
        "parallelToolCalls" | "parallel_tool_calls" => set_extra(wanted, "parallel_tool_calls", value),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads `extra_body`: members of the body, whatever they are. Those that a request has fields for are defaults of the
/// fields, so that a request's own value takes precedence.
fn read_body(wanted: &mut ChatRequest, body: &Node<'_>, unknown: &mut Vec<String>) -> Result<()> {
    for (name, node) in body.entries()? {
        let Some(value) = node.value() else { continue };
        match name {
            // The plugin sets them for each request.
            "model" | "messages" | "stream" | "stream_options" | "n" | "tools" => unknown.push(node.key()),
            "tool_choice" => wanted.tool_choice = Some(tool_choice(value)),
            "response_format" => wanted.response_format = Some(response_format(value)),
            _ if read(wanted, name, &node, value)? => {}
            _ => set_extra(wanted, name, value),
        }
    }
    Ok(())
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
