//! The provider's page as a test: what each of its sentences demands, in its order.
//!
//! `PROVIDER_PAGE` names the page; without it our own configurations with the same facts stand in for its own. Where a
//! matter has tests of its own elsewhere, here stands only what the sentence says.

#[path = "page/blocks.rs"]
mod blocks;
#[path = "page/configurations.rs"]
mod configurations;
#[path = "page/models.rs"]
mod models;
#[path = "page/setup.rs"]
mod setup;

/// The model that is the default unless a person chooses another.
const DEFAULT: &str = "huggingface/deepseek-ai/DeepSeek-R1";
