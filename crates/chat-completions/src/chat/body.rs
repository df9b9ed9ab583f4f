//! Writer of the request body: a chat request in the upstream's JSON. Validated requests only; see `request`. The
//! messages are in `messages`; extras follow them as they are; see `members`.

use alloc::string::ToString;

use super::{
    members::{self, Place},
    messages,
    rules::{Rules, Thinking},
    validate,
    writer::Writer,
};
use crate::contract::types::{ChatRequest, FunctionTool, ResponseFormat, Tool, ToolChoice};

/// Writes the whole body. `model` is the name on the wire.
pub(super) fn write(request: &ChatRequest, model: &str, rules: &Rules, out: &mut Writer<'_>) {
    out.raw("{\"model\":");
    out.string(model);
    out.name("messages");
    out.raw("[");
    messages::write(&request.messages, rules, out);
    out.raw("],\"stream\":true");
    if rules.usage_in_streaming {
        out.raw(",\"stream_options\":{\"include_usage\":true}");
    }
    if !validate::has_own_limit(request) {
        let limit = request.max_output_tokens.map(|tokens| tokens.to_string());
        out.optional(&rules.max_tokens_field, limit);
    }
    for (name, number) in validate::numbers(request) {
        out.optional(name, number.and_then(super::writer::decimal));
    }
    out.optional("seed", request.seed.map(|seed| seed.to_string()));
    if !request.stop.is_empty() {
        out.name("stop");
        list(&request.stop, out, |text, out| out.string(text));
    }
    if !request.tools.is_empty() {
        out.name("tools");
        list(&request.tools, out, |item, out| tool(item, rules, out));
        if let Some(choice) = &request.tool_choice {
            tool_choice(choice, out);
        }
    }
    if let Some(format) = &request.response_format {
        response_format(format, out);
    }
    if let Some(effort) = &request.reasoning_effort
        && rules.sends_effort(request)
    {
        reasoning_effort(effort, rules.thinking, out);
    }
    for extra in request.extras.iter().filter(|extra| rules.sends(&extra.key)) {
        out.name(&extra.key);
        out.raw(&extra.value_json);
    }
    out.raw("}");
}

pub(super) fn list<T>(items: &[T], out: &mut Writer<'_>, each: impl Fn(&T, &mut Writer<'_>)) {
    out.raw("[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.raw(",");
        }
        each(item, out);
    }
    out.raw("]");
}

/// Some models know only whether they reason.
fn reasoning_effort(effort: &str, thinking: Thinking, out: &mut Writer<'_>) {
    let is_on = !matches!(effort, "none" | "off");
    out.name(thinking.member());
    out.raw(match (thinking, is_on) {
        (Thinking::Effort, _) => return out.string(effort),
        (Thinking::Zai, true) => "{\"type\":\"enabled\"}",
        (Thinking::Zai, false) => "{\"type\":\"disabled\"}",
        (Thinking::Template, true) => "{\"enable_thinking\":true}",
        (Thinking::Template, false) => "{\"enable_thinking\":false}",
        (Thinking::Qwen, true) => "true",
        (Thinking::Qwen, false) => "false",
    });
}

fn tool(tool: &Tool, rules: &Rules, out: &mut Writer<'_>) {
    match tool {
        Tool::Function(function) => function_tool(function, rules, out),
        // A whole tool, checked to be an object.
        Tool::Other(other) => out.raw(&other.value_json),
    }
}

fn function_tool(tool: &FunctionTool, rules: &Rules, out: &mut Writer<'_>) {
    out.raw("{\"type\":\"function\",\"function\":{\"name\":");
    out.string(&tool.name);
    if let Some(description) = &tool.description {
        out.member("description", description);
    }
    out.name("parameters");
    out.raw(&tool.parameters_json);
    let strict = tool.strict.filter(|_| rules.strict);
    out.optional("strict", strict.map(|strict| strict.to_string()));
    let (of_tool, of_function) = members::by_depth(Place::Tool, &tool.extras);
    members::write(Place::Function, &of_function, out);
    out.raw("}");
    members::write(Place::Tool, &of_tool, out);
    out.raw("}");
}

fn tool_choice(choice: &ToolChoice, out: &mut Writer<'_>) {
    let word = match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::None => "none",
        ToolChoice::Required => "required",
        ToolChoice::Named(name) => {
            out.raw(",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":");
            out.string(name);
            return out.raw("}}");
        }
        ToolChoice::Other(other) => {
            out.name("tool_choice");
            return out.raw(&other.value_json);
        }
    };
    out.member("tool_choice", word);
}

fn response_format(format: &ResponseFormat, out: &mut Writer<'_>) {
    if let ResponseFormat::Other(other) = format {
        out.name("response_format");
        return out.raw(&other.value_json);
    }
    out.raw(",\"response_format\":{\"type\":");
    match format {
        ResponseFormat::Text => out.string("text"),
        ResponseFormat::JsonObject => out.string("json_object"),
        ResponseFormat::JsonSchema(schema) => {
            out.raw("\"json_schema\",\"json_schema\":{\"name\":");
            out.string(&schema.name);
            if let Some(description) = &schema.description {
                out.member("description", description);
            }
            out.name("schema");
            out.raw(&schema.schema_json);
            out.optional("strict", schema.strict.map(|strict| strict.to_string()));
            members::write(Place::Schema, &schema.extras, out);
            out.raw("}");
        }
        ResponseFormat::Other(_) => {}
    }
    out.raw("}");
}
