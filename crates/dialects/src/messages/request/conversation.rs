//! The messages of a request as messages of the contract.
//!
//! The dialect joins consecutive messages of one role, and requires tool results at the beginning of the turn after
//! a call. So everything between two assistant messages is one turn here: first its results, then the rest in
//! order.

use super::{
    CACHE_CONTROL, Context, assistant,
    content::{self, Parts},
};
use crate::{json::Node, messages::origins::Origin};
use provider_contract::{
    Result,
    contract::{AssistantMessage, Message, SystemMessage, ToolResult, UserMessage},
};

/// The messages so far.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    messages: Vec<Entry>,
    /// The tool results since the last assistant message.
    results: Vec<Entry>,
    /// The other content since then.
    others: Vec<Entry>,
    /// The number of user messages so far.
    users: usize,
    has_messages: bool,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    origin: Origin,
    /// The user message count until which it is shown, if it is shown only until the next one.
    until: Option<usize>,
}

impl Entry {
    fn new(message: Message, path: &str, parts: Vec<String>) -> Self {
        Self {
            message,
            origin: Origin {
                path: path.to_owned(),
                parts,
            },
            until: None,
        }
    }
}

impl Conversation {
    /// The system prompt.
    pub(super) fn system(&mut self, content: &Node<'_>, context: &mut Context) -> Result<()> {
        let parts = content::texts(content, context)?;
        if !parts.list.is_empty() {
            self.others.push(system(parts, content.path()));
        }
        Ok(())
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
                self.user(message, context)
            }
            "assistant" => {
                self.has_messages = true;
                context.leave(message, &["role", "content", CACHE_CONTROL]);
                let (mut parts, mut calls) = assistant::parts(&message.need("content")?, context)?;
                match self.messages.last_mut() {
                    Some(Entry {
                        message: Message::Assistant(said),
                        origin,
                        ..
                    }) if self.results.is_empty() && self.others.is_empty() => {
                        said.content.append(&mut parts);
                        origin.parts.append(&mut calls);
                    }
                    _ => {
                        self.end_turn();
                        let said = Message::Assistant(AssistantMessage {
                            content: parts,
                            extras: Vec::new(),
                        });
                        self.messages.push(Entry::new(said, message.path(), calls));
                    }
                }
                Ok(())
            }
            "system" => self.system_message(message, context),
            _ => Err(role.wrong("`user`, `assistant` or `system`")),
        }
    }

    fn user(&mut self, message: &Node<'_>, context: &mut Context) -> Result<()> {
        self.users += 1;
        let content = message.need("content")?;
        let mut parts = Parts::default();
        if content.is_text() {
            parts = content::parts(&content, context)?;
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
            _ if parts.list.is_empty() => {}
            Some(Entry {
                message: Message::User(user),
                origin,
                ..
            }) => {
                user.content.append(&mut parts.list);
                origin.parts.append(&mut parts.paths);
            }
            _ => {
                let user = Message::User(UserMessage {
                    content: parts.list,
                    extras: Vec::new(),
                });
                self.others.push(Entry::new(user, message.path(), parts.paths));
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
        let mut parts = Parts::default();
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
        if parts.list.is_empty() {
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
        self.others.push(Entry {
            until,
            ..system(parts, message.path())
        });
        Ok(())
    }

    fn end_turn(&mut self) {
        self.messages.append(&mut self.results);
        self.messages.append(&mut self.others);
    }

    /// The messages, and the path of each.
    pub(super) fn finish(mut self) -> (Vec<Message>, Vec<Origin>) {
        self.end_turn();
        let users = self.users;
        let entries = self.messages.into_iter();
        let seen = entries.filter(|entry| entry.until.is_none_or(|until| until == users));
        seen.map(|entry| (entry.message, entry.origin)).unzip()
    }
}

fn system(parts: Parts, path: &str) -> Entry {
    let message = Message::System(SystemMessage {
        content: parts.list,
        extras: Vec::new(),
    });
    Entry::new(message, path, parts.paths)
}

fn result(block: &Node<'_>, context: &mut Context) -> Result<Entry> {
    context.leave(
        block,
        &["type", "tool_use_id", "content", "is_error", CACHE_CONTROL],
    );
    let parts = match block.field("content") {
        Some(content) => content::parts(&content, context)?,
        None => Parts::default(),
    };
    let message = Message::Tool(ToolResult {
        call_id: block.need("tool_use_id")?.string()?,
        content: parts.list,
        is_error: block.optional_flag("is_error")?.unwrap_or_default(),
        extras: Vec::new(),
    });
    Ok(Entry::new(message, block.path(), parts.paths))
}
