//! The items of a request as messages. One step of a model is several items here, and one message in the contract.
//!
//! The dialect lets other items stand between a call and its result; upstreams do not. So a result is moved behind its
//! call.

use std::collections::{HashMap, HashSet};

use super::{
    super::{conversion, origins::Origin},
    content::{content, said},
};
use crate::{
    chat_completions::request::calls,
    json::{Node, extras},
};
use provider_contract::{
    Result,
    contract::{
        AssistantMessage, AssistantPart, Message, Reasoning, SystemMessage, ToolCall, ToolResult, UserMessage,
    },
};

/// Members of items without meaning to a model.
const OF_ITEMS: [&str; 3] = ["type", "id", "status"];

/// The messages so far.
#[derive(Default)]
pub(super) struct Conversation {
    turns: Vec<Turn>,
    /// The turn of each call, by its id; of equal ids the last.
    calls: HashMap<String, usize>,
    /// The assistant message of the current step.
    step: Option<Step>,
    left_out: Vec<String>,
    /// The ids of calls that are left out: so are their results.
    left_out_calls: HashSet<String>,
}

/// A message, and the results of its calls.
struct Turn {
    message: Entry,
    results: Vec<Entry>,
}

type Entry = (Message, Origin);

/// An assistant message that is not complete yet.
struct Step {
    message: AssistantMessage,
    origin: Origin,
}

impl Conversation {
    pub(super) fn read(&mut self, input: &Node<'_>) -> Result<()> {
        if input.is_text() {
            if !input.is_empty() {
                let content = Some((input.path().to_owned(), false));
                let origin = Origin {
                    content,
                    ..Origin::of_item(input.path())
                };
                self.push(Message::user(input.string()?), origin);
            }
            return Ok(());
        }
        for item in input.items_or("text or a list of items")? {
            self.item(&item)?;
        }
        Ok(())
    }

    /// The messages and the place of each, and the paths of what is left out.
    pub(super) fn end(mut self) -> (Vec<Entry>, Vec<String>) {
        self.end_step();
        let turns = self.turns.into_iter();
        let entries = turns.flat_map(|turn| std::iter::once(turn.message).chain(turn.results));
        (entries.collect(), self.left_out)
    }

    fn end_step(&mut self) {
        let Some(Step { message, origin }) = self.step.take() else {
            return;
        };
        for part in &message.content {
            if let AssistantPart::ToolCall(call) = part {
                self.calls.insert(call.id.clone(), self.turns.len());
            }
        }
        self.turns.push(Turn {
            message: (Message::Assistant(message), origin),
            results: Vec::new(),
        });
    }

    fn push(&mut self, message: Message, origin: Origin) {
        self.end_step();
        self.turns.push(Turn {
            message: (message, origin),
            results: Vec::new(),
        });
    }

    fn item(&mut self, item: &Node<'_>) -> Result<()> {
        let kind = item.optional_text("type")?;
        match kind.as_deref() {
            None | Some("message") => self.message(item)?,
            Some("reasoning") => self.reasoning(item)?,
            Some("function_call") => {
                let arguments = calls::arguments(item.field("arguments").as_ref())?;
                self.call(item, arguments, "arguments")?;
            }
            Some("custom_tool_call") => {
                let arguments = conversion::text_as_arguments(&item.need("input")?.text()?);
                self.call(item, arguments, "input")?;
            }
            Some("function_call_output" | "custom_tool_call_output") => self.result(item)?,
            Some("item_reference") => {
                return Err(item.unsupported(
                    "refers to a stored item, and none are stored here; send the item itself, as clients do with \
                     `store: false`",
                ));
            }
            // Calls of server tools: this conversation has no results of them.
            Some(_) => {
                self.left_out_calls.extend(item.optional_text("call_id")?);
                self.left_out.push(item.path().to_owned());
            }
        }
        Ok(())
    }

    fn message(&mut self, item: &Node<'_>) -> Result<()> {
        let role = item.need("role")?;
        let given = item.need("content")?;
        let mut extras = item.unknown_fields(&[&OF_ITEMS[..], &["role", "content"]].concat());
        match &*role.text()? {
            word @ ("system" | "developer") => {
                if word == "developer" {
                    // Some models distinguish the two; the plugin knows which.
                    extras.push(extras::text("role", word));
                }
                let content = content(&given)?;
                self.push(
                    Message::System(SystemMessage { content, extras }),
                    place(item, &given),
                );
            }
            "user" => {
                let content = content(&given)?;
                self.push(
                    Message::User(UserMessage { content, extras }),
                    place(item, &given),
                );
            }
            "assistant" => {
                let parts = said(&given)?;
                // A second message is a step of its own. After a call it belongs to the call's step, since results
                // follow.
                if self.has_only_said() {
                    self.end_step();
                }
                let step = self.step(item);
                step.message.content.extend(parts);
                step.message.extras.extend(extras);
            }
            _ => return Err(role.wrong("`system`, `developer`, `user` or `assistant`")),
        }
        Ok(())
    }

    /// The current step, which this item begins or continues.
    fn step(&mut self, item: &Node<'_>) -> &mut Step {
        self.step.get_or_insert_with(|| Step {
            message: AssistantMessage {
                content: Vec::new(),
                extras: Vec::new(),
            },
            origin: Origin::of_item(item.path()),
        })
    }

    /// Whether the current step has content, and no call.
    fn has_only_said(&self) -> bool {
        let step = self.step.as_ref().map(|step| &step.message);
        step.is_some_and(|step| has_said(step) && !has_called(step))
    }

    fn reasoning(&mut self, item: &Node<'_>) -> Result<()> {
        let kept = item
            .optional_text("encrypted_content")?
            .filter(|kept| !kept.is_empty());
        let ours = kept.as_deref().and_then(conversion::unsealed);
        let text = match (texts(item, "content", "")?, &ours) {
            (Some(text), _) => text,
            (None, Some(text)) => text.clone(),
            (None, None) => texts(item, "summary", "\n\n")?.unwrap_or_default(),
        };
        let signature = kept.filter(|_| ours.is_none());
        if text.is_empty() && signature.is_none() {
            return Ok(());
        }
        let extras =
            item.unknown_fields(&[&OF_ITEMS[..], &["summary", "content", "encrypted_content"]].concat());
        if self.has_only_said() {
            self.end_step();
        }
        let step = self.step(item);
        step.message.content.push(AssistantPart::Reasoning(Reasoning {
            text,
            signature,
            extras,
        }));
        Ok(())
    }

    fn call(&mut self, item: &Node<'_>, arguments_json: String, of_arguments: &str) -> Result<()> {
        let call = ToolCall {
            id: item.need("call_id")?.string()?,
            name: item.need("name")?.string()?,
            arguments_json,
            extras: item.unknown_fields(&[&OF_ITEMS[..], &["call_id", "name", of_arguments]].concat()),
        };
        let step = self.step(item);
        step.message.content.push(AssistantPart::ToolCall(call));
        step.origin.calls.push(item.path().to_owned());
        Ok(())
    }

    fn result(&mut self, item: &Node<'_>) -> Result<()> {
        let call_id = item.need("call_id")?.string()?;
        if self.left_out_calls.contains(&call_id) {
            self.left_out.push(item.path().to_owned());
            return Ok(());
        }
        let output = item.field("output");
        let origin = output
            .as_ref()
            .map_or_else(|| Origin::of_item(item.path()), |output| place(item, output));
        self.end_step();
        let turn = self.calls.get(&call_id).copied();
        let result = Message::Tool(ToolResult {
            call_id,
            content: output
                .map(|output| content(&output))
                .transpose()?
                .unwrap_or_default(),
            is_error: false,
            extras: item.unknown_fields(&[&OF_ITEMS[..], &["call_id", "output"]].concat()),
        });
        match turn.and_then(|turn| self.turns.get_mut(turn)) {
            Some(turn) => turn.results.push((result, origin)),
            // The plugin says which call is missing.
            None => self.push(result, origin),
        }
        Ok(())
    }
}

/// The place of a message with this content.
fn place(item: &Node<'_>, content: &Node<'_>) -> Origin {
    Origin {
        content: Some((content.path().to_owned(), !content.is_text())),
        ..Origin::of_item(item.path())
    }
}

fn has_said(step: &AssistantMessage) -> bool {
    let is_said = |part: &AssistantPart| !matches!(part, AssistantPart::Reasoning(_));
    step.content.iter().any(is_said)
}

fn has_called(step: &AssistantMessage) -> bool {
    let is_call = |part: &AssistantPart| matches!(part, AssistantPart::ToolCall(_));
    step.content.iter().any(is_call)
}

/// The texts of a list of parts; `None` if they are empty.
fn texts(item: &Node<'_>, key: &str, between: &str) -> Result<Option<String>> {
    let Some(list) = item.field(key) else {
        return Ok(None);
    };
    let mut texts = Vec::new();
    for part in list.items()? {
        texts.push(part.need("text")?.string()?);
    }
    Ok(Some(texts.join(between)).filter(|text| !text.is_empty()))
}
