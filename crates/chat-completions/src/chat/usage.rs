//! Token counts: the `usage` object of the backends in all its spellings.

use crate::{contract::types::Usage, json};

/// Nothing counted.
pub(super) const NONE: Usage = Usage {
    input_tokens: None,
    cached_input_tokens: None,
    output_tokens: None,
    reasoning_tokens: None,
};

/// Parses a `usage` object; `None` if it has no known count.
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
        *place = count(value).or(*place);
    });
    (usage != NONE).then_some(usage)
}

/// Whether anything was counted.
pub(super) fn is_any(usage: &Usage) -> bool {
    [usage.input_tokens, usage.output_tokens]
        .iter()
        .any(|count| count.is_some_and(|count| count > 0))
}

fn member(raw: &str, name: &str, place: &mut Option<u32>) {
    json::members(raw, &mut |key, value| {
        if key == name {
            *place = count(value).or(*place);
        }
    });
}

/// A count, also as a text.
fn count(raw: &str) -> Option<u32> {
    json::count(json::unquoted(raw))
}

/// Replaces the counts that are known anew: some servers send those of the input first.
pub(super) fn update(usage: &mut Usage, new: &Usage) {
    usage.input_tokens = new.input_tokens.or(usage.input_tokens);
    usage.cached_input_tokens = new.cached_input_tokens.or(usage.cached_input_tokens);
    usage.output_tokens = new.output_tokens.or(usage.output_tokens);
    usage.reasoning_tokens = new.reasoning_tokens.or(usage.reasoning_tokens);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_in_every_spelling() {
        let expected = Usage {
            input_tokens: Some(10),
            cached_input_tokens: Some(4),
            output_tokens: Some(5),
            reasoning_tokens: Some(3),
        };
        for raw in [
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":
               {"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}"#,
            r#"{"input_tokens":10.0,"output_tokens":"5","reasoning_tokens":3,"prompt_cache_hit_tokens":4,
               "prompt_tokens_details":null,"completion_tokens_details":[]}"#,
        ] {
            assert_eq!(parse(raw).unwrap(), expected);
        }
    }

    #[test]
    fn what_counts_nothing_is_no_usage() {
        for raw in [
            "{}",
            "null",
            "7",
            r#"{"prompt_tokens":null}"#,
            r#"{"prompt_tokens":-1}"#,
        ] {
            assert_eq!(parse(raw), None, "{raw}");
        }
    }
}
