//! The recorded list of the real router, against an independent implementation of the same rules.

use alloc::{format, string::ToString};

use serde_json::{Value, json};

use super::*;
use crate::contract::types::Route;

/// A second implementation of section 4's rules, on whole JSON trees and with floats.
fn independent_reading(row: &Value) -> Value {
    let empty = Vec::new();
    let usable: Vec<&Value> = row["providers"]
        .as_array()
        .unwrap_or(&empty)
        .iter()
        .filter(|route| route["status"] != "error" && route["status"] != "offline")
        .collect();
    let window = usable
        .iter()
        .filter_map(|route| route["context_length"].as_u64())
        .min();
    let mut priced: Vec<(f64, f64)> = usable
        .iter()
        .filter_map(|route| {
            Some((
                route["pricing"]["output"].as_f64()?,
                route["pricing"]["input"].as_f64()?,
            ))
        })
        .collect();
    priced.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let ability = |key: &str| {
        let says: Vec<Option<bool>> = usable.iter().map(|route| route[key].as_bool()).collect();
        if says.contains(&Some(true)) {
            Some(true)
        } else {
            (!says.is_empty() && says.iter().all(|says| *says == Some(false))).then_some(false)
        }
    };
    json!({
        "window": window,
        "price": priced.first().map(|(output, input)| [format!("{input:.6}"), format!("{output:.6}")]),
        "tools": ability("supports_tools"),
        "structured": ability("supports_structured_output"),
    })
}

#[test]
fn the_recorded_list_reads_as_an_independent_reading_of_it() {
    let Ok(corpus) = std::env::var("ROUTER_CORPUS") else {
        std::println!("skipped: ROUTER_CORPUS is not set");
        return;
    };
    let mut lists = 0;
    for file in std::fs::read_dir(format!("{corpus}/models")).unwrap() {
        let recorded: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        let answer = &recorded["response_body"];
        let body = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        let answer: Value = serde_json::from_str(&body).unwrap();
        let Some(rows) = answer["data"].as_array() else {
            continue;
        };
        lists += 1;
        let catalog = from_list(body.as_bytes(), &PlainSettings::default());
        assert!(catalog.warnings.is_empty(), "{:?}", catalog.warnings);
        assert_eq!(catalog.models.len(), rows.len());
        for (row, model) in rows.iter().zip(&catalog.models) {
            let known = bundled::find(&model.id).map(bundled::Bundled::model);
            let six = |text: &str| format!("{:.6}", text.parse::<f64>().unwrap());
            let price = |model: &Model| {
                model
                    .price
                    .as_ref()
                    .map(|price| [six(&price.input), six(&price.output)])
            };
            let mut expected = independent_reading(row);
            if expected["window"].is_null() {
                expected["window"] = json!(known.as_ref().and_then(|known| known.context_window));
            }
            if expected["price"].is_null() {
                expected["price"] = json!(known.as_ref().and_then(price));
            }
            let read = json!({
                "window": model.context_window,
                "price": price(model),
                "tools": model.supports_tools,
                "structured": model.supports_structured_output,
            });
            assert_eq!(read, expected, "{}", model.id);
            assert_eq!(json!(model.id), row["id"]);
            assert_eq!(model.routes.len(), row["providers"].as_array().unwrap().len());
            let is_author = |route: &Route| route.extras.iter().any(|extra| extra.key == "is_model_author");
            assert!(model.routes.iter().all(is_author));
        }
        std::println!("{} models agree", rows.len());
    }
    assert!(lists > 0, "the corpus has no list");
}
