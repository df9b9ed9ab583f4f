//! The response field of reasoning: the dialect has no standard one, and servers use two.

/// The response field of reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningField {
    /// `reasoning_content`: introduced by DeepSeek; read by LiteLLM, LangChain, the AI SDK and OpenClaw.
    #[default]
    ReasoningContent,
    /// `reasoning`: of newer servers.
    Reasoning,
    /// Both. A client that sends back unknown fields fails on the second one.
    Both,
}

impl ReasoningField {
    /// Whether reasoning is written to `reasoning_content`.
    #[must_use]
    pub fn in_reasoning_content(self) -> bool {
        self != Self::Reasoning
    }

    /// Whether reasoning is written to `reasoning`.
    #[must_use]
    pub fn in_reasoning(self) -> bool {
        self != Self::ReasoningContent
    }
}
