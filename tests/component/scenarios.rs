//! Every scenario of the mock router through the real component, compared with `tests/cases/scenarios.json`.
//!
//! `BLESS=1 cargo test` rewrites that file; review the difference before you commit it.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use mock_router::scenarios;
use model_provider_host::Plugin;
use serde_json::{Map, Value, json};

use crate::harness::{Harness, Heard, plugin, question, waiting_plugin, weather_tool};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cases/scenarios.json");

/// The end of a response in short; default values are left out.
fn outcome(heard: &Heard) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() && value != json!("") && value != json!([]) && value != json!({}) {
            out.insert(key.to_owned(), value);
        }
    };
    put("text", json!(shortened(&heard.text())));
    put("reasoning", json!(shortened(&heard.reasoning())));
    let calls = heard.tool_calls();
    put(
        "tools",
        calls
            .iter()
            .map(|call| json!([call.name, call.arguments_json]))
            .collect(),
    );
    if let Some(summary) = &heard.summary {
        put("finish", json!(format!("{:?}", summary.finish_reason)));
        put("raw", json!(summary.raw_finish_reason));
        put(
            "usage",
            json!([summary.usage.input_tokens, summary.usage.output_tokens]),
        );
        put(
            "attempts",
            if summary.attempts == 1 {
                Value::Null
            } else {
                json!(summary.attempts)
            },
        );
        put(
            "warnings",
            summary
                .warnings
                .iter()
                .map(|warning| json!(warning.code))
                .collect(),
        );
    }
    if let Some(error) = &heard.error {
        let details = error.details();
        put("error", json!(error.kind().as_str()));
        put("message", json!(error.message()));
        put("hint", json!(error.hint()));
        put("status", json!(details.status));
        put("code", json!(details.code));
        put(
            "retryable",
            if details.retryable {
                json!(true)
            } else {
                Value::Null
            },
        );
        put("retryAfterMs", json!(details.retry_after_ms));
        put(
            "attempts",
            if details.attempts == 1 {
                Value::Null
            } else {
                json!(details.attempts)
            },
        );
        put(
            "requestSent",
            if details.request_sent {
                Value::Null
            } else {
                json!(false)
            },
        );
        put("backend", json!(details.backend));
        put(
            "extras",
            details
                .extras
                .iter()
                .map(|extra| json!([extra.key, extra.value_json]))
                .collect(),
        );
    }
    Value::Object(out)
}

/// The beginning of a long text and its length.
fn shortened(text: &str) -> String {
    let chars = text.chars().count();
    if chars <= 200 {
        return text.to_owned();
    }
    let head: String = text.chars().take(40).collect();
    // Where a limit cuts a flood off depends on the sizes of the network's chunks.
    match chars / 2_000_000 {
        0 => format!("{head}… ({chars} characters)"),
        _ => format!("{head}… (millions of characters)"),
    }
}

async fn play(name: &'static str, plugin: Plugin) -> (String, Value) {
    let harness = Harness::with()
        .mock(|mock| mock.scenario(name))
        .setting("first-byte-timeout-ms", "4000")
        .setting("idle-timeout-ms", "4000")
        .setting("max-retries", "1")
        .setting("max-response-bytes", "20000000")
        .setting("max-guest-time-ms", "60000")
        .start_with(plugin)
        .await;
    let mut request = question("huggingface/Qwen/Qwen3-8B", "Tell me.");
    if name.starts_with("tool") {
        request.tools.push(weather_tool());
    }
    let heard = harness.send(request).await;
    order_rules_hold(name, &heard);
    (name.to_owned(), outcome(&heard))
}

/// One start, then deltas, then one end for each call; text is never empty.
fn order_rules_hold(name: &str, heard: &Heard) {
    use model_provider_host::contract::ChatEvent;
    let mut open = Vec::new();
    let mut next = 0;
    for event in &heard.events {
        match event {
            ChatEvent::ToolCallStart(start) => {
                assert_eq!(
                    start.index, next,
                    "{name}: calls are counted in the order of their starts"
                );
                next += 1;
                open.push(start.index);
            }
            ChatEvent::ToolCallDelta(delta) => assert!(open.contains(&delta.index), "{name}: a stray delta"),
            ChatEvent::ToolCallEnd(end) => {
                let at = open.iter().position(|open| *open == end.index);
                open.remove(at.unwrap_or_else(|| panic!("{name}: an end without a start")));
            }
            ChatEvent::Text(text) => assert!(!text.is_empty(), "{name}: an empty text"),
            _ => {}
        }
    }
    assert!(
        open.is_empty() || heard.error.is_some(),
        "{name}: a call never ended"
    );
}

async fn play_all(plugin: Plugin) -> BTreeMap<String, Value> {
    let names = scenarios()
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with("models-"));
    let played = stream::iter(names).map(|name| play(name, plugin.clone()));
    played.buffer_unordered(16).collect().await
}

fn agrees(found: &BTreeMap<String, Value>) {
    let known: BTreeMap<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let other: Vec<_> = found
        .iter()
        .filter(|(name, outcome)| known.get(*name) != Some(*outcome))
        .map(|(name, outcome)| format!("{name}: {outcome}\nexpected: {:?}", known.get(name)))
        .collect();
    assert!(other.is_empty(), "{}", other.join("\n"));
    assert_eq!(
        found.len(),
        known.len(),
        "the table has scenarios that the mock has not"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_ends_as_in_the_table() {
    let found = play_all(plugin().await).await;
    if std::env::var_os("BLESS").is_some() {
        let text = serde_json::to_string_pretty(&found).unwrap();
        std::fs::write(FILE, text + "\n").unwrap();
        return;
    }
    agrees(&found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_guest_waits_every_scenario_ends_the_same() {
    agrees(&play_all(waiting_plugin().await).await);
}
