//! The tools of a request and the tool choice. The application runs functions and custom tools; any other tool
//! would have to run upstream, which is not supported.

use super::super::conversion;
use crate::{
    chat_completions::request::tools::{function, word},
    json::{Node, extras},
};
use provider_contract::{
    Result,
    contract::{ChatRequest, Extra, FunctionTool, Tool, ToolChoice},
};

/// Instructs the model how to call a custom tool.
const AS_ARGUMENT: &str = "Give the whole input of the tool, as plain text, in the argument `input`.";
/// Tool types that a warning may name. Other tools are named by their index.
const ELSEWHERE: [&str; 18] = [
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use",
    "computer_use_preview",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "x_search",
];

/// The tools for the model.
#[derive(Default)]
pub(super) struct Offered {
    /// The names of custom tools.
    pub(super) custom: Vec<String>,
    /// The tools that are not offered, by type or index.
    pub(super) left_out: Vec<String>,
    /// The offered tools, as the response echoes them.
    pub(super) echo: Vec<String>,
    /// The paths of the offered tools.
    pub(super) paths: Vec<String>,
}

impl Offered {
    pub(super) fn read(body: &Node<'_>, request: &mut ChatRequest) -> Result<Self> {
        let mut offered = Self::default();
        if let Some(tools) = body.field("tools") {
            for tool in tools.items()? {
                request.tools.extend(offered.tool(&tool)?.map(Tool::Function));
            }
        }
        if let Some(choice) = body.field("tool_choice") {
            let chosen = offered.choice(&choice, request)?;
            // Without tools there is nothing to choose.
            request.tool_choice = Some(chosen).filter(|_| !request.tools.is_empty());
        }
        Ok(offered)
    }

    fn tool(&mut self, tool: &Node<'_>) -> Result<Option<FunctionTool>> {
        // As in chat completions, a tool without a type is a function.
        let kind = tool.optional_text("type")?.unwrap_or_default();
        let kind = if kind.is_empty() {
            "function".to_owned()
        } else {
            kind
        };
        let function = match kind.as_str() {
            "function" => function(tool)?,
            "custom" => {
                let custom = custom(tool)?;
                self.custom.push(custom.name.clone());
                custom
            }
            known if ELSEWHERE.contains(&known) => {
                self.left_out.push(kind);
                return Ok(None);
            }
            _ => {
                self.left_out.push(tool.path().to_owned());
                return Ok(None);
            }
        };
        self.echo.push(echo(tool, &kind));
        self.paths.push(tool.path().to_owned());
        Ok(Some(function))
    }

    fn choice(&mut self, choice: &Node<'_>, request: &mut ChatRequest) -> Result<ToolChoice> {
        if choice.is_text() {
            let said = choice.string()?;
            return match word(&said) {
                Some(word) => self.can_be(choice, word, request),
                None if has(request, &said) => Ok(ToolChoice::Named(said)),
                None => Err(choice.wrong("`auto`, `none`, `required` or an object that names a tool")),
            };
        }
        let kind = choice.need("type")?.string()?;
        if let Some(word) = word(&kind) {
            return self.can_be(choice, word, request);
        }
        match kind.as_str() {
            "function" | "custom" | "tool" => {
                let named = choice.field("function").unwrap_or_else(|| choice.clone());
                let name = named.need("name")?.string()?;
                if !has(request, &name) {
                    return Err(choice.invalid("names a tool that is not among `tools`"));
                }
                Ok(ToolChoice::Named(name))
            }
            "allowed_tools" => self.limited(choice, request),
            _ => Err(choice.unsupported(
                "forces a tool that is not supported here; `function` and `custom` can be forced",
            )),
        }
    }

    /// A subset of the tools: the rest is not offered, since upstreams have no other way to express that.
    fn limited(&mut self, choice: &Node<'_>, request: &mut ChatRequest) -> Result<ToolChoice> {
        let mode = choice.need("mode")?;
        let mut only = Vec::new();
        for tool in choice.need("tools")?.items()? {
            // Those of other types are left out as they are among the tools.
            let kind = tool.optional_text("type")?;
            let is_named = matches!(kind.as_deref(), None | Some("function" | "custom"));
            if is_named || tool.field("name").is_some() {
                let name = tool.need("name")?.string()?;
                if !has(request, &name) && self.left_out.is_empty() {
                    return Err(tool.invalid("names a tool that is not among `tools`"));
                }
                only.push(name);
            }
        }
        let tools = std::mem::take(&mut request.tools).into_iter();
        let offered = tools.zip(std::mem::take(&mut self.paths));
        let allowed = offered
            .filter(|(tool, _)| matches!(tool, Tool::Function(function) if only.contains(&function.name)));
        (request.tools, self.paths) = allowed.unzip();
        let word = word(&mode.text()?).ok_or_else(|| mode.wrong("`auto` or `required`"))?;
        self.can_be(choice, word, request)
    }

    fn can_be(&self, choice: &Node<'_>, word: ToolChoice, request: &ChatRequest) -> Result<ToolChoice> {
        let is_forced = matches!(word, ToolChoice::Required);
        if is_forced && request.tools.is_empty() && !self.left_out.is_empty() {
            return Err(choice.unsupported("forces a tool, and none of the given tools is supported here"));
        }
        Ok(word)
    }
}

/// A custom tool as a function with one string parameter.
fn custom(tool: &Node<'_>) -> Result<FunctionTool> {
    // The tool's description is about its text input, which is an argument here.
    let mut description = match tool.optional_text("description")? {
        Some(said) => format!("{said}\n\n{AS_ARGUMENT}"),
        None => AS_ARGUMENT.to_owned(),
    };
    if let Some(format) = tool.field("format")
        && let Some(definition) = format.optional_text("definition")?
    {
        let syntax = format.optional_text("syntax")?.unwrap_or_default();
        description += &format!("\n\nThe input has to follow this grammar ({syntax}):\n{definition}");
    }
    Ok(FunctionTool {
        name: tool.need("name")?.string()?,
        description: Some(description),
        parameters_json: conversion::text_parameters(),
        strict: None,
        extras: tool.unknown_fields(&["type", "name", "description", "format"]),
    })
}

/// A tool with all members that clients require.
fn echo(tool: &Node<'_>, kind: &str) -> String {
    let nested = tool.field("function").filter(|_| kind == "function");
    let mut members = nested.as_ref().unwrap_or(tool).unknown_fields(&["type"]);
    members.insert(0, extras::text("type", kind));
    if kind == "function" {
        for key in ["description", "parameters", "strict"] {
            if members.iter().all(|member| member.key != key) {
                members.push(Extra {
                    key: key.to_owned(),
                    value_json: "null".to_owned(),
                });
            }
        }
    }
    extras::object("tool", &members).value_json
}

fn has(request: &ChatRequest, name: &str) -> bool {
    let is_called = |tool: &Tool| matches!(tool, Tool::Function(function) if function.name == name);
    request.tools.iter().any(is_called)
}
