//! Driver of a twin: its protocol over the egress client. The including file defines the protocol as `protocol`.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::ResponseFuture;
use model_provider_host::{Settings, bare_client, settings::base_url};

use super::protocol::{
    begin, catalog,
    chat::{Collector, Exchange, Failure, FailureKind, Next},
    contract::types::{AssistantPart, ChatEvent, ChatRequest, Error, ModelCatalog, Summary},
    provider, reference,
    settings::{PlainSettings, Settings as _},
};
use crate::common::TOKEN;

type Client = dyn Fn(Request<Full<Bytes>>) -> ResponseFuture + Send + Sync;

/// A native client of the router.
#[derive(Clone)]
pub(crate) struct Twin {
    client: Arc<Client>,
    base_url: String,
    settings: PlainSettings,
    authorization: String,
}

impl Twin {
    pub(crate) fn new(url: &str, settings: PlainSettings) -> Self {
        let settings_of_egress = Settings::default().with_base_url(base_url(url).expect("a URL"));
        Self {
            client: Arc::new(bare_client(&settings_of_egress).expect("a client")),
            base_url: url.to_owned(),
            settings,
            authorization: format!("Bearer {TOKEN}"),
        }
    }

    /// The models of the fetched list.
    pub(crate) async fn list(&self) -> ModelCatalog {
        let request = Request::get(format!("{}/models", self.base_url))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, provider::USER_AGENT)
            .header(header::AUTHORIZATION, &self.authorization)
            .body(Full::default())
            .expect("a request");
        let response = (self.client)(request).await.expect("a response");
        let mut body = response.into_body();
        let mut list = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.expect("a chunk of the list").into_data() {
                list.extend_from_slice(&data);
            }
        }
        catalog::from_list(&list, &self.settings)
    }

    /// Decodes a stream by the protocol alone: no network, no runtime.
    pub(crate) fn decode(&self, request: ChatRequest, stream: &[u8]) {
        let model = reference::resolve(&request.model, &self.settings).expect("a reference");
        let mut exchange = begin(request, model, &self.settings.get(), 7).expect("a request");
        exchange.sent();
        exchange.on_response(200, &[]);
        for chunk in stream.chunks(16 * 1024) {
            exchange.on_bytes(chunk);
            while exchange.next() == Next::Events {
                black_box(exchange.take_events(256));
            }
        }
        exchange.on_end();
        assert!(exchange.outcome().is_some_and(Result::is_ok), "a good end");
    }

    /// Starts a response.
    pub(crate) fn chat(&self, request: ChatRequest) -> ChatStream<'_> {
        let snapshot = self.settings.get();
        let model = reference::resolve(&request.model, &self.settings).expect("a reference");
        let seed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_nanos() as u64);
        ChatStream {
            twin: self,
            exchange: begin(request, model, &snapshot, seed).expect("a request"),
            sent: None,
            body: None,
        }
    }
}

/// A streaming response.
pub(crate) struct ChatStream<'a> {
    twin: &'a Twin,
    exchange: Exchange,
    sent: Option<ResponseFuture>,
    body: Option<Incoming>,
}

impl ChatStream<'_> {
    /// All events that are ready; none at the end.
    pub(crate) async fn next(&mut self) -> Vec<ChatEvent> {
        loop {
            match self.exchange.next() {
                Next::Events => return self.exchange.take_events(256),
                Next::Ended => {
                    self.give_back().await;
                    return Vec::new();
                }
                Next::Send => self.send(),
                Next::Wait { ms } => {
                    tokio::time::sleep(Duration::from_millis(ms.into())).await;
                    self.exchange.waited();
                }
                Next::Response { timeout_ms } => self.head(timeout_ms).await,
                Next::Body { timeout_ms } => self.read_chunk(timeout_ms).await,
            }
        }
    }

    /// Reads to the end; returns the length of the text.
    pub(crate) async fn drain(mut self) -> usize {
        let mut length = 0;
        loop {
            let events = self.next().await;
            if events.is_empty() {
                self.outcome().as_ref().expect("a good end");
                return length;
            }
            for event in events {
                if let ChatEvent::Text(text) = event {
                    length += text.len();
                }
            }
        }
    }

    /// Reads to the end and folds the events.
    pub(crate) async fn whole(mut self) -> Vec<AssistantPart> {
        let mut collector = Collector::default();
        loop {
            let events = self.next().await;
            if events.is_empty() {
                self.outcome().as_ref().expect("a good end");
                return collector.finish();
            }
            events.into_iter().for_each(|event| collector.push(event));
        }
    }

    fn outcome(&self) -> &Result<Summary, Error> {
        self.exchange.outcome().expect("an end")
    }

    fn send(&mut self) {
        let head = self.exchange.head();
        let length = usize::try_from(head.content_length).expect("a body that fits");
        let mut body = Vec::with_capacity(length);
        let Ok(()) = self.exchange.write_body(&mut body);
        let mut request = Request::post(format!("{}{}", self.twin.base_url, head.path))
            .header(header::AUTHORIZATION, &self.twin.authorization);
        for (name, value) in head.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(body)).expect("a request");
        self.sent = Some((self.twin.client)(request));
        self.exchange.sent();
    }

    async fn head(&mut self, timeout_ms: u32) {
        let sent = self.sent.take().expect("a request on its way");
        match tokio::time::timeout(Duration::from_millis(timeout_ms.into()), sent).await {
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                let headers: Vec<_> = head
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                    .collect();
                self.exchange.on_response(head.status.as_u16(), &headers);
                self.body = Some(body);
            }
            Ok(Err(_)) => self.fail(FailureKind::Reset),
            Err(_) => self.fail(FailureKind::Timeout),
        }
    }

    async fn read_chunk(&mut self, timeout_ms: u32) {
        let body = self.body.as_mut().expect("a body");
        match tokio::time::timeout(Duration::from_millis(timeout_ms.into()), body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    self.exchange.on_bytes(&data);
                }
            }
            Ok(Some(Err(_))) => self.fail(FailureKind::Reset),
            Ok(None) => self.exchange.on_end(),
            Err(_) => self.fail(FailureKind::Timeout),
        }
    }

    /// Reads the end of the body, so that the connection can be reused.
    async fn give_back(&mut self) {
        if let Some(mut body) = self.body.take() {
            let rest = async { while body.frame().await.is_some() {} };
            let _ = tokio::time::timeout(Duration::from_millis(5), rest).await;
        }
    }

    fn fail(&mut self, kind: FailureKind) {
        self.exchange.on_failure(Failure {
            kind,
            request_sent: true,
        });
    }
}
