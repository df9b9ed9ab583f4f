//! A tool call and its round trip: `cargo run -p host-harness --example tools`.

#[allow(dead_code, unreachable_pub, reason = "each example uses a part")]
mod common;

use model_provider_host::contract::{AssistantPart, ChatRequest, FinishReason, Message};

const MODEL: &str = "openai/gpt-oss-120b:groq";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let example = common::start().await?;
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;
    let mut request = ChatRequest::new(MODEL)
        .user("How is the weather in Lisbon?")
        .function("get_weather", "The weather of a city", schema);

    loop {
        let response = example.host.complete(request.clone()).await?;
        // The model's turn goes back as it is, reasoning and signatures included.
        request = request.message(Message::assistant_parts(response.content.clone()));
        if response.summary.finish_reason != FinishReason::ToolCalls {
            for part in &response.content {
                if let AssistantPart::Text(text) = part {
                    println!("{text}");
                }
            }
            return Ok(());
        }
        for part in &response.content {
            if let AssistantPart::ToolCall(call) = part {
                println!("{}({})", call.name, call.arguments_json);
                let result = r#"{"temperature_c":21,"sky":"clear"}"#;
                request = request.message(Message::tool_result(&call.id, result));
            }
        }
    }
}
