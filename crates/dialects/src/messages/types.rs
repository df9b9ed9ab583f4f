//! The objects of a response; `reply` and `blocks` fill them.

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use provider_contract::contract::Usage;

/// A whole response, or its known part at the beginning.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block<'a>>,
    #[serde(flatten)]
    pub(super) stop: Stop<'a>,
    pub(super) usage: UsageJson,
    /// Always null here; clients require the member.
    pub(super) container: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) x_plugin: Option<Value>,
}

/// The stop reason of a response. Null until it has stopped.
#[derive(Default, Serialize)]
pub(super) struct Stop<'a> {
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) stop_details: Option<StopDetails<'a>>,
}

/// The details of a refusal.
#[derive(Serialize)]
pub(super) struct StopDetails<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) category: Option<&'static str>,
    pub(super) explanation: Option<&'a str>,
}

/// The runner of a call: always the client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Caller {
    Direct,
}

/// A content block, with the members that clients require.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: &'a str,
        citations: Option<()>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Box<RawValue>,
        caller: Caller,
    },
    /// In the dialect's own form already.
    #[serde(untagged)]
    Own(Box<RawValue>),
}

/// An event of a stream.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    MessageStart {
        message: Message<'a>,
    },
    ContentBlockStart {
        index: u32,
        content_block: Block<'a>,
    },
    ContentBlockDelta {
        index: u32,
        delta: Delta<'a>,
    },
    ContentBlockStop {
        index: u32,
    },
    MessageDelta {
        delta: Stop<'a>,
        usage: UsageJson,
        x_plugin: Value,
    },
    MessageStop,
}

/// The delta of a block.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

impl Event<'_> {
    /// Its name in the stream, which is its type.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }
}

/// Token counts. The dialect's are never null: an unknown count is 0, and a warning says so.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct UsageJson {
    /// Input tokens that were not cached.
    input_tokens: u32,
    cache_creation_input_tokens: u32,
    cache_read_input_tokens: u32,
    output_tokens: u32,
    output_tokens_details: Option<OutputDetails>,
    // Upstreams do not report these; clients require the members.
    cache_creation: Option<()>,
    inference_geo: Option<()>,
    server_tool_use: Option<()>,
    service_tier: Option<()>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct OutputDetails {
    thinking_tokens: u32,
}

impl From<&Usage> for UsageJson {
    fn from(usage: &Usage) -> Self {
        let input = usage.input_tokens.unwrap_or_default();
        let cached = usage.cached_input_tokens.unwrap_or_default();
        Self {
            input_tokens: input.saturating_sub(cached),
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: cached,
            output_tokens: usage.output_tokens.unwrap_or_default(),
            output_tokens_details: usage
                .reasoning_tokens
                .map(|thinking_tokens| OutputDetails { thinking_tokens }),
            ..Self::default()
        }
    }
}
