//! Facts of one service: change these. It must not know HTTP, nor the form of bodies.

use alloc::{string::ToString, vec, vec::Vec};

use crate::contract::types::{CredentialSpec, Endpoint, ProviderInfo};

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
/// The response header with the service's id of the request.
pub(crate) const REQUEST_ID_HEADER: &str = "x-request-id";
/// The environment variable of the API key.
pub(crate) const KEY_VARIABLE: &str = "EXAMPLE_API_KEY";
/// The bundled models: ids and display names.
pub(crate) const BUNDLED: [(&str, &str); 1] = [("example-large", "Example Large")];

/// The plugin's description. The operator is asked to confirm before the host grants any of it.
pub(crate) fn describe() -> ProviderInfo {
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
        extras: Vec::new(),
    }
}
