//! The words by which backends tell one kind of failure from another, in lower case. They are data: what follows from
//! them is decided by who looks for them.

/// Words by which backends say that the input is too long. Not those of a limit on the output alone.
pub(super) const OVERFLOW: &[&str] = &[
    "maximum context length",
    "maximum context limit",
    "maximum model length",
    "maximum prompt length",
    "maximum input length",
    "maximum allowed input length",
    "reduce the length of the",
    "available context size",
    "context window exceeds",
    "context_window_exceeded",
    "exceed context limit",
    "exceed_context_size",
    "exceeded model token limit",
    "context_length_exceeded",
    "context length exceeded",
    "model's context length",
    "exceeds the context length",
    "than the context length",
    "too large for model with",
    "prompt is too long",
    "prompt too long",
    "prompt exceeds",
    "input is too long",
    "input length should be",
    "too many tokens",
    "too many input tokens",
    "maximum allowed token size",
    "exceeds the maximum number of tokens",
    "total tokens exceed",
    "exceeds the context window",
    "exceed the context window",
    "`inputs` must have less than",
    "max_new_tokens` must be <=",
    "max_new_tokens must be <=",
];
/// Words by which backends say that they could not read what their model wrote.
pub(super) const UNREADABLE: &[&str] = &[
    "tool_use_failed",
    "output_parse_failed",
    "post processor",
    "expecting ',' delimiter",
];
/// Words by which backends refuse something.
pub(super) const REFUSAL: &[&str] = &[
    "not support",
    "unsupported",
    "n't support",
    "not enabled",
    "not available for this model",
    "not a multimodal",
    "not a vision",
    "not accept",
    "endpoints found that support",
    // None of them: how vLLM counts pictures.
    "at most 0 ",
    // An option of the server's, which nobody who asks can set.
    "requires --",
    "requires the --",
];
/// What they refuse so: the features that a request can ask for.
pub(super) const FEATURES: &[&str] = &[
    "vision",
    "image",
    "multimodal",
    "audio",
    "video",
    "tool",
    "function call",
    "structured output",
    "schema",
    "response_format",
    "response format",
    "json mode",
    "json_object",
    "grammar",
    "guided",
    "logprobs",
    "log prob",
    "logit",
    "reasoning",
    "thinking",
    "system role",
    "system message",
    "streaming",
];
/// Codes by which they refuse a member of the request, whatever it is.
pub(super) const REFUSED: &[&str] = &[
    "unsupported_parameter",
    "unsupported_value",
    "unsupported_feature",
];
/// Codes by which they say that there is no such model.
pub(super) const NO_MODEL: &[&str] = &[
    "model_not_found",
    "model_not_supported",
    "model_not_available",
    "model_decommissioned",
    "model_deprecated",
    "model_retired",
    "model_no_longer_available",
];
/// Words by which they say so.
pub(super) const NO_MODEL_WORDS: &[&str] = &[
    "model not supported by provider",
    "not supported for task",
    "access non-serverless model",
];
/// Words by which they say that there is no such model any more.
pub(super) const RETIRED: &[&str] = &[
    "end of life",
    "end-of-life",
    "decommissioned",
    "no longer available",
    "model has been retired",
];

/// Words by which they say that nobody pays for the request.
pub(super) const UNPAID: &[&str] = &[
    "insufficient_quota",
    "insufficient_balance",
    "insufficient_credit",
    "insufficient balance",
    "insufficient credit",
    "insufficient funds",
    "exceeded your current quota",
    "billing_hard_limit",
    "out of credit",
    "not enough credit",
    "balance is too low",
    "balance is not enough",
];
/// Words by which they say that they refuse what the texts are about.
pub(super) const FILTERED: &[&str] = &[
    "content_filter",
    "content_policy",
    "content policy",
    "content management policy",
    "flagged by",
    "flagged as",
    "moderation_blocked",
    "data_inspection_failed",
    "inappropriate content",
];
/// Codes by which they say that too much is asked of them in too short a time.
pub(super) const RATE_LIMITED: &[&str] = &[
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limited",
    "rate_limit",
    "too_many_requests",
];
/// Words by which they say that they have too much to do.
pub(super) const OVERLOADED: &[&str] = &[
    "overloaded",
    "server is busy",
    "temporarily unavailable",
    "at capacity",
    "over capacity",
];
/// Words by which they say that it is the account that they refuse.
pub(super) const SUSPENDED: &[&str] = &[
    "suspended",
    "deactivated",
    "account is disabled",
    "has been disabled",
    "banned",
];
