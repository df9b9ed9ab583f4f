//! A server over a harness, and a plain HTTP client for it: each request on a connection of its own, which is closed when
//! the reply is dropped.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming, header};
use hyper_util::rt::TokioIo;
use model_server::{Access, ServeOptions, Server, Service};
use serde_json::Value;
use tokio::{net::TcpListener, net::TcpStream, task::JoinHandle};

use crate::harness::{Harness, Setup};

/// A host that is served.
pub struct Serving {
    pub harness: Harness,
    pub server: Server,
    pub client: Client,
}

impl Serving {
    pub async fn start() -> Self {
        Self::with(Harness::with(), ServeOptions::default()).await
    }

    pub async fn with(setup: Setup, options: ServeOptions) -> Self {
        Self::over(setup.start().await, options).await
    }

    pub async fn over(harness: Harness, options: ServeOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let service = Service::new(harness.host.clone(), options);
        let server = Server::start(listener, service).expect("a server");
        let client = Client {
            address: server.address(),
            key: None,
        };
        Self {
            harness,
            server,
            client,
        }
    }

    /// With an access key.
    pub async fn locked(key: &str) -> Self {
        let secret = model_provider_host::Secret::new(key);
        let address = "127.0.0.1:0".parse().expect("an address");
        let options =
            ServeOptions::default().with_access(Access::new(address, secret.as_ref()).expect("a good key"));
        Self::with(Harness::with(), options).await
    }
}

/// The client.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub key: Option<String>,
}

/// A response whose body is still to be read.
pub struct Open {
    pub response: Response<Incoming>,
    connection: JoinHandle<()>,
}

/// A whole response.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Client {
    /// A client of a program that has printed its base URL.
    pub fn of(base_url: &str) -> Self {
        let address = base_url.trim_start_matches("http://").trim_end_matches("/v1");
        Self {
            address: address.parse().expect("an address"),
            key: None,
        }
    }

    /// Sends one prompt of one line.
    pub async fn ask(&self, model: &str) -> Reply {
        self.chat(&question(model)).await
    }

    pub async fn chat(&self, body: &Value) -> Reply {
        self.open_chat(body).await.read().await
    }

    pub async fn open_chat(&self, body: &Value) -> Open {
        let request = self.chat_request().body(body.to_string().into());
        self.send(request.expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        let request = self.request("GET", path).body(Full::default());
        self.send(request.expect("a request")).await.read().await
    }

    /// The head of a chat request.
    pub fn chat_request(&self) -> hyper::http::request::Builder {
        self.request("POST", "/v1/chat/completions")
            .header(header::CONTENT_TYPE, "application/json")
    }

    pub fn request(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string());
        match &self.key {
            Some(key) => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        }
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Open {
        let stream = TcpStream::connect(self.address).await.expect("a connection");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP");
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        let guard = AbortOnDrop(Some(connection));
        let response = sender.send_request(request).await.expect("a response");
        Open {
            response,
            connection: guard.release(),
        }
    }
}

/// Closes the connection if waiting for the response is given up.
struct AbortOnDrop(Option<JoinHandle<()>>);

impl AbortOnDrop {
    fn release(mut self) -> JoinHandle<()> {
        self.0.take().expect("taken once")
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.abort();
        }
    }
}

impl Open {
    /// The next chunk of the body as text; `None` at its end or where it breaks off.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            let frame = self.response.body_mut().frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                return Some(String::from_utf8_lossy(&data).into_owned());
            }
        }
    }

    pub async fn read(mut self) -> Reply {
        let mut text = String::new();
        while let Some(more) = self.next().await {
            text += &more;
        }
        Reply {
            status: self.response.status().as_u16(),
            headers: self.response.headers().clone(),
            text,
        }
    }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("no header {name}"));
        value.to_str().expect("text")
    }

    /// The data of the events of a stream, the last `[DONE]` left out; whether that was there.
    pub fn events(&self) -> (Vec<Value>, bool) {
        let data = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        let (done, chunks): (Vec<&str>, Vec<&str>) = data.partition(|data| *data == "[DONE]");
        let chunks = chunks
            .iter()
            .map(|text| serde_json::from_str(text).expect("JSON"));
        (chunks.collect(), !done.is_empty())
    }
}

pub fn question(model: &str) -> Value {
    serde_json::json!({"model": model, "messages": [{"role": "user", "content": "Hello!"}]})
}

/// The same prompt, for a streaming response.
pub fn streamed(model: &str) -> Value {
    let mut body = question(model);
    body["stream"] = true.into();
    body
}
