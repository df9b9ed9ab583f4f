//! Memory and CPU against the number of concurrent responses, with pauses between their events; and the plot of both.

use std::time::Duration;

use model_provider_host::ChatOptions;

use super::{
    Table,
    child::{self, Client, settle},
    plot::{self, Point},
    thousands, time,
};
use crate::common::{
    measure::{KB, cpu, median, resident},
    mock::Mock,
    prompt::{self, Prompt},
};

/// Numbers of concurrent responses, and how often each is measured: short runs are more sensitive to other load.
const LEVELS: [(usize, usize); 4] = [(1, 3), (32, 3), (256, 1), (2_000, 1)];
/// The pause between two events.
const PAUSE_MS: u32 = 100;
/// Half of a response's 50 pauses: all responses have started and none has ended.
const MIDDLE: Duration = Duration::from_millis(25 * PAUSE_MS as u64);

pub(crate) fn measure(table: &mut Table) {
    let mock = Mock::paced(PAUSE_MS);
    let mut points = Vec::new();
    for (count, rounds) in LEVELS {
        let number = count.to_string();
        let (mut plugin, mut twin) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            plugin.push(child::run(&["concurrency", "plugin", mock.base_url(), &number]));
            twin.push(child::run(&["concurrency", "twin", mock.base_url(), &number]));
        }
        let point = Point {
            streams: count,
            plugin: middle(&plugin),
            twin: middle(&twin),
        };
        let streams = if count == 1 { "stream" } else { "streams" };
        let ([memory, used], [twin_memory, twin_used]) = (point.plugin, point.twin);
        table.row(
            &format!(
                "{} {streams} at once, {PAUSE_MS} ms between chunks: resident memory",
                thousands(count)
            ),
            "",
            &format!("{:.1} MB", memory / KB / KB),
            &format!("{:.1} MB", twin_memory / KB / KB),
            memory / twin_memory,
        );
        table.row(
            "… CPU of each response",
            "",
            &time(used),
            &time(twin_used),
            used / twin_used,
        );
        points.push(point);
    }
    let file = plot::draw(&points);
    eprintln!("drawn: {}", file.display());
}

fn middle(rounds: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|at| median(&rounds.iter().map(|round| round[at]).collect::<Vec<_>>()))
}

/// Runs so many concurrent responses; returns their memory in total, and the CPU time of each.
pub(crate) async fn child(by_plugin: bool, base_url: &str, count: usize) -> (f64, f64) {
    match Client::patient(if by_plugin { "plugin" } else { "twin" }, base_url).await {
        Client::Plugin(host) => {
            let prompt = Prompt::short();
            futures::future::join_all((0..8).map(|_| prompt::first(&host, &prompt, ChatOptions::default())))
                .await;
            let response = || {
                let host = host.clone();
                tokio::spawn(async move { prompt::whole(&host, &Prompt::short()).await })
            };
            together(count, response).await
        }
        Client::Twin(twin) => {
            let first = async || drop(twin.chat(Prompt::short().for_twin()).next().await);
            futures::future::join_all((0..8).map(|_| first())).await;
            let response = || tokio::spawn(async { twin.chat(Prompt::short().for_twin()).drain().await });
            together(count, response).await
        }
    }
}

async fn together(count: usize, response: impl Fn() -> tokio::task::JoinHandle<usize>) -> (f64, f64) {
    settle().await;
    let before = resident();
    let mut responses = Vec::with_capacity(count);
    let first_half = cpu(async {
        responses.extend((0..count).map(|_| response()));
        tokio::time::sleep(MIDDLE).await;
    })
    .await;
    // Reading the memory is work too, and is not measured.
    let memory = resident() - before;
    let second_half = cpu(async {
        for response in responses {
            assert!(response.await.expect("a response") > 0, "it has text");
        }
    })
    .await;
    (memory, (first_half + second_half) / count as f64)
}
