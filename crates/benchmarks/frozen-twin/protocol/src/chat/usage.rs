//! Token counts: the `usage` object of the backends in all its spellings.

use crate::{contract::types::Usage, json};

/// Nothing counted.
pub(super) const NONE: Usage = Usage {
    input_tokens: None,
    cached_input_tokens: None,
    output_tokens: None,
    reasoning_tokens: None,
};

/// Reads a `usage` object; `None` if it counts nothing that we know.
pub(super) fn parse(raw: &str) -> Option<Usage> {
    let mut usage = NONE;
    json::members(raw, &mut |key, value| {
        let place = match key {
            "prompt_tokens" | "input_tokens" => &mut usage.input_tokens,
            "completion_tokens" | "output_tokens" => &mut usage.output_tokens,
            "prompt_cache_hit_tokens" | "cached_tokens" => &mut usage.cached_input_tokens,
            "reasoning_tokens" => &mut usage.reasoning_tokens,
            "prompt_tokens_details" | "input_tokens_details" => {
                return member(value, "cached_tokens", &mut usage.cached_input_tokens);
            }
            "completion_tokens_details" | "output_tokens_details" => {
                return member(value, "reasoning_tokens", &mut usage.reasoning_tokens);
            }
            _ => return,
        };
        *place = json::count(value).or(*place);
    });
    (usage != NONE).then_some(usage)
}

fn member(raw: &str, name: &str, place: &mut Option<u32>) {
    json::members(raw, &mut |key, value| {
        if key == name {
            *place = json::count(value).or(*place);
        }
    });
}
