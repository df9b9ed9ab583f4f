//! A plugin, as JSON.

use serde::Serialize;

use model_provider_host::{Grant, GrantedEndpoint, Plugin, contract::ProviderInfo};

/// A plugin's identity, imports, exports and grant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PluginJson {
    id: String,
    name: String,
    version: String,
    contract_version: String,
    digest: String,
    size: u64,
    imports: Vec<String>,
    exports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<GrantJson>,
}

/// Its grant. The prefix is part of the header's description, and not of the JSON contract.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GrantJson {
    origin: String,
    base_path: String,
    endpoints: Vec<GrantedEndpoint>,
    header: String,
    env_vars: Vec<String>,
}

impl PluginJson {
    pub(crate) fn new(plugin: &Plugin, grant: Option<&Grant>) -> Self {
        let ProviderInfo {
            id, name, version, ..
        } = plugin.info();
        Self {
            id: id.clone(),
            name: name.clone(),
            version: version.clone(),
            contract_version: plugin.contract_version().to_owned(),
            digest: plugin.digest().to_owned(),
            size: plugin.size(),
            imports: plugin.imports().to_vec(),
            exports: plugin.exports().to_vec(),
            grants: grant.map(GrantJson::from),
        }
    }
}

impl From<&Grant> for GrantJson {
    fn from(grant: &Grant) -> Self {
        Self {
            origin: grant.origin.clone(),
            base_path: grant.base_path.clone(),
            endpoints: grant.endpoints.clone(),
            header: grant.header.clone(),
            env_vars: grant.env_vars.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plugin_has_the_keys_that_scripts_read() {
        let plugin = PluginJson {
            id: "acme".into(),
            name: "Acme".into(),
            version: "1.2.3".into(),
            contract_version: "0.2.0".into(),
            digest: "sha256:00".into(),
            size: 12,
            imports: vec!["a".into()],
            exports: vec!["b".into()],
            grants: Some(GrantJson {
                origin: "https://acme.example".into(),
                base_path: "/v1".into(),
                endpoints: vec![GrantedEndpoint::new("GET", "/models")],
                header: "authorization".into(),
                env_vars: vec!["ACME_TOKEN".into()],
            }),
        };
        assert_eq!(
            serde_json::to_value(plugin).expect("it is JSON"),
            json!({
                "id": "acme", "name": "Acme", "version": "1.2.3", "contractVersion": "0.2.0", "digest": "sha256:00",
                "size": 12, "imports": ["a"], "exports": ["b"],
                "grants": {
                    "origin": "https://acme.example", "basePath": "/v1",
                    "endpoints": [{ "method": "GET", "path": "/models" }],
                    "header": "authorization", "envVars": ["ACME_TOKEN"],
                },
            })
        );
    }
}
