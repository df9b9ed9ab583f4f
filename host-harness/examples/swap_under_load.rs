//! A hot swap while requests are in flight: `cargo run -p host-harness --example swap_under_load`.

#[allow(dead_code, unreachable_pub, reason = "each example uses a part")]
mod common;

use model_provider_host::contract::ChatRequest;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let example = common::start().await?;
    let requests: Vec<_> = (0..32)
        .map(|number| {
            let host = example.host.clone();
            tokio::spawn(async move {
                let request = ChatRequest::new("Qwen/Qwen2.5-7B-Instruct").user(format!("Request {number}"));
                host.complete(request)
                    .await
                    .map(|completed| completed.generation.number)
            })
        })
        .collect();

    // Every request reaches the router first, so that all of them are in flight.
    example.router.wait_requests(requests.len()).await;
    let report = example.host.swap(&example.file).await?;
    println!("generation {} is live", report.to.number);

    let mut by_generation = std::collections::BTreeMap::new();
    for request in requests {
        *by_generation.entry(request.await??).or_insert(0) += 1;
    }
    for (generation, count) in by_generation {
        println!("{count} responses of generation {generation}");
    }
    Ok(())
}
