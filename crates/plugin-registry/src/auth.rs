//! Registry authentication: challenges, token servers and credentials.
//!
//! Credentials are read when a registry requests them. They are sent to that registry and to token servers that are
//! known to belong to it, never along a redirect.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use http::{HeaderValue, Method, header};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind, Result, shown},
    http::{Call, Http, authority},
};

/// The source of credentials.
#[derive(Clone, Default)]
pub enum Credentials {
    /// The Docker configuration (`$DOCKER_CONFIG`, else `~/.docker/config.json`) and the helpers that it names.
    #[default]
    Docker,
    /// No credentials: a registry that requires them is an error.
    Anonymous,
    /// These credentials for every registry. For tests and embedders.
    Given {
        /// The user's name.
        user: String,
        /// The password or token.
        password: Zeroizing<String>,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "Docker",
            Self::Anonymous => "Anonymous",
            Self::Given { .. } => "Given",
        })
    }
}

/// A credential that a registry accepts.
enum Credential {
    None,
    Basic(Zeroizing<String>),
    /// A refresh token, which is exchanged for access tokens.
    Refresh(Zeroizing<String>),
}

/// The size limit of a token server's response.
const LARGEST: u64 = 64 * 1024;

/// The challenge of a `WWW-Authenticate` header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// Parses the header; `None` for another scheme.
    pub(crate) fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameters = parameters(rest);
        let get = |wanted: &str| {
            let found = parameters
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        Some(Self::Bearer {
            realm: get("realm")?,
            service: get("service"),
            scope: get("scope"),
        })
    }
}

/// Parses `name="value", name=value`.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((name, behind)) = rest.split_once('=') {
        let name = name.trim().trim_start_matches(',').trim().to_owned();
        let behind = behind.trim_start();
        let (value, next) = match behind.strip_prefix('"') {
            Some(quoted) => match quoted.split_once('"') {
                Some((value, next)) => (value, next),
                None => (quoted, ""),
            },
            None => behind.split_once(',').unwrap_or((behind, "")),
        };
        found.push((name, value.trim().to_owned()));
        rest = next.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

#[derive(Deserialize)]
struct TokenResponse<'a> {
    #[serde(default, borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    access_token: Option<Cow<'a, str>>,
}

/// Token servers with other host names that belong to a registry.
fn token_server(registry: &str) -> &'static [&'static str] {
    match registry {
        "registry-1.docker.io" | "docker.io" => &["auth.docker.io"],
        "registry.gitlab.com" => &["gitlab.com"],
        _ => &[],
    }
}

/// Responds to a registry's challenge, and returns the `Authorization` header.
pub(crate) async fn answer(
    http: &Http,
    credentials: &Credentials,
    registry: &str,
    allowed_servers: &[String],
    challenge: Challenge,
    scope: &str,
) -> Result<HeaderValue> {
    let credential = lookup(credentials, registry).await?;
    let (realm, service) = match challenge {
        Challenge::Basic => {
            let Credential::Basic(basic) = credential else {
                return Err(unauthorized(registry));
            };
            return secret_header(&format!("Basic {}", &*basic));
        }
        Challenge::Bearer { realm, service, .. } => (realm, service),
    };
    let unfit = |_| {
        Error::new(
            ErrorKind::Protocol,
            format!("the registry {registry} names an invalid URL as its token server"),
        )
    };
    let mut url = Url::parse(&realm).map_err(unfit)?;
    let server = authority(&url)?;
    let is_known = server == registry
        || token_server(registry).contains(&server.as_str())
        || allowed_servers.contains(&server);
    if !is_known {
        let message = format!(
            "the registry {registry} wants its credential sent to {}, which is not known to belong to it",
            shown(&server)
        );
        return Err(Error::new(ErrorKind::Redirect, message).hint(format!(
            "if it does, put \"{}\" into `tokenServers` of plugin-policy.json",
            shown(&server)
        )));
    }
    let call = if let Credential::Refresh(token) = &credential {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "plugin-registry")
            .append_pair("refresh_token", token)
            .append_pair("scope", scope);
        if let Some(service) = &service {
            form.append_pair("service", service);
        }
        Call::new(Method::POST, url).body(
            "application/x-www-form-urlencoded",
            form.finish().into_bytes().into(),
        )
    } else {
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("scope", scope);
            if let Some(service) = &service {
                query.append_pair("service", service);
            }
        }
        let call = Call::new(Method::GET, url);
        match &credential {
            Credential::Basic(basic) => call.header(
                header::AUTHORIZATION,
                secret_header(&format!("Basic {}", &**basic))?,
            ),
            _ => call,
        }
    };
    let mut response = http.send(call).await?;
    if !response.status.is_success() {
        return Err(unauthorized(registry));
    }
    let body = Zeroizing::new(response.all(LARGEST).await?);
    let unread = || {
        Error::new(
            ErrorKind::Protocol,
            format!("the token server {server} returned no token"),
        )
    };
    let read: TokenResponse<'_> = serde_json::from_slice(&body).map_err(|_| unread())?;
    let token = read.token.or(read.access_token).ok_or_else(unread)?;
    secret_header(&format!("Bearer {token}"))
}

pub(crate) fn unauthorized(registry: &str) -> Error {
    let message = format!("the registry {registry} refuses access");
    Error::new(ErrorKind::Unauthorized, message).hint(format!(
        "log in with `docker login {registry}` or another tool that writes the Docker configuration, and check that \
         the artifact is there"
    ))
}

fn secret_header(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            ErrorKind::Unauthorized,
            "the credential for the registry cannot be sent in a header",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn lookup(credentials: &Credentials, registry: &str) -> Result<Credential> {
    let basic = |user: &str, password: &str| {
        let text = Zeroizing::new(format!("{user}:{password}"));
        Credential::Basic(Zeroizing::new(STANDARD.encode(text.as_bytes())))
    };
    match credentials {
        Credentials::Anonymous => Ok(Credential::None),
        Credentials::Given { user, password } => Ok(basic(user, password)),
        Credentials::Docker => {
            let server = match registry {
                "registry-1.docker.io" | "docker.io" => "https://index.docker.io/v1/".to_owned(),
                other => other.to_owned(),
            };
            let found = tokio::task::spawn_blocking(move || docker_credential::get_credential(&server)).await;
            match found {
                Ok(Ok(DockerCredential::UsernamePassword(user, password))) => {
                    let (user, password) = (Zeroizing::new(user), Zeroizing::new(password));
                    Ok(basic(&user, &password))
                }
                Ok(Ok(DockerCredential::IdentityToken(token))) => {
                    Ok(Credential::Refresh(Zeroizing::new(token)))
                }
                Ok(Err(
                    CredentialRetrievalError::NoCredentialConfigured
                    | CredentialRetrievalError::ConfigNotFound
                    | CredentialRetrievalError::ConfigReadError,
                )) => Ok(Credential::None),
                // The output of a helper may be the credential itself.
                Ok(Err(CredentialRetrievalError::HelperFailure { helper, .. })) => {
                    let message = format!(
                        "the credential helper {} of the Docker configuration failed",
                        shown(&helper)
                    );
                    Err(Error::new(ErrorKind::Unauthorized, message))
                }
                _ => Err(Error::new(
                    ErrorKind::Unauthorized,
                    format!("the credential for {registry} in the Docker configuration cannot be read"),
                )),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_and_without_quotes() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        };
        for (header, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://a/token\",service=\"s\",scope=\"repository:a/b:pull,push\"",
                Some(bearer(
                    "https://a/token",
                    Some("s"),
                    Some("repository:a/b:pull,push"),
                )),
            ),
            (
                "bearer realm=https://a/t, service=s",
                Some(bearer("https://a/t", Some("s"), None)),
            ),
            ("Bearer realm=\"open", Some(bearer("open", None, None))),
            ("Bearer", None),
            ("Negotiate", None),
        ] {
            assert_eq!(Challenge::read(header), expected, "{header}");
        }
    }
}
