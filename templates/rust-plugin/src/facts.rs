//! Facts of one service: change these. It must not know HTTP, nor the form of bodies.

use alloc::{string::ToString, vec, vec::Vec};

use crate::contract::types::{CredentialSpec, Endpoint, Extra, ProviderInfo};

/// The prefix of model references, and the key in a configuration.
pub(crate) const ID: &str = "example";
/// The default base URL.
pub(crate) const BASE_URL: &str = "https://api.example.com/v1";
/// The path of the model list, below the base URL.
pub(crate) const LIST_PATH: &str = "/models";
/// The path of chat completions, below the base URL.
pub(crate) const CHAT_PATH: &str = "/chat/completions";
/// The media type of a streaming response.
pub(crate) const STREAM_TYPE: &str = "text/event-stream";
/// The response header with the service's id of the request, if it sends one.
pub(crate) const REQUEST_ID_HEADER: Option<&str> = Some("x-request-id");
/// The environment variable of the API key.
pub(crate) const KEY_VARIABLE: &str = "EXAMPLE_API_KEY";
/// Whether the service also works without the key, as local servers do.
pub(crate) const CREDENTIAL_OPTIONAL: bool = false;
/// Whether a model may have any name, spaces and colons included. Else its name follows the contract's grammar.
pub(crate) const ANY_MODEL_ID: bool = false;
/// The bundled models: ids and display names.
pub(crate) const BUNDLED: [(&str, &str); 1] = [("example-large", "Example Large")];

/// Facts that hosts and the conformance kit know, and whether they hold.
const FACTS: [(&str, bool); 2] = [
    ("credential-optional", CREDENTIAL_OPTIONAL),
    ("any-model-id", ANY_MODEL_ID),
];

/// The plugin's description. The operator is asked to confirm before the host grants any of it.
pub(crate) fn describe() -> ProviderInfo {
    let facts = FACTS.iter().filter(|(_, holds)| *holds).map(|(key, _)| Extra {
        key: key.to_string(),
        value_json: "true".to_string(),
    });
    ProviderInfo {
        id: ID.to_string(),
        name: "Example".to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        docs_url: None,
        default_base_url: BASE_URL.to_string(),
        endpoints: vec![
            Endpoint {
                method: "GET".to_string(),
                path: LIST_PATH.to_string(),
            },
            Endpoint {
                method: "POST".to_string(),
                path: CHAT_PATH.to_string(),
            },
        ],
        default_model: Some(alloc::format!("{ID}/{}", BUNDLED[0].0)),
        policies: Vec::new(),
        credential: Some(CredentialSpec {
            env_vars: vec![KEY_VARIABLE.to_string()],
            header: "authorization".to_string(),
            prefix: "Bearer ".to_string(),
            label: "Example API key".to_string(),
            note: None,
            help_url: None,
        }),
        extras: facts.collect(),
    }
}
