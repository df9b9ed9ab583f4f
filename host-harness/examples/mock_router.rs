//! The mock router in a program's own tests: faults on demand, and a record of what was sent.
//! `cargo run -p host-harness --example mock_router`.

#![allow(clippy::expect_used, reason = "the program stands for somebody's test")]

#[allow(dead_code, unreachable_pub, reason = "each example uses a part")]
mod common;

use mock_router::Script;
use model_provider_host::contract::ChatRequest;

const MODEL: &str = "Qwen/Qwen2.5-7B-Instruct";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let common::Example { router, host, .. } = common::start().await?;
    let request = || ChatRequest::new(MODEL).user("Hello!");

    // A fault by name (`host-harness mock-router --scenario list` lists them).
    router.set_scenario("402-depleted")?;
    let error = host.complete(request()).await.expect_err("no credits are left");
    println!("{}: {}", error.kind(), error.message());
    router.clear_scenario();

    // A response of the test's own: the next request gets it, later ones the default response.
    let chunk = r#"{"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"scripted"},"finish_reason":"stop"}]}"#;
    router.push(Script::sse([chunk, "[DONE]"]));
    let response = host.complete(request()).await?;
    println!("{:?}", response.content);

    // Every request is recorded.
    let recorded = router.requests();
    println!(
        "{} requests, over {} connections",
        recorded.len(),
        router.connections()
    );
    Ok(())
}
