//! Phrases by which backends describe kinds of failures, in lower case. They are data; callers decide what follows.

/// Phrases for an input that is too long. Not those for a limit on the output alone.
pub(super) const OVERFLOW: &[&str] = &[
    "context length",
    "context limit",
    "maximum model length",
    "maximum prompt length",
    "maximum input length",
    "maximum allowed input length",
    "maximum allowed length",
    "maximum sequence length",
    "the max_model_len",
    "exceed max_num_tokens",
    "reduce the length of the",
    "context size",
    "context window",
    "context_window_exceeded",
    "exceed_context_size",
    "exceeded model token limit",
    "context_length_exceeded",
    "too large for model with",
    "prompt is too long",
    "prompt too long",
    "prompt exceeds",
    "input is too long",
    "input length should be",
    "too many tokens",
    "too many input tokens",
    "input token count",
    "prompt token count",
    "more than max tokens",
    "token limit exceeded",
    "request_too_large",
    "maximum allowed token size",
    "exceeds the maximum number of tokens",
    "total tokens exceed",
    "`inputs` must have less than",
    "max_new_tokens` must be <=",
    "max_new_tokens must be <=",
];
/// A phrase for a limit on tokens in some time, whatever else the message says.
pub(super) const WAIT: &str = "please wait before";
/// Phrases for model output that the backend could not parse.
pub(super) const UNREADABLE: &[&str] = &[
    "tool_use_failed",
    "output_parse_failed",
    "json_validate_failed",
    "generate tool_calls",
    // gpt-oss wrote no valid message.
    "remaining in message header",
    "expecting start token",
    "post processor",
];
/// Phrases of refusals.
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
    "unavailable now",
    "unknown variant `image",
    "only supported by",
    // Not a refusal: vLLM's limit on the number of images.
    "at most 0 ",
    // A command-line option of the server, which the client cannot set.
    "requires --",
    "requires the --",
];
/// Features of a request that a refusal can name.
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
/// Codes for a refused field of the request, whatever it is.
pub(super) const REFUSED: &[&str] = &[
    "unsupported_parameter",
    "unsupported_value",
    "unsupported_feature",
];
/// Words by which a validator refuses a member that it does not know.
pub(super) const UNKNOWN_MEMBER: &[&str] = &["not permitted", "extra", "unexpected", "unknown"];
/// Codes and phrases for a model that does not exist.
pub(super) const NO_MODEL: &[&str] = &[
    "model_not_found",
    "model_not_supported",
    "model_not_available",
    "model_deprecated",
    "model_retired",
    "model_no_longer_available",
    "model_terms_required",
    "model not supported by provider",
    "not supported for task",
    "access non-serverless model",
    "unknown model",
    "modelcode:",
    "model not exist",
    "model does not exist",
    "not a valid model id",
];
/// Phrases for a model that does not chat.
pub(super) const NO_CHAT: &[&str] = &[
    "not a chat model",
    "support chat completions",
    "chat template is no longer",
];
/// Phrases for a retired model.
pub(super) const RETIRED: &[&str] = &[
    "end of life",
    "end-of-life",
    "decommissioned",
    "no longer available",
    "model has been retired",
];

/// Phrases for missing credit.
pub(super) const UNPAID: &[&str] = &[
    "insufficient_quota",
    "insufficient_balance",
    "insufficient_credit",
    "insufficient balance",
    "insufficient credit",
    "insufficient funds",
    "exceeded your current quota",
    "current_quota",
    "billing_hard_limit",
    "out of credit",
    "not enough credit",
    "balance is too low",
    "balance is not enough",
];
/// Phrases for content that is refused.
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
    "content exists risk",
    "unsafe or sensitive",
];
/// Parts of codes for a rate limit.
pub(super) const RATE_LIMITED: &[&str] = &["rate_limit", "too_many_requests"];
/// Phrases for overload.
pub(super) const OVERLOADED: &[&str] = &[
    "overloaded",
    "server is busy",
    "temporarily unavailable",
    "at capacity",
    "over capacity",
];
/// Phrases for a suspended account.
pub(super) const SUSPENDED: &[&str] = &[
    "suspended",
    "deactivated",
    "account is disabled",
    "has been disabled",
    "banned",
];
