//! Provider metadata: the only place that names the provider, its environment variables and its defaults.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use chat_completions::Upstream;

use crate::{
    bill_to,
    contract::types::{CredentialSpec, Endpoint, Policy, ProviderInfo},
    hints,
};

/// The provider's id: the prefix of references and its key in a configuration.
pub const ID: &str = "huggingface";
/// Where requests go unless the settings say otherwise.
pub const DEFAULT_BASE_URL: &str = "https://router.huggingface.co/v1";
/// The requests that the plugin sends: method, and path below the base URL.
pub const ENDPOINTS: [(&str, &str); 2] = [("GET", "/models"), ("POST", "/chat/completions")];
/// The reference to start with.
pub const DEFAULT_MODEL: &str = "huggingface/deepseek-ai/DeepSeek-R1";
/// The policies, as suffixes of references, in the order in which a picker offers them.
pub const POLICIES: [&str; 3] = ["cheapest", "fastest", "preferred"];
/// The backends that serve chat as of August 2026. For hints only: the list changes several times a year, so that one
/// that is not in it passes with a warning.
pub const BACKENDS: [&str; 15] = [
    "baseten",
    "cerebras",
    "cohere",
    "deepinfra",
    "featherless-ai",
    "fireworks-ai",
    "groq",
    "hf-inference",
    "novita",
    "nscale",
    "ovhcloud",
    "publicai",
    "scaleway",
    "together",
    "zai-org",
];
/// The environment variables that may hold the token, in their order.
pub const ENV_VARS: [&str; 2] = ["HUGGINGFACE_HUB_TOKEN", "HF_TOKEN"];
/// The plugin's version; a build under another name says that one.
pub const VERSION: &str = match option_env!("OPENCLAW_PLUGIN_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
/// The user agent of every request.
pub const USER_AGENT: &str = concat!("openclaw-huggingface-provider/", env!("CARGO_PKG_VERSION"));

/// What the core has to know of the router.
pub static UPSTREAM: Upstream = Upstream {
    id: ID,
    base_url: DEFAULT_BASE_URL,
    user_agent: USER_AGENT,
    backend_header: Some("x-inference-provider"),
    // "property 'reasoning_content' is unsupported", by reports of both.
    refuse_reasoning: &["groq", "cerebras"],
    needs_credential: true,
    credential_hint: hints::TOKEN,
    header: bill_to::header,
    hint: hints::hint,
};

/// Whether a policy takes the choice of a backend away from the person.
#[must_use]
pub fn locks_provider(policy: &str) -> bool {
    matches!(policy, "cheapest" | "fastest")
}

/// Says what the plugin is.
#[must_use]
pub fn describe() -> ProviderInfo {
    let policy = |suffix: &str| Policy {
        suffix: suffix.to_owned(),
        label: suffix.to_owned(),
        locks_provider: locks_provider(suffix),
        note: Some(String::from(if locks_provider(suffix) {
            "Provider locked — router will choose backend by cost or speed."
        } else {
            "The router follows your own order at https://hf.co/settings/inference-providers."
        })),
    };
    ProviderInfo {
        id: ID.to_owned(),
        name: "Hugging Face".to_owned(),
        version: VERSION.to_owned(),
        docs_url: Some("https://huggingface.co/docs/inference-providers".to_owned()),
        default_base_url: DEFAULT_BASE_URL.to_owned(),
        endpoints: ENDPOINTS
            .iter()
            .map(|(method, path)| Endpoint {
                method: method.to_string(),
                path: path.to_string(),
            })
            .collect(),
        default_model: Some(DEFAULT_MODEL.to_owned()),
        policies: POLICIES.iter().map(|suffix| policy(suffix)).collect(),
        credential: Some(CredentialSpec {
            env_vars: ENV_VARS.iter().map(ToString::to_string).collect(),
            header: "authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
            label: "Hugging Face API key (HF token)".to_owned(),
            note: Some(
                "Hugging Face Inference Providers offer OpenAI-compatible chat completions with one token. \
                 Create a fine-grained token with the permission \"Make calls to Inference Providers\"."
                    .to_owned(),
            ),
            help_url: Some("https://huggingface.co/settings/tokens".to_owned()),
        }),
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn the_default_model_carries_the_prefix() {
        assert!(DEFAULT_MODEL.starts_with(&alloc::format!("{ID}/")));
        let info = describe();
        assert_eq!(info.policies.iter().filter(|p| p.locks_provider).count(), 2);
        assert_eq!(
            vec!["HUGGINGFACE_HUB_TOKEN", "HF_TOKEN"],
            info.credential.unwrap().env_vars
        );
    }
}
