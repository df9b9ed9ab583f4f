//! Span exporter: one span per request, sent in batches as OTLP/JSON over HTTP. Never delays a response. It uses
//! plain HTTP: a local collector encrypts what leaves the machine.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc};

use super::record::{ABANDONED, OK, Record};
use model_provider_host::{Error, ErrorKind, Result};

/// The capacity of the queue, and of a batch.
const WAITING: usize = 2048;
const BATCH: usize = 256;
/// The batch delay, and the timeouts of an export and of a flush.
const GATHER: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
const LAST: Duration = Duration::from_secs(2);
/// The limit of a collector's response body.
const LONGEST: usize = 64 * 1024;

/// The options of the exporter.
#[derive(Clone)]
#[non_exhaustive]
pub struct SpanOptions {
    /// The address of a collector for traces: `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: Uri,
    /// Additional headers, such as an API key of the collector.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The name of this service.
    pub service: String,
}

/// Without what may be secret: a header's value, and what an address may name beside its host.
impl fmt::Debug for SpanOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanOptions")
            .field("host", &self.endpoint.host())
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl SpanOptions {
    /// Options from OpenTelemetry's environment variables; `None` if they name no collector.
    ///
    /// # Errors
    /// `configuration`: a variable is invalid.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let (name, endpoint) = match get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            Some(endpoint) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint),
            None => match get("OTEL_EXPORTER_OTLP_ENDPOINT") {
                Some(base) => (
                    "OTEL_EXPORTER_OTLP_ENDPOINT",
                    format!("{}/v1/traces", base.trim().trim_end_matches('/')),
                ),
                None => return Ok(None),
            },
        };
        let invalid = |name: &str, wants: &str| {
            Error::new(
                ErrorKind::Configuration,
                format!("the variable {name} is wrong: expected {wants}"),
            )
        };
        let wants = "the address of a collector, such as http://127.0.0.1:4318; it has to begin with http://";
        let endpoint: Uri = endpoint.trim().parse().map_err(|_| invalid(name, wants))?;
        if endpoint.scheme_str() != Some("http") || endpoint.host().is_none() {
            return Err(invalid(name, wants).with_hint("run a local collector, which can forward over TLS"));
        }
        let name = "OTEL_EXPORTER_OTLP_HEADERS";
        let mut headers = Vec::new();
        for pair in get(name)
            .unwrap_or_default()
            .split(',')
            .filter(|pair| !pair.trim().is_empty())
        {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| invalid(name, "NAME=VALUE,NAME=VALUE"))?;
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy();
            let key: HeaderName = key
                .trim()
                .parse()
                .map_err(|_| invalid(name, "names of headers"))?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| invalid(name, "values of headers"))?;
            value.set_sensitive(true);
            headers.push((key, value));
        }
        Ok(Some(Self {
            endpoint,
            headers,
            service: get("OTEL_SERVICE_NAME").unwrap_or_else(|| "model-server".to_owned()),
        }))
    }
}

/// Exports spans. Dropping it drops unsent spans; [`flush`](Self::flush) waits for them.
pub struct SpanExporter {
    queue: mpsc::Sender<ExportMessage>,
    dropped: Arc<AtomicU64>,
}

enum ExportMessage {
    Span(Box<Value>),
    Flush(std::sync::mpsc::SyncSender<()>),
}

impl fmt::Debug for SpanExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanExporter")
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl SpanExporter {
    /// Starts the exporter; needs a tokio runtime.
    #[must_use]
    pub fn start(options: SpanOptions) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let dropped = Arc::<AtomicU64>::default();
        tokio::spawn(send_on(options, waiting, Arc::clone(&dropped)));
        Self { queue, dropped }
    }

    /// Queues the span of a finished request, if its trace is sampled.
    pub(super) fn push(&self, record: &Record) {
        if !record.trace_id.is_sampled() {
            return;
        }
        let span = ExportMessage::Span(Box::new(span(record)));
        if self.queue.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lost spans: the queue was full, or the collector refused them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all queued spans are sent, or for the timeout. Must not be called within the runtime.
    pub(super) fn flush(&self) {
        let (done, ends) = std::sync::mpsc::sync_channel(1);
        if self.queue.try_send(ExportMessage::Flush(done)).is_ok() {
            let _ = ends.recv_timeout(LAST);
        }
    }
}

async fn send_on(options: SpanOptions, mut waiting: mpsc::Receiver<ExportMessage>, dropped: Arc<AtomicU64>) {
    let is_failing = AtomicBool::new(false);
    let mut batch: Vec<Value> = Vec::new();
    loop {
        // Only the wait for the first span is unlimited.
        let next = if batch.is_empty() {
            Ok(waiting.recv().await)
        } else {
            tokio::time::timeout(GATHER, waiting.recv()).await
        };
        let done = match next {
            Ok(None) => return,
            Ok(Some(ExportMessage::Span(span))) => {
                batch.push(*span);
                if batch.len() < BATCH {
                    continue;
                }
                None
            }
            Ok(Some(ExportMessage::Flush(done))) => Some(done),
            Err(_) => None,
        };
        if !batch.is_empty() {
            let spans = std::mem::take(&mut batch);
            let count = spans.len() as u64;
            let sent = tokio::time::timeout(PATIENCE, send(&options, spans)).await;
            let sent = sent.unwrap_or_else(|_| Err("it did not respond in time".to_owned()));
            let was_failing = is_failing.swap(sent.is_err(), Ordering::Relaxed);
            match sent {
                Err(reason) => {
                    dropped.fetch_add(count, Ordering::Relaxed);
                    if !was_failing {
                        tracing::warn!(reason, "the collector refuses spans");
                    }
                }
                Ok(()) if was_failing => tracing::info!("the collector accepts spans again"),
                Ok(()) => {}
            }
        }
        if let Some(done) = done {
            let _ = done.try_send(());
        }
    }
}

async fn send(options: &SpanOptions, spans: Vec<Value>) -> std::result::Result<(), String> {
    let endpoint = &options.endpoint;
    let host = endpoint.host().unwrap_or_default();
    let port = endpoint.port_u16().unwrap_or(80);
    let text = |error: &dyn fmt::Display| error.to_string();
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await;
    let stream = TokioIo::new(stream.map_err(|error| text(&error))?);
    let handshake = hyper::client::conn::http1::handshake(stream).await;
    let (mut sender, connection) = handshake.map_err(|error| text(&error))?;
    let connection = tokio::spawn(connection);
    let mut request = Request::post(endpoint.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, format!("{host}:{port}"))
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in &options.headers {
        request = request.header(name, value);
    }
    let attribute = json!({ "key": "service.name", "value": { "stringValue": options.service } });
    let scope = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": [attribute] },
        "scopeSpans": [{ "scope": scope, "spans": spans }],
    }] });
    let request = request.body(Full::<Bytes>::from(body.to_string()));
    let response = sender.send_request(request.map_err(|error| text(&error))?).await;
    let response = response.map_err(|error| text(&error))?;
    let status = response.status();
    let _ = Limited::new(response.into_body(), LONGEST).collect().await;
    connection.abort();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("it responded with {status}"))
    }
}

/// A request as a span, with the names of OpenTelemetry's semantic conventions.
fn span(record: &Record) -> Value {
    let text = |key: &str, value: Option<&str>| {
        value.map(|value| json!({ "key": key, "value": { "stringValue": value } }))
    };
    let number = |key: &str, value: Option<u64>| {
        // 64-bit integers are strings in protobuf's JSON mapping.
        value.map(|value| json!({ "key": key, "value": { "intValue": value.to_string() } }))
    };
    let cost = record.cost_usd.map(|cost| cost.to_string());
    let is_chat = record.model_asked.is_some();
    let attributes: Vec<Value> = [
        text("http.request.method", Some(record.method)),
        text("http.route", Some(record.path)),
        number("http.response.status_code", record.status.map(Into::into)),
        text("error.type", record.error.as_deref()),
        text("gen_ai.operation.name", is_chat.then_some("chat")),
        text("gen_ai.request.model", record.model_asked.as_deref()),
        text("gen_ai.response.model", record.response_model.as_deref()),
        text("gen_ai.provider.name", record.backend.as_deref()),
        number("gen_ai.usage.input_tokens", record.input_tokens.map(Into::into)),
        number("gen_ai.usage.output_tokens", record.output_tokens.map(Into::into)),
        text("model_server.request_id", Some(&record.request_id)),
        text("model_server.key", record.key.as_deref()),
        text("model_server.dialect", Some(record.dialect)),
        text("model_server.outcome", Some(record.outcome)),
        text("model_server.reason", record.reason),
        text("model_server.cost_usd", cost.as_deref()),
        number("model_server.generation", record.generation),
    ]
    .into_iter()
    .flatten()
    .collect();
    let nanos = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_nanos().to_string()
    };
    let is_error = record.outcome != OK && record.outcome != ABANDONED;
    let mut span = json!({
        "traceId": record.trace_id.trace_id(),
        "spanId": record.trace_id.span_id(),
        "name": format!("{} {}", record.method, record.path),
        // SPAN_KIND_SERVER.
        "kind": 2,
        "startTimeUnixNano": nanos(record.time),
        "endTimeUnixNano": nanos(record.time + record.latency_ms),
        "attributes": attributes,
        "status": { "code": if is_error { 2 } else { 0 } },
    });
    if let Some(parent) = record.parent {
        span["parentSpanId"] = parent.span_id().into();
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_configured_by_the_otel_variables() {
        let read = |variables: &'static [(&str, &str)]| {
            SpanOptions::from_variables(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(
            read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")])
                .expect("nothing")
                .is_none()
        );
        let options = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b, other=c"),
            ("OTEL_SERVICE_NAME", "ours"),
        ]);
        let options = options.expect("good").expect("there is one");
        assert_eq!(options.endpoint, "http://127.0.0.1:4318/v1/traces");
        assert_eq!((options.headers.len(), &*options.service), (2, "ours"));
        assert_eq!(options.headers[0].1, "a b");
        let shown = format!("{options:?}");
        assert!(
            shown.contains("ours") && !shown.contains("a b") && !shown.contains("x-key"),
            "{shown}"
        );
        for wrong in [
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example")][..],
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "127.0.0.1:4318")],
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ],
        ] {
            let error = SpanOptions::from_variables(|name| {
                let found = wrong.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            let error = error.err().expect("it is wrong");
            assert!(
                error.message().contains("OTEL_EXPORTER_OTLP") && !error.message().contains("secret"),
                "{error}"
            );
        }
    }
}
