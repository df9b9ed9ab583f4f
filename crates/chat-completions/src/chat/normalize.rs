//! Normalization of a request before validation: fixes what is unambiguous and backends would refuse.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

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

/// A call that shared its id: the tool, and its new id.
struct Renamed {
    tool: String,
    id: String,
}

fn rename(parts: &mut [AssistantPart], later: &mut [Message]) -> usize {
    let ids = parts.iter().filter_map(|part| match part {
        AssistantPart::ToolCall(call) => Some(call.id.clone()),
        _ => None,
    });
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut shared: BTreeMap<String, Vec<Renamed>> = BTreeMap::new();
    for id in ids {
        // An empty id is refused by the validation.
        if !id.is_empty() && taken.contains(&id) {
            shared.entry(id).or_default();
        } else {
            taken.insert(id);
        }
    }
    let mut count = 0;
    for part in parts {
        if let AssistantPart::ToolCall(call) = part
            && let Some(calls) = shared.get_mut(&call.id)
        {
            count += usize::from(!calls.is_empty());
            calls.push(renamed(call, calls.len(), &mut taken));
        }
    }
    for (id, calls) in shared {
        let results = later.iter_mut().map_while(|message| match message {
            Message::Tool(result) => Some(result),
            _ => None,
        });
        rename_results(calls, results.filter(|result| result.call_id == id));
    }
    count
}

/// Gives a call a unique id; the first of those that share one keeps it.
fn renamed(call: &mut ToolCall, before: usize, taken: &mut BTreeSet<String>) -> Renamed {
    if before > 0 {
        let free = (before + 1..)
            .map(|suffix| format!("{}-{suffix}", call.id))
            .find(|id| !taken.contains(id));
        call.id = free.unwrap_or_default();
        taken.insert(call.id.clone());
    }
    Renamed {
        tool: call.name.clone(),
        id: call.id.clone(),
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
