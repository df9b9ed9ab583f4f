//! Checks of a conversation over several turns.

use model_provider_host::contract::{
    AssistantPart, ChatRequest, FunctionTool, Message, ProviderErrorKind, Tool, ToolCall,
};

use super::sent::unsupported;
use crate::{
    check::{Verdict, checks, expect, failed},
    session::{Bench, words},
};

checks! {
    "response/call-ids-of-turns", "Identifies the call within the conversation. The plugin makes one up where the upstream sent none." => call_ids_of_turns;
}

/// The calls of a response whose upstream sends no ids.
async fn calls(bench: &Bench, request: &ChatRequest) -> Result<Vec<ToolCall>, Verdict> {
    let mut session = bench.with().chat("tool-call-without-id")?.start().await?;
    let heard = session.hear(request).await?;
    match &heard.end {
        Ok(_) => Ok(heard.calls()),
        Err(error) if error.kind == ProviderErrorKind::Unsupported => Err(unsupported(error)),
        Err(error) => Err(failed("a response to its end", words(error))),
    }
}

async fn call_ids_of_turns(bench: &Bench) -> Result<(), Verdict> {
    let tool = FunctionTool {
        name: "get_time".to_owned(),
        description: None,
        parameters_json: r#"{"type":"object"}"#.to_owned(),
        strict: None,
        extras: Vec::new(),
    };
    let mut request = ChatRequest {
        tools: vec![Tool::Function(tool)],
        ..bench.question()
    };
    let question = request.messages.clone();
    for turn in 1..=3 {
        let calls = calls(bench, &request).await?;
        let known = |call: &ToolCall| request.messages.iter().any(|message| has(message, &call.id));
        expect(!calls.iter().any(known), "ids that no call before has", || {
            let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
            format!("{ids:?} in turn {turn}, after {:?}", request.messages)
        })?;
        // The third request is as long as the second: a host may leave out what is old.
        if turn == 2 {
            request.messages.clone_from(&question);
        }
        let results: Vec<Message> = calls
            .iter()
            .map(|call| Message::tool_result(&call.id, "kit-result"))
            .collect();
        let parts = calls.into_iter().map(AssistantPart::ToolCall).collect();
        request.messages.push(Message::assistant_parts(parts));
        request.messages.extend(results);
    }
    Ok(())
}

/// Whether a message of the model has the call of this id.
fn has(message: &Message, id: &str) -> bool {
    let Message::Assistant(assistant) = message else {
        return false;
    };
    let is_it = |part: &AssistantPart| matches!(part, AssistantPart::ToolCall(call) if call.id == id);
    assistant.content.iter().any(is_it)
}
