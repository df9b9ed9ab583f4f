//! Hostile lists, under the default limits and half their memory: never a trap, and the good rows stay.

use std::{sync::Arc, time::Duration};

use mock_router::Script;
use model_provider_host::contract::{DiscoveryMode, ModelCatalog, ModelSource};
use serde_json::{Value, json};

use crate::harness::{Harness, question};

const MIB: usize = 1024 * 1024;
/// The longest list that is read.
const CAP: usize = 4 * MIB;

/// What the component makes of a list in 64 MiB of memory; it still has to serve afterwards.
async fn listed(body: String) -> Arc<ModelCatalog> {
    let harness = Harness::with()
        .setting("max-memory-bytes", "67108864")
        // Memory counts here; on a busy machine, guest time includes time taken by other processes.
        .setting("max-guest-time-ms", "60000")
        .start()
        .await;
    harness
        .mock
        .push_models(Script::text(200, "application/json", body));
    let listing = harness.host.list_models(DiscoveryMode::Always);
    let catalog = tokio::time::timeout(Duration::from_secs(60), listing)
        .await
        .expect("a list ends")
        .expect("a list is never an error");
    // Every lookup now goes through the listed models.
    let found = harness
        .host
        .resolve("huggingface/Qwen/Qwen3-8B:cheapest")
        .await
        .unwrap();
    assert_eq!(found.canonical, "huggingface/Qwen/Qwen3-8B:cheapest");
    harness
        .host
        .resolve("huggingface/nobody-knows-this")
        .await
        .unwrap_err();
    harness
        .send(question("huggingface/Qwen/Qwen3-8B", "Hello!"))
        .await
        .summary();
    catalog
}

fn codes(catalog: &ModelCatalog) -> Vec<&str> {
    catalog
        .warnings
        .iter()
        .map(|warning| warning.code.as_str())
        .collect()
}

fn list(rows: impl IntoIterator<Item = Value>) -> String {
    let rows: Vec<Value> = rows.into_iter().collect();
    json!({ "object": "list", "data": rows }).to_string()
}

/// A row as the router writes it.
fn row(id: &str, routes: usize) -> Value {
    let route = |n: usize| {
        json!({
            "provider": format!("backend-{n}"), "status": "live", "context_length": 131_072,
            "pricing": { "input": 0.060000000000000005, "output": 2 + n },
            "supports_tools": true, "supports_structured_output": false, "is_free": false,
            "first_token_latency_ms": 500, "throughput": 20.5 + n as f64,
        })
    };
    let routes: Vec<Value> = (0..routes).map(route).collect();
    json!({
        "id": id, "object": "model", "created": 1_737_344_767, "owned_by": "acme",
        "architecture": { "input_modalities": ["text", "image"], "output_modalities": ["text"] },
        "providers": routes,
    })
}

#[tokio::test]
async fn ten_thousand_rows_and_one_are_cut_and_counted() {
    let catalog = listed(list(
        (0..10_001).map(|n| json!({ "id": format!("acme/model-{n}") })),
    ))
    .await;
    assert_eq!(
        (catalog.source, catalog.models.len()),
        (ModelSource::Live, 10_000)
    );
    assert_eq!(codes(&catalog), ["list-cut"]);
    assert!(
        catalog.warnings[0].message.contains("; 1 were left out"),
        "{:?}",
        catalog.warnings
    );
}

#[tokio::test]
async fn a_list_just_under_the_cap_is_read_whole() {
    let mut rows = Vec::new();
    let mut length = 0;
    for n in 0.. {
        let row = row(&format!("acme/model-{n}"), 8);
        length += row.to_string().len() + 1;
        if length > CAP - 1024 {
            break;
        }
        rows.push(row);
    }
    let count = rows.len();
    let mut body = list(rows);
    body.push_str(&" ".repeat(CAP - body.len()));
    assert_eq!(body.len(), CAP);
    let catalog = listed(body).await;
    assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Live, count));
    assert!(catalog.warnings.is_empty(), "{:?}", catalog.warnings);
    assert!(catalog.models.iter().all(|model| model.routes.len() == 8));
}

#[tokio::test]
async fn the_smallest_rows_that_fill_the_cap_stay_within_memory() {
    let body = format!("[{}1]", "{},".repeat((CAP - 3) / 3));
    let catalog = listed(body).await;
    assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Bundled, 10));
    assert_eq!(codes(&catalog), ["catalog-not-live", "rows-skipped", "list-cut"]);
}

#[tokio::test]
async fn rows_that_take_far_more_memory_than_bytes_stay_within_it() {
    let words: Vec<String> = ('a'..='h').map(String::from).collect();
    let extras = r#""a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1"#;
    let rows = (0..10_000).map(|n| {
        let routes: Vec<String> = (0..2).map(|n| format!(r#"{{"provider":"{n}",{extras}}}"#)).collect();
        format!(
            r#"{{"id":"a/{n}","architecture":{{"input_modalities":{words:?},"output_modalities":{words:?}}},"providers":[{}],{extras}}}"#,
            routes.join(",")
        )
    });
    let body = format!("[{}]", rows.collect::<Vec<_>>().join(","));
    assert!(body.len() < CAP, "{}", body.len());
    let catalog = listed(body).await;
    assert_eq!(
        (catalog.source, catalog.models.len()),
        (ModelSource::Live, 10_000)
    );
    assert!(catalog.warnings.is_empty(), "{:?}", catalog.warnings);
    let last = &catalog.models[9_999];
    assert_eq!(
        (last.input.len(), last.routes.len(), last.extras.len()),
        (8, 2, 8)
    );
    assert_eq!(last.routes[1].extras.len(), 8);
}

#[tokio::test]
async fn a_byte_more_than_the_cap_is_the_bundled_list() {
    let mut body = list([row("acme/one", 1)]);
    body.push_str(&" ".repeat(CAP + 1 - body.len()));
    let catalog = listed(body).await;
    assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Bundled, 10));
    assert_eq!(codes(&catalog), ["catalog-not-live"]);
    assert!(
        catalog.warnings[0].message.contains("longer than"),
        "{:?}",
        catalog.warnings
    );
}

#[tokio::test]
async fn a_list_without_end_is_the_bundled_list() {
    let harness = Harness::with()
        .setting("max-memory-bytes", "67108864")
        .start()
        .await;
    let flood = Script::text(200, "application/json", "[").repeat(r#"{"id":"acme/one"},"#, None);
    harness.mock.push_models(flood);
    let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Bundled, 10));
    assert_eq!(codes(&catalog), ["catalog-not-live"]);
    harness.mock.wait_disconnects(1).await;
}

#[tokio::test]
async fn ids_of_a_hundred_kilobytes_are_left_out_and_the_rest_stays() {
    let long = "x".repeat(100_000);
    let rows = (0..30).flat_map(|n| {
        [
            json!({ "id": format!("acme/{long}-{n}") }),
            row(&format!("acme/good-{n}"), 1),
        ]
    });
    let catalog = listed(list(rows)).await;
    assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Live, 30));
    assert_eq!(codes(&catalog), ["rows-skipped"]);
    assert!(
        catalog.warnings[0].message.starts_with("30 "),
        "{:?}",
        catalog.warnings
    );
}

#[tokio::test]
async fn long_texts_and_keys_elsewhere_lose_only_themselves() {
    let long = "x".repeat(100_000);
    let mut row = row("acme/good", 1);
    row["name"] = json!(long);
    row[&long] = json!(1);
    row["more"] = json!(long);
    row["architecture"]["input_modalities"] = json!([long, "text"]);
    row["providers"][0]["status"] = json!(long);
    let catalog = listed(list([row])).await;
    assert!(catalog.warnings.is_empty(), "{:?}", catalog.warnings);
    let model = &catalog.models[0];
    assert_eq!(
        (&*model.display_name, model.context_window),
        ("Good", Some(131_072))
    );
    assert_eq!(model.input, ["text"]);
}

#[tokio::test]
async fn json_a_million_deep_never_traps() {
    let half = 1_000_000;
    let arrays = format!("{}{}", "[".repeat(half), "]".repeat(half));
    let objects = format!("{}1{}", "{\"a\":".repeat(half / 3), "}".repeat(half / 3));
    // In a row and in a field of one, it is skipped like any other value.
    for deep in [&arrays, &objects] {
        let catalog = listed(format!(
            r#"{{"data":[{{"id":"acme/a","providers":{deep}}},{{"id":"acme/b"}}]}}"#
        ))
        .await;
        assert_eq!(
            (catalog.source, catalog.models.len()),
            (ModelSource::Live, 2),
            "{:?}",
            catalog.warnings
        );
    }
    let catalog = listed(format!(r#"{{"data":[{arrays},{{"id":"acme/b"}}]}}"#)).await;
    assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Live, 1));
    assert_eq!(codes(&catalog), ["rows-skipped"]);
    // Alone, and cut off, it names no model.
    for body in [
        arrays.clone(),
        objects,
        "[".repeat(half),
        "{\"data\":[".repeat(100_000),
    ] {
        let catalog = listed(body).await;
        assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Bundled, 10));
        assert_eq!(codes(&catalog)[0], "catalog-not-live");
    }
}

#[tokio::test]
async fn of_too_many_backends_of_one_model_some_are_kept() {
    let catalog = listed(list([row("acme/many", 10_000), row("acme/few", 2)])).await;
    let counts: Vec<usize> = catalog.models.iter().map(|model| model.routes.len()).collect();
    assert_eq!(counts, [64, 2]);
    assert_eq!(codes(&catalog), ["list-cut"]);
}
