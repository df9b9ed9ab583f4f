//! How each member of a request, and each block of its messages, is handled.

use crate::fields::{
    Field,
    Handling::{Here, Ignored, LeftOut, Refused, Sent},
    field,
};

/// The known members of this dialect. Unknown ones are left out, with a warning that names them.
pub const FIELDS: &[Field] = &[
    field(
        "model",
        Sent,
        "a model reference or an alias; an empty text is the server's default",
    ),
    field(
        "messages",
        Sent,
        "roles `user`, `assistant` and `system`; those of one role that follow each other are one; see below",
    ),
    field("system", Sent, "text or text blocks, as the first system message"),
    field(
        "max_tokens",
        Sent,
        "the output limit, reasoning included; has to be there, but to count tokens",
    ),
    field("temperature", Sent, "the sampling temperature"),
    field("top_p", Sent, "nucleus sampling"),
    field("top_k", Sent, "the upstream's own parameter"),
    field("stop_sequences", Sent, "stop sequences"),
    field(
        "tools",
        Sent,
        "tools with an `input_schema`; server tools, and tools whose schema only the service knows, are left out, with a warning. A tool with `defer_loading` is sent once a `tool_reference`, a `tool_addition` or the choice names it",
    ),
    field(
        "tool_choice",
        Sent,
        "only with tools; forcing a tool that is left out is refused. `disable_parallel_tool_use` is `parallel_tool_calls: false`",
    ),
    field(
        "thinking",
        Sent,
        "a budget below 4096 tokens is the reasoning effort `low`, below 16384 `medium`, else `high`; `adaptive` leaves it open; `disabled` is not sent, with a warning: models have no common switch. The text of reasoning is always sent, whatever `display` says, so that it can be given back",
    ),
    field(
        "output_config",
        Sent,
        "`effort` as the reasoning effort, `max` as `xhigh`; it wins over a budget. `format` as the response format, strict",
    ),
    field("output_format", Sent, "the same format in its older place"),
    field("stream", Here, "whether events are written"),
    field(
        "thread",
        Refused,
        "conversations are not stored; the SDKs' own loops of tools go on without one",
    ),
    field(
        "cache_control",
        Ignored,
        "here and in every block and tool: upstreams choose their caches themselves; `usage` says what came from one",
    ),
    field(
        "metadata",
        Ignored,
        "names the user to the service, and is not passed on",
    ),
    field("service_tier", Ignored, "the upstream has no such tiers"),
    field(
        "betas",
        Ignored,
        "as the header `anthropic-beta`: what is read does not depend on it",
    ),
    field("anthropic_beta", Ignored, "the same"),
    field("anthropic_version", Ignored, "as the header of this name"),
    field("diagnostics", Ignored, "of the service's own cache"),
    field("user_profile_id", Ignored, "of the service's own accounts"),
    field("workspace_id", Ignored, "of the service's own accounts"),
    field(
        "context_management",
        LeftOut,
        "a conversation is never edited here",
    ),
    field("compaction", LeftOut, "a conversation is never edited here"),
    field("container", LeftOut, "there are no containers here"),
    field("mcp_servers", LeftOut, "the client runs all tools"),
    field(
        "fallbacks",
        LeftOut,
        "the configuration names the fallback models",
    ),
    field("inference_geo", LeftOut, "the upstream has no such choice"),
    field(
        "speed",
        LeftOut,
        "the upstream has no such choice; a routing policy has (`:fastest`)",
    ),
];

/// The known content blocks. Other blocks in system and user messages are refused.
pub const BLOCKS: &[Field] = &[
    field("text", Sent, "`citations` are left out, with a warning"),
    field(
        "image",
        Sent,
        "`base64` and `url`; a `file` is refused: none are stored here",
    ),
    field(
        "document",
        Sent,
        "`text` and `content` as text: the title, the context and each text a part of its own. Bytes of a text or an image are that, other bytes (a PDF) a `file` part in the upstream's format; a `url` is sent if the plugin can send it; a `file` is refused",
    ),
    field(
        "search_result",
        Sent,
        "as text: the title, the source and each text a part of its own",
    ),
    field("tool_use", Sent, "as a tool call"),
    field(
        "tool_result",
        Sent,
        "as a tool result, `is_error` included; results come first in what follows a call, wherever they stand",
    ),
    field(
        "tool_reference",
        Sent,
        "its name as text; its tool is offered from then on",
    ),
    field(
        "tool_addition",
        Here,
        "in a system message: its tool is offered from then on; of MCP, left out with a warning",
    ),
    field(
        "tool_removal",
        Here,
        "in a system message: its tool is not offered any more",
    ),
    field(
        "thinking",
        Sent,
        "with its signature unchanged; which reasoning goes back to the model is the plugin's to know",
    ),
    field(
        "redacted_thinking",
        Sent,
        "unchanged, as a part in the upstream's own form",
    ),
    field(
        "server_tool_use",
        Sent,
        "the same, and every other block of the model; the plugin warns of those that it does not send",
    ),
    field("compaction", Sent, "its summary as text of the model"),
    field(
        "fallback",
        Here,
        "marks another model's turn; no model is shown it",
    ),
    field("container_upload", Refused, "there are no containers here"),
];

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{
        fields::table,
        messages::request::{Body, Purpose},
    };

    #[test]
    fn the_documentation_has_the_tables() {
        let page = include_str!("../../../../docs/messages.md");
        for fields in [FIELDS, BLOCKS] {
            assert!(
                page.contains(&table(fields)),
                "docs/messages.md lacks:\n{}",
                table(fields)
            );
        }
    }

    #[test]
    fn what_is_left_out_is_named_and_what_is_ignored_is_not() {
        for field in FIELDS
            .iter()
            .filter(|field| matches!(field.handling, Ignored | LeftOut))
        {
            let mut body = Map::new();
            body.insert(field.name.to_owned(), json!({"a": 1}));
            body.insert("max_tokens".to_owned(), 1.into());
            body.insert("messages".to_owned(), json!([{"role": "user", "content": "x"}]));
            let bytes = Value::Object(body).to_string().into_bytes();
            let read = Body::parse(&bytes, Purpose::Response).expect("it is no reason to refuse a request");
            let expected: &[&str] = match field.handling {
                LeftOut => &[field.name],
                _ => &[],
            };
            assert_eq!(read.notes.left_out, expected, "{}", field.name);
            assert!(read.request.extras.is_empty(), "{}", field.name);
        }
    }
}
