//! The items of a request as messages. One step of a model is several items here, and one message in the contract.

use super::{
    super::conversion,
    content::{content, said},
};
use crate::json::{Node, extras};
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
    messages: Vec<Message>,
    /// The assistant message of the current step.
    step: Option<AssistantMessage>,
    left_out: Vec<String>,
}

impl Conversation {
    pub(super) fn read(&mut self, input: &Node<'_>) -> Result<()> {
        if input.is_text() {
            if !input.is_empty() {
                self.messages.push(Message::user(input.string()?));
            }
            return Ok(());
        }
        for item in input.items_or("text or a list of items")? {
            self.item(&item)?;
        }
        Ok(())
    }

    /// The messages, and the paths of what is left out.
    pub(super) fn end(mut self) -> (Vec<Message>, Vec<String>) {
        self.end_step();
        (self.messages, self.left_out)
    }

    fn end_step(&mut self) {
        self.messages.extend(self.step.take().map(Message::Assistant));
    }

    fn push(&mut self, message: Message) {
        self.end_step();
        self.messages.push(message);
    }

    fn item(&mut self, item: &Node<'_>) -> Result<()> {
        let kind = item.optional_text("type")?;
        match kind.as_deref() {
            None | Some("message") => self.message(item)?,
            Some("reasoning") => self.reasoning(item)?,
            Some("function_call") => {
                let arguments = item.optional_text("arguments")?.unwrap_or_default();
                let arguments = if arguments.trim().is_empty() {
                    "{}".to_owned()
                } else {
                    arguments
                };
                self.call(item, arguments, "arguments")?;
            }
            Some("custom_tool_call") => {
                let arguments = conversion::text_as_arguments(&item.need("input")?.text()?);
                self.call(item, arguments, "input")?;
            }
            Some("function_call_output" | "custom_tool_call_output") => self.result(item)?,
            Some("item_reference") => {
                return Err(item
                    .unsupported("refers to a stored item, and none are stored here; send the item itself"));
            }
            // Calls of server tools: this conversation has no results of them.
            Some(_) => self.left_out.push(item.path().to_owned()),
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
                self.push(Message::System(SystemMessage {
                    content: content(&given)?,
                    extras,
                }));
            }
            "user" => self.push(Message::User(UserMessage {
                content: content(&given)?,
                extras,
            })),
            "assistant" => {
                let parts = said(&given)?;
                // A second message is a step of its own. After a call it belongs to the call's step, since results
                // follow.
                if self
                    .step
                    .as_ref()
                    .is_some_and(|step| has_said(step) && !has_called(step))
                {
                    self.end_step();
                }
                let step = self.step();
                step.content.extend(parts);
                step.extras.extend(extras);
            }
            _ => return Err(role.wrong("`system`, `developer`, `user` or `assistant`")),
        }
        Ok(())
    }

    fn step(&mut self) -> &mut AssistantMessage {
        self.step.get_or_insert_with(|| AssistantMessage {
            content: Vec::new(),
            extras: Vec::new(),
        })
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
        if self
            .step
            .as_ref()
            .is_some_and(|step| has_said(step) && !has_called(step))
        {
            self.end_step();
        }
        self.step().content.push(AssistantPart::Reasoning(Reasoning {
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
        self.step().content.push(AssistantPart::ToolCall(call));
        Ok(())
    }

    fn result(&mut self, item: &Node<'_>) -> Result<()> {
        let output = item.field("output").map(|output| content(&output)).transpose()?;
        self.push(Message::Tool(ToolResult {
            call_id: item.need("call_id")?.string()?,
            content: output.unwrap_or_default(),
            is_error: false,
            extras: item.unknown_fields(&[&OF_ITEMS[..], &["call_id", "output"]].concat()),
        }));
        Ok(())
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
