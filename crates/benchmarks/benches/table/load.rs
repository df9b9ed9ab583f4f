//! A server beside guests in an endless loop: the time to first byte of normal requests and health checks.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Table, time};
use crate::common::{measure::micros, mock::Mock, process::Process};

/// Guests that compute until they are stopped.
const SPINNING: usize = 64;
const SAMPLES: usize = 400;

pub(crate) async fn measure(table: &mut Table) {
    let build = || component_build::build_member("hostile-guest", |words| eprintln!("{words}"));
    let plugin = tokio::task::spawn_blocking(build).await.expect("the build ends");
    let plugin = plugin.expect("the guest builds");
    let (mock, state) = (Mock::stalling(), tempfile::tempdir().expect("a folder"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-command-line"));
    command.arg("--plugin").arg(&plugin);
    command.args([
        "--base-url",
        mock.base_url(),
        "--set",
        "max-guest-time-ms=3600000",
    ]);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("HOME", state.path())
        .env("OPENCLAW_STATE_DIR", state.path().join("state"));
    let server = Server {
        process: Process::saying(&mut command),
        client: Client::builder(TokioExecutor::new()).build_http(),
    };
    let (idle, _) = server.waits().await;
    let spinning: Vec<_> = (0..SPINNING)
        .map(|_| {
            let response = server.client.request(server.chat("hostile/a/read.loop"));
            // The head comes before the first event; the response has not ended then.
            tokio::spawn(async move {
                if let Ok(response) = response.await {
                    drop(response.into_body().collect().await);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (good, health) = server.waits().await;
    assert!(
        spinning.iter().all(|one| !one.is_finished()),
        "they were there all the time"
    );
    table.alone(
        &format!("First byte beside {SPINNING} guests that compute, p99 above an idle server's"),
        "≤ 100 ms",
        &format!(
            "{} above {}",
            time(micros(good.saturating_sub(idle))),
            time(micros(idle))
        ),
    );
    table.alone("… a health check, p99", "≤ 50 ms", &time(micros(health)));
}

struct Server {
    process: Process,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Server {
    fn chat(&self, model: &str) -> Request<Full<Bytes>> {
        let message = serde_json::json!({"role": "user", "content": "Hello!"});
        let body = serde_json::json!({"model": model, "messages": [message], "stream": true});
        Request::post(format!("{}/chat/completions", self.process.base_url()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into())
            .expect("a request")
    }

    fn health(&self) -> Request<Full<Bytes>> {
        let root = self.process.base_url().trim_end_matches("/v1");
        Request::get(format!("{root}/healthz"))
            .body(Full::default())
            .expect("a request")
    }

    /// The 99th percentiles of normal requests and of health checks, until the first byte of the body.
    async fn waits(&self) -> (Duration, Duration) {
        let (mut good, mut health) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            good.push(self.first_byte(self.chat("hostile/a/fine")).await);
            health.push(self.first_byte(self.health()).await);
        }
        (p99(good), p99(health))
    }

    async fn first_byte(&self, request: Request<Full<Bytes>>) -> Duration {
        let started = Instant::now();
        let response = self.client.request(request).await.expect("a response");
        assert!(response.status().is_success(), "{}", response.status());
        let mut body = response.into_body();
        let first = body.frame().await;
        let waited = started.elapsed();
        assert!(first.is_some_and(|first| first.is_ok()), "a first byte");
        while let Some(Ok(_)) = body.frame().await {}
        waited
    }
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
