//! The data of the bundled catalog: the ten models of the provider's page, each figure with its source.
//!
//! * `list DAY`: the router's list of that day, read by the rules of this catalog (smallest window of the
//!   routes in use, price of the route with the cheapest output); the backends that gave the figure follow.
//! * `models.dev`: the figures of models.dev for this provider, as pi-ai 0.53.0 shipped them in February
//!   2026.
//! * `openclaw`: the catalog of OpenClaw 2026.2.17 to 2026.9.6; `openclaw: default` is the output limit that
//!   OpenClaw gives to every model of this provider of which it knows none.
//! * `family`: what the makers say of the family.
//! * `page`: the provider's page.
//!
//! One field a line, so that `examples/rewrite_bundled` can rewrite it from a newer list.

use super::bundled::{Bundled, usd};

pub(super) static MODELS: [Bundled; 10] = [
    Bundled {
        id: "deepseek-ai/DeepSeek-R1",  // page
        name: "DeepSeek R1",            // page
        reasoning: true,                // openclaw
        input: &["text"],               // list 2025-12-31
        output: &["text"],              // list 2025-12-31
        context_window: Some(64_000),   // list 2025-12-31: novita
        max_output_tokens: Some(8_192), // openclaw
        price: usd("0.56", "2", None),  // list 2025-12-31: novita
    },
    Bundled {
        id: "deepseek-ai/DeepSeek-V3.2",  // page
        name: "DeepSeek V3.2",            // page
        reasoning: true,                  // models.dev
        input: &["text"],                 // list 2025-12-31
        output: &["text"],                // list 2025-12-31
        context_window: Some(163_840),    // list 2025-12-31: fireworks-ai, novita
        max_output_tokens: Some(65_536),  // models.dev
        price: usd("0.269", "0.4", None), // list 2025-12-31: novita
    },
    Bundled {
        id: "Qwen/Qwen3-8B",              // page
        name: "Qwen3 8B",                 // page
        reasoning: true,                  // family: hybrid Qwen3, gpt-oss
        input: &["text"],                 // list 2025-12-31
        output: &["text"],                // list 2025-12-31
        context_window: Some(40_960),     // list 2025-12-31: fireworks-ai, nscale
        max_output_tokens: Some(8_192),   // openclaw: default
        price: usd("0.07", "0.18", None), // list 2025-12-31: nscale
    },
    Bundled {
        id: "Qwen/Qwen2.5-7B-Instruct", // page
        name: "Qwen2.5 7B Instruct",    // page
        reasoning: false,               // family: instruct
        input: &["text"],               // list 2025-12-31
        output: &["text"],              // list 2025-12-31
        context_window: Some(32_768),   // list 2025-12-31: together
        max_output_tokens: Some(8_192), // openclaw: default
        price: usd("0.3", "0.3", None), // list 2025-12-31: together
    },
    Bundled {
        id: "Qwen/Qwen3-32B",             // page
        name: "Qwen3 32B",                // page
        reasoning: true,                  // family: hybrid Qwen3, gpt-oss
        input: &["text"],                 // list 2025-12-31
        output: &["text"],                // list 2025-12-31
        context_window: Some(32_768),     // list 2025-12-31: sambanova, ovhcloud
        max_output_tokens: Some(8_192),   // openclaw: default
        price: usd("0.08", "0.25", None), // list 2025-12-31: nscale
    },
    Bundled {
        id: "meta-llama/Llama-3.3-70B-Instruct", // page
        name: "Llama 3.3 70B Instruct",          // page
        reasoning: false,                        // family: instruct
        input: &["text"],                        // list 2025-12-31
        output: &["text"],                       // list 2025-12-31
        context_window: Some(131_072),           // list 2025-12-31: all
        max_output_tokens: Some(8_192),          // openclaw: default
        price: usd("0.108", "0.32", None),       // list 2025-12-31: novita
    },
    Bundled {
        id: "meta-llama/Llama-3.1-8B-Instruct", // page
        name: "Llama 3.1 8B Instruct",          // page
        reasoning: false,                       // family: instruct
        input: &["text"],                       // list 2025-12-31
        output: &["text"],                      // list 2025-12-31
        context_window: Some(16_384),           // list 2025-12-31: novita, sambanova
        max_output_tokens: Some(8_192),         // openclaw: default
        price: usd("0.02", "0.05", None),       // list 2025-12-31: novita
    },
    Bundled {
        id: "openai/gpt-oss-120b",       // page
        name: "GPT-OSS 120B",            // page
        reasoning: true,                 // family: hybrid Qwen3, gpt-oss
        input: &["text"],                // list 2025-12-31
        output: &["text"],               // list 2025-12-31
        context_window: Some(131_072),   // list 2025-12-31: all
        max_output_tokens: Some(8_192),  // openclaw
        price: usd("0.04", "0.2", None), // list 2025-12-31: novita
    },
    Bundled {
        id: "zai-org/GLM-4.7",                  // page
        name: "GLM 4.7",                        // page
        reasoning: true,                        // models.dev
        input: &["text"],                       // list 2025-12-31
        output: &["text"],                      // list 2025-12-31
        context_window: Some(204_800),          // list 2025-12-31: novita
        max_output_tokens: Some(131_072),       // models.dev
        price: usd("0.6", "2.2", Some("0.11")), // list 2025-12-31: novita; cached: models.dev
    },
    Bundled {
        id: "moonshotai/Kimi-K2.5",          // page
        name: "Kimi K2.5",                   // page
        reasoning: true,                     // models.dev
        input: &["text", "image"],           // models.dev
        output: &["text"],                   // models.dev
        context_window: Some(262_144),       // models.dev
        max_output_tokens: Some(262_144),    // models.dev
        price: usd("0.6", "3", Some("0.1")), // models.dev
    },
];
