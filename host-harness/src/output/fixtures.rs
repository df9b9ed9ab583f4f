//! A made-up provider and its models, for tests of the output.

use model_provider_host::contract::{
    Extra, Model, ModelRef, ModelSource, Policy, PolicyPick, Price, ProviderInfo, Route, Routing, Warning,
};

pub(crate) fn info() -> ProviderInfo {
    let policy = |suffix: &str, label: &str, locks_provider| Policy {
        suffix: suffix.into(),
        label: label.into(),
        locks_provider,
        note: None,
    };
    ProviderInfo {
        id: "acme".into(),
        name: "Acme".into(),
        version: "1.2.3".into(),
        docs_url: None,
        default_base_url: "https://acme.example/v1".into(),
        default_model: Some("acme/org/big-model".into()),
        policies: vec![
            policy("thrifty", "thrifty", true),
            policy("mine", "my order", false),
        ],
        credential: None,
        endpoints: Vec::new(),
        extras: Vec::new(),
    }
}

pub(crate) fn model() -> Model {
    let price = Price {
        input: "0.27".into(),
        output: "1.1".into(),
        cached_input: None,
    };
    let extra = |key: &str, value: &str| Extra {
        key: key.into(),
        value_json: value.into(),
    };
    let east = Route {
        backend: "east".into(),
        status: "live".into(),
        context_window: Some(64_000),
        price: Some(price.clone()),
        supports_tools: Some(true),
        supports_structured_output: Some(false),
        first_token_latency_ms: Some(611.0),
        tokens_per_second: Some(40.5),
        extras: vec![
            extra("is_model_author", "false"),
            extra("is_free", "true"),
            extra("x", "1"),
        ],
    };
    let west = Route {
        backend: "west".into(),
        status: "error".into(),
        context_window: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        first_token_latency_ms: Some(f64::NAN),
        tokens_per_second: None,
        extras: Vec::new(),
    };
    Model {
        id: "org/big-model".into(),
        display_name: "big model".into(),
        alias: Some("Big".into()),
        source: ModelSource::Live,
        input: vec!["text".into(), "image".into()],
        output: vec!["text".into()],
        reasoning: Some(true),
        context_window: Some(64_000),
        max_output_tokens: Some(8192),
        price: Some(price),
        supports_tools: Some(true),
        supports_structured_output: Some(false),
        routes: vec![east, west],
        picks: vec![PolicyPick {
            policy: "thrifty".into(),
            backend: "east".into(),
        }],
        extras: Vec::new(),
    }
}

pub(crate) fn resolved() -> ModelRef {
    ModelRef {
        model: "org/big-model".into(),
        routing: Routing::Backend("east".into()),
        canonical: "acme/org/big-model:east".into(),
        wire_id: "org/big-model:east".into(),
        display_name: "big model".into(),
        alias: Some("Big East".into()),
        provider_locked: false,
        metadata: Some(model()),
        warnings: vec![Warning {
            code: "unknown-backend".into(),
            message: "never heard of it".into(),
        }],
    }
}
