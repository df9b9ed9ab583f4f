//! The body of a Messages request as a request of the contract.
//!
//! Every error names its place as a JSON path and never repeats what stands there: a request holds prompts. What the
//! contract has no place for is left out, and named in a warning of the response, unless `fields` says that it is ignored.

mod assistant;
mod content;
mod conversation;
mod effort;
mod tools;

use std::collections::HashMap;

use super::{fields::FIELDS, origins::Origins};
use crate::{
    ending::Notes,
    fields::{self, Handling},
    json::{self, Node},
};
use provider_contract::{
    Result,
    contract::{ChatRequest, Extra, JsonSchema, ResponseFormat},
};

use self::{conversation::Conversation, effort::Effort, tools::Toolbox};

/// A member of blocks, messages and tools that is taken everywhere, and without effect.
pub(super) const CACHE_CONTROL: &str = "cache_control";
/// The code by which clients know that they have to send the whole conversation each time, and go on.
pub(super) const NO_THREADS: &str = "thread_unsupported_request";
/// The name of the schema of a response; upstreams want one.
const SCHEMA_NAME: &str = "response";

/// What a body is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A response, for which the output limit has to be there.
    Response,
    /// An estimate of its tokens.
    Count,
}

/// The body of a request, read.
#[derive(Debug)]
pub(super) struct Body {
    /// The request; its `model` is empty.
    pub(super) request: ChatRequest,
    /// The model that it names.
    pub(super) model: Option<String>,
    /// Whether the response is wanted as it comes.
    pub(super) stream: bool,
    /// What the response has to say of the request.
    pub(super) notes: Notes,
    /// The client's own names of tools whose names are too long for the contract, by the names that are sent.
    pub(super) long_names: HashMap<String, String>,
    /// Where what stands in the request stood in the body.
    pub(super) origins: Origins,
}

impl Body {
    /// Reads a request. Costs at most about three times its bytes in memory, them included.
    pub(super) fn parse(bytes: &[u8], purpose: Purpose) -> Result<Self> {
        json::read(bytes, |body| read(body, purpose))
    }
}

/// What the parts of a request have to say of it, besides what they are.
#[derive(Debug, Default)]
struct Context {
    notes: Notes,
    tools: Toolbox,
    effort: Effort,
}

impl Context {
    /// Names the members of a value that are not passed on, all but these.
    fn leave(&mut self, value: &Node<'_>, known: &[&str]) {
        self.notes.left_out.extend(value.paths_of_others(known));
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

/// The format of the response's text, which the dialect always enforces.
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
        extras: format.others(&["type", "name", "schema"]),
    }))
}

#[cfg(test)]
mod tests;
