//! Provider metadata: the only place that names the provider, its environment variable and its defaults.

use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};

use chat_completions::{
    Upstream,
    contract::types::{CredentialSpec, Endpoint, Extra, ProviderInfo},
    error::Cause,
};

/// The provider's id: the prefix of references and its key in a configuration.
pub(crate) const ID: &str = "openai-compatible";
/// Where requests go unless the settings say otherwise: llama.cpp's own default.
const DEFAULT_BASE_URL: &str = "http://127.0.0.1:8080/v1";
/// The environment variable for the key. It is not `OPENAI_API_KEY`, which is for OpenAI.
pub(crate) const ENV_VAR: &str = "OPENAI_COMPATIBLE_API_KEY";
/// What to do about a key that is missing or wrong.
const KEY: &str = "Check the key in OPENAI_COMPATIBLE_API_KEY. It has to be granted (`grant FILE.wasm`), and is sent over \
                   https or to this machine only.";

/// What the core has to know of such servers.
#[allow(
    clippy::result_large_err,
    reason = "the contract's error is a record; it is made once a call"
)]
pub(crate) static UPSTREAM: Upstream = Upstream {
    id: ID,
    base_url: DEFAULT_BASE_URL,
    user_agent: concat!("openclaw-openai-compatible/", env!("CARGO_PKG_VERSION")),
    backend_header: None,
    refuse_reasoning: &[],
    needs_credential: false,
    credential_hint: KEY,
    header: |_| Ok(None),
    hint,
};

fn hint(cause: Cause, _: &str) -> Option<&'static str> {
    Some(match cause {
        Cause::Suspended => "The account is suspended: look at its settings and mails.",
        Cause::Credential => KEY,
        Cause::Credit => "Add credit to the account that the key is of, or choose another model.",
        Cause::Permission => "Give the key the permission that the message names, or choose another model.",
        Cause::Network => "The server's network refused the call; the key is not the reason.",
        Cause::Model => "Check the spelling against the list of models.",
        Cause::Rate => "Wait a moment and try again, or choose another model.",
        Cause::Upstream => "Try again. If it happens often, look at the server's log.",
        _ => return None,
    })
}

/// A fact about the plugin, for hosts and the conformance kit.
fn fact(key: &str) -> Extra {
    Extra {
        key: key.to_owned(),
        value_json: "true".to_owned(),
    }
}

/// Says what the plugin is.
pub(crate) fn describe() -> ProviderInfo {
    let endpoint = |method: &str, path: &str| Endpoint {
        method: method.to_owned(),
        path: path.to_owned(),
    };
    ProviderInfo {
        id: ID.to_owned(),
        name: "OpenAI-compatible".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        docs_url: None,
        default_base_url: DEFAULT_BASE_URL.to_owned(),
        endpoints: vec![endpoint("GET", "/models"), endpoint("POST", "/chat/completions")],
        default_model: None,
        policies: Vec::new(),
        credential: Some(CredentialSpec {
            env_vars: vec![ENV_VAR.to_owned()],
            header: "authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
            label: "API key of an OpenAI-compatible server".to_owned(),
            note: Some(String::from(
                "Servers on this machine often need none. Set the server's base URL as well.",
            )),
            help_url: None,
        }),
        extras: vec![fact("credential-optional"), fact("any-model-id")],
    }
}
