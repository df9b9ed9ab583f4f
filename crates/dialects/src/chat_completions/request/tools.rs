//! The tools of a request and the choice among them, in the spellings that clients have for them.

use super::json_path::{Node, invalid};
use model_provider_host::{contract::{ChatRequest, Extra, FunctionTool, Tool, ToolChoice}, Result};

/// The parameters of a function that takes none.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

pub(super) fn tool(tool: &Node<'_>) -> Result<Tool> {
    let kind = tool.optional_text("type")?;
    if let Some(kind) = kind.filter(|kind| kind != "function") {
        return Ok(Tool::Other(Extra {
            key: kind,
            value_json: tool.json(),
        }));
    }
    let nested = tool.field("function");
    // The flat form of another dialect, in which the function's members stand in the tool.
    let function = match &nested {
        Some(function) => function,
        None if tool.field("name").is_some() => tool,
        None => &tool.need("function")?,
    };
    let parameters_json = match function.field("parameters") {
        Some(schema) => schema.object_json()?,
        None => NO_PARAMETERS.to_owned(),
    };
    let mut extras = function.others(&["type", "name", "description", "parameters", "strict"]);
    if nested.is_some() {
        extras.extend(tool.others(&["type", "function"]));
    }
    Ok(Tool::Function(FunctionTool {
        name: function.need("name")?.string()?,
        description: function.optional_text("description")?,
        parameters_json,
        strict: function.optional_flag("strict")?,
        extras,
    }))
}

/// A choice, and the tools to which it is limited.
pub(super) struct Allowed {
    choice: ToolChoice,
    only: Option<Vec<String>>,
    path: String,
}

impl Allowed {
    pub(super) fn read(choice: &Node<'_>) -> Result<Self> {
        let free = |choice| Self {
            choice,
            only: None,
            path: String::new(),
        };
        if choice.is_text() {
            return word(&choice.text()?)
                .map(free)
                .ok_or_else(|| choice.wrong("`auto`, `none`, `required` or a function's name in an object"));
        }
        let kind = choice.optional_text("type")?.unwrap_or_default();
        if kind == "allowed_tools" {
            return Self::limited(choice);
        }
        if let Some(word) = word(&kind) {
            return Ok(free(word));
        }
        let named = choice.field("function").unwrap_or_else(|| choice.clone());
        if matches!(kind.as_str(), "" | "function" | "tool") {
            return Ok(free(ToolChoice::Named(named.need("name")?.string()?)));
        }
        Ok(free(ToolChoice::Other(Extra {
            key: kind,
            value_json: choice.json(),
        })))
    }

    fn limited(choice: &Node<'_>) -> Result<Self> {
        let nested = choice.field("allowed_tools");
        let limits = nested.as_ref().unwrap_or(choice);
        let mode = limits.need("mode")?;
        let tools = limits.need("tools")?;
        let mut only = Vec::new();
        for tool in tools.items()? {
            let named = tool.field("function").unwrap_or_else(|| tool.clone());
            only.push(named.need("name")?.string()?);
        }
        Ok(Self {
            choice: word(&mode.text()?).ok_or_else(|| mode.wrong("`auto` or `required`"))?,
            only: Some(only),
            path: tools.path().to_owned(),
        })
    }

    /// Sets the choice, and leaves out the tools that it does not allow: upstreams have no other way to say so.
    pub(super) fn apply(self, request: &mut ChatRequest) -> Result<()> {
        if let Some(only) = self.only {
            let is_there = |name: &String| request.tools.iter().any(|tool| named(tool) == Some(name));
            if !only.iter().all(is_there) {
                return Err(invalid(&format!(
                    "`{}` names a tool that is not among `tools`",
                    self.path
                )));
            }
            request
                .tools
                .retain(|tool| named(tool).is_some_and(|name| only.contains(name)));
        }
        request.tool_choice = Some(self.choice);
        Ok(())
    }
}

fn named(tool: &Tool) -> Option<&String> {
    match tool {
        Tool::Function(function) => Some(&function.name),
        Tool::Other(_) => None,
    }
}

fn word(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}
