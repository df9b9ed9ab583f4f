//! The page's end: whole configurations, each model and each alias in them resolves as its author meant.

use super::{
    DEFAULT,
    blocks::{Block, means_what_its_author_meant},
};

#[tokio::test]
async fn deepseek_r1_with_qwen_as_fallback() {
    means_what_its_author_meant(Block::QwenFallback, DEFAULT, &["huggingface/Qwen/Qwen3-8B"]).await;
}

#[tokio::test]
async fn qwen_with_variants_by_price_and_by_speed() {
    means_what_its_author_meant(Block::QwenVariants, "huggingface/Qwen/Qwen3-8B", &[]).await;
}

#[tokio::test]
async fn deepseek_llama_and_gpt_oss_with_aliases() {
    let fallbacks = [
        "huggingface/meta-llama/Llama-3.3-70B-Instruct",
        "huggingface/openai/gpt-oss-120b",
    ];
    means_what_its_author_meant(
        Block::ThreeVendors,
        "huggingface/deepseek-ai/DeepSeek-V3.2",
        &fallbacks,
    )
    .await;
}

#[tokio::test]
async fn one_backend_and_no_other() {
    means_what_its_author_meant(Block::OneBackend, &format!("{DEFAULT}:together"), &[]).await;
}

#[tokio::test]
async fn several_models_of_qwen_and_deepseek_with_policies() {
    let primary = "huggingface/Qwen/Qwen2.5-7B-Instruct:cheapest";
    means_what_its_author_meant(Block::ManyWithPolicies, primary, &[]).await;
}
