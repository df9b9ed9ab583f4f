//! A fake registry in the test's process: it stores what is pushed, and misbehaves where a test tells it to.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use plugin_registry::{
    Cache, Client, ClientOptions, Credentials, Digest, Limits, Policy, Reference, Registry,
};
use tokio::net::TcpListener;

pub(crate) type FakeResponse = Response<BoxBody<Bytes, std::io::Error>>;
type Lie = Arc<dyn Fn(&Method, &str) -> Option<FakeResponse> + Send + Sync>;

/// One received request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

#[derive(Default)]
struct Content {
    blobs: BTreeMap<String, Bytes>,
    /// By tag and by digest, with the media type.
    manifests: BTreeMap<String, (String, Bytes)>,
    seen: Vec<Seen>,
    lie: Option<Lie>,
    has_referrers: bool,
    /// The expected `Authorization`, and the challenge for other requests.
    wants: Option<(String, String)>,
}

/// The registry, until it is dropped.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    content: Arc<Mutex<Content>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let content = Arc::new(Mutex::new(Content::default()));
        let shared = Arc::clone(&content);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let content = Arc::clone(&shared);
                let service = hyper::service::service_fn(move |request| {
                    let content = Arc::clone(&content);
                    async move { Ok::<_, Infallible>(respond(&content, request).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self {
            address,
            content,
            serving,
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    pub(crate) fn reference(&self, version: &str) -> Reference {
        format!("oci://{}/openclaw/acme{version}", self.address)
            .parse()
            .unwrap()
    }

    /// Overrides responses where `lie` returns one.
    pub(crate) fn lie(&self, lie: impl Fn(&Method, &str) -> Option<FakeResponse> + Send + Sync + 'static) {
        self.content().lie = Some(Arc::new(lie));
    }

    pub(crate) fn with_referrers(&self) {
        self.content().has_referrers = true;
    }

    pub(crate) fn wants(&self, authorization: &str, challenge: &str) {
        self.content().wants = Some((authorization.to_owned(), challenge.to_owned()));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.content().seen.clone()
    }

    pub(crate) fn put_blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.content()
            .blobs
            .insert(digest.to_string(), Bytes::copy_from_slice(bytes));
        digest
    }

    /// Stores a manifest, without validation.
    pub(crate) fn put_manifest(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let entry = (media_type.to_owned(), Bytes::copy_from_slice(bytes));
        let mut content = self.content();
        content.manifests.insert(tag.to_owned(), entry.clone());
        content.manifests.insert(digest.to_string(), entry);
        digest
    }

    pub(crate) fn manifest(&self, version: &str) -> Bytes {
        self.content().manifests[version].1.clone()
    }
}

pub(crate) fn full(status: u16, bytes: impl Into<Bytes>) -> FakeResponse {
    let body = Full::new(bytes.into()).map_err(|never| match never {}).boxed();
    Response::builder().status(status).body(body).unwrap()
}

pub(crate) fn redirect(to: &str) -> FakeResponse {
    let mut answer = full(307, "");
    answer.headers_mut().insert("location", to.parse().unwrap());
    answer
}

/// A body without a length, in these chunks; then it ends, is truncated, or never ends.
pub(crate) fn parts(parts: Vec<&'static [u8]>, breaks: bool) -> FakeResponse {
    let end = breaks.then(|| Err(std::io::Error::other("broken off")));
    let frames = parts
        .into_iter()
        .map(|part| Ok(Frame::data(Bytes::from_static(part))))
        .chain(end);
    Response::new(StreamBody::new(Frames(frames)).boxed())
}

struct Frames<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Frames<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

async fn respond(content: &Mutex<Content>, request: Request<Incoming>) -> FakeResponse {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().to_string();
    let lie = {
        let mut content = content.lock().unwrap();
        content.seen.push(Seen {
            path: path.clone(),
            headers: head.headers.clone(),
        });
        if let Some((wanted, challenge)) = &content.wants
            && !path.starts_with("/token")
            && head
                .headers
                .get("authorization")
                .is_none_or(|found| found != wanted.as_str())
        {
            let mut answer = full(401, "");
            answer
                .headers_mut()
                .insert("www-authenticate", challenge.parse().unwrap());
            return answer;
        }
        content.lie.clone()
    };
    if let Some(answer) = lie.and_then(|lie| lie(&head.method, &path)) {
        return answer;
    }
    let body = body.collect().await.unwrap().to_bytes();
    let mut content = content.lock().unwrap();
    let name = head.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let is = |part: &str| path.contains(part);
    match head.method {
        Method::POST if is("/blobs/uploads/") => {
            let mut answer = full(202, "");
            let place = format!("{}session-1?state=x", head.uri.path());
            answer.headers_mut().insert("location", place.parse().unwrap());
            answer
        }
        Method::PUT if is("/blobs/uploads/") => {
            let query = head.uri.query().unwrap_or_default();
            let digest = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "digest")
                .unwrap()
                .1;
            assert_eq!(digest, Digest::of(&body).as_str());
            content.blobs.insert(digest.into_owned(), body);
            full(201, "")
        }
        Method::PUT if is("/manifests/") => {
            let kind = head.headers["content-type"].to_str().unwrap().to_owned();
            let digest = Digest::of(&body);
            content
                .manifests
                .insert(digest.to_string(), (kind.clone(), body.clone()));
            content.manifests.insert(name, (kind, body.clone()));
            let mut answer = full(201, "");
            answer
                .headers_mut()
                .insert("docker-content-digest", digest.as_str().parse().unwrap());
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            if let Some(subject) = read["subject"]["digest"]
                .as_str()
                .filter(|_| content.has_referrers)
            {
                answer
                    .headers_mut()
                    .insert("oci-subject", subject.parse().unwrap());
            }
            answer
        }
        Method::GET if is("/referrers/") && content.has_referrers => {
            let all = content
                .manifests
                .iter()
                .filter(|(known, _)| known.starts_with("sha256:"));
            let found = all.filter_map(|(digest, (kind, bytes))| {
                let read: serde_json::Value = serde_json::from_slice(bytes).ok()?;
                (read["subject"]["digest"] == name.as_str()).then(|| {
                    serde_json::json!({"mediaType": kind, "digest": digest, "size": bytes.len(), "artifactType": read["artifactType"]})
                })
            });
            let index = serde_json::json!({"schemaVersion": 2, "mediaType": plugin_registry::INDEX_TYPE, "manifests": found.collect::<Vec<_>>()});
            let mut answer = full(200, index.to_string());
            answer
                .headers_mut()
                .insert("content-type", plugin_registry::INDEX_TYPE.parse().unwrap());
            answer
        }
        Method::GET | Method::HEAD if is("/manifests/") => match content.manifests.get(&name) {
            Some((kind, bytes)) => {
                let mut answer = full(200, bytes.clone());
                answer.headers_mut().insert("content-type", kind.parse().unwrap());
                answer.headers_mut().insert(
                    "docker-content-digest",
                    Digest::of(bytes).as_str().parse().unwrap(),
                );
                answer
            }
            None => full(404, ""),
        },
        Method::GET | Method::HEAD if is("/blobs/") => match content.blobs.get(&name) {
            Some(bytes) => full(200, bytes.clone()),
            None => full(404, ""),
        },
        _ => full(StatusCode::NOT_FOUND.as_u16(), ""),
    }
}

pub(crate) fn options() -> ClientOptions {
    ClientOptions {
        limits: Limits {
            layer_bytes: 1024 * 1024,
            ..Limits::default()
        },
        credentials: Credentials::Anonymous,
        ..ClientOptions::default()
    }
}

/// A client with its own cache.
pub(crate) struct Operator {
    pub(crate) registry: Registry,
    pub(crate) dir: tempfile::TempDir,
}

impl Operator {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::with(policy, options())
    }

    pub(crate) fn with(policy: Policy, options: ClientOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::new(Cache::new(dir.path().join("plugins")), policy, options).unwrap();
        Self { registry, dir }
    }

    /// The same files under another policy.
    pub(crate) fn again(&self, policy: Policy) -> Registry {
        Registry::new(Cache::new(self.dir.path().join("plugins")), policy, options()).unwrap()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.registry.cache().all().unwrap().is_empty()
    }
}

pub(crate) fn client() -> Client {
    Client::new(options()).unwrap()
}
