//! The tools of a request and the tool choice, in the variants that clients send.

use crate::json::{Node, extras, invalid_at};
use provider_contract::{
    Error, Result,
    contract::{ChatRequest, Extra, FunctionTool, Tool, ToolChoice},
};

/// The parameters of a function without parameters.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// The schema of a function's parameters, here and in the Messages API.
const SCHEMAS: [&str; 2] = ["parameters", "input_schema"];

pub(super) fn tool(tool: &Node<'_>) -> Result<Tool> {
    let kind = tool.optional_text("type")?;
    // In the Messages API a tool of the client has no type, or this one.
    let is_custom = kind.as_deref() == Some("custom") && tool.field("input_schema").is_some();
    if let Some(kind) = kind.filter(|kind| !matches!(kind.as_str(), "" | "function") && !is_custom) {
        return Ok(Tool::Other(Extra {
            key: kind,
            value_json: tool.json(),
        }));
    }
    function(tool).map(Tool::Function)
}

/// A function, in its own member or flat.
pub(crate) fn function(tool: &Node<'_>) -> Result<FunctionTool> {
    let nested = tool.field("function");
    // The flat form of another dialect: the function's members are in the tool itself.
    let function = match &nested {
        Some(function) => function,
        None if tool.field("name").is_some() => tool,
        None => &tool.need("function")?,
    };
    // Some clients send the tools of the Messages API here.
    let schema = SCHEMAS.iter().find_map(|key| function.field(key));
    let parameters_json = match &schema {
        Some(schema) => schema.object_json()?,
        None => NO_PARAMETERS.to_owned(),
    };
    let of_schema = schema.as_ref().map_or(SCHEMAS[0], Node::key);
    let others = function.unknown_fields(&["type", "name", "description", of_schema, "strict"]);
    let extras = match nested {
        Some(_) => [
            tool.unknown_fields(&["type", "function"]),
            extras::of_function(others),
        ]
        .concat(),
        None => others,
    };
    Ok(FunctionTool {
        name: function.need("name")?.string()?,
        description: function.optional_text("description")?,
        parameters_json,
        strict: function.optional_flag("strict")?,
        extras,
    })
}

/// A tool choice and its options.
pub(super) struct Choice {
    choice: ToolChoice,
    /// The error if no tool has the name that was given as a plain word.
    unless_tool: Option<Error>,
    /// The allowed tools, and the path of that list.
    only: Option<(Vec<String>, String)>,
    /// Whether parallel tool calls are disabled.
    is_serial: bool,
    /// The paths of members that cannot be passed on.
    left_out: Vec<String>,
}

/// Another dialect's negation of `parallel_tool_calls`, inside the choice.
const SERIAL: &str = "disable_parallel_tool_use";
const PARALLEL: &str = "parallel_tool_calls";

impl Choice {
    pub(super) fn read(choice: &Node<'_>) -> Result<Self> {
        if choice.is_text() {
            let said = choice.string()?;
            return Ok(match word(&said) {
                Some(word) => Self::free(word, false, Vec::new()),
                None => Self {
                    unless_tool: Some(choice.wrong("`auto`, `none`, `required` or the name of a tool")),
                    ..Self::free(ToolChoice::Named(said), false, Vec::new())
                },
            });
        }
        let kind = choice.optional_text("type")?.unwrap_or_default();
        let is_serial = choice.optional_flag(SERIAL)?.unwrap_or_default();
        if kind == "allowed_tools" {
            return Self::limited(choice, is_serial);
        }
        if let Some(word) = word(&kind) {
            return Ok(Self::free(
                word,
                is_serial,
                choice.unknown_paths(&["type", SERIAL]),
            ));
        }
        if !matches!(kind.as_str(), "" | "function" | "tool") {
            return Ok(Self::free(other(kind, choice), false, Vec::new()));
        }
        let Some(function) = choice.field("function") else {
            let name = choice.need("name")?.string()?;
            let left_out = choice.unknown_paths(&["type", "name", SERIAL]);
            return Ok(Self::free(ToolChoice::Named(name), is_serial, left_out));
        };
        let name = function.need("name")?.string()?;
        let is_plain = function.unknown_fields(&["name"]).is_empty()
            && choice.unknown_fields(&["type", "function", SERIAL]).is_empty();
        Ok(if is_plain || kind != "function" {
            let mut left_out = function.unknown_paths(&["name"]);
            left_out.extend(choice.unknown_paths(&["type", "function", SERIAL]));
            Self::free(ToolChoice::Named(name), is_serial, left_out)
        } else {
            // With members that the contract cannot represent, it is passed on unchanged.
            Self::free(other(kind, choice), false, Vec::new())
        })
    }

    fn free(choice: ToolChoice, is_serial: bool, left_out: Vec<String>) -> Self {
        Self {
            choice,
            unless_tool: None,
            only: None,
            is_serial,
            left_out,
        }
    }

    fn limited(choice: &Node<'_>, is_serial: bool) -> Result<Self> {
        let nested = choice.field("allowed_tools");
        let limits = nested.as_ref().unwrap_or(choice);
        let mode = limits.need("mode")?;
        let tools = limits.need("tools")?;
        let mut only = Vec::new();
        for tool in tools.items()? {
            let named = tool.field("function").unwrap_or_else(|| tool.clone());
            only.push(named.need("name")?.string()?);
        }
        let mut left_out = limits.unknown_paths(&["type", "mode", "tools", SERIAL]);
        if nested.is_some() {
            left_out.extend(choice.unknown_paths(&["type", "allowed_tools", SERIAL]));
        }
        let word = word(&mode.text()?).ok_or_else(|| mode.wrong("`auto` or `required`"))?;
        Ok(Self {
            only: Some((only, tools.path().to_owned())),
            ..Self::free(word, is_serial, left_out)
        })
    }

    /// Sets the choice, and removes the tools that it does not allow: upstreams have no other way to express that.
    /// Returns the paths of dropped members, and the indices of the tools that remain.
    pub(super) fn apply(self, request: &mut ChatRequest) -> Result<(Vec<String>, Vec<usize>)> {
        let mut kept: Vec<usize> = (0..request.tools.len()).collect();
        if let Some((only, path)) = &self.only {
            let is_there = |name: &String| request.tools.iter().any(|tool| is_called(tool, name));
            if !only.iter().all(is_there) {
                return Err(invalid_at(path, "names a tool that is not among `tools`"));
            }
            let is_allowed = |tool: &Tool| only.iter().any(|name| is_called(tool, name));
            kept.retain(|at| is_allowed(&request.tools[*at]));
            request.tools.retain(is_allowed);
        }
        if let (Some(error), ToolChoice::Named(name)) = (self.unless_tool, &self.choice)
            && !request.tools.iter().any(|tool| is_called(tool, name))
        {
            return Err(error);
        }
        if self.is_serial {
            serial(request);
        }
        request.tool_choice = Some(self.choice);
        Ok((self.left_out, kept))
    }
}

/// Disables parallel tool calls, unless the request says whether it takes them.
pub(super) fn serial(request: &mut ChatRequest) {
    if !request.extras.iter().any(|extra| extra.key == PARALLEL) {
        request.extras.push(Extra {
            key: PARALLEL.to_owned(),
            value_json: "false".to_owned(),
        });
    }
}

fn other(kind: String, choice: &Node<'_>) -> ToolChoice {
    ToolChoice::Other(Extra {
        key: kind,
        value_json: choice.json(),
    })
}

/// Whether a tool has this name, in its function or, for another type, beside its type.
fn is_called(tool: &Tool, name: &str) -> bool {
    let Tool::Other(other) = tool else {
        return matches!(tool, Tool::Function(function) if function.name == name);
    };
    let whole: serde_json::Value = serde_json::from_str(&other.value_json).unwrap_or_default();
    whole["function"]["name"] == *name || whole["name"] == *name
}

pub(crate) fn word(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}
