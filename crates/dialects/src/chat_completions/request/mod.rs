//! Parses the body of an OpenAI chat completion to a request of the contract.
//!
//! Every error has a JSON path and never repeats the value: a request holds prompts. Nothing is dropped silently:
//! unknown members are passed on as extras of their object. A request is refused if it is malformed and cannot be
//! sent as it was meant.

pub(crate) mod calls;
pub(crate) mod format;
mod message;
pub(crate) mod parts;
pub(crate) mod tools;

use provider_contract::{
    Result,
    contract::{ChatRequest, Extra, Message, ProviderErrorKind, Tool},
};

use self::tools::Choice;
use super::{fields::FIELDS, origins::Origins};
use crate::{
    fields::find,
    json::{self, Node},
};
pub use crate::{json::invalid, media::image_of};

/// The most unknown members that are passed on. The plugin handles each one individually.
const MOST_EXTRAS: usize = 1024;

/// The parsed body of a chat completion.
///
/// ```
/// use dialects::chat_completions::request::ChatBody;
///
/// let body = br#"{"messages": [{"role": "user", "content": "Hello!"}], "temperature": 0.5, "user": "u1"}"#;
/// let parsed = ChatBody::parse(body)?;
/// assert_eq!(parsed.request.temperature, Some(0.5));
/// assert!(!parsed.stream);
/// # Ok::<(), provider_contract::Error>(())
/// ```
#[derive(Debug)]
pub struct ChatBody {
    /// The request; its `model` is empty, its messages may be.
    pub request: ChatRequest,
    /// The requested model.
    pub model: Option<String>,
    /// Whether the response is streamed.
    pub stream: bool,
    /// Whether a streamed response ends with its usage.
    pub include_usage: bool,
    /// Whether the tools are `functions`, so that the response has a `function_call` in place of `tool_calls`.
    pub has_functions: bool,
    /// The paths of members that are not passed on.
    pub left_out: Vec<String>,
    /// Maps the request to paths in the body.
    pub(super) origins: Origins,
}

/// Refuses a request without messages.
pub fn check_prompt(messages: &[Message]) -> Result<()> {
    if messages.is_empty() {
        let message = "`messages` is missing or empty: there is no prompt";
        return Err(json::refused(
            ProviderErrorKind::InvalidRequest,
            "messages",
            message,
        ));
    }
    Ok(())
}

impl ChatBody {
    /// Parses a request. Uses at most about three times its size in memory, including the body itself.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        json::read(bytes, Self::read)
    }

    fn read(body: &Node<'_>) -> Result<Self> {
        let mut read = Self {
            request: ChatRequest::new(""),
            model: None,
            stream: false,
            include_usage: false,
            has_functions: false,
            origins: Origins::default(),
            left_out: Vec::new(),
        };
        for field in body.fields("an object, the body of a chat completion")? {
            read.field(&field)?;
        }
        if read.request.messages.is_empty() && body.field("input").is_some() {
            let message = "`messages` is missing: a body with `input` belongs to `/v1/responses`";
            return Err(json::refused(
                ProviderErrorKind::InvalidRequest,
                "messages",
                message,
            ));
        }
        read.limits(body)?;
        read.functions(body)?;
        let given = |name| body.field(name).filter(|given: &Node<'_>| !given.is_null());
        let (mut choice, legacy) = (given("tool_choice"), given("function_call"));
        if read.has_functions
            && let Some(legacy) = legacy
        {
            read.origins.has_function_call = true;
            let unread = choice.replace(legacy);
            read.left_out
                .extend(unread.map(|unread| unread.path().to_owned()));
        }
        if let Some(choice) = choice {
            let before = read.request.tools.len();
            let (left_out, kept) = Choice::read(&choice)?.apply(&mut read.request)?;
            read.left_out.extend(left_out);
            read.origins.keep_tools(&kept, before);
        }
        Ok(read)
    }

    /// The tools of older clients, which take one call in a response.
    fn functions(&mut self, body: &Node<'_>) -> Result<()> {
        let functions = body.field("functions").filter(|functions| !functions.is_null());
        if !self.request.tools.is_empty() {
            let choice = body.field("function_call").filter(|choice| !choice.is_null());
            let unread = [functions, choice];
            let paths = unread.iter().flatten().map(|unread| unread.path().to_owned());
            self.left_out.extend(paths);
            return Ok(());
        }
        let Some(functions) = functions else { return Ok(()) };
        for function in functions.items()? {
            let function = tools::function(&function)?;
            self.request.tools.push(Tool::Function(function));
        }
        self.has_functions = !self.request.tools.is_empty();
        self.origins.has_functions = self.has_functions;
        if self.has_functions {
            tools::serial(&mut self.request);
        }
        Ok(())
    }

    /// The output limit is sent under the name that the client used; under both if both were used.
    fn limits(&mut self, body: &Node<'_>) -> Result<()> {
        let request = &mut self.request;
        let (new, old) = (body.field("max_completion_tokens"), body.field("max_tokens"));
        // Some servers take -1 as no limit, so some clients send it.
        let is_unlimited = |limit: &Node<'_>| limit.integer().is_ok_and(|limit| limit == -1);
        let unlimited = [&new, &old]
            .into_iter()
            .flatten()
            .filter(|limit| is_unlimited(limit));
        self.left_out
            .extend(unlimited.map(|limit| limit.path().to_owned()));
        let new = new.filter(|limit| !is_unlimited(limit));
        let old = old.filter(|limit| !is_unlimited(limit));
        let limits = [new.as_ref(), old.as_ref().filter(|_| new.is_some())];
        for limit in limits.into_iter().flatten() {
            request.extras.push(Extra {
                key: limit.key().to_owned(),
                value_json: limit.limit()?.to_string(),
            });
        }
        request.max_output_tokens = new.or(old).map(|limit| limit.limit()).transpose()?;
        Ok(())
    }

    /// How the response is sent to the client. The plugin sets the upstream's options itself.
    fn stream_options(&mut self, options: &Node<'_>) -> Result<()> {
        const INCLUDE_USAGE: &str = "include_usage";
        if !options.is_object() {
            return Err(options.wrong("an object"));
        }
        self.include_usage = options.optional_flag(INCLUDE_USAGE)?.unwrap_or_default();
        self.left_out.extend(options.unknown_paths(&[INCLUDE_USAGE]));
        Ok(())
    }

    fn field(&mut self, field: &Node<'_>) -> Result<()> {
        let request = &mut self.request;
        let key = field.key();
        let Some(known) = find(FIELDS, key) else {
            if request.extras.len() == MOST_EXTRAS {
                return Err(invalid(&format!(
                    "it has more than {MOST_EXTRAS} members besides those of a chat completion"
                )));
            }
            request.extras.push(Extra {
                key: key.to_owned(),
                value_json: field.json(),
            });
            return Ok(());
        };
        if field.is_null() {
            return Ok(());
        }
        match key {
            "model" => self.model = Some(field.string()?),
            "stream" => self.stream = field.flag()?,
            "stream_options" => self.stream_options(field)?,
            "messages" => (request.messages, self.origins.messages) = message::read_all(field)?,
            "tools" => {
                request.tools = field
                    .items()?
                    .map(|tool| tools::tool(&tool))
                    .collect::<Result<_>>()?;
            }
            "response_format" => request.response_format = Some(format::response_format(field)?),
            "temperature" => request.temperature = Some(field.number()?),
            "top_p" => request.top_p = Some(field.number()?),
            "frequency_penalty" => request.frequency_penalty = Some(field.number()?),
            "presence_penalty" => request.presence_penalty = Some(field.number()?),
            "seed" => request.seed = Some(field.integer()?),
            "stop" => request.stop = stops(field)?,
            "reasoning_effort" => request.reasoning_effort = Some(field.string()?),
            "n" => match field.count()? {
                1 => {}
                _ => {
                    return Err(field.unsupported(known.reason));
                }
            },
            // `tool_choice` is read together with the tools, which it may filter, `functions` if there are no tools, and
            // the limits with each other.
            _ => {}
        }
        Ok(())
    }
}

fn stops(field: &Node<'_>) -> Result<Vec<String>> {
    if field.is_text() {
        return Ok(vec![field.string()?]);
    }
    let items = field.items_or("text or a list of texts")?;
    items.map(|item| item.string()).collect()
}

#[cfg(test)]
mod tests;
