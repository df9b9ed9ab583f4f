//! The recorded list of the real router through the component, against an independent implementation of the same rules.
//! Found by `ROUTER_CORPUS`; skipped without it.

use std::{collections::BTreeSet, fs, path::PathBuf};

use model_provider_host::contract::{DiscoveryMode, Model, ModelSource};
use serde_json::{Value, json};

use crate::harness::Harness;

/// A price as the contract writes it, by way of floats: ten significant digits, no trailing zeros.
fn price_text(price: &Value) -> Option<String> {
    let digits = format!("{:.9e}", price.as_f64()?);
    Some(digits.parse::<f64>().unwrap().to_string())
}

/// Output, then input: the order in which prices are compared.
fn price(route: &Value) -> Option<(f64, f64)> {
    let pricing = &route["pricing"];
    Some((pricing["output"].as_f64()?, pricing["input"].as_f64()?))
}

fn routes(row: &Value) -> &[Value] {
    row["providers"].as_array().map_or(&[], Vec::as_slice)
}

/// Window, price, tools and structured output by the rules, from whole JSON trees, written independently.
fn independent_reading(row: &Value) -> Value {
    let usable: Vec<&Value> = routes(row)
        .iter()
        .filter(|route| route["status"] != "error" && route["status"] != "offline")
        .collect();
    let windows = usable.iter().filter_map(|route| route["context_length"].as_u64());
    let mut priced: Vec<&Value> = usable
        .iter()
        .copied()
        .filter(|route| price(route).is_some())
        .collect();
    priced.sort_by(|a, b| price(a).partial_cmp(&price(b)).unwrap());
    let ability = |key: &str| {
        let says: Vec<&Value> = usable.iter().map(|route| &route[key]).collect();
        if says.contains(&&json!(true)) {
            Some(true)
        } else {
            (!says.is_empty() && says.iter().all(|says| **says == json!(false))).then_some(false)
        }
    };
    json!({
        "window": windows.min(),
        "price": priced.first().map(|route| [price_text(&route["pricing"]["input"]), price_text(&route["pricing"]["output"])]),
        "tools": ability("supports_tools"),
        "structured": ability("supports_structured_output"),
    })
}

fn facts(model: &Model) -> Value {
    json!({
        "window": model.context_window,
        "price": model.price.as_ref().map(|price| [&price.input, &price.output]),
        "tools": model.supports_tools,
        "structured": model.supports_structured_output,
    })
}

/// The count of models whose routes disagree.
fn mixed(rows: &[Value], says: impl Fn(&Value) -> Option<String>) -> usize {
    let differ = |row: &&Value| {
        routes(row)
            .iter()
            .filter_map(&says)
            .collect::<BTreeSet<_>>()
            .len()
            > 1
    };
    rows.iter().filter(differ).count()
}

#[tokio::test]
async fn the_recorded_list_reads_as_an_independent_reading_of_it() {
    let Some(corpus) = std::env::var_os("ROUTER_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: ROUTER_CORPUS is not set");
        return;
    };
    let file = fs::read_dir(corpus.join("models"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = file
        .filter(|path| path.to_string_lossy().contains("model-list"))
        .min()
        .unwrap();
    let recorded: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let rows = recorded["response_body"]["data"].as_array().unwrap();

    let harness = Harness::with().mock(|mock| mock.replay([file])).start().await;
    let bundled = harness.host.list_models(DiscoveryMode::Off).await.unwrap();
    let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    assert_eq!((catalog.source, catalog.warnings.len()), (ModelSource::Live, 0));
    assert_eq!((rows.len(), catalog.models.len()), (127, 127));
    for (row, model) in rows.iter().zip(&catalog.models) {
        assert_eq!(row["id"], model.id.as_str());
        let mut expected = independent_reading(row);
        // What the list leaves out comes from the plugin, if it knows the model.
        if let Some(known) = bundled
            .models
            .iter()
            .find(|known| known.id == model.id)
            .map(facts)
        {
            for key in ["window", "price"] {
                if expected[key].is_null() {
                    expected[key] = known[key].clone();
                }
            }
        }
        assert_eq!(facts(model), expected, "{}", model.id);
        assert_eq!(model.routes.len(), routes(row).len(), "{}", model.id);
        // And it resolves to the same figures, from the list that the host caches.
        let found = harness.host.resolve(&model.id).await.unwrap();
        assert_eq!(facts(&found.metadata.unwrap()), expected, "{}", model.id);
    }
    // The list exercises the rules: in this many models the routes disagree.
    assert_eq!(mixed(rows, |route| price_text(&route["pricing"]["output"])), 31);
    assert_eq!(mixed(rows, |route| Some(route["supports_tools"].to_string())), 42);
}
