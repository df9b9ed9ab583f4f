//! A streaming response: `cargo run -p host-harness --example stream`.

#[allow(dead_code, unreachable_pub, reason = "each example uses a part")]
mod common;

use futures::StreamExt as _;
use model_provider_host::contract::{ChatEvent, ChatRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let example = common::start().await?;
    let request = ChatRequest::new("deepseek-ai/DeepSeek-R1:fastest").user("What is a component?");
    let mut response = example.host.chat(request).await?;

    // A response is a `Stream` of events. Dropping it cancels the request.
    let (mut reasoning, mut text) = (String::new(), String::new());
    while let Some(event) = response.next().await? {
        match event {
            ChatEvent::Reasoning(part) => reasoning += &part.text,
            ChatEvent::Text(part) => text += &part,
            _ => {}
        }
    }
    println!("reasoning: {} bytes", reasoning.len());
    println!("{text}");
    let summary = response.summary().ok_or("a complete response has a summary")?;
    println!(
        "{:?}, {:?} tokens",
        summary.finish_reason, summary.usage.output_tokens
    );

    // The combinators of `futures` work on it as well.
    let request = ChatRequest::new("deepseek-ai/DeepSeek-R1:fastest").user("And in one word?");
    let events = example.host.chat(request).await?.collect::<Vec<_>>().await;
    let failed = events.iter().filter(|event| event.is_err()).count();
    println!("{} events, {failed} errors", events.len());
    Ok(())
}
