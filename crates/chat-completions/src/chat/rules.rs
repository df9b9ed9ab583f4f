//! Compatibility rules of one model: from the settings (`compat`, with OpenClaw's keys) and from the bundled data.
//! This module must not know how a request is written.

use alloc::{borrow::ToOwned, string::String};

use crate::{
    contract::types::{ChatRequest, Extra, Model},
    json,
};

/// The key of a configured model's extras that holds OpenClaw's compatibility settings.
const COMPAT: &str = "compat";
/// The key of a configured model's extras that selects the reasoning that is sent back.
const REASONING_REPLAY: &str = "reasoning-replay";

/// Which reasoning of the model is sent back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replay {
    /// That of messages with tool calls: some backends refuse the calls without it.
    ToolCalls,
    /// All of it.
    All,
    /// None of it.
    None,
}

/// How the reasoning effort is sent. Names and forms are OpenClaw's (`thinkingFormat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// `reasoning_effort`, as it is.
    Effort,
    /// `thinking`, on or off (`zai`).
    Zai,
    /// `enable_thinking` (`qwen`).
    Qwen,
    /// The same for the chat template (`qwen-chat-template`).
    Template,
}

impl Thinking {
    /// The member of the request.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Effort => "reasoning_effort",
            Self::Zai => "thinking",
            Self::Qwen => "enable_thinking",
            Self::Template => "chat_template_kwargs",
        }
    }
}

/// How a request is written for one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// Whether `stream_options` is sent, which requests usage.
    pub(super) usage_in_streaming: bool,
    /// The name of the output limit.
    pub(super) max_tokens_field: String,
    /// Which reasoning is sent back.
    pub(super) replay: Replay,
    /// Whether the settings do not say which.
    pub(super) is_default_replay: bool,
    /// Whether a message with tool calls and without reasoning gets blank reasoning.
    pub(super) needs_reasoning: bool,
    /// Whether `reasoning_effort` is sent.
    pub(super) reasoning_effort: bool,
    /// How it is sent.
    pub(super) thinking: Thinking,
    /// Whether `strict` is sent with tools.
    pub(super) strict: bool,
    /// False if the settings say that the model takes no tools.
    pub(super) tools: bool,
    /// Whether the result of a tool names the tool.
    pub(super) tool_result_name: bool,
    /// Whether a system message has the role `developer`.
    pub(super) developer_role: bool,
    /// Whether the template requires an assistant message between tool results and a user message.
    pub(super) assistant_after_tools: bool,
    /// Whether reasoning is sent back as text of the message.
    pub(super) thinking_as_text: bool,
    /// Whether parts with nothing but text are sent as one string, without the extras of the parts.
    pub(super) string_content: bool,
    /// Whether the parameter `store` is sent.
    pub(super) store: bool,
    /// Whether the parameter `prompt_cache_key` is sent.
    pub(super) prompt_cache_key: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            usage_in_streaming: true,
            max_tokens_field: "max_tokens".to_owned(),
            replay: Replay::ToolCalls,
            is_default_replay: true,
            needs_reasoning: false,
            reasoning_effort: true,
            thinking: Thinking::Effort,
            strict: true,
            tools: true,
            tool_result_name: false,
            developer_role: false,
            assistant_after_tools: false,
            thinking_as_text: false,
            string_content: false,
            store: true,
            prompt_cache_key: true,
        }
    }
}

impl Rules {
    /// The rules of a model with this metadata, on a backend with this replay unless the settings have another.
    pub(super) fn of(model: Option<&Model>, replay: Replay) -> Self {
        let mut rules = Self {
            replay,
            ..Self::default()
        };
        let Some(model) = model else { return rules };
        let reasons = model.reasoning == Some(true);
        for extra in &model.extras {
            match extra.key.as_str() {
                COMPAT => {
                    json::members(&extra.value_json, &mut |key, value| rules.compat(key, value));
                }
                REASONING_REPLAY => {
                    rules.is_default_replay = false;
                    rules.replay = match json::text(&extra.value_json).as_deref() {
                        Some("all") => Replay::All,
                        Some("none") => Replay::None,
                        _ => Replay::ToolCalls,
                    };
                }
                _ => {}
            }
        }
        // As in OpenClaw: models without reasoning do not know the role, whatever the settings say.
        rules.developer_role &= reasons;
        rules.needs_reasoning &= model.reasoning != Some(false);
        rules
    }

    /// Whether a parameter in the request's extras is sent.
    pub(super) fn sends(&self, key: &str) -> bool {
        match key {
            "store" => self.store,
            "prompt_cache_key" => self.prompt_cache_key,
            _ => true,
        }
    }

    /// Whether the reasoning effort of this request is sent: not if an extra has its place.
    pub(super) fn sends_effort(&self, request: &ChatRequest) -> bool {
        let is_member = |extra: &Extra| extra.key == self.thinking.member();
        let is_free = self.thinking == Thinking::Effort || !request.extras.iter().any(is_member);
        is_free && (self.reasoning_effort || self.thinking != Thinking::Effort)
    }

    fn compat(&mut self, key: &str, value: &str) {
        let is_off = value == "false";
        let is_on = value == "true";
        match key {
            "supportsUsageInStreaming" => self.usage_in_streaming = !is_off,
            "supportsTools" => self.tools = !is_off,
            "supportsReasoningEffort" => self.reasoning_effort = !is_off,
            "supportsStrictMode" => self.strict = !is_off,
            "supportsStore" => self.store = !is_off,
            "supportsPromptCacheKey" => self.prompt_cache_key = !is_off,
            "supportsDeveloperRole" => self.developer_role = is_on,
            "requiresAssistantAfterToolResult" => self.assistant_after_tools = is_on,
            "requiresThinkingAsText" => self.thinking_as_text = is_on,
            "requiresStringContent" => self.string_content = is_on,
            "requiresToolResultName" => self.tool_result_name = is_on,
            "requiresReasoningContentOnAssistantMessages" if is_on => {
                self.needs_reasoning = true;
                self.is_default_replay = false;
                self.replay = Replay::All;
            }
            "thinkingFormat" => {
                self.thinking = match json::text(value).as_deref() {
                    Some("zai") => Thinking::Zai,
                    Some("qwen") => Thinking::Qwen,
                    Some("qwen-chat-template") => Thinking::Template,
                    _ => Thinking::Effort,
                }
            }
            "maxTokensField" if json::text(value).as_deref() == Some("max_completion_tokens") => {
                self.max_tokens_field = "max_completion_tokens".to_owned();
            }
            _ => {}
        }
    }
}
