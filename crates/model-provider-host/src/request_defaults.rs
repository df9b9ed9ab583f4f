//! Default request parameters by model: temperature, maximum tokens and the like. Plain data; the configuration
//! decides where they come from.

use std::collections::HashMap;

use crate::contract::ChatRequest;

/// The names of the output limit on the wire. Plugins send the first; the second, if an extra of that name stands beside
/// the field.
pub const OUTPUT_LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Parameters by reference.
///
/// ```
/// use model_provider_host::{contract::ChatRequest, request_defaults::Params};
///
/// let mut params = Params::default();
/// params.insert("Qwen/Qwen3-8B", ChatRequest::new("").temperature(0.2).max_output_tokens(500));
///
/// let mut request = ChatRequest::new("qwen/qwen3-8b").max_output_tokens(50);
/// params.fill(&mut request, &["qwen/qwen3-8b"]);
/// assert_eq!(request.temperature, Some(0.2));
/// assert_eq!(request.max_output_tokens, Some(50)); // the request's own
/// ```
#[derive(Clone, Debug, Default)]
pub struct Params {
    by_reference: HashMap<String, ChatRequest>,
    /// The defaults of models without their own.
    default: Option<ChatRequest>,
    /// Unknown parameter keys, with their location.
    pub unknown: Vec<String>,
}

impl Params {
    /// Sets the defaults of a model: sampling, maximum tokens, stop sequences, reasoning effort, response format, tool
    /// choice (for requests with tools), and extras. Other fields are ignored.
    pub fn insert(&mut self, reference: &str, wanted: ChatRequest) {
        self.by_reference.insert(key(reference), wanted);
    }

    /// Sets the defaults of all models without their own.
    pub fn insert_default(&mut self, wanted: ChatRequest) {
        self.default = Some(wanted);
    }

    /// Fills unset parameters with the defaults of the request's model; of several names the first known one
    /// counts.
    pub fn fill(&self, request: &mut ChatRequest, names: &[&str]) {
        let own = names.iter().find_map(|name| self.by_reference.get(&key(name)));
        let Some(wanted) = own.or(self.default.as_ref()) else {
            return;
        };
        let mut wanted = wanted.clone();
        wanted.extras.retain(|extra| !says(request, &extra.key));
        request.temperature = request.temperature.or(wanted.temperature);
        request.top_p = request.top_p.or(wanted.top_p);
        request.frequency_penalty = request.frequency_penalty.or(wanted.frequency_penalty);
        request.presence_penalty = request.presence_penalty.or(wanted.presence_penalty);
        request.max_output_tokens = request.max_output_tokens.or(wanted.max_output_tokens);
        request.seed = request.seed.or(wanted.seed);
        request.reasoning_effort = request.reasoning_effort.take().or(wanted.reasoning_effort);
        if request.stop.is_empty() {
            request.stop = wanted.stop;
        }
        request.response_format = request.response_format.take().or(wanted.response_format);
        // Without tools there is nothing to choose, and a choice that requires one is refused.
        if !request.tools.is_empty() {
            request.tool_choice = request.tool_choice.take().or(wanted.tool_choice);
        }
        request.extras.append(&mut wanted.extras);
    }
}

/// Whether a request has a value of its own for a member of the body, or must have none.
fn says(request: &ChatRequest, key: &str) -> bool {
    let has_limit = || {
        let mut extras = request.extras.iter();
        request.max_output_tokens.is_some() || extras.any(|own| OUTPUT_LIMITS.contains(&&*own.key))
    };
    let is_set = match key {
        "temperature" => request.temperature.is_some(),
        "top_p" => request.top_p.is_some(),
        "frequency_penalty" => request.frequency_penalty.is_some(),
        "presence_penalty" => request.presence_penalty.is_some(),
        "seed" => request.seed.is_some(),
        "stop" => !request.stop.is_empty(),
        "reasoning_effort" => request.reasoning_effort.is_some(),
        // Some upstreams refuse it without tools.
        "parallel_tool_calls" => request.tools.is_empty(),
        _ => OUTPUT_LIMITS.contains(&key) && has_limit(),
    };
    is_set || request.extras.iter().any(|own| own.key == key)
}

/// References are compared trimmed and case-insensitively.
fn key(reference: &str) -> String {
    reference.trim().to_lowercase()
}
