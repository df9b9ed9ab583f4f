//! The body of an OpenAI chat completion as a request of the contract.
//!
//! Every fault names its place as a JSON path and never repeats what stands there: a request holds prompts. Nothing
//! that was asked for is dropped in silence: what the contract has no place for is passed on as an extra, or refused.

mod media;
mod message;
mod node;

use crate::{
    contract::{
        ChatRequest, Extra, FunctionTool, JsonSchema, Message, ResponseFormat, Tool, ToolChoice,
        blank_request,
    },
    error::Result,
};

use self::node::{Node, unsupported};
pub(crate) use self::{media::picture_of, node::invalid};

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
    /// Reads a request.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| invalid(&format!("it is not JSON: {error}")))?;
        let body = Node::root(&value);
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
            (Some(new), Some(old)) if new.count()? != old.count()? => {
                return Err(invalid(
                    "`max_completion_tokens` and `max_tokens` say different things; leave one out",
                ));
            }
            (Some(limit), _) | (None, Some(limit)) => Some(limit.count()?),
            (None, None) => None,
        };
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
            "model" => self.model = Some(field.text()?.to_owned()),
            "stream" => self.stream = field.flag()?,
            "stream_options" => {
                self.include_usage = field.optional_flag("include_usage")?.unwrap_or_default();
            }
            "messages" => request.messages = message::read_all(field)?,
            "tools" => request.tools = field.items()?.iter().map(tool).collect::<Result<_>>()?,
            "tool_choice" => request.tool_choice = Some(tool_choice(field)?),
            "response_format" => request.response_format = Some(response_format(field)?),
            "temperature" => request.temperature = Some(field.number()?),
            "top_p" => request.top_p = Some(field.number()?),
            "frequency_penalty" => request.frequency_penalty = Some(field.number()?),
            "presence_penalty" => request.presence_penalty = Some(field.number()?),
            "seed" => request.seed = Some(field.integer()?),
            "stop" => request.stop = stops(field)?,
            "reasoning_effort" => request.reasoning_effort = Some(field.text()?.to_owned()),
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
        return Ok(vec![field.text()?.to_owned()]);
    }
    let items = field.items_or("text or a list of texts")?;
    items.iter().map(|item| Ok(item.text()?.to_owned())).collect()
}

fn tool(tool: &Node<'_>) -> Result<Tool> {
    let kind = tool.need("type")?;
    if kind.text()? != "function" {
        return Err(unsupported(&format!(
            "`{}` is not `function`, the only kind of tool there is",
            kind.path()
        )));
    }
    let function = tool.need("function")?;
    function.only(&["name", "description", "parameters", "strict"])?;
    let parameters_json = match function.field("parameters") {
        Some(schema) => schema.object_json()?,
        // Left out, the function takes no arguments.
        None => r#"{"type":"object","properties":{}}"#.to_owned(),
    };
    Ok(Tool::Function(FunctionTool {
        name: function.need("name")?.text()?.to_owned(),
        description: function.optional_text("description")?,
        parameters_json,
        strict: function.optional_flag("strict")?,
        extras: Vec::new(),
    }))
}

fn tool_choice(choice: &Node<'_>) -> Result<ToolChoice> {
    if !choice.is_text() {
        let function = choice.need("function")?;
        return Ok(ToolChoice::Named(function.need("name")?.text()?.to_owned()));
    }
    match choice.text()? {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(choice.wrong("`auto`, `none`, `required` or a function's name in an object")),
    }
}

fn response_format(format: &Node<'_>) -> Result<ResponseFormat> {
    let kind = format.need("type")?;
    match kind.text()? {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => {
            // With a schema in it, it is the form of text-generation-inference, which some clients translate into.
            format.only(&["type", "value"])?;
            Ok(match format.field("value") {
                None => ResponseFormat::JsonObject,
                Some(schema) => ResponseFormat::JsonSchema(JsonSchema {
                    name: "response".to_owned(),
                    description: None,
                    schema_json: schema.object_json()?,
                    strict: None,
                    extras: Vec::new(),
                }),
            })
        }
        "json_schema" => {
            format.only(&["type", "json_schema"])?;
            let schema = format.need("json_schema")?;
            schema.only(&["name", "description", "schema", "strict"])?;
            Ok(ResponseFormat::JsonSchema(JsonSchema {
                name: schema.need("name")?.text()?.to_owned(),
                description: schema.optional_text("description")?,
                schema_json: schema.need("schema")?.object_json()?,
                strict: schema.optional_flag("strict")?,
                extras: Vec::new(),
            }))
        }
        _ => Err(kind.wrong("`text`, `json_object` or `json_schema`")),
    }
}

#[cfg(test)]
mod tests;
