//! Model list: configured models first, then those of the service, or the bundled ones. It must not know chats.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

use crate::{
    contract::{
        settings::{self, ConfiguredModel, CredentialState},
        types::{DiscoveryMode, Error, ErrorKind, Model, ModelCatalog, ModelSource, Warning},
    },
    error,
    facts::{BASE_URL, BUNDLED, LIST_PATH},
    http::{self, NS_PER_MS},
    reference,
};

/// The largest model list.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// Lists the models. An upstream that fails is no error.
pub(crate) fn list(mode: DiscoveryMode) -> ModelCatalog {
    let mut models: Vec<Model> = settings::list_configured().into_iter().map(of_configured).collect();
    let mut warnings = Vec::new();
    let mut source = ModelSource::Bundled;
    let may_send = match mode {
        DiscoveryMode::ConfiguredOnly => {
            return ModelCatalog {
                models: unique(models),
                source: ModelSource::Configured,
                warnings,
            };
        }
        DiscoveryMode::Off => false,
        DiscoveryMode::Authenticated => settings::get().credential != CredentialState::Missing,
        DiscoveryMode::Always => true,
    };
    let listed = match may_send {
        true => live(&mut warnings),
        false => Err("no list was requested".to_string()),
    };
    match listed {
        Ok(live) => {
            source = ModelSource::Live;
            models.extend(live);
        }
        Err(why) => {
            warnings.push(warning("catalog-not-live", why));
            models.extend(BUNDLED.iter().filter_map(|(id, _)| bundled(id)));
        }
    }
    ModelCatalog {
        models: unique(models),
        source,
        warnings,
    }
}

fn warning(code: &str, message: String) -> Warning {
    Warning {
        code: code.to_string(),
        message,
    }
}

/// The service's own list, or the reason why there is none.
fn live(warnings: &mut Vec<Warning>) -> Result<Vec<Model>, String> {
    let rows = fetch().map_err(|error| error.message)?;
    let models: Vec<Model> = rows.iter().filter_map(of_row).collect();
    if models.is_empty() {
        return Err("the service lists no models".to_string());
    }
    if models.len() < rows.len() {
        let skipped = rows.len() - models.len();
        warnings.push(warning(
            "rows-skipped",
            format!("{skipped} rows of the list have no usable id"),
        ));
    }
    Ok(models)
}

fn fetch() -> Result<Vec<Value>, Error> {
    let snapshot = settings::get();
    let base = snapshot.base_url.as_deref().unwrap_or(BASE_URL);
    let mut left = u64::from(snapshot.list_timeout_ms) * NS_PER_MS;
    let sent = http::send(base, LIST_PATH, &[], None, snapshot.connect_timeout_ms);
    let mut sent = sent.map_err(|failure| error::of_failure(&failure))?;
    let response = loop {
        match sent.response().map_err(|failure| error::of_failure(&failure))? {
            Ok(response) => break response,
            Err(waiting) => sent = waiting,
        }
        let (is_ready, took) = sent.wait(left);
        left = left.saturating_sub(took);
        if !is_ready {
            return Err(error::timeout("list"));
        }
    };
    let body = response
        .collect(MAX_LIST_BYTES, left)
        .map_err(|failure| error::of_failure(&failure))?;
    if response.status() != 200 {
        return Err(error::of_status(&response, &body));
    }
    let unreadable = || error::sent(ErrorKind::Protocol, "the list is not JSON with an array `data`");
    match serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|mut list| list.get_mut("data").map(Value::take))
    {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Err(unreadable()),
    }
}

fn of_row(row: &Value) -> Option<Model> {
    let id = row.get("id")?.as_str()?.trim();
    if id.is_empty() {
        return None;
    }
    let window = ["context_length", "context_window", "max_model_len"]
        .iter()
        .find_map(|key| row.get(*key)?.as_u64());
    Some(Model {
        source: ModelSource::Live,
        context_window: window
            .and_then(|window| u32::try_from(window).ok())
            .filter(|window| *window > 0),
        ..blank(id)
    })
}

/// A model with nothing but its id.
fn blank(id: &str) -> Model {
    let bundled = BUNDLED.iter().find(|(known, _)| *known == id);
    Model {
        id: id.to_string(),
        display_name: bundled.map_or(id, |(_, name)| *name).to_string(),
        alias: reference::alias_of(id),
        source: ModelSource::Bundled,
        input: Vec::new(),
        output: Vec::new(),
        reasoning: None,
        context_window: None,
        max_output_tokens: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        routes: Vec::new(),
        picks: Vec::new(),
        extras: Vec::new(),
    }
}

/// A bundled model.
pub(crate) fn bundled(id: &str) -> Option<Model> {
    BUNDLED.iter().find(|(known, _)| *known == id).map(|(id, _)| blank(id))
}

/// A configured model, completed from known metadata.
pub(crate) fn of_configured(configured: ConfiguredModel) -> Model {
    let known = blank(&configured.id);
    Model {
        source: ModelSource::Configured,
        display_name: configured
            .display_name
            .filter(|name| !name.trim().is_empty())
            .unwrap_or(known.display_name),
        input: if configured.input.is_empty() {
            known.input
        } else {
            configured.input
        },
        reasoning: configured.reasoning,
        context_window: configured.context_window,
        max_output_tokens: configured.max_output_tokens,
        price: configured.price,
        id: known.id,
        alias: known.alias,
        output: known.output,
        supports_tools: known.supports_tools,
        supports_structured_output: known.supports_structured_output,
        routes: known.routes,
        picks: known.picks,
        extras: known.extras,
    }
}

/// The first of each id.
fn unique(models: Vec<Model>) -> Vec<Model> {
    let mut kept: Vec<Model> = Vec::with_capacity(models.len());
    for model in models {
        if !kept.iter().any(|known| known.id == model.id) {
            kept.push(model);
        }
    }
    kept
}
