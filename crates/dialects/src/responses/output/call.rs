//! The tool calls of a response: of functions, and of custom tools.

use super::{
    super::{
        conversion,
        events::{At, Said},
        items::Item,
        resource::Status,
    },
    Output,
};
use crate::dialect::Frame;
use provider_contract::contract::ToolCallStart;

#[derive(Debug)]
pub(super) struct Call {
    index: usize,
    id: String,
    call_id: String,
    name: String,
    arguments: String,
    is_custom: bool,
}

impl Output {
    pub(super) fn start(&mut self, start: &ToolCallStart, frames: &mut Vec<Frame>) {
        self.close_open(Status::Completed, frames);
        let is_custom = self.custom.contains(&start.name);
        let index = self.place();
        let call = Call {
            index,
            id: self.item_id(if is_custom { "ctc" } else { "fc" }, index),
            call_id: start.id.clone(),
            name: start.name.clone(),
            arguments: String::new(),
            is_custom,
        };
        self.begin(index, &call.item("", Status::InProgress), frames);
        self.calls.insert(start.index, call);
    }

    pub(super) fn arguments(&mut self, index: u32, fragment: &str, frames: &mut Vec<Frame>) {
        let Some(call) = self.calls.get_mut(&index) else {
            return;
        };
        call.arguments.push_str(fragment);
        // The input of a custom tool is known when its arguments are complete.
        if !call.is_custom && !fragment.is_empty() {
            let said = Said::Delta {
                at: call.at(),
                delta: fragment,
            };
            self.events
                .push(frames, "response.function_call_arguments.delta", said);
        }
    }

    pub(super) fn end_call(&mut self, index: u32, status: Status, frames: &mut Vec<Frame>) {
        let Some(call) = self.calls.remove(&index) else {
            return;
        };
        let at = call.at();
        if call.is_custom {
            let input = conversion::arguments_as_text(&call.arguments);
            let delta = input.as_str();
            self.events.push(
                frames,
                "response.custom_tool_call_input.delta",
                Said::Delta { at, delta },
            );
            self.events.push(
                frames,
                "response.custom_tool_call_input.done",
                Said::Input { at, input: &input },
            );
            self.done(call.index, &call.item(&input, status), frames);
            return;
        }
        let said = Said::Arguments {
            at,
            name: &call.name,
            arguments: &call.arguments,
        };
        self.events
            .push(frames, "response.function_call_arguments.done", said);
        self.done(call.index, &call.item(&call.arguments, status), frames);
    }
}

impl Call {
    fn at(&self) -> At<'_> {
        At {
            item_id: &self.id,
            output_index: self.index,
            content_index: None,
            summary_index: None,
        }
    }

    fn item<'a>(&'a self, said: &'a str, status: Status) -> Item<'a> {
        let (id, call_id, name) = (&*self.id, &*self.call_id, &*self.name);
        if self.is_custom {
            Item::CustomToolCall {
                id,
                status,
                call_id,
                name,
                input: said,
            }
        } else {
            Item::FunctionCall {
                id,
                status,
                call_id,
                name,
                arguments: said,
            }
        }
    }
}
