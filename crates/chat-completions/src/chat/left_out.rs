//! Warning about members of a request that are not sent, by their paths. Empty members give no warning.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::{
    members::{self, Place},
    rules::Rules,
};
use crate::{
    contract::types::{
        AssistantPart, ChatRequest, ContentPart, Extra, Message, ResponseFormat, Tool, Warning,
    },
    json,
};

/// How many members a warning names.
const NAMED: usize = 8;
/// The longest name of a member, in characters.
const LONGEST: usize = 64;

/// The warning, if any member is not sent.
pub(super) fn members(request: &ChatRequest, rules: &Rules) -> Option<Warning> {
    let mut found = LeftOut::default();
    for (at, message) in request.messages.iter().enumerate() {
        found.message(&format!("messages[{at}]"), message, rules);
    }
    for (at, tool) in request.tools.iter().enumerate() {
        if let Tool::Function(function) = tool {
            let path = format!("tools[{at}]");
            found.nested(Place::Tool, Place::Function, &path, &function.extras);
            if function.strict.is_some() && !rules.strict {
                found.add(&format!("{path}.function"), "strict");
            }
        }
    }
    if request.tools.is_empty() && request.tool_choice.is_some() {
        found.add("", "tool_choice");
    }
    if let Some(ResponseFormat::JsonSchema(schema)) = &request.response_format {
        found.look(Place::Schema, "response_format.json_schema", &schema.extras);
    }
    found.warning()
}

/// The members that are not sent, by path.
#[derive(Debug, Default)]
struct LeftOut {
    named: Vec<String>,
    count: usize,
}

impl LeftOut {
    fn add(&mut self, at: &str, key: &str) {
        self.count += 1;
        if self.named.len() < NAMED {
            let key: String = key.chars().take(LONGEST).collect();
            self.named
                .push(if at.is_empty() { key } else { format!("{at}.{key}") });
        }
    }

    fn look(&mut self, place: Place, at: &str, extras: &[Extra]) {
        for (index, extra) in extras.iter().enumerate() {
            let is_used = (members::is_sent(place, extra) || members::is_spelling(place, extra))
                && members::is_first(extras, index);
            if !is_used && !json::is_blank(&extra.value_json) {
                self.add(at, &extra.key);
            }
        }
    }

    /// The same for an object with a function in it.
    fn nested(&mut self, outer: Place, inner: Place, at: &str, extras: &[Extra]) {
        if extras.is_empty() {
            return;
        }
        let (of_it, of_function) = members::by_depth(outer, extras);
        self.look(outer, at, &of_it);
        self.look(inner, &format!("{at}.{}", members::FUNCTION), &of_function);
    }

    fn message(&mut self, at: &str, message: &Message, rules: &Rules) {
        match message {
            Message::System(system) => {
                self.look(Place::Message, at, &system.extras);
                self.content(at, &system.content, rules.string_content);
            }
            Message::User(user) => {
                self.look(Place::Message, at, &user.extras);
                self.content(at, &user.content, rules.string_content);
            }
            Message::Assistant(said) => {
                self.look(Place::Message, at, &said.extras);
                self.said(at, &said.content);
            }
            Message::Tool(result) => {
                self.look(Place::Message, at, &result.extras);
                self.content(at, &result.content, true);
            }
        }
    }

    /// `is_joined`: whether parts become one text, which has no place for members beside it.
    fn content(&mut self, at: &str, parts: &[ContentPart], is_joined: bool) {
        for (index, part) in parts.iter().enumerate() {
            let at = || format!("{at}.content[{index}]");
            match part {
                ContentPart::Media(media) => self.look(Place::Media, &at(), &media.extras),
                ContentPart::Other(other) if is_joined && other.key == "text" => {
                    json::members(&other.value_json, &mut |key, value| {
                        if !matches!(key, "type" | "text") && !json::is_blank(value) {
                            self.add(&at(), key);
                        }
                    });
                }
                ContentPart::Other(_) | ContentPart::Text(_) => {}
            }
        }
    }

    fn said(&mut self, at: &str, parts: &[AssistantPart]) {
        let mut calls = 0;
        for part in parts {
            match part {
                AssistantPart::ToolCall(call) => {
                    let at = format!("{at}.tool_calls[{calls}]");
                    self.nested(Place::Call, Place::CalledFunction, &at, &call.extras);
                    calls += 1;
                }
                AssistantPart::Other(other) if is_part_of_content(other) => {
                    self.add(&format!("{at}.content"), &other.key);
                }
                _ => {}
            }
        }
    }

    fn warning(self) -> Option<Warning> {
        if self.count == 0 {
            return None;
        }
        let more = self.count.saturating_sub(self.named.len());
        let mut message = format!(
            "Not sent, since requests have no place for it: {}",
            self.named.join(", ")
        );
        if more > 0 {
            message.push_str(&format!(" and {more} more"));
        }
        message.push('.');
        Some(Warning {
            code: "members-left-out".to_owned(),
            message,
        })
    }
}

/// Whether a part of a turn was a part of its content, such as a refusal, and is not sent. Response fields outside of
/// the content (log probabilities, annotations) are never sent back, and give no warning.
fn is_part_of_content(other: &Extra) -> bool {
    let mut names_its_type = false;
    json::members(&other.value_json, &mut |key, value| {
        names_its_type |= key == "type" && json::text(value).as_deref() == Some(&other.key);
    });
    other.key != "text" && names_its_type
}
