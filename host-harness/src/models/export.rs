//! `models export`: the live list as the models block of a provider in OpenClaw's configuration.

use serde_json::{Map, Value, json};

use super::super::{
    Outcome,
    args::{ExportArgs, Global},
    session::Session,
    terminal::Terminal,
};
use model_provider_host::contract::{DiscoveryMode, Model, ModelSource};

/// The input kinds that OpenClaw accepts, in both of its eras.
const INPUTS: [&str; 2] = ["text", "image"];

pub(super) async fn run(terminal: Terminal, global: &Global, args: &ExportArgs) -> Outcome {
    let session = Session::open(terminal, global).await?;
    let discovery = match session.settings.discovery {
        DiscoveryMode::Authenticated => DiscoveryMode::Always,
        other => other,
    };
    let catalog = {
        let _turning = terminal.spinner("loading the models");
        session.host.list_models(discovery).await?
    };
    super::warn(terminal, &catalog);
    if catalog.source != ModelSource::Live {
        terminal.warn("this is not the live list; it may lack models");
    }
    let models = catalog.models.iter().filter(|model| {
        let filter = args.filter.as_deref().unwrap_or_default();
        super::matches(&session.info, model, filter)
    });
    let entries: Vec<Value> = models.map(entry).collect();
    if !terminal.is_text() {
        terminal.json(&json!({ "models": entries }))?;
        return Ok(());
    }
    let mut text = "models: [\n".to_owned();
    for entry in &entries {
        text += &format!("  {entry},\n");
    }
    terminal.line(&(text + "],"))?;
    Ok(())
}

/// One model, with only the keys that OpenClaw knows.
fn entry(model: &Model) -> Value {
    let mut entry = Map::new();
    entry.insert("id".to_owned(), model.id.as_str().into());
    let name = if model.display_name.trim().is_empty() {
        &model.id
    } else {
        &model.display_name
    };
    entry.insert("name".to_owned(), name.as_str().into());
    if let Some(reasoning) = model.reasoning {
        entry.insert("reasoning".to_owned(), reasoning.into());
    }
    let input: Vec<&str> = INPUTS
        .into_iter()
        .filter(|kind| model.input.iter().any(|known| known == kind))
        .collect();
    if !input.is_empty() {
        entry.insert("input".to_owned(), input.into());
    }
    if let Some(price) = &model.price {
        let amount = |text: &str| text.parse::<f64>().ok().filter(|amount| amount.is_finite());
        if let Some((input, output)) = amount(&price.input).zip(amount(&price.output)) {
            let cached = price.cached_input.as_deref().and_then(amount).unwrap_or(input);
            let cost = json!({ "input": input, "output": output, "cacheRead": cached, "cacheWrite": input });
            entry.insert("cost".to_owned(), cost);
        }
    }
    let counts = [
        ("contextWindow", model.context_window),
        ("maxTokens", model.max_output_tokens),
    ];
    for (name, count) in counts {
        if let Some(count) = count.filter(|count| *count > 0) {
            entry.insert(name.to_owned(), count.into());
        }
    }
    entry.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures;

    #[test]
    fn an_exported_model_has_only_keys_that_openclaw_knows() {
        let mut model = fixtures::model();
        model.input.push("video".to_owned());
        let entry = entry(&model);
        let known = [
            "id",
            "name",
            "reasoning",
            "input",
            "cost",
            "contextWindow",
            "maxTokens",
        ];
        assert!(
            entry
                .as_object()
                .unwrap()
                .keys()
                .all(|key| known.contains(&key.as_str())),
            "{entry}"
        );
        assert_eq!(entry["input"], json!(["text", "image"]));
        assert_eq!(entry["cost"]["output"], json!(1.1));
    }
}
