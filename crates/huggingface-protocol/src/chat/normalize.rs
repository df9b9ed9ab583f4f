//! What a request is changed to before it is checked, where its meaning is plain and backends would refuse it.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::contract::types::{AssistantPart, Message, Warning};

/// Gives each tool call of a message an id of its own. Calls that share one get their results in their order, so
/// the results are renamed alike.
pub(super) fn unique_call_ids(messages: &mut [Message]) -> Option<Warning> {
    let mut count = 0;
    let mut rest = messages;
    while let Some((message, later)) = rest.split_first_mut() {
        if let Message::Assistant(said) = message {
            count += rename(&mut said.content, later);
        }
        rest = later;
    }
    (count > 0).then(|| Warning {
        code: "tool-call-ids-renamed".to_string(),
        message: format!("{count} tool calls shared the id of a call before them and were given others."),
    })
}

fn rename(parts: &mut [AssistantPart], later: &mut [Message]) -> usize {
    let mut seen: Vec<String> = Vec::new();
    // Of each renamed call: the id that it shared, which of the calls of that id it is, and its new one.
    let mut renamed: Vec<(String, usize, String)> = Vec::new();
    for part in parts {
        let AssistantPart::ToolCall(call) = part else {
            continue;
        };
        let shared = call.id.clone();
        if shared.is_empty() || !seen.contains(&shared) {
            seen.push(shared);
            continue;
        }
        let nth = 1 + renamed.iter().filter(|(id, ..)| *id == shared).count();
        let mut suffix = nth + 1;
        let mut id = format!("{shared}-{suffix}");
        while seen.contains(&id) {
            suffix += 1;
            id = format!("{shared}-{suffix}");
        }
        call.id.clone_from(&id);
        seen.push(id.clone());
        renamed.push((shared, nth, id));
    }
    if renamed.is_empty() {
        return 0;
    }
    let mut met: Vec<String> = Vec::new();
    for message in later {
        let Message::Tool(result) = message else { break };
        let nth = met.iter().filter(|id| **id == result.call_id).count();
        met.push(result.call_id.clone());
        let new = renamed
            .iter()
            .find(|(shared, of, _)| *shared == result.call_id && *of == nth);
        if let Some((_, _, id)) = new {
            result.call_id.clone_from(id);
        }
    }
    renamed.len()
}
