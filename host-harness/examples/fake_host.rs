//! A program's own tests without a plugin: what it reads is a stream of events, and a test makes one.
//! `cargo run -p host-harness --example fake_host`.

#[allow(dead_code, unreachable_pub, reason = "each example uses a part")]
mod common;

use futures::{Stream, StreamExt as _, stream};
use model_provider_host::{
    Error, ErrorKind, Result,
    contract::{ChatEvent, ChatRequest, ProviderErrorKind},
};

/// The program's code. It takes any stream of events, and so knows no host.
async fn first_sentence(mut events: impl Stream<Item = Result<ChatEvent>> + Unpin) -> Result<String> {
    let mut text = String::new();
    while let Some(event) = events.next().await {
        if let ChatEvent::Text(part) = event? {
            text += &part;
        }
        if let Some(end) = text.find(". ") {
            text.truncate(end + 1);
            break;
        }
    }
    Ok(text)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In a test: events that the test chooses, errors included.
    let text = |part: &str| Ok(ChatEvent::Text(part.to_owned()));
    let events = stream::iter([text("One"), text(". Two"), text(". Three.")]);
    assert_eq!(first_sentence(events).await?, "One.");
    let limited =
        Error::new(ErrorKind::Provider(ProviderErrorKind::RateLimited), "try later").retryable(true);
    let failed = first_sentence(stream::iter([text("One"), Err(limited)])).await;
    assert!(failed.is_err_and(|error| error.is_retryable()));
    println!("the fake: both cases hold");

    // In the program: a response of the host.
    let example = common::start().await?;
    let request = ChatRequest::new("Qwen/Qwen2.5-7B-Instruct").user("Hello!");
    println!(
        "the host: {}",
        first_sentence(example.host.chat(request).await?).await?
    );
    Ok(())
}
