//! The provider's page as a test: the requirement of each of its sentences, in its order.
//!
//! `PROVIDER_PAGE` names the page; without it our own configurations with the same facts replace its own. Where a subject
//! has tests of its own elsewhere, this test covers only the sentence.

#[path = "page/blocks.rs"]
mod blocks;
#[path = "page/configurations.rs"]
mod configurations;
#[path = "page/models.rs"]
mod models;
#[path = "page/setup.rs"]
mod setup;

/// The default model unless the user chooses another.
const DEFAULT: &str = "huggingface/deepseek-ai/DeepSeek-R1";
