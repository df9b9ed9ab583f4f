//! Builds a host's egress from settings, grant and credential: the origin, the added headers, and the credential's
//! state.

use std::sync::Arc;

use crate::{
    contract::{ProviderInfo, is_credential_optional, settings::CredentialState},
    egress::{EgressClient, Origin, OwnHeaders, Policy, ProxyRoute},
    error::{Error, ErrorKind, Result},
    grants::{AllowedEndpoints, Grant, requested_endpoints},
    host::credential_check as walk,
    redact::Redactor,
    secret::Secret,
    settings::Settings,
};

/// Headers that say who calls, and in what form: of any service. Prompts and model ids hold the same values, so that
/// redacting them would refuse ordinary requests, and hide nothing.
const PUBLIC_HEADERS: [&str; 6] = [
    "accept",
    "accept-language",
    "content-type",
    "referer",
    "user-agent",
    "x-request-id",
];

/// The egress of one host.
pub(crate) struct Outlet {
    /// `None`: all requests are blocked.
    pub(crate) egress: Option<Arc<EgressClient>>,
    /// Finds all secrets of this host.
    pub(crate) redactor: Redactor,
    /// The credential's state, as reported to the plugin.
    pub(crate) credential: CredentialState,
}

impl Outlet {
    /// Builds it. The operator's own base URL overrides the grant's origin; without a grant no credential is used.
    pub(crate) fn new(
        settings: &Settings,
        grant: Option<&Grant>,
        secret: Option<&Secret>,
        info: &ProviderInfo,
        before: Option<&EgressClient>,
    ) -> Result<Self> {
        let origin = match (&settings.base_url, grant) {
            (Some(url), _) => Origin::of(url),
            (None, Some(grant)) => Origin::parse(&grant.origin),
            (None, None) => None,
        };
        let base_path = match (&settings.base_url, grant) {
            (Some(url), _) => url.path(),
            (None, Some(grant)) => &grant.base_path,
            (None, None) => "",
        };
        // Without a grant, requests go to the operator's base URL, without a credential, to the endpoints that the
        // plugin names.
        let endpoints = grant.map_or_else(|| requested_endpoints(info), |grant| grant.endpoints.clone());
        let endpoints = AllowedEndpoints::new(base_path, Some(endpoints));
        let via = match &origin {
            Some(origin) => settings.proxies.before(origin)?,
            None => None,
        };
        let operators = settings.headers.iter();
        let operators = operators.filter(|(name, _)| !is_public(name, settings, grant, info));
        let operators = operators.map(|(_, value)| value);
        let password = via.as_ref().and_then(ProxyRoute::password);
        let redactor = Redactor::new(secret, operators.chain(password));
        let credential = match (&origin, secret) {
            _ if info.credential.is_none() => CredentialState::NotRequired,
            (Some(origin), Some(_)) if grant.is_some() && origin.is_safe_for_credentials() => {
                CredentialState::AttachedByHost
            }
            (Some(origin), None) if origin.is_loopback() || is_credential_optional(info) => {
                CredentialState::NotRequired
            }
            _ => CredentialState::Missing,
        };
        let attached = secret.filter(|_| credential == CredentialState::AttachedByHost);
        let egress = check(settings, origin.as_ref(), &redactor)
            .and_then(|()| headers(settings, grant.zip(attached)))
            .and_then(|headers| {
                let egress = |origin| {
                    let policy = Policy {
                        origin,
                        endpoints,
                        allow_private: settings.allow_private,
                        headers,
                        connect_timeout: settings.connect_timeout,
                        ca_file: settings.ca_file.clone(),
                        via,
                    };
                    EgressClient::new(policy, redactor.clone(), before)
                };
                origin.map(egress).transpose()
            });
        Ok(Self {
            egress: egress.map_err(|error| redactor.error(error))?,
            redactor,
            credential,
        })
    }
}

/// Refuses settings that would leak a secret.
fn check(settings: &Settings, origin: Option<&Origin>, redactor: &Redactor) -> Result<()> {
    if let Some(place) = walk::any_setting(settings, |bytes| redactor.finds(bytes)) {
        return Err(
            Error::new(ErrorKind::Configuration, format!("{place} holds the credential"))
                .with_hint("remove it; the host adds the credential to requests, and nothing else needs it"),
        );
    }
    if !settings.headers.is_empty() && origin.is_some_and(|origin| !origin.is_safe_for_credentials()) {
        return Err(Error::new(
            ErrorKind::Configuration,
            "configured headers would be sent without encryption",
        )
        .with_hint("use https for the base URL, or take the headers out of the configuration"));
    }
    Ok(())
}

fn headers(settings: &Settings, credential: Option<(&Grant, &Secret)>) -> Result<OwnHeaders> {
    let mut headers = OwnHeaders::default();
    for (name, value) in &settings.headers {
        headers.operators(name, value)?;
    }
    if let Some((grant, secret)) = credential {
        headers.credential(&grant.header, &grant.prefix, secret)?;
    }
    Ok(headers)
}

/// Whether the value of a configured header is no secret. That of the header which carries a credential always is one.
fn is_public(name: &str, settings: &Settings, grant: Option<&Grant>, info: &ProviderInfo) -> bool {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    let of_plugin = info.credential.as_ref().map(|spec| spec.header.as_str());
    let mut carries = of_plugin
        .into_iter()
        .chain(grant.map(|grant| grant.header.as_str()));
    let mut more = settings.public_headers.iter();
    !carries.any(is_it) && (PUBLIC_HEADERS.into_iter().any(is_it) || more.any(|known| is_it(known)))
}
