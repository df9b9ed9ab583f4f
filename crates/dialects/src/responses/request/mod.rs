//! Parses the body of a Responses request to a request of the contract.
//!
//! Every error has a JSON path and never repeats the value: a request holds prompts. [`FIELDS`] says how each
//! member is handled.

mod content;
mod conversation;
mod tools;

use std::collections::HashSet;

use super::{
    fields::FIELDS,
    origins::{Origin, Origins},
    resource::Echo,
};
use crate::{
    chat_completions::request::format,
    ending::RequestNotes,
    fields::{Handling, find},
    json::{self, Node, invalid},
};
use conversation::Conversation;
use provider_contract::{
    Result,
    contract::{ChatRequest, Extra, Message, ProviderErrorKind},
};

/// The most unknown members that are passed on. The plugin handles each one individually.
const MOST_EXTRAS: usize = 1024;

/// The parsed body of a request.
#[derive(Debug)]
pub(super) struct Body {
    /// The request; its `model` is empty.
    pub(super) request: ChatRequest,
    /// The requested model.
    pub(super) model: Option<String>,
    pub(super) stream: bool,
    /// The names of custom tools, which are functions for the model.
    pub(super) custom: Vec<String>,
    /// Whether reasoning is written to the summary.
    pub(super) wants_summary: bool,
    /// Whether reasoning is returned in `encrypted_content`, for sending it back.
    pub(super) wants_sealed: bool,
    /// Members that the response echoes.
    pub(super) echo: Echo,
    pub(super) notes: RequestNotes,
    /// Maps the request to paths in the body.
    pub(super) origins: Origins,
}

impl Body {
    /// Parses a request. Uses at most about four times its size in memory, including the body itself.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        json::read(bytes, Self::read)
    }

    fn read(body: &Node<'_>) -> Result<Self> {
        let mut read = Self {
            request: ChatRequest::new(""),
            model: None,
            stream: false,
            custom: Vec::new(),
            wants_summary: false,
            wants_sealed: false,
            echo: Echo::default(),
            notes: RequestNotes::default(),
            origins: Origins::default(),
        };
        for field in body.fields("an object, the body of a request for a response")? {
            match find(FIELDS, field.key()) {
                None => read.pass_on(&field)?,
                Some(_) if field.is_null() => {}
                Some(known) => read.field(&field, known.handling, known.reason)?,
            }
        }
        read.messages(body)?;
        read.tools(body)?;
        read.settle_extras();
        Ok(read)
    }

    fn pass_on(&mut self, field: &Node<'_>) -> Result<()> {
        if self.request.extras.len() >= MOST_EXTRAS {
            return Err(invalid(&format!(
                "it has more than {MOST_EXTRAS} members besides those of a request for a response"
            )));
        }
        self.extra(field.key(), field.json());
        Ok(())
    }

    fn extra(&mut self, key: &str, value_json: impl Into<String>) {
        self.request.extras.push(Extra {
            key: key.to_owned(),
            value_json: value_json.into(),
        });
    }

    /// Leaves out members of other dialects whose place is taken: by a member of this one, or by the server.
    fn settle_extras(&mut self) {
        let request = &mut self.request;
        let is_limited = request.max_output_tokens.is_some();
        let has_effort = request.reasoning_effort.is_some();
        let has_format = request.response_format.is_some();
        let (mut seen, left_out) = (HashSet::new(), &mut self.notes.left_out);
        request.extras.retain(|extra| {
            let is_taken = match extra.key.as_str() {
                "messages" | "n" | "stream_options" => true,
                "max_tokens" | "max_completion_tokens" => is_limited,
                "reasoning_effort" => has_effort,
                "response_format" => has_format,
                _ => false,
            };
            if is_taken && extra.value_json != "null" {
                left_out.push(extra.key.clone());
            }
            !is_taken && seen.insert(extra.key.clone())
        });
    }

    fn leave_out(&mut self, field: &Node<'_>) {
        self.notes.left_out.push(field.path().to_owned());
    }

    fn field(&mut self, field: &Node<'_>, handling: Handling, reason: &str) -> Result<()> {
        let request = &mut self.request;
        match field.key() {
            "model" => self.model = Some(field.string()?),
            "stream" => self.stream = field.flag()?,
            "stream_options" => self.stream_options(field)?,
            "text" => self.text(field)?,
            "reasoning" => self.reasoning(field)?,
            "include" => self.include(field)?,
            "temperature" => request.temperature = Some(field.number()?),
            "top_p" => request.top_p = Some(field.number()?),
            "presence_penalty" => request.presence_penalty = Some(field.number()?),
            "frequency_penalty" => request.frequency_penalty = Some(field.number()?),
            "seed" => request.seed = Some(field.integer()?),
            "stop" if field.is_text() => request.stop = vec![field.string()?],
            "stop" => {
                let texts = field.items_or("text or a list of texts")?;
                request.stop = texts.map(|text| text.string()).collect::<Result<_>>()?;
            }
            "max_output_tokens" => request.max_output_tokens = Some(field.limit()?),
            "top_logprobs" => match field.limit()? {
                0 => {}
                most => {
                    self.logprobs();
                    self.extra("top_logprobs", most.to_string());
                }
            },
            "user" => self.extra("user", field.json()),
            "store" if field.flag()? => {
                let message = "the response is not stored: it cannot be fetched or followed by its id";
                self.notes.warn("not-stored", message);
            }
            "metadata" => {
                field.object_json()?;
            }
            "truncation" if field.text()? != "disabled" => self.leave_out(field),
            "service_tier" if ["auto", "default"].contains(&&*field.text()?) => {}
            "background" if !field.flag()? => {}
            // Read together with their context.
            "input" | "instructions" | "tools" | "tool_choice" | "parallel_tool_calls" => {}
            _ => match handling {
                Handling::LeftOut => self.leave_out(field),
                // An id that is empty names nothing.
                Handling::Refused if field.is_empty() => {}
                Handling::Refused => return Err(field.unsupported(reason)),
                Handling::Sent | Handling::Here | Handling::Echoed | Handling::Ignored => {}
            },
        }
        self.echo.request_member(field);
        Ok(())
    }

    fn stream_options(&mut self, options: &Node<'_>) -> Result<()> {
        const OBFUSCATED: &str = "include_obfuscation";
        if !options.is_object() {
            return Err(options.wrong("an object"));
        }
        if options.optional_flag(OBFUSCATED)? == Some(true) {
            self.notes.left_out.push(options.path_of(OBFUSCATED));
        }
        let others = options.unknown_paths(&[OBFUSCATED]);
        self.notes.left_out.extend(others);
        Ok(())
    }

    fn text(&mut self, text: &Node<'_>) -> Result<()> {
        if !text.is_object() {
            return Err(text.wrong("an object"));
        }
        if let Some(format) = text.field("format") {
            self.request.response_format = Some(format::response_format(&format)?);
        }
        // The default has no effect.
        let is_usual = text
            .optional_text("verbosity")?
            .is_none_or(|verbosity| verbosity == "medium");
        let known: &[&str] = if is_usual {
            &["format", "verbosity"]
        } else {
            &["format"]
        };
        let others = text.unknown_paths(known);
        self.notes.left_out.extend(others);
        Ok(())
    }

    fn reasoning(&mut self, reasoning: &Node<'_>) -> Result<()> {
        if !reasoning.is_object() {
            return Err(reasoning.wrong("an object"));
        }
        self.request.reasoning_effort = reasoning.optional_text("effort")?;
        let summary = match reasoning.optional_text("summary")? {
            None => reasoning.optional_text("generate_summary")?,
            summary => summary,
        };
        self.wants_summary = summary.is_some_and(|summary| summary != "none");
        let others = reasoning.unknown_paths(&["effort", "summary", "generate_summary"]);
        self.notes.left_out.extend(others);
        Ok(())
    }

    fn include(&mut self, include: &Node<'_>) -> Result<()> {
        for wanted in include.items()? {
            match &*wanted.text()? {
                "reasoning.encrypted_content" => self.wants_sealed = true,
                "message.output_text.logprobs" => self.logprobs(),
                _ => self.leave_out(&wanted),
            }
        }
        Ok(())
    }

    /// Requests log probabilities from the upstream, once.
    fn logprobs(&mut self) {
        if self.request.extras.iter().all(|extra| extra.key != "logprobs") {
            self.extra("logprobs", "true");
        }
    }

    fn messages(&mut self, body: &Node<'_>) -> Result<()> {
        let mut conversation = Conversation::default();
        let nothing = || {
            let message = "`input` is missing or empty: there is no prompt";
            json::refused(ProviderErrorKind::InvalidRequest, "input", message)
        };
        conversation.read(&body.field("input").ok_or_else(nothing)?)?;
        let (mut messages, left_out) = conversation.end();
        if messages.is_empty() {
            return Err(nothing());
        }
        self.notes.left_out.extend(left_out);
        if let Some(instructions) = body.field("instructions").filter(|said| !said.is_empty()) {
            let origin = Origin {
                content: Some((instructions.path().to_owned(), false)),
                ..Origin::of_item(instructions.path())
            };
            messages.insert(0, (Message::system(instructions.string()?), origin));
        }
        (self.request.messages, self.origins.messages) = messages.into_iter().unzip();
        Ok(())
    }

    fn tools(&mut self, body: &Node<'_>) -> Result<()> {
        let offered = tools::Offered::read(body, &mut self.request)?;
        if !offered.left_out.is_empty() {
            let message = format!("not supported here: {}", offered.left_out.join(", "));
            self.notes.warn("tools-left-out", message);
        }
        self.echo.tools(&offered.echo);
        self.origins.tools = offered.paths;
        self.custom = offered.custom;
        if let Some(parallel) = body.field("parallel_tool_calls") {
            let flag = parallel.flag()?;
            if !self.request.tools.is_empty() {
                self.extra("parallel_tool_calls", flag.to_string());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
