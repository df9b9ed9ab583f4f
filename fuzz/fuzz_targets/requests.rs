//! Fuzz target of request bodies in each dialect: a request or a typed error, never a panic; each request gets a JSON
//! response.
#![no_main]

use dialects::{
    chat_completions::ChatCompletions,
    dialect::{Dialect, Head},
    ending::Ending,
    api_error::ApiError,
    messages::{Messages, count_tokens},
    responses::Responses,
};
use libfuzzer_sys::fuzz_target;
use provider_contract::{
    GenerationInfo,
    contract::{AssistantPart, ChatEvent, FinishReason, Reasoning, Summary, ToolCall, Usage},
};

fuzz_target!(|input: &[u8]| {
    let _ = count_tokens(input);
    for dialect in [&ChatCompletions::default() as &dyn Dialect, &Messages, &Responses] {
        match dialect.parse(input) {
            Ok(mut asked) => {
                asked.reply.begin(Head::default());
                let json = answer(asked);
                for text in json {
                    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
                }
            }
            Err(error) => {
                let body = dialect.error(&ApiError::from(&error), "1");
                assert!(body["error"]["message"].is_string());
            }
        }
    }
});

/// The response that is written, whole or streamed.
fn answer(mut asked: dialects::dialect::ParsedRequest) -> Vec<String> {
    let summary = Summary {
        finish_reason: FinishReason::Stop,
        raw_finish_reason: None,
        usage: Usage {
            input_tokens: Some(1),
            cached_input_tokens: None,
            output_tokens: Some(1),
            reasoning_tokens: None,
        },
        model: "a".into(),
        backend: None,
        request_id: None,
        attempts: 1,
        warnings: Vec::new(),
        extras: Vec::new(),
    };
    let ending = Ending {
        summary: &summary,
        generation: &GenerationInfo::new(1, "0", "sha256:0"),
        attempts: &[],
    };
    let parts = [
        AssistantPart::Reasoning(Reasoning::new("r")),
        AssistantPart::Text("t".into()),
        AssistantPart::ToolCall(ToolCall::new("c", "f", "{}")),
    ];
    if !asked.stream {
        return vec![asked.reply.whole("a", &parts, ending)];
    }
    let mut frames = Vec::new();
    asked.reply.opening("a", &mut frames);
    asked.reply.event(&ChatEvent::Text("t".into()), None, &mut frames);
    asked.reply.closing(ending, &mut frames);
    let data = frames.into_iter().map(|frame| frame.data);
    data.filter(|data| data != "[DONE]").collect()
}
