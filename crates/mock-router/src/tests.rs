//! The mock router over TCP.

mod client;
mod default_response;
mod endpoints;
mod faults;
mod replays;

use serde_json::{Value, json};

use super::{MockOptions, MockRouter};

async fn mock() -> MockRouter {
    MockRouter::start(MockOptions::immediate())
        .await
        .expect("the mock starts")
}

fn asking(model: &str, text: &str) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "stream": true,
        "stream_options": {"include_usage": true},
    })
}
