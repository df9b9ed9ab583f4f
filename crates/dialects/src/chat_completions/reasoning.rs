//! Where reasoning stands in a response: the dialect has no field of its own for it, and servers use two.

/// Where reasoning stands in a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningField {
    /// `reasoning_content`: what DeepSeek began, and LiteLLM, LangChain, the AI SDK and OpenClaw read.
    #[default]
    ReasoningContent,
    /// `reasoning`: what newer servers write.
    Reasoning,
    /// Both. A client that gives back what it does not know breaks on the second one.
    Both,
}

impl ReasoningField {
    /// Whether reasoning stands in `reasoning_content`.
    pub fn in_reasoning_content(self) -> bool {
        self != Self::Reasoning
    }

    /// Whether reasoning stands in `reasoning`.
    pub fn in_reasoning(self) -> bool {
        self != Self::ReasoningContent
    }
}
