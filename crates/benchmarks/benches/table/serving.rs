//! `serve` compared with a native proxy that passes everything on, and its dialects with each other: each server a
//! separate process, with the same mock and the same clients.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::Request, serve::ListenerExt as _};
use bytes::Bytes;
use http::{Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;

use super::{Rig, Table, child, time};
use crate::common::{
    self, data,
    measure::{median, micros},
    mock::Mock,
    process::Process,
    prompt::Prompt,
};

/// Concurrent clients; each sends its next request after its response.
const AT_ONCE: usize = 32;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let cases = [
        (
            "short plain responses",
            false,
            Mock::replaying_whole(&files.response()),
        ),
        ("streams of 50 chunks", true, Mock::replaying(&files.stream(50))),
    ];
    for (what, stream, mock) in cases {
        let state = tempfile::tempdir().expect("a folder");
        let ours = plugin(rig.plugin.path(), mock.base_url(), state.path(), &[]);
        let floor = native(mock.base_url());
        beside_the_floor(table, what, stream, &ours, &floor).await;
        // Whole responses never share a store.
        if stream {
            // Without an access key there is no principal, and nothing is shared.
            let sharing = ["--calls-per-store", "8", "--access-key-env", "BENCH_ACCESS_KEY"];
            let shared = plugin(rig.plugin.path(), mock.base_url(), state.path(), &sharing);
            let what = format!("{what}, eight in a store");
            beside_the_floor(table, &what, stream, &shared, &floor).await;
        }
        by_dialect(table, what, stream, &ours).await;
    }
}

async fn beside_the_floor(table: &mut Table, what: &str, stream: bool, ours: &Process, native: &Process) {
    let both = [ours, native].map(|server| (server, Caller::new(server, &Dialect::CHAT, stream)));
    let [(rate, used), (native_rate, native_used)] = in_turns(&both).await;
    table.row(
        &format!("`serve`, {what}, {AT_ONCE} at once, against a native pass-through proxy"),
        "",
        &format!("{rate:.0} /s"),
        &format!("{native_rate:.0} /s"),
        rate / native_rate,
    );
    table.row(
        "… CPU of each in the server",
        "",
        &time(used),
        &time(native_used),
        used / native_used,
    );
}

async fn by_dialect(table: &mut Table, what: &str, stream: bool, server: &Process) {
    let all = Dialect::ALL.map(|dialect| (server, Caller::new(server, &dialect, stream)));
    let [(_, chat), others @ ..] = in_turns(&all).await;
    for (dialect, (_, used)) in Dialect::ALL[1..].iter().zip(others) {
        table.row(
            &format!(
                "`serve`, {what}, CPU in {}, against chat completions",
                dialect.name
            ),
            "≤ 1.15×",
            &time(used),
            &time(chat),
            used / chat,
        );
    }
}

/// The medians of requests per second and of CPU a request.
async fn in_turns<const N: usize>(callers: &[(&Process, Caller); N]) -> [(f64, f64); N] {
    let mut figures = [const { (Vec::new(), Vec::new()) }; N];
    // The first round warms up.
    for round in 0..=ROUNDS {
        for ((server, caller), (rates, used)) in callers.iter().zip(&mut figures) {
            let (rate, cpu) = caller.round(server).await;
            if round > 0 {
                rates.push(rate);
                used.push(cpu);
            }
        }
    }
    figures.map(|(rates, used)| (median(&rates), median(&used)))
}

/// An API of the server: its path, and the body of a request.
pub(super) struct Dialect {
    name: &'static str,
    path: &'static str,
    body: fn(model: &str, text: &str) -> serde_json::Value,
}

impl Dialect {
    pub(super) const CHAT: Self = Self {
        name: "chat completions",
        path: "/chat/completions",
        body: |model, text| serde_json::json!({"model": model, "messages": [{"role": "user", "content": text}]}),
    };
    const ALL: [Self; 3] = [
        Self::CHAT,
        Self {
            name: "the Responses API",
            path: "/responses",
            body: |model, text| serde_json::json!({"model": model, "input": text}),
        },
        Self {
            name: "the Messages API",
            path: "/messages",
            body: |model, text| {
                serde_json::json!({
                    "model": model, "max_tokens": 1024, "messages": [{"role": "user", "content": text}],
                })
            },
        },
    ];
}

/// A client of a server, which sends the same request each time.
pub(super) struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    body: Bytes,
}

impl Caller {
    pub(super) fn new(server: &Process, dialect: &Dialect, stream: bool) -> Self {
        Self::of(server.base_url(), dialect, stream)
    }

    pub(super) fn of(base_url: &str, dialect: &Dialect, stream: bool) -> Self {
        let prompt = Prompt::short();
        let mut body = (dialect.body)(prompt.model, &prompt.texts[0]);
        body["stream"] = stream.into();
        Self {
            client: client(),
            url: format!("{base_url}{}", dialect.path),
            body: body.to_string().into(),
        }
    }

    /// Requests per second, and the server's CPU time for each in microseconds.
    async fn round(&self, server: &Process) -> (f64, f64) {
        let (before, started) = (server.cpu(), Instant::now());
        let callers = (0..AT_ONCE).map(async |_| {
            let mut responses = 0;
            while started.elapsed() < ROUND {
                self.whole().await;
                responses += 1;
            }
            responses
        });
        let responses: u32 = futures::future::join_all(callers).await.into_iter().sum();
        let rate = f64::from(responses) / started.elapsed().as_secs_f64();
        (rate, micros(server.cpu() - before) / f64::from(responses))
    }

    /// Sends the request; the head of a successful response has arrived.
    pub(super) async fn begin(&self) -> Incoming {
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", common::TOKEN))
            .body(Full::from(self.body.clone()))
            .expect("a request");
        let response = self.client.request(request).await.expect("a response");
        let status = response.status();
        if status.is_success() {
            return response.into_body();
        }
        let body = response.into_body().collect().await.map(|body| body.to_bytes());
        panic!(
            "{}: {status}: {}",
            self.url,
            String::from_utf8_lossy(&body.unwrap_or_default())
        );
    }

    /// A complete response.
    pub(super) async fn whole(&self) -> Bytes {
        let body = self.begin().await.collect().await;
        body.expect("a whole response").to_bytes()
    }
}

fn client<B: http_body::Body<Data: Send> + Send>() -> Client<HttpConnector, B> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // Servers close idle connections; one of them after five seconds, about the time between two of its rounds.
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(1))
        .build(connector)
}

/// `serve` with this plugin, and with more arguments.
pub(super) fn plugin(file: &Path, base_url: &str, state: &Path, more: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-command-line"));
    command.arg("--plugin").arg(file);
    // For a thousand streams of one client.
    for setting in [
        "serve-max-concurrent",
        "serve-max-connections",
        "serve-max-connections-per-address",
    ] {
        command.args(["--set", &format!("{setting}=2000")]);
    }
    command.args(["--base-url", base_url, "serve"]).args(more);
    // Without the user's settings.
    command
        .env("HOME", state)
        .env("OPENCLAW_STATE_DIR", state.join("state"))
        .env("HF_TOKEN", common::TOKEN)
        .env("BENCH_ACCESS_KEY", common::TOKEN);
    Process::saying(&mut command)
}

pub(super) fn native(base_url: &str) -> Process {
    let program = std::env::current_exe().expect("this program");
    Process::saying(Command::new(program).args([child::WORD, "proxy", base_url]))
}

/// The process that [`native`] runs: it passes every request and every response on, as they arrive.
pub(crate) async fn proxy(base_url: &str) {
    let upstream: Uri = base_url.parse().expect("a URL");
    let client = client::<Body>();
    let pass = async move |mut request: Request| {
        let mut parts = upstream.into_parts();
        parts.path_and_query = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from_parts(parts).expect("a URL");
        request.headers_mut().remove(header::HOST);
        client.request(request).await.expect("a response").map(Body::new)
    };
    let service = Router::new().fallback(move |request| pass.clone()(request));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}/v1", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    axum::serve(listener, service).await.expect("it serves");
}
