//! The usage that a request may cause, for its reservation. Knows no keys and no prices.

use dialects::messages::estimate_tokens;
use model_provider_host::contract::{ChatRequest, Extra, Usage};

/// The estimated input, and the output limit; `unlimited` is the output of a request without a limit.
pub(super) fn possible_usage(request: &ChatRequest, unlimited: u32) -> Usage {
    // A client may name several limits. Which one the backend takes is not known: the highest counts.
    let named = request.extras.iter().filter_map(limit);
    let output = request.max_output_tokens.into_iter().chain(named).max();
    Usage {
        input_tokens: Some(u32::try_from(estimate_tokens(request)).unwrap_or(u32::MAX)),
        cached_input_tokens: None,
        output_tokens: Some(output.unwrap_or(unlimited)),
        reasoning_tokens: None,
    }
}

/// The output limit in a parameter of the upstream's own: `max_completion_tokens`, `max_new_tokens`.
fn limit(extra: &Extra) -> Option<u32> {
    let is_limit = extra.key.starts_with("max_") && extra.key.ends_with("_tokens");
    let number: f64 = extra.value_json.parse().ok().filter(|_| is_limit)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is what is meant"
    )]
    Some(number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_output_limits_the_highest_is_reserved() {
        let reserved = |limit: Option<u32>, extras: &[(&str, &str)]| {
            let mut request = ChatRequest::new("m");
            request.max_output_tokens = limit;
            request.extras = extras
                .iter()
                .map(|(key, value)| Extra {
                    key: (*key).to_owned(),
                    value_json: (*value).to_owned(),
                })
                .collect();
            possible_usage(&request, 4096).output_tokens
        };
        assert_eq!(reserved(None, &[]), Some(4096));
        assert_eq!(reserved(Some(9), &[]), Some(9));
        assert_eq!(
            reserved(
                Some(1),
                &[("max_completion_tokens", "1"), ("max_tokens", "32000")]
            ),
            Some(32_000)
        );
        assert_eq!(
            reserved(Some(1), &[("max_completion_tokens", "3.2e4")]),
            Some(32_000)
        );
        assert_eq!(reserved(Some(1), &[("max_new_tokens", "1e300")]), Some(u32::MAX));
        assert_eq!(
            reserved(Some(1), &[("max_new_tokens", "\"9\""), ("seed", "7")]),
            Some(1)
        );
    }
}
