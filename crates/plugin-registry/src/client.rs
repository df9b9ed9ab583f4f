//! The registry client's pull side: manifests and blobs, each verified against its digest while it is received.
//!
//! Knows neither policy nor cache. A manifest is never redirected; a blob may be, to allowed hosts, and without the
//! credential.

use std::{collections::BTreeMap, sync::Mutex};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use crate::{
    auth::{self, Challenge, Credentials},
    digest::{Digest, Hasher},
    error::{Error, ErrorKind, Result, shown},
    http::{Call, Http, Response, authority},
    limits::Limits,
    manifest::{self, Descriptor, LARGEST_JSON, MANIFEST_TYPE, Manifest},
    reference::Reference,
};

/// The most redirects of one blob.
const REDIRECTS: usize = 3;
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The options of a [`Client`].
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// The size limits and timeouts.
    pub limits: Limits,
    /// The source of credentials.
    pub credentials: Credentials,
    /// Hosts (`HOST[:PORT]`, or `*.DOMAIN`) that a blob may be redirected to, in addition to those that are known
    /// to belong to a registry.
    pub redirects: Vec<String>,
    /// Hosts that credentials may be sent to for a token, in addition to those that are known to belong to a
    /// registry.
    pub token_servers: Vec<String>,
}

/// A registry client.
pub struct Client {
    http: Http,
    options: ClientOptions,
    /// By registry and scope.
    tokens: Mutex<BTreeMap<(String, String), HeaderValue>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A resolved manifest: what the tag points to at present.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resolved {
    /// The requested reference.
    pub reference: Reference,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's bytes, as received.
    pub bytes: Vec<u8>,
    /// The parsed manifest.
    pub manifest: Manifest,
}

impl Resolved {
    /// The descriptor of the component.
    ///
    /// # Errors
    /// The manifest has no layer.
    pub fn layer(&self) -> Result<&Descriptor> {
        let none = || {
            Error::new(
                ErrorKind::Artifact,
                "the artifact is not a plugin: it has no layer",
            )
        };
        self.manifest.layers.first().ok_or_else(none)
    }

    /// Parses a cached manifest.
    ///
    /// # Errors
    /// It does not match this digest, or is not a plugin's.
    pub(crate) fn kept(reference: &Reference, digest: &Digest, bytes: Vec<u8>, largest: u64) -> Result<Self> {
        digest.check("manifest", &bytes)?;
        let manifest = manifest::read_plugin(MANIFEST_TYPE, &bytes, largest)?;
        Ok(Self {
            reference: reference.clone(),
            digest: digest.clone(),
            bytes,
            manifest,
        })
    }
}

/// The scope of a request.
#[derive(Clone, Copy)]
pub(crate) enum Scope {
    Pull,
    Push,
}

impl Client {
    /// A client with these options.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(options: ClientOptions) -> Result<Self> {
        Ok(Self {
            http: Http::new(options.limits.clone())?,
            options,
            tokens: Mutex::default(),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.http.limits()
    }

    /// Resolves the manifest of a reference, and refuses one that is not a plugin.
    ///
    /// # Errors
    /// There is none, or it is invalid.
    pub async fn resolve(&self, reference: &Reference) -> Result<Resolved> {
        let (media_type, digest, bytes) = self.manifest(reference, MANIFEST_TYPE).await?;
        let manifest = manifest::read_plugin(&media_type, &bytes, self.limits().layer_bytes)?;
        Ok(Resolved {
            reference: reference.clone(),
            digest,
            bytes,
            manifest,
        })
    }

    /// The bytes of a manifest, its media type, and its digest, verified against those of the reference and the
    /// header.
    pub(crate) async fn manifest(
        &self,
        reference: &Reference,
        accept: &'static str,
    ) -> Result<(String, Digest, Vec<u8>)> {
        let call = Call::new(
            Method::GET,
            url(reference, &format!("manifests/{}", reference.version()))?,
        )
        .header(header::ACCEPT, HeaderValue::from_static(accept));
        let mut response = self.send(reference, Scope::Pull, call).await?;
        if response.status.is_redirection() {
            return Err(elsewhere(
                reference,
                response.header(&header::LOCATION).unwrap_or_default(),
            ));
        }
        self.check_status(reference, &mut response).await?;
        let bytes = response.all(LARGEST_JSON).await?;
        let digest = Digest::of(&bytes);
        if let Some(expected) = reference.digest() {
            expected.compare("manifest", &digest)?;
        }
        if let Some(said) = response.header(&CONTENT_DIGEST) {
            said.parse::<Digest>()?.compare("manifest", &digest)?;
        }
        Ok((response.media_type().to_owned(), digest, bytes))
    }

    /// The bytes of a blob, verified against the size and the digest of its descriptor.
    ///
    /// # Errors
    /// More bytes than expected, a truncated response, or another digest.
    pub(crate) async fn blob(&self, reference: &Reference, blob: &Descriptor, what: &str) -> Result<Vec<u8>> {
        let mut response = self.blob_response(reference, &blob.digest).await?;
        let length = response
            .header(&header::CONTENT_LENGTH)
            .and_then(|text| text.parse::<u64>().ok());
        let size = |found: String| {
            let message = format!(
                "the {what} does not have the size in the manifest: expected {} bytes, found {found}",
                blob.size
            );
            Error::new(ErrorKind::Size, message)
                .hint("nothing of it was used; retry, or report it to the operator of the registry")
        };
        if let Some(length) = length.filter(|length| *length != blob.size) {
            return Err(size(length.to_string()));
        }
        let mut hasher = Hasher::default();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            hasher.update(&chunk);
            if hasher.count > blob.size {
                return Err(size("more".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        if hasher.count < blob.size {
            return Err(size(hasher.count.to_string()));
        }
        blob.digest.compare(what, &hasher.finish())?;
        Ok(bytes)
    }

    async fn blob_response(&self, reference: &Reference, digest: &Digest) -> Result<Response> {
        let mut at = url(reference, &format!("blobs/{digest}"))?;
        let mut response = self
            .send(reference, Scope::Pull, Call::new(Method::GET, at.clone()))
            .await?;
        for _ in 0..REDIRECTS {
            if !response.status.is_redirection() {
                self.check_status(reference, &mut response).await?;
                return Ok(response);
            }
            let location = response.header(&header::LOCATION).unwrap_or_default();
            at = at.join(location).map_err(|_| elsewhere(reference, location))?;
            self.check_redirect(reference, &at)?;
            // Not by `send`: a redirect target never gets the credential.
            response = self.http.send(Call::new(Method::GET, at.clone())).await?;
        }
        let message = format!(
            "the registry {} redirects more than {REDIRECTS} times",
            reference.registry()
        );
        Err(Error::new(ErrorKind::Redirect, message))
    }

    fn check_redirect(&self, reference: &Reference, to: &Url) -> Result<()> {
        let host = authority(to)?;
        // Plain HTTP is allowed only within this machine.
        let is_kept = to.scheme() == "https" || reference.is_loopback();
        let known = storage(reference.registry()).iter().any(|known| *known == host);
        let allowed = self
            .options
            .redirects
            .iter()
            .any(|allowed| match allowed.strip_prefix("*.") {
                Some(domain) => host
                    .strip_suffix(domain)
                    .is_some_and(|front| front.ends_with('.')),
                None => *allowed == host,
            });
        if is_kept && (host == reference.registry() || known || allowed) {
            return Ok(());
        }
        Err(elsewhere(reference, &host))
    }

    pub(crate) async fn check_status(&self, reference: &Reference, response: &mut Response) -> Result<()> {
        let status = response.status;
        if status.is_success() {
            return Ok(());
        }
        let registry = reference.registry();
        if status == StatusCode::NOT_FOUND {
            let message = format!("the registry {registry} has no {reference}");
            return Err(Error::new(ErrorKind::NotFound, message).hint("check its name and its tag"));
        }
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            return Err(auth::unauthorized(registry));
        }
        // The registry's own error message, if there is one.
        let body = response.all(LARGEST_JSON).await.unwrap_or_default();
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = said["errors"][0]["message"].as_str().map(shown);
        let message = match said {
            Some(said) => format!("the registry {registry} responds with {status}: {said}"),
            None => format!("the registry {registry} responds with {status}"),
        };
        let kind = if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            ErrorKind::Network
        } else {
            ErrorKind::Protocol
        };
        Err(Error::new(kind, message))
    }

    /// Sends to the registry itself, with the credential that it requires.
    pub(crate) async fn send(&self, reference: &Reference, scope: Scope, call: Call) -> Result<Response> {
        let registry = api_host(reference.registry());
        if authority(&call.url)? != registry {
            return Err(elsewhere(reference, call.url.host_str().unwrap_or_default()));
        }
        let scope = match scope {
            Scope::Pull => format!("repository:{}:pull", reference.repository()),
            Scope::Push => format!("repository:{}:pull,push", reference.repository()),
        };
        let key = (registry.to_owned(), scope.clone());
        let known = self
            .tokens
            .lock()
            .ok()
            .and_then(|tokens| tokens.get(&key).cloned());
        let with = |token: Option<HeaderValue>| match token {
            Some(token) => call.clone().header(header::AUTHORIZATION, token),
            None => call.clone(),
        };
        let response = self.http.send(with(known)).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let mut challenges = response.headers.get_all(header::WWW_AUTHENTICATE).iter();
        let challenge = challenges
            .find_map(|header| Challenge::read(header.to_str().ok()?))
            .ok_or_else(|| auth::unauthorized(registry))?;
        let token = auth::answer(
            &self.http,
            &self.options.credentials,
            registry,
            &self.options.token_servers,
            challenge,
            &scope,
        )
        .await?;
        if let Ok(mut tokens) = self.tokens.lock() {
            tokens.insert(key, token.clone());
        }
        self.http.send(with(Some(token))).await
    }

    /// Runs within the time limit of a whole pull.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let total = self.limits().total;
        tokio::time::timeout(total, work).await.unwrap_or_else(|_| {
            let message = format!("the registry took longer than {} s in all", total.as_secs_f32());
            Err(Error::new(ErrorKind::Network, message))
        })
    }

    /// Checks the descriptor's size before a small blob is read.
    pub(crate) async fn small_blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        what: &str,
    ) -> Result<Bytes> {
        if blob.size > LARGEST_JSON {
            let message = format!("the {what} has {} bytes, and may have {LARGEST_JSON}", blob.size);
            return Err(Error::new(ErrorKind::Size, message));
        }
        self.blob(reference, blob, what).await.map(Bytes::from)
    }
}

/// The API host of a registry's name.
fn api_host(registry: &str) -> &str {
    match registry {
        "docker.io" => "registry-1.docker.io",
        other => other,
    }
}

/// Storage hosts of well-known registries.
fn storage(registry: &str) -> &'static [&'static str] {
    match registry {
        "ghcr.io" => &["pkg-containers.githubusercontent.com"],
        "docker.io" | "registry-1.docker.io" => &["production.cloudflare.docker.com"],
        _ => &[],
    }
}

/// The URL of a path in a repository.
pub(crate) fn url(reference: &Reference, path: &str) -> Result<Url> {
    let scheme = if reference.is_loopback() { "http" } else { "https" };
    let host = api_host(reference.registry());
    let text = format!("{scheme}://{host}/v2/{}/{path}", reference.repository());
    Url::parse(&text)
        .map_err(|error| Error::new(ErrorKind::Reference, format!("{reference} makes no URL: {error}")))
}

fn elsewhere(reference: &Reference, to: &str) -> Error {
    let message = format!(
        "the registry {} redirects to {}, where nothing is fetched from",
        reference.registry(),
        shown(to)
    );
    Error::new(ErrorKind::Redirect, message)
        .hint("if its blobs are stored there, add that host to `redirects` of plugin-policy.json")
}
