//! `models.json`: the cached live model list, for a start without network, beside entries that users have written.

use std::{collections::HashSet, path::PathBuf, time::SystemTime};

use serde_json::{Map, Value, json};

use super::{
    Configuration,
    document::{Document, Node},
    edit::{self, Backup},
    provider_in,
    schema::Cost,
};
use model_provider_host::{
    Error, Result,
    contract::{Extra, Model, ModelCatalog, ModelSource, Price, ProviderInfo, Route},
};

/// Marks an entry that discovery wrote; entries without it are a user's.
const DISCOVERED: &str = "live";

/// Whether discovery wrote an entry.
pub(super) fn is_discovered(entry: Option<&Value>) -> bool {
    entry
        .and_then(|entry| entry.get("source"))
        .and_then(Value::as_str)
        == Some(DISCOVERED)
}

/// The models of the last live list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CachedModels {
    /// The models, in the list's order.
    pub models: Vec<Model>,
    /// When the file was written.
    pub written: Option<SystemTime>,
}

impl Configuration {
    /// The path of the cached models.
    #[must_use]
    pub fn models_path(&self) -> PathBuf {
        self.state_dir.join("models.json")
    }

    pub(super) fn kept_document(&self) -> Result<Option<Document>> {
        if self.leaves_list_out {
            return Ok(None);
        }
        Document::read(&self.models_path())
    }

    /// Ignores a broken `models.json` and returns what is wrong with it: only a cached list is lost. The file is
    /// not changed, since it may hold a user's entries.
    pub fn leave_broken_list_out(&mut self, info: &ProviderInfo) -> Option<Error> {
        let read = self.cached_models(info).and_then(|_| self.own_kept_models(info));
        let error = read.err()?;
        self.leaves_list_out = true;
        Some(error)
    }

    /// The cached live list of a provider; `None` if there is none.
    ///
    /// # Errors
    /// The file is broken.
    pub fn cached_models(&self, info: &ProviderInfo) -> Result<Option<CachedModels>> {
        let Some(document) = self.kept_document()? else {
            return Ok(None);
        };
        let provider = provider_in(&document.root().get("providers")?, &info.id)?;
        let entries = provider.get("models")?.items()?;
        let models = entries
            .iter()
            .filter(|entry| is_discovered(entry.value()))
            .map(read_model)
            .collect::<Result<Vec<_>>>()?;
        let written = std::fs::metadata(self.models_path()).and_then(|meta| meta.modified());
        Ok((!models.is_empty()).then(|| CachedModels {
            models,
            written: written.ok(),
        }))
    }

    /// Caches a live list: replaces only the entries that discovery wrote. A user's entries are unchanged and win
    /// over a live one with the same id; if there are any, the previous file is saved as a backup. A list that is
    /// not live is not cached.
    ///
    /// # Errors
    /// The existing file is broken, or it cannot be written.
    pub fn write_models(&self, info: &ProviderInfo, catalog: &ModelCatalog) -> Result<()> {
        if catalog.source != ModelSource::Live || self.leaves_list_out {
            return Ok(());
        }
        let path = self.models_path();
        let is_changed = edit::file(&path, Backup::KeepIf(holds_own), |edit| {
            let id = edit.key(&["providers"], |key| super::is_provider(key, &info.id));
            let keys = ["providers", id.as_deref().unwrap_or(&info.id), "models"];
            let entries = edit.get(&keys).and_then(Value::as_array);
            let own: HashSet<&str> = entries
                .into_iter()
                .flatten()
                .filter(|entry| !is_discovered(Some(entry)))
                .filter_map(|entry| Some(entry.get("id")?.as_str()?.trim()))
                .collect();
            let live = catalog
                .models
                .iter()
                .filter(|model| model.source == ModelSource::Live && !own.contains(model.id.as_str()));
            let live: Vec<Value> = live.map(write_model).collect();
            edit.renew(&keys, |entry| is_discovered(Some(entry)), &live)
        })?;
        if !is_changed {
            // The list is unchanged but fresh: its age counts from now.
            let file = std::fs::File::options().append(true).open(&path);
            // The owner of a read-only file may still set its time.
            let file = file.or_else(|_| std::fs::File::open(&path));
            let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
        }
        Ok(())
    }
}

/// Whether the file holds anything that discovery does not write.
fn holds_own(root: &Value) -> bool {
    let is_live = |provider: &Value| {
        let entries = provider.get("models").and_then(Value::as_array);
        entries.is_some_and(|entries| entries.iter().all(|entry| is_discovered(Some(entry))))
            && has_no_other(provider, "models")
    };
    let providers = root.get("providers").and_then(Value::as_object);
    !(providers.is_none_or(|providers| providers.values().all(is_live)) && has_no_other(root, "providers"))
}

fn has_no_other(object: &Value, name: &str) -> bool {
    object
        .as_object()
        .is_some_and(|object| object.keys().all(|key| key == name))
}

fn write_model(model: &Model) -> Value {
    let mut entry = Map::new();
    entry.insert("id".to_owned(), model.id.as_str().into());
    entry.insert("name".to_owned(), model.display_name.as_str().into());
    entry.insert("source".to_owned(), DISCOVERED.into());
    put(&mut entry, "reasoning", model.reasoning);
    entry.insert("input".to_owned(), model.input.clone().into());
    entry.insert("output".to_owned(), model.output.clone().into());
    put(&mut entry, "contextWindow", model.context_window);
    put(&mut entry, "maxTokens", model.max_output_tokens);
    put(&mut entry, "cost", model.price.as_ref().map(write_price));
    put(&mut entry, "supportsTools", model.supports_tools);
    put(
        &mut entry,
        "supportsStructuredOutput",
        model.supports_structured_output,
    );
    if !model.routes.is_empty() {
        let routes: Vec<Value> = model.routes.iter().map(write_route).collect();
        entry.insert("routes".to_owned(), routes.into());
    }
    if !model.picks.is_empty() {
        let picks = model.picks.iter();
        let picks: Map<_, _> = picks
            .map(|pick| (pick.policy.clone(), pick.backend.as_str().into()))
            .collect();
        entry.insert("picks".to_owned(), picks.into());
    }
    put_extras(&mut entry, &model.extras);
    entry.into()
}

fn write_route(route: &Route) -> Value {
    let mut entry = Map::new();
    entry.insert("backend".to_owned(), route.backend.as_str().into());
    entry.insert("status".to_owned(), route.status.as_str().into());
    put(&mut entry, "contextWindow", route.context_window);
    put(&mut entry, "cost", route.price.as_ref().map(write_price));
    put(&mut entry, "supportsTools", route.supports_tools);
    put(
        &mut entry,
        "supportsStructuredOutput",
        route.supports_structured_output,
    );
    put(&mut entry, "firstTokenLatencyMs", route.first_token_latency_ms);
    put(&mut entry, "tokensPerSecond", route.tokens_per_second);
    put_extras(&mut entry, &route.extras);
    entry.into()
}

/// Prices are written as strings, so that they round-trip exactly.
fn write_price(price: &Price) -> Value {
    let mut cost = json!({ "input": price.input, "output": price.output });
    if let (Some(cost), Some(cached)) = (cost.as_object_mut(), &price.cached_input) {
        cost.insert("cacheRead".to_owned(), cached.as_str().into());
    }
    cost
}

fn put(entry: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        entry.insert(name.to_owned(), value.into());
    }
}

fn put_extras(entry: &mut Map<String, Value>, extras: &[Extra]) {
    let extras: Map<_, _> = extras
        .iter()
        .filter_map(|extra| Some((extra.key.clone(), serde_json::from_str(&extra.value_json).ok()?)))
        .collect();
    if !extras.is_empty() {
        entry.insert("extras".to_owned(), extras.into());
    }
}

fn read_model(entry: &Node<'_>) -> Result<Model> {
    let id = entry
        .get("id")?
        .word()?
        .ok_or_else(|| entry.wrong("has no `id`"))?;
    let routes = entry.get("routes")?.items()?;
    let picks = entry.get("picks")?.entries()?;
    Ok(Model {
        id: id.to_owned(),
        display_name: entry.get("name")?.word()?.unwrap_or(id).to_owned(),
        alias: None,
        source: ModelSource::Live,
        input: entry.get("input")?.texts()?,
        output: entry.get("output")?.texts()?,
        reasoning: entry.get("reasoning")?.flag()?,
        context_window: entry.get("contextWindow")?.count()?,
        max_output_tokens: entry.get("maxTokens")?.count()?,
        price: entry.get("cost")?.read::<Cost>()?.and_then(Cost::price),
        supports_tools: entry.get("supportsTools")?.flag()?,
        supports_structured_output: entry.get("supportsStructuredOutput")?.flag()?,
        routes: routes.iter().map(read_route).collect::<Result<_>>()?,
        picks: picks
            .iter()
            .filter_map(|(policy, node)| {
                Some(model_provider_host::contract::PolicyPick {
                    policy: (*policy).to_owned(),
                    backend: node.text().ok()??.to_owned(),
                })
            })
            .collect(),
        extras: read_extras(entry)?,
    })
}

fn read_route(route: &Node<'_>) -> Result<Route> {
    let number = |name: &str| -> Result<Option<f64>> { Ok(route.get(name)?.value().and_then(Value::as_f64)) };
    let backend = route.get("backend")?.word()?;
    Ok(Route {
        backend: backend.ok_or_else(|| route.wrong("has no `backend`"))?.to_owned(),
        status: route.get("status")?.word()?.unwrap_or_default().to_owned(),
        context_window: route.get("contextWindow")?.count()?,
        price: route.get("cost")?.read::<Cost>()?.and_then(Cost::price),
        supports_tools: route.get("supportsTools")?.flag()?,
        supports_structured_output: route.get("supportsStructuredOutput")?.flag()?,
        first_token_latency_ms: number("firstTokenLatencyMs")?,
        tokens_per_second: number("tokensPerSecond")?,
        extras: read_extras(route)?,
    })
}

fn read_extras(entry: &Node<'_>) -> Result<Vec<Extra>> {
    let extras = entry.get("extras")?.entries()?;
    Ok(extras
        .iter()
        .filter_map(|(key, node)| {
            Some(Extra {
                key: (*key).to_owned(),
                value_json: node.value()?.to_string(),
            })
        })
        .collect())
}
