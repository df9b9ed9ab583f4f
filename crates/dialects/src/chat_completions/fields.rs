//! How each member of a request is handled.

use crate::fields::{
    Field,
    Handling::{Here, Refused, Sent},
    field,
};

/// The known members of this dialect. Unknown ones are passed to the upstream as parameters.
pub const FIELDS: &[Field] = &[
    field(
        "model",
        Sent,
        "a model reference or an alias; an empty text is the server's default",
    ),
    field(
        "messages",
        Sent,
        "each role and its parts; unknown members are passed on with their message",
    ),
    field(
        "tools",
        Sent,
        "`function`; other types in the upstream's own form",
    ),
    field("tool_choice", Sent, "`allowed_tools` limits the offered tools"),
    field(
        "functions",
        Sent,
        "as tools, if there are none; the response has a `function_call` then",
    ),
    field("function_call", Sent, "the tool choice for `functions`"),
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
        "the output limit; passed on under the same name",
    ),
    field("reasoning_effort", Sent, "the reasoning effort"),
    field("stream", Here, "whether chunks are written"),
    field(
        "stream_options",
        Here,
        "`include_usage`; unknown options are left out, with a warning",
    ),
    field(
        "n",
        Refused,
        "above 1 is not supported: one request, one response",
    ),
];
