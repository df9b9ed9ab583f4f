//! Models whose chat template opens the reasoning block, so that a response has only the closing tag.
//!
//! A backend that parses the block itself sends reasoning beside the text. One that does not passes the text on as it
//! is, without the opening tag, which is part of the prompt. The models are recognised by name here; a setting takes
//! precedence.

use alloc::format;

use super::name;
use crate::{
    contract::types::{Error, ErrorKind, ModelRef},
    warning::quote,
};

/// The setting of a configured model: true or false.
const SETTING: &str = "template-opens-reasoning";

/// Words that the last part of a name has, and words that it must not have, in any case.
///
/// * QwQ, and Qwen3 with `Thinking` in its name: by the makers' model cards, and by responses of several backends.
///   The preview of QwQ has no block.
/// * NVIDIA's own Nemotron models: their templates open the block unless reasoning is turned off. Those based on
///   Llama wrote their own tag before version 1.5, or do not reason.
/// * MiniMax M2, M2.1, M2.5 and M2.7: by their templates, and by responses with a closing tag only.
const FAMILIES: [(&[&str], &[&str]); 9] = [
    (&["qwq"], &["preview"]),
    (&["qwen3", "thinking"], &[]),
    (&["nemotron"], &["llama", "instruct", "base"]),
    (&["nemotron", "v1.5"], &["base"]),
    (&["nemotron", "v1_5"], &["base"]),
    (&["minimax", "m2"], &[]),
    (&["minimax", "m2.1"], &[]),
    (&["minimax", "m2.5"], &[]),
    (&["minimax", "m2.7"], &[]),
];

/// Whether the model's template opens the block. A setting of another type is an error: it would be ignored silently.
#[allow(
    clippy::result_large_err,
    reason = "the contract's error is a record; it is made once a call"
)]
pub(crate) fn opens_reasoning(model: &ModelRef) -> Result<bool, Error> {
    let extras = model.metadata.iter().flat_map(|model| &model.extras);
    match extras.into_iter().find(|extra| extra.key == SETTING) {
        None => Ok(is_known(&model.model)),
        Some(extra) => match extra.value_json.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(Error::before_sending(
                ErrorKind::InvalidRequest,
                format!(
                    "invalid setting {SETTING} of the model {}: expected true or false, found {}",
                    quote(&model.model),
                    quote(other)
                ),
            )
            .with_hint("Correct it where the model is configured, or take it out.")),
        },
    }
}

fn is_known(id: &str) -> bool {
    let last = name::last_part(id);
    let has = |word: &&str| name::has_word(last, word);
    FAMILIES
        .iter()
        .any(|(all, none)| all.iter().all(has) && !none.iter().any(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_whose_template_opens_the_block_are_known_by_name() {
        for id in [
            "Qwen/QwQ-32B",
            "qwen-qwq-32b",
            "Qwen/Qwen3-235B-A22B-Thinking-2507",
            "qwen/qwen3-next-80b-a3b-thinking",
            "Qwen/Qwen3-VL-235B-A22B-Thinking",
            "nvidia/NVIDIA-Nemotron-Nano-12B-v2",
            "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8",
            "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5",
            "MiniMaxAI/MiniMax-M2",
            "MiniMaxAI/MiniMax-M2.1:novita",
            "MiniMaxAI/MiniMax-M2.7",
        ] {
            assert!(is_known(id), "{id}");
        }
        for id in [
            "org/name",
            "Qwen/QwQ-32B-Preview",
            "Qwen/Qwen3-235B-A22B-Instruct-2507",
            "Qwen/Qwen3-32B",
            "deepseek-ai/DeepSeek-R1",
            "moonshotai/Kimi-K2-Thinking",
            "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF",
            "nvidia/Llama-3_1-Nemotron-Ultra-253B-v1",
            "thinking/qwen3",
            "Llama-3.3-Nemotron-Super-49B-v1-exl2-5.0bpw",
            "MiniMaxAI/MiniMax-M1-80k",
        ] {
            assert!(!is_known(id), "{id}");
        }
    }
}
