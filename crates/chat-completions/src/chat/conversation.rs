//! Validation of a request's messages: whether each can be sent, whether every tool call has its result, and which
//! warnings describe changes.

use alloc::{format, vec::Vec};

use super::{
    image,
    rules::{Replay, Rules},
    validate::{Checked, invalid, unsupported, warn},
};
use crate::{
    contract::types::{
        AssistantMessage, AssistantPart, ChatRequest, ContentPart, Error, Message, Model, Reasoning,
        SystemMessage, ToolResult, Warning,
    },
    json,
    warning::quote,
};

/// Parts in the upstream's own form that can be sent.
const OTHER_PARTS: [&str; 6] = [
    "text",
    "image_url",
    "video_url",
    "audio_url",
    "input_audio",
    "file",
];

/// Validates the messages against the model's metadata, `known`.
pub(super) fn check(
    messages: &[Message],
    known: Option<&Model>,
    rules: &Rules,
) -> Result<Vec<Warning>, Error> {
    let mut check = Check {
        known,
        rules,
        open: Vec::new(),
        is_empty: true,
        reasoning_left_out: None,
        media_moved: None,
        retyped: None,
        renamed_role: None,
        warnings: Vec::new(),
    };
    for (at, message) in messages.iter().enumerate() {
        check.message(at, message)?;
    }
    check.finish()
}

/// A call without a result yet, and its position.
struct Call<'a> {
    id: &'a str,
    message: usize,
    at: usize,
}

struct Check<'a> {
    known: Option<&'a Model>,
    rules: &'a Rules,
    open: Vec<Call<'a>>,
    /// Whether there was nothing to send so far.
    is_empty: bool,
    /// The first message to which each applies.
    reasoning_left_out: Option<usize>,
    media_moved: Option<usize>,
    retyped: Option<usize>,
    renamed_role: Option<usize>,
    warnings: Vec<Warning>,
}

impl<'a> Check<'a> {
    fn message(&mut self, at: usize, message: &'a Message) -> Checked {
        if let Message::Tool(result) = message {
            return self.result(at, result);
        }
        self.no_open_call()?;
        match message {
            Message::System(system) => {
                self.is_empty = false;
                if names_developer(system) && !self.rules.developer_role {
                    self.renamed_role.get_or_insert(at);
                }
                self.content(at, &system.content)
            }
            Message::User(user) if user.content.is_empty() => {
                invalid(&format!("messages[{at}]"), "has no content")
            }
            Message::User(user) => {
                self.is_empty = false;
                self.content(at, &user.content)
            }
            Message::Assistant(said) => self.assistant(at, said),
            Message::Tool(_) => Ok(()),
        }
    }

    fn result(&mut self, at: usize, result: &ToolResult) -> Checked {
        let Some(call) = self.open.iter().position(|call| call.id == result.call_id) else {
            let what = format!(
                "{} matches no pending tool call: the turn before has no call with this id, or its result was already given",
                quote(&result.call_id)
            );
            return invalid(&format!("messages[{at}].tool_call_id"), &what);
        };
        self.open.swap_remove(call);
        if !result.content.iter().all(is_textual) {
            self.media_moved.get_or_insert(at);
        }
        self.content(at, &result.content)
    }

    fn assistant(&mut self, at: usize, said: &'a AssistantMessage) -> Checked {
        let parts = &said.content;
        self.calls(at, parts)?;
        let is_reasoning = |part: &AssistantPart| matches!(part, AssistantPart::Reasoning(reasoning) if !reasoning.text.is_empty());
        if !self.rules.thinking_as_text
            && !sends_reasoning(parts, self.rules)
            && parts.iter().any(is_reasoning)
        {
            self.reasoning_left_out.get_or_insert(at);
        }
        if is_empty_turn(parts, self.rules) {
            let message = format!("messages[{at}] holds nothing that can be sent.");
            warn(&mut self.warnings, "empty-turn-left-out", message);
        } else {
            self.is_empty = false;
        }
        if parts.iter().any(|part| matches!(part, AssistantPart::Media(_))) {
            let message = format!("The media of messages[{at}] cannot be sent back and were left out.");
            warn(&mut self.warnings, "media-left-out", message);
        }
        Ok(())
    }

    fn calls(&mut self, message: usize, parts: &'a [AssistantPart]) -> Checked {
        let calls = parts.iter().filter_map(|part| match part {
            AssistantPart::ToolCall(call) => Some(call),
            _ => None,
        });
        for (at, call) in calls.enumerate() {
            let path = |member: &str| format!("messages[{message}].tool_calls[{at}].{member}");
            if call.id.is_empty() {
                return invalid(&path("id"), "is empty");
            }
            if self.open.iter().any(|open| open.id == call.id) {
                return invalid(
                    &path("id"),
                    &format!("{} occurs twice in this turn", quote(&call.id)),
                );
            }
            if call.name.is_empty() {
                return invalid(&path("function.name"), "is empty");
            }
            self.open.push(Call {
                id: &call.id,
                message,
                at,
            });
        }
        Ok(())
    }

    fn no_open_call(&self) -> Checked {
        let Some(Call { id, message, at }) = self.open.first() else {
            return Ok(());
        };
        let what = format!("{} has no result in the messages after it", quote(id));
        invalid(&format!("messages[{message}].tool_calls[{at}].id"), &what)
    }

    fn content(&mut self, message: usize, parts: &[ContentPart]) -> Checked {
        for (at, part) in parts.iter().enumerate() {
            let path = || format!("messages[{message}].content[{at}]");
            let is_image = match part {
                ContentPart::Text(_) => continue,
                ContentPart::Media(media) => {
                    if image::check(&path(), media)? {
                        self.retyped.get_or_insert(message);
                    }
                    true
                }
                ContentPart::Other(other) => {
                    if !OTHER_PARTS.contains(&other.key.as_str()) {
                        let what = format!("this provider knows no part {}", quote(&other.key));
                        return unsupported(&path(), &what, "Send text or an image.");
                    }
                    if !json::is_object(&other.value_json) {
                        return invalid(&path(), "is not a JSON object, the whole part");
                    }
                    other.key == "image_url"
                }
            };
            if is_image {
                self.sees_images(&path())?;
            }
        }
        Ok(())
    }

    /// Refuses an image if the model is known to take none.
    fn sees_images(&self, path: &str) -> Checked {
        match self.known {
            Some(model) if !model.input.is_empty() && !model.input.iter().any(|input| input == "image") => {
                unsupported(
                    path,
                    &format!("the model {} takes no images", model.id),
                    "Choose a model whose input has `image` in the list of models.",
                )
            }
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Vec<Warning>, Error> {
        self.no_open_call()?;
        if self.is_empty {
            return invalid("messages", "is empty: expected at least one message");
        }
        if let Some(at) = self.reasoning_left_out {
            let message = format!(
                "The reasoning of messages[{at}] and of similar messages was not sent: this model, or its backend, accepts {}.",
                match self.rules.replay {
                    Replay::None => "none",
                    Replay::ToolCalls | Replay::All => "only that of messages with tool calls",
                }
            );
            warn(&mut self.warnings, "reasoning-left-out", message);
        }
        if let Some(at) = self.media_moved {
            let message = format!(
                "The media of the tool result messages[{at}] were sent in a user message after it: a tool \
                 result holds text alone."
            );
            warn(&mut self.warnings, "tool-media-moved", message);
        }
        if let Some(at) = self.retyped {
            let message = format!("An image of messages[{at}] was sent with the media type of its bytes.");
            warn(&mut self.warnings, "media-type-corrected", message);
        }
        if let Some(at) = self.renamed_role {
            let message = format!(
                "The role of messages[{at}], `developer`, was sent as `system`: the settings do not say that \
                 this model reasons and supports it (`supportsDeveloperRole`)."
            );
            warn(&mut self.warnings, "developer-role-as-system", message);
        }
        Ok(self.warnings)
    }
}

/// Whether the client used the role name `developer`.
fn names_developer(system: &SystemMessage) -> bool {
    system.extras.iter().any(super::members::is_developer_role)
}

/// Whether a part is text, with or without extras. A tool result has no place for other parts.
pub(super) fn is_textual(part: &ContentPart) -> bool {
    match part {
        ContentPart::Text(_) => true,
        ContentPart::Other(other) => other.key == "text",
        ContentPart::Media(_) => false,
    }
}

/// Whether an assistant message has nothing that can be sent.
pub(super) fn is_empty_turn(parts: &[AssistantPart], rules: &Rules) -> bool {
    parts.iter().all(|part| match part {
        AssistantPart::Text(text) => text.is_empty(),
        AssistantPart::ToolCall(_) => false,
        AssistantPart::Other(other) => other.key != "text",
        AssistantPart::Reasoning(reasoning) => !rules.thinking_as_text || reasoning.text.trim().is_empty(),
        AssistantPart::Media(_) => true,
    })
}

/// Whether the reasoning of an assistant message is sent back in a field of its own.
pub(super) fn sends_reasoning(parts: &[AssistantPart], rules: &Rules) -> bool {
    if rules.thinking_as_text {
        return rules.needs_reasoning;
    }
    match rules.replay {
        Replay::All => true,
        Replay::ToolCalls => parts
            .iter()
            .any(|part| matches!(part, AssistantPart::ToolCall(_))),
        Replay::None => false,
    }
}

/// Whether the conversation has reasoning that is sent back though nobody asked for it. A backend may refuse it.
pub(super) fn replays(request: &ChatRequest, rules: &Rules) -> bool {
    let is_replayed = |message: &Message| match message {
        Message::Assistant(said) => {
            sends_reasoning(&said.content, rules)
                && (said.content.iter())
                    .any(|part| matches!(part, AssistantPart::Reasoning(said) if is_reasoning_text(said)))
        }
        _ => false,
    };
    rules.is_default_replay && request.messages.iter().any(is_replayed)
}

/// Whether reasoning has a text, which may be empty: some backends require the field, whatever it holds. A signature
/// alone is no text.
pub(super) fn is_reasoning_text(reasoning: &Reasoning) -> bool {
    !reasoning.text.is_empty() || (reasoning.signature.is_none() && reasoning.extras.is_empty())
}
