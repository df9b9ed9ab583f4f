//! The body of an OpenAI chat completion as a request of the contract.
//!
//! Every error names its place as a JSON path and never repeats what stands there: a request holds prompts. Nothing is
//! dropped in silence: a member that this dialect does not know is passed on as an extra of what it belongs to. Refused
//! is what is malformed and cannot be sent as it was meant.

mod document;
mod escapes;
mod format;
mod media;
mod message;
mod json_path;
mod tools;

use model_provider_host::{contract::{blank_request, ChatRequest, Extra, Message}, Result};

use self::{
    document::Document,
    json_path::{Node, unsupported},
    tools::Allowed,
};
pub(crate) use self::{media::picture_of, json_path::invalid};

/// Members that are passed on because nobody here knows them. Each is looked at by itself on its way.
const MOST_EXTRAS: usize = 1024;

/// The body of a chat completion, read.
#[derive(Debug)]
pub(crate) struct ChatBody {
    /// The request; its `model` is empty, its messages may be.
    pub(crate) request: ChatRequest,
    /// The model that it names.
    pub(crate) model: Option<String>,
    /// Whether the answer is wanted as it comes.
    pub(crate) stream: bool,
    /// Whether a streamed answer is to end with what it took.
    pub(crate) include_usage: bool,
}

/// Refuses a request that asks nothing.
pub(crate) fn asks_something(messages: &[Message]) -> Result<()> {
    if messages.is_empty() {
        return Err(invalid("`messages` is missing or empty: there is nothing to ask"));
    }
    Ok(())
}

impl ChatBody {
    /// Reads a request. Costs at most about three times its bytes in memory, them included.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let document = Document::new(bytes)?;
        let read = Self::read(&Node::root(&document));
        // What was read of a document with a fault is not all of it.
        match document.allowance.fault() {
            Some(fault) => Err(fault.into()),
            None => read,
        }
    }

    fn read(body: &Node<'_>) -> Result<Self> {
        let mut read = Self {
            request: blank_request(),
            model: None,
            stream: false,
            include_usage: false,
        };
        for field in body.fields("an object, the body of a chat completion")? {
            read.field(&field)?;
        }
        let wanted = (body.field("max_completion_tokens"), body.field("max_tokens"));
        read.request.max_output_tokens = match wanted {
            (Some(new), Some(old)) if new.limit()? != old.limit()? => {
                return Err(invalid(
                    "`max_completion_tokens` and `max_tokens` say different things; leave one out",
                ));
            }
            (Some(limit), _) => {
                // It leaves under the name under which it came.
                read.request.extras.push(Extra {
                    key: limit.key().to_owned(),
                    value_json: limit.limit()?.to_string(),
                });
                Some(limit.limit()?)
            }
            (None, Some(limit)) => Some(limit.limit()?),
            (None, None) => None,
        };
        if let Some(choice) = body.field("tool_choice") {
            Allowed::read(&choice)?.apply(&mut read.request)?;
        }
        Ok(read)
    }

    fn field(&mut self, field: &Node<'_>) -> Result<()> {
        let request = &mut self.request;
        let known = [
            "model",
            "messages",
            "tools",
            "tool_choice",
            "response_format",
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "seed",
            "stop",
            "max_tokens",
            "max_completion_tokens",
            "reasoning_effort",
            "stream",
            "stream_options",
            "n",
        ];
        let key = field.key();
        if !known.contains(&key) {
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
        }
        if field.is_null() {
            return Ok(());
        }
        match key {
            "model" => self.model = Some(field.string()?),
            "stream" => self.stream = field.flag()?,
            "stream_options" => {
                self.include_usage = field.optional_flag("include_usage")?.unwrap_or_default();
            }
            "messages" => request.messages = message::read_all(field)?,
            "tools" => request.tools = field.items()?.iter().map(tools::tool).collect::<Result<_>>()?,
            // With the tools, of which it may choose some.
            "tool_choice" => {}
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
                    return Err(unsupported(
                        "`n` above 1 is not supported: one request, one answer",
                    ));
                }
            },
            // The limits are read together.
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
    items.iter().map(Node::string).collect()
}

#[cfg(test)]
mod tests;
