//! Normalization of a request before validation: fixes what is unambiguous and backends would refuse.

use alloc::{borrow::ToOwned, collections::BinaryHeap, format, string::String, vec::Vec};

use crate::{
    contract::types::{AssistantPart, Message, ToolCall, ToolResult, Warning},
    json,
};

/// Gives each tool call of a message a unique id. Of calls that share one, each result belongs to the call with the
/// same tool name; the remaining results are assigned in order.
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
        code: "tool-call-ids-renamed".to_owned(),
        message: format!("{count} tool calls had the id of an earlier call and got new ids."),
    })
}

/// The calls of one message that share an id.
struct Shared {
    id: String,
    /// The number that the next new id ends with, unless a call has that one.
    next: usize,
    calls: Vec<Renamed>,
}

/// A call that shared its id: the tool, and its new id.
struct Renamed {
    tool: String,
    id: String,
}

fn rename(parts: &mut [AssistantPart], later: &mut [Message]) -> usize {
    let ids: BinaryHeap<String> = parts.iter().filter_map(call_id).collect();
    let ids = ids.into_sorted_vec();
    let mut shared: Vec<Shared> = Vec::new();
    for pair in ids.windows(2) {
        let [id, next] = pair else { continue };
        // An empty id is refused by the validation.
        if id == next && !id.is_empty() && shared.last().is_none_or(|last| last.id != *id) {
            shared.push(Shared {
                id: id.clone(),
                next: 2,
                calls: Vec::new(),
            });
        }
    }
    let mut count = 0;
    for part in parts {
        if let AssistantPart::ToolCall(call) = part
            && let Ok(at) = shared.binary_search_by(|shared| shared.id.cmp(&call.id))
            && let Some(shared) = shared.get_mut(at)
        {
            count += usize::from(!shared.calls.is_empty());
            shared.rename(call, &ids);
        }
    }
    for Shared { id, calls, .. } in shared {
        let results = later.iter_mut().map_while(|message| match message {
            Message::Tool(result) => Some(result),
            _ => None,
        });
        rename_results(calls, results.filter(|result| result.call_id == id));
    }
    count
}

fn call_id(part: &AssistantPart) -> Option<String> {
    match part {
        AssistantPart::ToolCall(call) => Some(call.id.clone()),
        _ => None,
    }
}

impl Shared {
    /// Gives a call an id that is none of the sorted `ids`; the first call keeps its own.
    fn rename(&mut self, call: &mut ToolCall, ids: &[String]) {
        while !self.calls.is_empty() && ids.binary_search(&call.id).is_ok() {
            call.id = format!("{}-{}", self.id, self.next);
            self.next += 1;
        }
        self.calls.push(Renamed {
            tool: call.name.clone(),
            id: call.id.clone(),
        });
    }
}

/// Gives the results of calls that shared an id the new ids of their calls.
fn rename_results<'r>(mut calls: Vec<Renamed>, results: impl Iterator<Item = &'r mut ToolResult>) {
    let mut nameless = Vec::new();
    for result in results {
        let tool = tool_of(result);
        match calls.iter().position(|call| tool.as_ref() == Some(&call.tool)) {
            Some(at) => result.call_id = calls.remove(at).id,
            None => nameless.push(result),
        }
    }
    for (result, call) in nameless.into_iter().zip(calls) {
        result.call_id = call.id;
    }
}

/// The tool that a result names.
fn tool_of(result: &ToolResult) -> Option<String> {
    let name = result.extras.iter().find(|extra| extra.key == "name")?;
    json::text(&name.value_json).map(|name| name.into_owned())
}
