//! One grant: what a plugin is allowed, and what a request exceeds. Knows neither the file nor the holders.

use serde::{Deserialize, Serialize};
use url::Url;

use super::endpoints::{GrantedEndpoint, words as format_endpoints};
use crate::{
    contract::ProviderInfo,
    egress::Origin,
    error::{Error, ErrorKind, Result},
};

/// What one provider is allowed.
///
/// ```no_run
/// # async fn run(plugin: model_provider_host::Plugin) -> model_provider_host::Result<()> {
/// use model_provider_host::{Grant, Grants, format_endpoints};
///
/// // What the plugin requests, for an operator to decide.
/// let requested = Grant::requested_by(plugin.info()).expect("a valid base URL");
/// println!("{}: {}", requested.origin, format_endpoints(&requested.endpoints));
///
/// let mut grants = Grants::default();
/// grants.insert_for(plugin.digest(), &plugin.info().id, requested);
/// assert!(grants.check(&plugin)?.is_some());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Grant {
    /// The origin that the credential is sent to: `https://host[:port]`.
    pub origin: String,
    /// The base URL's path, which `endpoints` are relative to; the operator's own base URL has its own.
    #[serde(default)]
    pub base_path: String,
    /// The allowed endpoints. A grant without them, as earlier versions wrote it, allows no request.
    #[serde(default)]
    pub endpoints: Vec<GrantedEndpoint>,
    /// The header of the credential.
    pub header: String,
    /// The prefix of the credential in the header.
    pub prefix: String,
    /// The environment variables that may be read for it.
    pub env_vars: Vec<String>,
}

impl Grant {
    /// The grant that a plugin requests; `None` if its base URL is invalid.
    #[must_use]
    pub fn requested_by(info: &ProviderInfo) -> Option<Self> {
        let url = Url::parse(info.default_base_url.trim()).ok()?;
        let origin = Origin::of(&url)?;
        let credential = info.credential.as_ref();
        Some(Self {
            origin: origin.to_string(),
            base_path: url.path().trim_end_matches('/').to_owned(),
            endpoints: requested_endpoints(info),
            header: credential
                .map(|c| c.header.to_ascii_lowercase())
                .unwrap_or_default(),
            prefix: credential.map(|c| c.prefix.clone()).unwrap_or_default(),
            env_vars: credential.map(|c| c.env_vars.clone()).unwrap_or_default(),
        })
    }

    /// Whether this grant covers the requested one.
    #[must_use]
    pub fn covers(&self, requested: &Self) -> bool {
        self.beyond(requested).is_empty()
    }

    /// Refuses a plugin that requests more than this grant.
    ///
    /// # Errors
    /// It does; the error names all of it, and what is granted.
    pub(crate) fn check(&self, info: &ProviderInfo) -> Result<()> {
        let beyond = self.beyond(&requested(info)?);
        if beyond.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the plugin `{}` requests more than it is granted: {}",
            info.id,
            beyond.join("; ")
        );
        Err(Error::new(ErrorKind::NotGranted, message)
            .with_hint("if that is right, allow it with `grant FILE.wasm`; if not, do not use this file"))
    }

    /// The variables that may be read for a plugin, in the plugin's order.
    pub fn readable<'a>(&'a self, info: &'a ProviderInfo) -> impl Iterator<Item = &'a str> {
        let named = info.credential.iter().flat_map(|credential| &credential.env_vars);
        named
            .map(String::as_str)
            .filter(|name| self.env_vars.iter().any(|granted| granted == name))
    }

    /// What a requested grant exceeds, as text; empty if nothing.
    pub(super) fn beyond(&self, requested: &Self) -> Vec<String> {
        let mut beyond = Vec::new();
        if Origin::parse(&self.origin) != Origin::parse(&requested.origin) {
            beyond.push(format!(
                "the origin {} (granted: {})",
                requested.origin, self.origin
            ));
        }
        if self.base_path != requested.base_path && !self.endpoints.is_empty() {
            beyond.push(format!(
                "requests below `{}/` (granted: `{}/`)",
                requested.base_path, self.base_path
            ));
        }
        let granted_endpoints = format_endpoints(&self.endpoints);
        let wanted = requested.endpoints.iter();
        let wanted = wanted.filter(|wanted| !self.endpoints.iter().any(|granted| granted.covers(wanted)));
        beyond.extend(wanted.map(|wanted| format!("the request `{wanted}` (granted: {granted_endpoints})")));
        if !requested.header.is_empty() && !requested.header.eq_ignore_ascii_case(&self.header) {
            beyond.push(format!(
                "the header `{}` (granted: `{}`)",
                requested.header, self.header
            ));
        }
        if !requested.header.is_empty() && requested.prefix != self.prefix {
            beyond.push(format!(
                "the prefix `{}` (granted: `{}`)",
                requested.prefix, self.prefix
            ));
        }
        let granted = if self.env_vars.is_empty() {
            "none".to_owned()
        } else {
            self.env_vars.join(", ")
        };
        beyond.extend(
            requested
                .env_vars
                .iter()
                .filter(|name| !self.env_vars.contains(name))
                .map(|name| format!("the variable `{name}` (granted: {granted})")),
        );
        beyond
    }
}

/// The grant that a plugin requests.
pub(super) fn requested(info: &ProviderInfo) -> Result<Grant> {
    Grant::requested_by(info).ok_or_else(|| {
        let message = format!("`{}` names `{}` as its base URL", info.id, info.default_base_url);
        Error::new(
            ErrorKind::NotGranted,
            format!("{message}, which is not an http or https URL"),
        )
    })
}

/// The endpoints that a plugin requests.
pub(crate) fn requested_endpoints(info: &ProviderInfo) -> Vec<GrantedEndpoint> {
    let named = info.endpoints.iter();
    named
        .map(|endpoint| GrantedEndpoint::new(&endpoint.method, &endpoint.path))
        .collect()
}
