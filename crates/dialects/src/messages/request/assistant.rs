//! Assistant content blocks that the client sends back.

use super::{CACHE_CONTROL, Context, content};
use crate::json::Node;
use provider_contract::{
    Result,
    contract::{AssistantPart, Extra, Reasoning, ToolCall},
};

/// The parts, and the paths of their tool calls.
pub(super) fn parts(content: &Node<'_>, context: &mut Context) -> Result<(Vec<AssistantPart>, Vec<String>)> {
    if content.is_text() {
        return Ok((some_text(content.string()?), Vec::new()));
    }
    let (mut parts, mut calls) = (Vec::new(), Vec::new());
    for block in content.items_or("text or a list of content blocks")? {
        let kind = block.need("type")?;
        match &*kind.text()? {
            "text" => parts.extend(some_text(content::text(&block, context)?)),
            "thinking" => {
                context.leave(&block, &["type", "thinking", "signature", CACHE_CONTROL]);
                parts.push(AssistantPart::Reasoning(Reasoning {
                    text: block.need("thinking")?.string()?,
                    // Unchanged; an empty one counts as absent, since responses without one have it empty here.
                    signature: block
                        .optional_text("signature")?
                        .filter(|signature| !signature.is_empty()),
                    extras: Vec::new(),
                }));
            }
            "tool_use" => {
                parts.push(AssistantPart::ToolCall(call(&block, context)?));
                calls.push(block.path().to_owned());
            }
            "compaction" => {
                context.leave(&block, &["type", "content", CACHE_CONTROL]);
                // The summary of the compacted messages.
                parts.extend(block.optional_text("content")?.map(some_text).unwrap_or_default());
            }
            // Marks where another model took over; the dialect shows it to no model.
            "fallback" => {}
            // Reasoning that only its upstream can read, or results of server tools: the plugin knows which of them
            // its upstream accepts, and warns about those that it does not send.
            kind => parts.push(AssistantPart::Other(Extra {
                key: kind.to_owned(),
                value_json: block.json(),
            })),
        }
    }
    Ok((parts, calls))
}

fn some_text(text: String) -> Vec<AssistantPart> {
    if text.is_empty() {
        Vec::new()
    } else {
        vec![AssistantPart::Text(text)]
    }
}

fn call(block: &Node<'_>, context: &mut Context) -> Result<ToolCall> {
    context.leave(block, &["type", "id", "name", "input", "caller", CACHE_CONTROL]);
    let name = block.need("name")?.string()?;
    Ok(ToolCall {
        id: block.need("id")?.string()?,
        name: context.tools.used(&name),
        arguments_json: match block.field("input") {
            // Whatever it is: an input that a model gave wrongly is in the conversation for good.
            Some(input) => input.json(),
            None => "{}".to_owned(),
        },
        extras: Vec::new(),
    })
}
