//! How each member of a request is handled.

use crate::fields::{
    Field,
    Handling::{Echoed, Here, LeftOut, Refused, Sent},
    field,
};

/// The known members of this dialect. Unknown ones are passed to the upstream as parameters.
pub const FIELDS: &[Field] = &[
    field(
        "model",
        Sent,
        "a model reference or an alias; an empty text is the server's default",
    ),
    field("input", Sent, "a text, or items: see below"),
    field("instructions", Sent, "the first system message"),
    field(
        "tools",
        Sent,
        "`function` as it is; `custom` as a function of one string; other types are left out, with a warning",
    ),
    field(
        "tool_choice",
        Sent,
        "only with tools; forcing a tool that is left out is refused",
    ),
    field("parallel_tool_calls", Sent, "only with tools"),
    field(
        "text",
        Sent,
        "`format` as the response format; `verbosity` is left out, with a warning",
    ),
    field(
        "reasoning",
        Sent,
        "`effort`; with a `summary` the reasoning is in the summary, else in the content",
    ),
    field("max_output_tokens", Sent, "the output limit, reasoning included"),
    field("temperature", Sent, "the sampling temperature"),
    field("top_p", Sent, "nucleus sampling"),
    field("presence_penalty", Sent, "the presence penalty"),
    field("frequency_penalty", Sent, "the frequency penalty"),
    field("top_logprobs", Sent, "above 0 with `logprobs`"),
    field("seed", Sent, "the seed, as in Chat Completions"),
    field("stop", Sent, "stop sequences, as in Chat Completions"),
    field("user", Sent, "the upstream's own parameter"),
    field("stream", Here, "whether events are written"),
    field(
        "stream_options",
        Here,
        "nothing is obfuscated; `include_obfuscation: true` is left out, with a warning",
    ),
    field(
        "include",
        Here,
        "`reasoning.encrypted_content` and `message.output_text.logprobs`; other values are left out, with a warning",
    ),
    field(
        "store",
        Here,
        "nothing is stored: the response says `false`, with a warning if `true` was requested",
    ),
    field("metadata", Echoed, "nothing is stored that it could describe"),
    field(
        "truncation",
        Echoed,
        "as `disabled`: a conversation is never cut; `auto` is left out, with a warning",
    ),
    field(
        "service_tier",
        LeftOut,
        "the upstream has other tiers; `auto` and `default` have no effect",
    ),
    field("safety_identifier", LeftOut, "echoed; no upstream takes it"),
    field(
        "prompt_cache_key",
        LeftOut,
        "echoed; upstreams choose their caches themselves",
    ),
    field(
        "prompt_cache_retention",
        LeftOut,
        "upstreams choose their caches themselves",
    ),
    field(
        "prompt_cache_options",
        LeftOut,
        "upstreams choose their caches themselves",
    ),
    field(
        "max_tool_calls",
        LeftOut,
        "echoed; it limits tools that run upstream, of which there are none",
    ),
    field("client_metadata", LeftOut, "what Codex says of itself"),
    field(
        "context_management",
        LeftOut,
        "a conversation is never compacted here",
    ),
    field("moderation", LeftOut, "the upstream has no moderation to choose"),
    field("access_programs", LeftOut, "of OpenAI's own models"),
    field("image", LeftOut, "of OpenAI's own models"),
    field("background_options", LeftOut, "nothing runs in the background"),
    field(
        "previous_response_id",
        Refused,
        "cannot be followed: responses are not stored here; send the conversation in `input`",
    ),
    field(
        "conversation",
        Refused,
        "cannot be followed: conversations are not stored here; send the conversation in `input`",
    ),
    field(
        "background",
        Refused,
        "cannot be true: responses are not stored here, so that none could be fetched later",
    ),
    field(
        "prompt",
        Refused,
        "cannot be used: prompt templates are not stored here; send the text in `instructions` or `input`",
    ),
];
