//! What is asked of each model where a request leaves it open: temperature, longest answer and the like. Plain data;
//! where it is written is the configuration's matter.

use std::collections::HashMap;

use crate::contract::ChatRequest;

/// Parameters by reference.
#[derive(Clone, Debug, Default)]
pub struct Params {
    by_reference: HashMap<String, ChatRequest>,
    /// What is wanted of models of which nothing is said.
    of_others: Option<ChatRequest>,
    /// The keys of parameters that nobody knows, as a person finds them.
    pub unknown: Vec<String>,
}

impl Params {
    /// Says what is wanted of a model: how to choose words, how long, where to stop, how hard to think, and extras. The
    /// rest of the request does not count.
    pub fn insert(&mut self, reference: &str, wanted: ChatRequest) {
        self.by_reference.insert(key(reference), wanted);
    }

    /// Says what is wanted of all models that have no entry of their own.
    pub fn insert_default(&mut self, wanted: ChatRequest) {
        self.of_others = Some(wanted);
    }

    /// Fills what a request leaves open with what is wanted of its model; of several names for it the first that is
    /// known counts.
    pub fn fill(&self, request: &mut ChatRequest, names: &[&str]) {
        let own = names.iter().find_map(|name| self.by_reference.get(&key(name)));
        let Some(wanted) = own.or(self.of_others.as_ref()) else {
            return;
        };
        let wanted = wanted.clone();
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
        for extra in wanted.extras {
            if request.extras.iter().all(|own| own.key != extra.key) {
                request.extras.push(extra);
            }
        }
    }
}

/// References are compared trimmed and in any case.
fn key(reference: &str) -> String {
    reference.trim().to_lowercase()
}
