//! The messages of a request as messages of the contract.
//!
//! The dialect joins messages of one role that follow each other, and wants results at the beginning of what follows a
//! call. So all that stands between two messages of the model is one turn here: first the results in it, then the rest
//! in its order.

use super::{CACHE_CONTROL, Context, assistant, content};
use crate::json::Node;
use model_provider_host::{
    Result,
    contract::{AssistantMessage, ContentPart, Message, SystemMessage, ToolResult, UserMessage},
};

/// The messages so far.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    messages: Vec<Entry>,
    /// The results since the model's last message.
    results: Vec<ToolResult>,
    /// What else came since then.
    others: Vec<Entry>,
    /// How many user messages came.
    users: usize,
    has_messages: bool,
}

/// A message, and how many user messages came before it, if it is to be seen only until the next one.
type Entry = (Message, Option<usize>);

impl Conversation {
    /// What the application says first.
    pub(super) fn system(&mut self, content: Vec<ContentPart>) {
        if !content.is_empty() {
            self.others.push((system(content), None));
        }
    }

    pub(super) fn has_messages(&self) -> bool {
        self.has_messages
    }

    pub(super) fn message(&mut self, message: &Node<'_>, context: &mut Context) -> Result<()> {
        let role = message.need("role")?;
        match &*role.text()? {
            "user" => {
                self.has_messages = true;
                context.leave(message, &["role", "content", CACHE_CONTROL]);
                self.user(&message.need("content")?, context)
            }
            "assistant" => {
                self.has_messages = true;
                context.leave(message, &["role", "content", CACHE_CONTROL]);
                let mut parts = assistant::parts(&message.need("content")?, context)?;
                match self.messages.last_mut() {
                    Some((Message::Assistant(said), _))
                        if self.results.is_empty() && self.others.is_empty() =>
                    {
                        said.content.append(&mut parts);
                    }
                    _ => {
                        self.end_turn();
                        let said = AssistantMessage {
                            content: parts,
                            extras: Vec::new(),
                        };
                        self.messages.push((Message::Assistant(said), None));
                    }
                }
                Ok(())
            }
            "system" => self.system_message(message, context),
            _ => Err(role.wrong("`user`, `assistant` or `system`")),
        }
    }

    fn user(&mut self, content: &Node<'_>, context: &mut Context) -> Result<()> {
        self.users += 1;
        let mut parts = Vec::new();
        if content.is_text() {
            parts = content::parts(content, context)?;
        } else {
            for block in content.items_or("text or a list of content blocks")? {
                if block.need("type")?.text()? == "tool_result" {
                    self.results.push(result(&block, context)?);
                } else {
                    content::part(&block, &mut parts, context)?;
                }
            }
        }
        match self.others.last_mut() {
            _ if parts.is_empty() => {}
            Some((Message::User(user), _)) => user.content.append(&mut parts),
            _ => {
                let user = UserMessage {
                    content: parts,
                    extras: Vec::new(),
                };
                self.others.push((Message::User(user), None));
            }
        }
        Ok(())
    }

    /// A system message in the middle, which may change the tools.
    fn system_message(&mut self, message: &Node<'_>, context: &mut Context) -> Result<()> {
        context.leave(
            message,
            &["role", "content", "clear_at", "output_config", CACHE_CONTROL],
        );
        if let Some(config) = message.field("output_config") {
            context.leave(&config, &["effort"]);
            context.effort.config(&config)?;
        }
        let mut parts = Vec::new();
        match message.field("content") {
            Some(content) if content.is_text() => parts = content::texts(&content, context)?,
            Some(content) => {
                for block in content.items_or("text or a list of text blocks")? {
                    match &*block.need("type")?.text()? {
                        "tool_addition" => context.tools.add(&block, &mut context.notes)?,
                        "tool_removal" => context.tools.remove(&block, &mut context.notes)?,
                        _ => content::part(&block, &mut parts, context)?,
                    }
                }
            }
            None => {}
        }
        if parts.is_empty() {
            return Ok(());
        }
        let until = match message.field("clear_at") {
            None => None,
            Some(clear) => match &*clear.text()? {
                "next_user_message" => Some(self.users),
                "never" => None,
                _ => return Err(clear.wrong("`next_user_message` or `never`")),
            },
        };
        self.others.push((system(parts), until));
        Ok(())
    }

    fn end_turn(&mut self) {
        let results = self.results.drain(..);
        self.messages
            .extend(results.map(|result| (Message::Tool(result), None)));
        self.messages.append(&mut self.others);
    }

    pub(super) fn finish(mut self) -> Vec<Message> {
        self.end_turn();
        let users = self.users;
        let seen = |until: Option<usize>| until.is_none_or(|until| until == users);
        let messages = self.messages.into_iter();
        messages
            .filter_map(|(message, until)| seen(until).then_some(message))
            .collect()
    }
}

fn system(content: Vec<ContentPart>) -> Message {
    Message::System(SystemMessage {
        content,
        extras: Vec::new(),
    })
}

fn result(block: &Node<'_>, context: &mut Context) -> Result<ToolResult> {
    context.leave(
        block,
        &["type", "tool_use_id", "content", "is_error", CACHE_CONTROL],
    );
    let content = match block.field("content") {
        Some(content) => content::parts(&content, context)?,
        None => Vec::new(),
    };
    Ok(ToolResult {
        call_id: block.need("tool_use_id")?.string()?,
        content,
        is_error: block.optional_flag("is_error")?.unwrap_or_default(),
        extras: Vec::new(),
    })
}
