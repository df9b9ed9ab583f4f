//! Each recorded response decodes to what an independent reader makes of it.

use std::{env, path::PathBuf, prelude::v1::*, println};

use serde_json::{Value, json};

use self::independent::Reader;
use super::{corpus::*, *};
use crate::{chat::Collector, contract::types::AssistantPart};

#[path = "../../../../../tests/reader.rs"]
mod independent;

/// An outcome in the reader's form.
fn reading(outcome: Outcome) -> Value {
    let mut collector = Collector::default();
    outcome.events.into_iter().for_each(|event| collector.push(event));
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for part in collector.finish() {
        match part {
            AssistantPart::Text(more) => text += &more,
            AssistantPart::Reasoning(more) => reasoning += &more.text,
            AssistantPart::ToolCall(call) => {
                calls.push(json!({ "name": call.name, "arguments": call.arguments_json.trim() }));
            }
            AssistantPart::Media(_) | AssistantPart::Other(_) => {}
        }
    }
    let (summary, error) = (outcome.result.as_ref().ok(), outcome.result.as_ref().err());
    json!({
        "text": text,
        "reasoning": reasoning,
        "toolCalls": calls,
        "usage": summary.map(|Summary { usage, .. }| json!({
            "input": usage.input_tokens,
            "cached": usage.cached_input_tokens,
            "output": usage.output_tokens,
            "reasoning": usage.reasoning_tokens,
        })),
        "finish": summary.map(|summary| word(summary.finish_reason)),
        "rawFinish": summary.map(|summary| &summary.raw_finish_reason),
        "error": error.map(|error| json!({
            "kind": word(error.kind),
            "status": error.status,
            "code": error.code,
            "message": error.message,
        })),
    })
}

#[test]
fn every_recorded_response_means_what_an_independent_reader_says() {
    for (folder, ending) in [("sse", "sse"), ("chat", "json"), ("errors", "json")] {
        let recordings = recordings(folder);
        let Some(corpus) = env::var_os("ROUTER_CORPUS").map(PathBuf::from) else {
            continue;
        };
        let Some(mut reader) = Reader::of(&corpus, folder) else {
            continue;
        };
        let count = recordings.len();
        for (name, about, body) in recordings {
            let plugin = reading(outcome(&served(&about, body), &[]));
            reader.compare(&format!("{folder}/{name}.{ending}"), &plugin);
        }
        reader.finish();
        println!("{folder}: {count} recordings compared");
    }
}
