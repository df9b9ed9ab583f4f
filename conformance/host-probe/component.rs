//! The exports. Only `list-models` does something.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use crate::{
    checks,
    contract::{
        provider::{Completion as Exported, Guest, GuestCompletion, Progress},
        types::{
            ChatRequest, ChatResponse, CredentialSpec, DiscoveryMode, Endpoint, Error, ErrorKind, Model,
            ModelCatalog, ModelRef, ModelSource, ProviderInfo, Routing, Warning,
        },
    },
    network,
};

const ID: &str = "host-probe";
const MODEL: &str = "probe/start";
/// The header of the credential, which only the host may set.
pub(crate) const HEADER: &str = "authorization";

struct Component;

#[allow(
    unsafe_code,
    unreachable_pub,
    reason = "the exported symbols of the component, generated"
)]
mod exported {
    use super::Component;
    crate::contract::bindings::export!(Component with_types_in crate::contract::bindings);
}

/// The result of a check: nothing, or what was expected and found.
pub(crate) type Found = Result<(), String>;

/// A check by its name.
pub(crate) type Check = (&'static str, fn() -> Found);

fn error(kind: ErrorKind, message: &str) -> Error {
    Error {
        kind,
        message: message.to_string(),
        hint: None,
        retryable: false,
        retry_after_ms: None,
        request_sent: false,
        attempts: 0,
        status: None,
        code: None,
        backend: None,
        request_id: None,
        suggestions: Vec::new(),
        extras: Vec::new(),
    }
}

fn row(id: &str, display_name: String) -> Model {
    Model {
        id: id.to_string(),
        display_name,
        alias: None,
        source: ModelSource::Live,
        input: Vec::new(),
        output: Vec::new(),
        reasoning: None,
        context_window: None,
        max_output_tokens: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        routes: Vec::new(),
        picks: Vec::new(),
        extras: Vec::new(),
    }
}

impl Guest for Component {
    type Completion = Never;

    fn describe() -> ProviderInfo {
        let endpoint = |method: &str, path: &str| Endpoint {
            method: method.to_string(),
            path: path.to_string(),
        };
        ProviderInfo {
            id: ID.to_string(),
            name: "Host probe".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            docs_url: None,
            default_base_url: "https://host-probe.invalid/v1".to_string(),
            endpoints: vec![endpoint("GET", "/models"), endpoint("POST", "/chat/completions")],
            default_model: Some(format!("{ID}/{MODEL}")),
            policies: Vec::new(),
            credential: Some(CredentialSpec {
                env_vars: vec!["HOST_PROBE_KEY".to_string()],
                header: HEADER.to_string(),
                prefix: "Bearer ".to_string(),
                label: "Any text, for the upstream of the probe".to_string(),
                note: None,
                help_url: None,
            }),
            extras: Vec::new(),
        }
    }

    fn list_models(mode: DiscoveryMode) -> Result<ModelCatalog, Error> {
        let may_send = matches!(mode, DiscoveryMode::Authenticated | DiscoveryMode::Always);
        let network = if may_send { network::CHECKS } else { &[] };
        let mut models = vec![row(MODEL, "Probe".to_string())];
        let mut warnings = Vec::new();
        for (name, check) in checks::CHECKS.iter().chain(network) {
            let said = match check() {
                Ok(()) => "passed".to_string(),
                Err(why) => {
                    warnings.push(Warning {
                        code: "probe-failed".to_string(),
                        message: format!("{name}: {why}"),
                    });
                    format!("failed: {why}")
                }
            };
            models.push(row(&format!("probe/{name}"), said));
        }
        let source = if may_send {
            ModelSource::Live
        } else {
            ModelSource::Bundled
        };
        Ok(ModelCatalog {
            models,
            source,
            warnings,
        })
    }

    fn resolve_ref(reference: String) -> Result<ModelRef, Error> {
        let text = reference.trim();
        let model = text
            .strip_prefix(ID)
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(text);
        if model.is_empty() || model.contains([' ', ':']) || model.split('/').any(str::is_empty) {
            return Err(error(
                ErrorKind::InvalidReference,
                "expected host-probe/probe/NAME",
            ));
        }
        Ok(ModelRef {
            model: model.to_string(),
            routing: Routing::Default,
            canonical: format!("{ID}/{model}"),
            wire_id: model.to_string(),
            display_name: model.to_string(),
            alias: None,
            provider_locked: false,
            metadata: None,
            warnings: Vec::new(),
        })
    }

    fn chat_complete(_: ChatRequest) -> Result<ChatResponse, Error> {
        Err(error(
            ErrorKind::Unsupported,
            "the host probe does not chat; list its models",
        ))
    }

    fn chat_stream(_: ChatRequest) -> Result<Exported, Error> {
        Err(error(
            ErrorKind::Unsupported,
            "the host probe does not chat; list its models",
        ))
    }
}

/// There are no completions.
pub(crate) enum Never {}

impl GuestCompletion for Never {
    fn read(&self, _: u32, _: u32) -> Result<Progress, Error> {
        match *self {}
    }
}
