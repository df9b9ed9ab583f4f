//! Parses the body of a Messages request to a request of the contract.
//!
//! Every error has a JSON path and never repeats the value: a request holds prompts. Members without a place in the
//! contract are left out, and named in a warning of the response, unless `fields` lists them as ignored.

mod assistant;
mod content;
mod conversation;
mod effort;
mod tools;

use std::collections::HashMap;

use super::{fields::FIELDS, origins::Origins};
use crate::{
    ending::RequestNotes,
    fields::{self, Handling},
    json::{self, Node},
};
use provider_contract::{
    Result,
    contract::{ChatRequest, Extra, JsonSchema, ResponseFormat},
};

use self::{conversation::Conversation, effort::Effort, tools::Toolbox};

/// A member of blocks, messages and tools that is accepted everywhere, without effect.
pub(super) const CACHE_CONTROL: &str = "cache_control";
/// The error code on which clients fall back to sending the whole conversation each time.
pub(super) const NO_THREADS: &str = "thread_unsupported_request";
/// The name of a response schema; upstreams require one.
const SCHEMA_NAME: &str = "response";

/// The purpose of parsing a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A response, which requires the output limit.
    Response,
    /// An estimate of its tokens.
    Count,
}

/// The parsed body of a request.
#[derive(Debug)]
pub(super) struct Body {
    /// The request; its `model` is empty.
    pub(super) request: ChatRequest,
    /// The requested model.
    pub(super) model: Option<String>,
    /// Whether the response is streamed.
    pub(super) stream: bool,
    /// Notes about the request, for the response.
    pub(super) notes: RequestNotes,
    /// The client's tool names that exceed the contract's length, by the shortened names.
    pub(super) long_names: HashMap<String, String>,
    /// Maps the request to paths in the body.
    pub(super) origins: Origins,
}

impl Body {
    /// Parses a request. Uses at most about three times its size in memory, including the body itself.
    pub(super) fn parse(bytes: &[u8], purpose: Purpose) -> Result<Self> {
        json::read(bytes, |body| read(body, purpose))
    }
}

/// Context and notes of parsing the parts of a request.
#[derive(Debug, Default)]
struct Context {
    notes: RequestNotes,
    tools: Toolbox,
    effort: Effort,
}

impl Context {
    /// Notes the members of a value that are not passed on: all but these.
    fn leave(&mut self, value: &Node<'_>, known: &[&str]) {
        self.notes.left_out.extend(value.unknown_paths(known));
    }
}

fn read(body: &Node<'_>, purpose: Purpose) -> Result<Body> {
    let mut context = Context::default();
    for field in body.fields("an object, the body of a Messages request")? {
        let is_known =
            fields::find(FIELDS, field.key()).is_some_and(|known| known.handling != Handling::LeftOut);
        if !is_known && !field.is_null() {
            context.notes.left_out.push(field.path().to_owned());
        }
    }
    let mut request = ChatRequest::new("");
    request.max_output_tokens = match body.field("max_tokens") {
        None if purpose == Purpose::Response => Some(body.need("max_tokens")?.limit()?),
        limit => limit.map(|limit| limit.limit()).transpose()?,
    };
    for (number, place) in [
        ("temperature", &mut request.temperature),
        ("top_p", &mut request.top_p),
    ] {
        *place = body.field(number).map(|number| number.number()).transpose()?;
    }
    if let Some(count) = body.field("top_k") {
        request.extras.push(Extra {
            key: "top_k".to_owned(),
            value_json: count.integer()?.to_string(),
        });
    }
    if let Some(stops) = body.field("stop_sequences") {
        request.stop = stops.items()?.map(|stop| stop.string()).collect::<Result<_>>()?;
    }
    if let Some(thread) = body.field("thread") {
        let error =
            thread.unsupported("cannot be used: conversations are not stored here; send all messages");
        return Err(error.with_code(NO_THREADS));
    }
    if let Some(thinking) = body.field("thinking") {
        context.effort.thinking(&thinking, &mut context.notes)?;
    }
    if let Some(config) = body.field("output_config") {
        context.leave(&config, &["effort", "format"]);
        context.effort.config(&config)?;
        request.response_format = config
            .field("format")
            .map(|format| self::format(&format))
            .transpose()?;
    }
    if let Some(format) = body.field("output_format") {
        request.response_format = Some(self::format(&format)?);
    }
    if let Some(tools) = body.field("tools") {
        for tool in tools.items()? {
            context.tools.declare(&tool, &mut context.notes)?;
        }
    }
    let mut conversation = Conversation::default();
    if let Some(system) = body.field("system") {
        conversation.system(&system, &mut context)?;
    }
    let messages = body.need("messages")?;
    for message in messages.items()? {
        conversation.message(&message, &mut context)?;
    }
    let is_asked = conversation.has_messages();
    let mut origins = Origins::default();
    (request.messages, origins.messages) = conversation.finish();
    if !is_asked || request.messages.is_empty() {
        return Err(messages.invalid("is empty: there is nothing to respond to"));
    }
    let Context {
        mut notes,
        tools,
        effort,
    } = context;
    request.reasoning_effort = effort.word();
    let long_names;
    (long_names, origins.tools) =
        tools.finish(body.field("tool_choice").as_ref(), &mut request, &mut notes)?;
    Ok(Body {
        model: body.optional_text("model")?,
        stream: body.optional_flag("stream")?.unwrap_or_default(),
        request,
        notes,
        long_names,
        origins,
    })
}

/// The response format, which the dialect always enforces.
fn format(format: &Node<'_>) -> Result<ResponseFormat> {
    let kind = format.need("type")?;
    if kind.text()? != "json_schema" {
        return Err(kind.wrong("`json_schema`"));
    }
    Ok(ResponseFormat::JsonSchema(JsonSchema {
        name: format
            .optional_text("name")?
            .unwrap_or_else(|| SCHEMA_NAME.to_owned()),
        description: None,
        schema_json: format.need("schema")?.object_json()?,
        strict: Some(true),
        extras: format.unknown_fields(&["type", "name", "schema"]),
    }))
}

#[cfg(test)]
mod tests;
