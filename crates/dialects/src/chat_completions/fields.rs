//! What becomes of each member of a request.

use crate::fields::{
    Field,
    Handling::{Here, Refused, Sent},
    field,
};

/// The members that this dialect knows. Any other is sent on as the upstream's own parameter.
pub const FIELDS: &[Field] = &[
    field(
        "model",
        Sent,
        "a model reference or an alias; an empty text is the server's default",
    ),
    field(
        "messages",
        Sent,
        "each role and its parts; a member that is not known goes along with its message",
    ),
    field(
        "tools",
        Sent,
        "`function`; other types in the upstream's own form",
    ),
    field("tool_choice", Sent, "`allowed_tools` offers no others"),
    field(
        "response_format",
        Sent,
        "`text`, `json_object` and `json_schema`; other types in the upstream's own form",
    ),
    field("temperature", Sent, "the sampling temperature"),
    field("top_p", Sent, "nucleus sampling"),
    field("frequency_penalty", Sent, "the frequency penalty"),
    field("presence_penalty", Sent, "the presence penalty"),
    field("seed", Sent, "the seed"),
    field("stop", Sent, "stop sequences"),
    field("max_tokens", Sent, "the output limit"),
    field(
        "max_completion_tokens",
        Sent,
        "the output limit; leaves under the name under which it came",
    ),
    field("reasoning_effort", Sent, "the reasoning effort"),
    field("stream", Here, "whether chunks are written"),
    field(
        "stream_options",
        Here,
        "`include_usage`; others are left out, with a warning",
    ),
    field("n", Refused, "above 1 is not supported: one request, one answer"),
];
