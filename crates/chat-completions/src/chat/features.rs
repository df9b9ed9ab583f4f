//! Validation of tools, the tool choice and the response format: malformed values, and features that the model or its
//! backend is known not to support. A request that only some backends refuse is sent.

use alloc::{format, string::String};

use super::{
    rules::Rules,
    validate::{Checked, invalid, unsupported},
};
use crate::{
    contract::types::{
        ChatRequest, Extra, FunctionTool, JsonSchema, ModelRef, ResponseFormat, Routing, Tool, ToolChoice,
    },
    json,
    warning::quote,
};

/// The type of a format with a schema, also in the upstream's own form.
const JSON_SCHEMA: &str = "json_schema";
/// The constraint on names of tools and schemas.
const NAMES: &str = "has to be 1 to 64 letters, digits, `_` or `-`";

pub(super) fn check(request: &ChatRequest, model: &ModelRef, rules: &Rules) -> Checked {
    tools(request)?;
    tool_choice(request)?;
    response_format(request.response_format.as_ref())?;
    capabilities(request, model, rules)
}

fn tools(request: &ChatRequest) -> Checked {
    for (at, tool) in request.tools.iter().enumerate() {
        let function = match tool {
            Tool::Function(function) => function,
            Tool::Other(other) if json::is_object(&other.value_json) => continue,
            Tool::Other(_) => return invalid(&format!("tools[{at}]"), "is not a JSON object"),
        };
        let earlier = request.tools.get(..at).unwrap_or_default();
        function_tool(&format!("tools[{at}].function"), function, earlier)?;
    }
    Ok(())
}

fn function_tool(path: &str, tool: &FunctionTool, earlier: &[Tool]) -> Checked {
    let name = || format!("{path}.name");
    if !is_name(&tool.name) {
        return invalid(&name(), &format!("{} {NAMES}", quote(&tool.name)));
    }
    let is_same = |earlier: &Tool| matches!(earlier, Tool::Function(earlier) if earlier.name == tool.name);
    if earlier.iter().any(is_same) {
        return invalid(&name(), &format!("{} occurs twice", quote(&tool.name)));
    }
    if !json::is_object(&tool.parameters_json) {
        return invalid(&format!("{path}.parameters"), "is not a JSON object");
    }
    Ok(())
}

fn tool_choice(request: &ChatRequest) -> Checked {
    const PATH: &str = "tool_choice";
    match &request.tool_choice {
        Some(ToolChoice::Named(name)) if !request.tools.iter().any(|tool| is_called(tool, name)) => {
            invalid(PATH, &format!("{} names none of the tools", quote(name)))
        }
        Some(ToolChoice::Required) if request.tools.is_empty() => {
            invalid(PATH, "is `required`, but there are no tools")
        }
        Some(ToolChoice::Other(other)) if !json::is_value(&other.value_json) => invalid(PATH, "is not JSON"),
        // Without tools, `auto` and `none` have no effect and are not sent; see `left_out`.
        _ => Ok(()),
    }
}

/// Whether a tool has this name. One in the upstream's own form has it in its function, or beside its type.
fn is_called(tool: &Tool, name: &str) -> bool {
    match tool {
        Tool::Function(function) => function.name == name,
        Tool::Other(Extra { value_json, .. }) => {
            let mut is_called = false;
            json::members(value_json, &mut |key, value| match key {
                "name" => is_called |= json::text(value).as_deref() == Some(name),
                "function" => {
                    json::members(value, &mut |key, value| {
                        is_called |= key == "name" && json::text(value).as_deref() == Some(name);
                    });
                }
                _ => {}
            });
            is_called
        }
    }
}

fn response_format(format: Option<&ResponseFormat>) -> Checked {
    match format {
        Some(ResponseFormat::Other(other)) if !json::is_object(&other.value_json) => {
            invalid("response_format", "is not a JSON object")
        }
        Some(ResponseFormat::JsonSchema(schema)) => json_schema(schema),
        _ => Ok(()),
    }
}

fn json_schema(schema: &JsonSchema) -> Checked {
    if !is_name(&schema.name) {
        return invalid("response_format.json_schema.name", NAMES);
    }
    if !json::is_object(&schema.schema_json) {
        return invalid("response_format.json_schema.schema", "is not a JSON object");
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Refuses features that the model, or the backend in the reference, is known not to support.
fn capabilities(request: &ChatRequest, reference: &ModelRef, rules: &Rules) -> Checked {
    let has_tools = !request.tools.is_empty();
    let takes_no = |what: &str| -> String { format!("{} takes no {what}", reference.canonical) };
    if has_tools && !rules.tools {
        return unsupported(
            "tools",
            &format!("the settings say that {}", takes_no("tools")),
            "Choose another model, or remove `supportsTools: false` from the model's `compat`.",
        );
    }
    let Some(model) = &reference.metadata else {
        return Ok(());
    };
    let route = match &reference.routing {
        Routing::Backend(backend) => model.routes.iter().find(|route| route.backend == *backend),
        Routing::Default | Routing::Policy(_) => None,
    };
    let tools = route
        .and_then(|route| route.supports_tools)
        .or(model.supports_tools);
    let schemas = route
        .and_then(|route| route.supports_structured_output)
        .or(model.supports_structured_output);
    let hint = "Choose a model or backend that the list of models shows with it, or leave it out.";
    if has_tools && tools == Some(false) {
        return unsupported("tools", &takes_no("tools"), hint);
    }
    if wants_schema(request.response_format.as_ref()) && schemas == Some(false) {
        return unsupported("response_format", &takes_no("JSON schema"), hint);
    }
    Ok(())
}

fn wants_schema(format: Option<&ResponseFormat>) -> bool {
    match format {
        Some(ResponseFormat::JsonSchema(_)) => true,
        Some(ResponseFormat::Other(other)) => other.key == JSON_SCHEMA,
        _ => false,
    }
}
