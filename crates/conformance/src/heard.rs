//! Outcome of a streaming response, and the content that follows from its events. It knows only the contract.

use model_provider_host::contract::{AssistantPart, ChatEvent, Error, Reasoning, Summary, ToolCall};

/// The outcome, in its order.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) events: Vec<ChatEvent>,
    pub(crate) end: Result<Summary, Error>,
}

impl Heard {
    pub(crate) fn text(&self) -> String {
        let text = |event: &ChatEvent| match event {
            ChatEvent::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    pub(crate) fn reasoning(&self) -> String {
        let text = |event: &ChatEvent| match event {
            ChatEvent::Reasoning(reasoning) => Some(reasoning.text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    pub(crate) fn calls(&self) -> Vec<ToolCall> {
        let call = |part: AssistantPart| match part {
            AssistantPart::ToolCall(call) => Some(call),
            _ => None,
        };
        fold(&self.events).into_iter().filter_map(call).collect()
    }
}

/// From events to parts, as the contract says it at `chat-event`.
pub(crate) fn fold(events: &[ChatEvent]) -> Vec<AssistantPart> {
    let mut parts: Vec<AssistantPart> = Vec::new();
    let mut calls: Vec<(u32, usize)> = Vec::new();
    for event in events {
        match event {
            ChatEvent::Text(more) => match parts.last_mut() {
                Some(AssistantPart::Text(text)) => text.push_str(more),
                _ => parts.push(AssistantPart::Text(more.clone())),
            },
            ChatEvent::Reasoning(more) => match parts.last_mut() {
                Some(AssistantPart::Reasoning(Reasoning {
                    text,
                    signature: signature @ None,
                    extras,
                })) => {
                    text.push_str(&more.text);
                    signature.clone_from(&more.signature);
                    extras.extend(more.extras.iter().cloned());
                }
                _ => parts.push(AssistantPart::Reasoning(more.clone())),
            },
            ChatEvent::ToolCallStart(start) => {
                calls.push((start.index, parts.len()));
                parts.push(AssistantPart::ToolCall(ToolCall::new(&start.id, &start.name, "")));
            }
            ChatEvent::ToolCallDelta(delta) => {
                if let Some(call) = call_of(&mut parts, &calls, delta.index) {
                    call.arguments_json.push_str(&delta.arguments_fragment);
                }
            }
            ChatEvent::ToolCallEnd(end) => {
                if let Some(call) = call_of(&mut parts, &calls, end.index) {
                    call.extras.clone_from(&end.extras);
                }
            }
            ChatEvent::Media(media) => parts.push(AssistantPart::Media(media.clone())),
            ChatEvent::Other(extra) => parts.push(AssistantPart::Other(extra.clone())),
        }
    }
    parts
}

fn call_of<'a>(
    parts: &'a mut [AssistantPart],
    calls: &[(u32, usize)],
    index: u32,
) -> Option<&'a mut ToolCall> {
    let (_, at) = calls.iter().find(|(known, _)| *known == index)?;
    match parts.get_mut(*at) {
        Some(AssistantPart::ToolCall(call)) => Some(call),
        _ => None,
    }
}
