//! Queue of chat events that are ready to be taken. Adjacent text deltas are joined while they wait, so that a slow
//! reader gets few large events instead of many small ones.

use alloc::{string::String, vec::Vec};

use crate::contract::types::{ChatEvent, Extra, Reasoning, ToolCallDelta, ToolCallEnd, ToolCallStart};

/// The event queue of one response.
#[derive(Debug, Default)]
pub(super) struct Events {
    ready: Vec<ChatEvent>,
    /// Whether there was ever one.
    any: bool,
}

impl Events {
    pub(super) fn any(&self) -> bool {
        self.any
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// The oldest events, at most `max`, at least one if there is one.
    pub(super) fn take(&mut self, max: usize) -> Vec<ChatEvent> {
        let count = self.ready.len().min(max.max(1));
        let later = self.ready.split_off(count);
        core::mem::replace(&mut self.ready, later)
    }

    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.ready.last_mut() {
            Some(ChatEvent::Text(last)) => last.push_str(text),
            _ => self.push(ChatEvent::Text(String::from(text))),
        }
    }

    pub(super) fn reasoning(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.ready.last_mut() {
            Some(ChatEvent::Reasoning(last)) if last.signature.is_none() => last.text.push_str(text),
            _ => self.push(ChatEvent::Reasoning(Reasoning {
                text: String::from(text),
                signature: None,
                extras: Vec::new(),
            })),
        }
    }

    /// Ends the preceding reasoning with a signature.
    pub(super) fn signature(&mut self, signature: String) {
        match self.ready.last_mut() {
            Some(ChatEvent::Reasoning(last)) if last.signature.is_none() => last.signature = Some(signature),
            _ => self.push(ChatEvent::Reasoning(Reasoning {
                text: String::new(),
                signature: Some(signature),
                extras: Vec::new(),
            })),
        }
    }

    pub(super) fn call_start(&mut self, index: u32, id: String, name: String) {
        self.push(ChatEvent::ToolCallStart(ToolCallStart { index, id, name }));
    }

    pub(super) fn call_delta(&mut self, index: u32, fragment: &str) {
        if fragment.is_empty() {
            return;
        }
        match self.ready.last_mut() {
            Some(ChatEvent::ToolCallDelta(last)) if last.index == index => {
                last.arguments_fragment.push_str(fragment);
            }
            _ => self.push(ChatEvent::ToolCallDelta(ToolCallDelta {
                index,
                arguments_fragment: String::from(fragment),
            })),
        }
    }

    pub(super) fn call_end(&mut self, index: u32) {
        self.push(ChatEvent::ToolCallEnd(ToolCallEnd {
            index,
            extras: Vec::new(),
        }));
    }

    pub(super) fn other(&mut self, key: &str, raw: &str) {
        self.push(ChatEvent::Other(Extra {
            key: String::from(key),
            value_json: String::from(raw),
        }));
    }

    fn push(&mut self, event: ChatEvent) {
        self.any = true;
        self.ready.push(event);
    }
}
