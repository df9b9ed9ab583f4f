//! Spans as a collector receives them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use model_server::{Records, ServeOptions, SpanExporter, SpanOptions};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use crate::{
    harness::{Harness, TOKEN},
    http::{question, streamed},
    keyed::recording,
};

const MODEL: &str = "Qwen/Qwen3-8B";

/// Accepts requests, and responds with this status.
struct Collector {
    port: u16,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Collector {
    async fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let taking = Arc::clone(&taken);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.expect("a head");
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                    head += &line;
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.expect("a body");
                let body = serde_json::from_slice(&body).expect("JSON");
                taking.lock().expect("nobody panics").push((head, body));
                let reply =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        Self {
            port,
            taken,
            accepting,
        }
    }

    fn options(&self) -> SpanOptions {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let get = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
            "OTEL_EXPORTER_OTLP_HEADERS" => Some("x-key=collector-key".to_owned()),
            _ => None,
        };
        SpanOptions::from_variables(get)
            .expect("good")
            .expect("an endpoint")
    }

    /// All spans so far.
    fn spans(&self) -> Vec<Value> {
        let taken = self.taken.lock().expect("nobody panics");
        let spans = taken.iter().flat_map(|(_, body)| {
            let scope = &body["resourceSpans"][0]["scopeSpans"][0];
            scope["spans"].as_array().expect("spans").clone()
        });
        spans.collect()
    }
}

fn attribute(span: &Value, key: &str) -> Value {
    let attributes = span["attributes"].as_array().expect("attributes");
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(Value::Null, |found| {
        let value = found["value"].as_object().expect("a value");
        value.values().next().expect("one").clone()
    })
}

#[tokio::test]
async fn each_request_is_a_span_with_standard_attributes_and_no_text() {
    let collector = Collector::start("200 OK").await;
    let records = Records::default().with_spans(SpanExporter::start(collector.options()));
    let serving = recording(Harness::start().await, ServeOptions::default(), records).await;
    let request = serving
        .client
        .chat_request()
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .body(question(MODEL).to_string().into());
    let reply = serving
        .client
        .send(request.expect("a request"))
        .await
        .read()
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(serving.client.chat(&streamed(MODEL)).await.status, 200);
    assert_eq!(serving.client.chat(&question("no reference")).await.status, 400);
    // The trace is not sampled.
    let request = serving
        .client
        .chat_request()
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        )
        .body(question(MODEL).to_string().into());
    serving
        .client
        .send(request.expect("a request"))
        .await
        .read()
        .await;
    let sent = serving.harness.mock.requests();
    let upstream = sent
        .iter()
        .find(|request| request.method == "POST")
        .expect("a request");
    let upstream = upstream.header("traceparent").expect("a trace").to_owned();
    let said = reply.json();
    serving.server.shutdown(Duration::from_secs(5)).await;

    let spans = collector.spans();
    assert_eq!(spans.len(), 3, "{spans:?}");
    let whole = &spans[0];
    assert_eq!(whole["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(whole["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(
        whole["spanId"],
        upstream[36..52],
        "the parent of the upstream's spans"
    );
    assert_eq!(whole["name"], "POST /v1/chat/completions");
    assert_eq!(attribute(whole, "gen_ai.request.model"), MODEL);
    assert_eq!(
        attribute(whole, "gen_ai.usage.output_tokens"),
        said["usage"]["completion_tokens"].to_string()
    );
    let nanos = |name: &str| {
        whole[name]
            .as_str()
            .expect("a time")
            .parse::<u64>()
            .expect("nanoseconds")
    };
    assert!(nanos("endTimeUnixNano") > nanos("startTimeUnixNano"));
    assert_eq!(spans[1].get("parentSpanId"), None);
    assert_eq!(
        (&spans[2]["status"]["code"], attribute(&spans[2], "error.type")),
        (&2.into(), "invalid-reference".into())
    );
    let taken = collector.taken.lock().expect("nobody panics");
    let (head, body) = &taken[0];
    assert!(
        head.starts_with("POST /v1/traces ") && head.contains("x-key: collector-key"),
        "{head}"
    );
    let text = said["choices"][0]["message"]["content"].as_str().expect("text");
    for secret in ["Hello!", text, TOKEN] {
        assert!(!body.to_string().contains(secret));
    }
}

#[tokio::test]
async fn a_refusing_collector_delays_no_response() {
    let collector = Collector::start("503 Service Unavailable").await;
    let records = Records::default().with_spans(SpanExporter::start(collector.options()));
    let serving = recording(Harness::start().await, ServeOptions::default(), records).await;
    for _ in 0..5 {
        assert_eq!(serving.client.ask(MODEL).await.status, 200);
    }
    serving.server.shutdown(Duration::from_secs(5)).await;
    assert_eq!(collector.spans().len(), 5);
}
