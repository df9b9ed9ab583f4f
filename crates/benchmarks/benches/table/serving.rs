//! `serve` compared with a native proxy that passes everything on, and with the LiteLLM proxy if it is installed:
//! each a separate process, with the same mock and the same clients.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::Request, serve::ListenerExt as _};
use bytes::Bytes;
use http::{Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;

use super::{Rig, Table, child, clients, time};
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
/// LiteLLM takes long to start.
const START: Duration = Duration::from_secs(120);

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
        let mut servers = vec![
            Server::new(plugin(rig.plugin.path(), mock.base_url(), state.path()), stream),
            Server::new(native(mock.base_url()), stream),
        ];
        servers.extend(
            litellm(mock.base_url(), state.path())
                .await
                .map(|server| Server::new(server, stream)),
        );
        // The first round warms up.
        for round in 0..=ROUNDS {
            for server in &mut servers {
                let (rate, used) = server.round().await;
                if round > 0 {
                    server.rates.push(rate);
                    server.used.push(used);
                }
            }
        }
        write(table, what, &servers);
    }
}

fn write(table: &mut Table, what: &str, servers: &[Server]) {
    let rate = |server: &Server| median(&server.rates);
    let used = |server: &Server| median(&server.used);
    let [plugin, native, further @ ..] = servers else {
        panic!("two servers of our own");
    };
    let (our, theirs) = (rate(plugin), rate(native));
    table.row(
        &format!("`serve`, {what}, {AT_ONCE} at once, against a native pass-through proxy"),
        "",
        &format!("{our:.0} /s"),
        &format!("{theirs:.0} /s"),
        our / theirs,
    );
    let (our, theirs) = (used(plugin), used(native));
    table.row(
        "… CPU of each in the server",
        "",
        &time(our),
        &time(theirs),
        our / theirs,
    );
    match further {
        [litellm] => {
            let (rate, used) = (rate(litellm), time(used(litellm)));
            table.alone("… the LiteLLM proxy", "", &format!("{rate:.0} /s, {used} CPU"));
        }
        _ => table.alone("… the LiteLLM proxy", "", "not installed"),
    }
}

/// One of the servers, with its measurements.
struct Server {
    process: Process,
    client: Client<HttpConnector, Full<Bytes>>,
    body: Bytes,
    rates: Vec<f64>,
    used: Vec<f64>,
}

impl Server {
    fn new(process: Process, stream: bool) -> Self {
        let prompt = Prompt::short();
        let message = serde_json::json!({"role": "user", "content": prompt.texts[0]});
        let body = serde_json::json!({"model": prompt.model, "messages": [message], "stream": stream});
        Self {
            process,
            client: client(),
            body: body.to_string().into(),
            rates: Vec::new(),
            used: Vec::new(),
        }
    }

    /// Requests per second, and the server's CPU time for each in microseconds.
    async fn round(&self) -> (f64, f64) {
        let (before, started) = (self.process.cpu(), Instant::now());
        let callers = (0..AT_ONCE).map(async |_| {
            let mut responses = 0;
            while started.elapsed() < ROUND {
                self.send().await;
                responses += 1;
            }
            responses
        });
        let responses: u32 = futures::future::join_all(callers).await.into_iter().sum();
        let rate = f64::from(responses) / started.elapsed().as_secs_f64();
        (rate, micros(self.process.cpu() - before) / f64::from(responses))
    }

    async fn send(&self) {
        let request = Request::post(format!("{}/chat/completions", self.process.base_url()))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", common::TOKEN))
            .body(Full::from(self.body.clone()))
            .expect("a request");
        let response = self.client.request(request).await.expect("a response");
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a whole response")
            .to_bytes();
        assert!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
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

fn plugin(file: &Path, base_url: &str, state: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-command-line"));
    command
        .arg("--plugin")
        .arg(file)
        .args(["--base-url", base_url, "serve"]);
    // Without the user's settings.
    command
        .env("HOME", state)
        .env("OPENCLAW_STATE_DIR", state.join("state"))
        .env("HF_TOKEN", common::TOKEN);
    Process::saying(&mut command)
}

fn native(base_url: &str) -> Process {
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

/// The LiteLLM proxy as in its documentation, if `benches/clients/install` has installed it.
async fn litellm(base_url: &str, state: &Path) -> Option<Process> {
    let program = clients::tools().join("litellm/bin/litellm");
    if !program.is_file() {
        return None;
    }
    let model = Prompt::short().model;
    let params = serde_json::json!({"model": format!("openai/{model}"), "api_base": base_url, "api_key": common::TOKEN});
    let config = serde_json::json!({"model_list": [{"model_name": model, "litellm_params": params}]});
    // JSON is valid YAML.
    let file = state.join("litellm.yaml");
    std::fs::write(&file, config.to_string()).expect("a file");
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .ok()?
        .local_addr()
        .ok()?
        .port();
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(file)
        .args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command
        .env("HOME", state)
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_TELEMETRY", "False");
    let mut process = Process::silent(&mut command, format!("http://127.0.0.1:{port}/v1"));
    let started = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if process.has_ended() || started.elapsed() > START {
            eprintln!("LiteLLM does not start");
            return None;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Some(process)
}
