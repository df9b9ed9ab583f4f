//! `models`: the available models, and the configured ones.

mod choose;
mod export;
mod status;

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use super::{
    Outcome,
    args::{Format, Global, ListArgs, ModelsAction, ModelsArgs, SortKey},
    format,
    output::models::{CatalogJson, reference, shown_name, shown_price, source, usable, variants},
    session::Session,
    style::Style,
    table::{self, Column},
    terminal::Terminal,
};
use model_provider_host::{
    Host, Settings,
    contract::{DiscoveryMode, Model, ModelCatalog, ProviderInfo},
    cost::Usd,
};

/// The title of prices.
const PRICE: &str = "$ PER M IN / OUT";

pub(super) async fn run(terminal: Terminal, global: &Global, args: &ModelsArgs) -> Outcome {
    match &args.action {
        None => list(terminal, global, &args.list).await,
        Some(ModelsAction::List(with)) => list(terminal, global, &with.args).await,
        Some(ModelsAction::Set(with)) => choose::set(terminal, global, &with.args.reference).await,
        Some(ModelsAction::Alias(with)) => choose::alias(terminal, global, &with.args).await,
        Some(ModelsAction::Fallbacks(args)) => choose::fallbacks(terminal, global, &args.action).await,
        Some(ModelsAction::Status(with)) => status::run(terminal, global, &with.args).await,
        Some(ModelsAction::Export(with)) => export::run(terminal, global, &with.args).await,
    }
}

async fn list(terminal: Terminal, global: &Global, args: &ListArgs) -> Outcome {
    let session = Session::open(terminal, global).await?;
    let discovery = if args.live {
        DiscoveryMode::Always
    } else {
        session.settings.discovery
    };
    let mut catalog = {
        let _turning = terminal.spinner("loading the models");
        Arc::unwrap_or_clone(session.host.list_models(discovery).await?)
    };
    // A base URL given for one call says nothing about the usual service.
    if global.base_url.is_none()
        && let Err(error) = session.configuration.write_models(&session.info, &catalog)
    {
        terminal.warn(error.message());
    }
    let all = catalog.models.len();
    if let Some(filter) = &args.filter {
        catalog
            .models
            .retain(|model| matches(&session.info, model, filter));
    }
    let aliases = if args.all_variants {
        Some(aliases_by_reference(&session.host, &session.settings).await)
    } else {
        None
    };
    if terminal.is_text() {
        let text = text(
            terminal.out,
            &session.info,
            &mut catalog,
            args.sort,
            aliases.as_ref(),
        );
        if !catalog.models.is_empty() {
            terminal.line(&text)?;
        }
        warn(terminal, &catalog);
        terminal.note(&terminal.err.dim(&footer(&catalog, all)));
        return Ok(());
    }
    let json = CatalogJson::new(&session.info, &catalog, aliases.as_ref());
    if terminal.format == Format::Json {
        terminal.json(&json)?;
    } else {
        for model in &json.models {
            terminal.json(model)?;
        }
        warn(terminal, &catalog);
    }
    Ok(())
}

fn warn(terminal: Terminal, catalog: &ModelCatalog) {
    terminal.warn_of(catalog.warnings.iter().map(|warning| warning.message.as_str()));
}

/// The configured aliases by canonical reference. Aliases that do not resolve are left to `doctor`.
pub(super) async fn aliases_by_reference(host: &Host, settings: &Settings) -> HashMap<String, String> {
    let mut aliases = HashMap::new();
    for alias in settings.models.aliases() {
        if let Ok(resolved) = host.resolve(&alias.reference).await {
            aliases
                .entry(resolved.canonical)
                .or_insert_with(|| alias.alias.clone());
        }
    }
    aliases
}

/// Whether a model's reference, name, alias or backends contain every word of a filter, in any case.
pub(super) fn matches(info: &ProviderInfo, model: &Model, filter: &str) -> bool {
    let mut text = format!("{}\n{}", reference(info, model), model.display_name);
    let backends = model.routes.iter().map(|route| route.backend.as_str());
    for more in model.alias.as_deref().into_iter().chain(backends) {
        text.push('\n');
        text.push_str(more);
    }
    let text = text.to_lowercase();
    filter
        .split_whitespace()
        .all(|word| text.contains(&word.to_lowercase()))
}

fn text(
    paint: Style,
    info: &ProviderInfo,
    catalog: &mut ModelCatalog,
    sort: SortKey,
    aliases: Option<&HashMap<String, String>>,
) -> String {
    self::sort(&mut catalog.models, sort);
    match aliases {
        None => models_table(paint, info, &catalog.models),
        Some(aliases) => variants_table(paint, info, &catalog.models, aliases),
    }
}

/// The table of models, one line each.
pub(super) fn models_table(paint: Style, info: &ProviderInfo, models: &[Model]) -> String {
    let columns = [
        Column::Left("NAME"),
        Column::Left("REFERENCE"),
        Column::Right("WINDOW"),
        Column::Right(PRICE),
        Column::Left("TAKES"),
        Column::Left("TOOLS"),
        Column::Right("ROUTES"),
        Column::Right("SPEED"),
    ];
    let row = |model: &Model| {
        let routes = model.routes.len();
        vec![
            shown_name(model).to_owned(),
            reference(info, model),
            format::known_tokens(model.context_window),
            shown_price(model),
            known_words(&model.input),
            format::yes_no(model.supports_tools).to_owned(),
            if routes == 0 {
                format::UNKNOWN.to_owned()
            } else {
                routes.to_string()
            },
            format::speed(best_speed(model)),
        ]
    };
    let expendable = ["SPEED", "ROUTES", "TOOLS", "TAKES", "NAME", "WINDOW", PRICE];
    table::render(paint, &columns, models.iter().map(row).collect(), &expendable)
}

fn variants_table(
    paint: Style,
    info: &ProviderInfo,
    models: &[Model],
    aliases: &HashMap<String, String>,
) -> String {
    let columns = [
        Column::Left("NAME"),
        Column::Left("REFERENCE"),
        Column::Left("BACKEND NOW"),
        Column::Left("LOCKED"),
        Column::Right("WINDOW"),
        Column::Right(PRICE),
        Column::Left("TOOLS"),
    ];
    let mut rows = Vec::new();
    for model in models {
        for (index, variant) in variants(info, model, aliases).into_iter().enumerate() {
            let indent = if index == 0 { "" } else { "  " };
            rows.push(vec![
                format!("{indent}{}", variant.label),
                variant.reference,
                variant.backend.unwrap_or_else(|| format::UNKNOWN.to_owned()),
                format::yes_no(Some(variant.provider_locked)).to_owned(),
                format::known_tokens(variant.context_window),
                variant.shown_price,
                format::yes_no(variant.supports_tools).to_owned(),
            ]);
        }
    }
    let expendable = ["LOCKED", "TOOLS", "BACKEND NOW", "NAME", "WINDOW", PRICE];
    table::render(paint, &columns, rows, &expendable)
}

fn known_words(words: &[String]) -> String {
    if words.is_empty() {
        format::UNKNOWN.to_owned()
    } else {
        words.join(", ")
    }
}

fn best_speed(model: &Model) -> Option<f64> {
    let speeds = usable(model).filter_map(|route| route.tokens_per_second);
    speeds
        .filter(|speed| speed.is_finite())
        .max_by(|a, b| a.total_cmp(b))
}

fn best_latency(model: &Model) -> Option<f64> {
    let latencies = usable(model).filter_map(|route| route.first_token_latency_ms);
    latencies
        .filter(|ms| ms.is_finite())
        .min_by(|a, b| a.total_cmp(b))
}

/// Sorts models.
pub(super) fn sort(models: &mut [Model], key: SortKey) {
    models.sort_by(|a, b| compare(key, a, b));
}

fn compare(key: SortKey, a: &Model, b: &Model) -> Ordering {
    let by_name = || {
        let name = |model: &Model| shown_name(model).to_lowercase();
        name(a).cmp(&name(b)).then_with(|| a.id.cmp(&b.id))
    };
    let largest = |value: fn(&Model) -> f64| value(b).total_cmp(&value(a));
    let smallest = |value: fn(&Model) -> f64| value(a).total_cmp(&value(b));
    let window = |model: &Model| model.context_window.map_or(-1.0, f64::from);
    let output = |model: &Model| model.max_output_tokens.map_or(-1.0, f64::from);
    match key {
        SortKey::Name => Ordering::Equal,
        SortKey::Price => by_price(a, b),
        SortKey::Window => largest(window),
        SortKey::Output => largest(output),
        SortKey::Speed => largest(|model| best_speed(model).unwrap_or(-1.0)),
        SortKey::Latency => smallest(|model| best_latency(model).unwrap_or(f64::INFINITY)),
        SortKey::Routes => b.routes.len().cmp(&a.routes.len()),
    }
    .then_with(by_name)
}

/// Output price, then input price; an unknown one sorts as the most expensive.
fn by_price(a: &Model, b: &Model) -> Ordering {
    let of = |model: &Model| {
        let known = |text: &str| Usd::parse(text).map_or((true, Usd::default()), |amount| (false, amount));
        let price = model.price.as_ref();
        (
            known(price.map_or("", |price| &price.output)),
            known(price.map_or("", |price| &price.input)),
        )
    };
    of(a).cmp(&of(b))
}

fn footer(catalog: &ModelCatalog, all: usize) -> String {
    let shown = catalog.models.len();
    let count = if shown == all {
        format::counted(all, "model")
    } else {
        format!("{shown} of {}", format::counted(all, "model"))
    };
    format!("{count} ({})", source(catalog.source))
}

#[cfg(test)]
mod tests;
