//! Resident memory of waiting streams and of a large request, each in a process of its own.

#![allow(clippy::async_yields_async, reason = "the tasks are kept, not waited for")]

use std::process::Command;

use huggingface_protocol::{
    contract::settings::Snapshot,
    settings::{PlainSettings, Settings as _},
};

use super::{Table, times};
use crate::common::{
    self,
    ask::{self, Ask},
    data,
    measure::{KB, resident, resident_peak},
    mock::Mock,
    twin::Twin,
};

/// Longer than anything here takes.
const LONG_MS: u32 = 600_000;

pub(crate) fn measure(table: &mut Table) {
    let mock = Mock::stalling();
    for count in ["1000", "2000"] {
        let [plugin, twin] = ["plugin", "twin"].map(|who| run(&["waiting", who, mock.base_url(), count]));
        table.row(
            &format!("Resident memory of a waiting stream, {count} of them"),
            "≤ 100 KB",
            &format!("{:.0} KB", plugin / KB),
            &format!("{:.0} KB", twin / KB),
            &times(plugin / twin),
        );
    }
    let files = data::Files::new();
    let mock = Mock::replaying_whole(&files.stream(50));
    let [plugin, twin] = ["plugin", "twin"].map(|who| run(&["picture", who, mock.base_url(), "20000000"]));
    table.row(
        "Peak of resident memory for a picture of 20 MB",
        "",
        &format!("{:.0} MB", plugin / KB / KB),
        &format!("{:.0} MB", twin / KB / KB),
        &times(plugin / twin),
    );
}

/// This program once more; what it says is a number of bytes.
fn run(what: &[&str]) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg("child").args(what).output();
    let output = output.expect("the child runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().expect("a number of bytes")
}

/// What [`run`] runs.
pub(crate) async fn child(what: &[String]) {
    let words: Vec<&str> = what.iter().map(String::as_str).collect();
    let [what, who, base_url, count] = words[..] else {
        panic!("WHAT WHO URL COUNT");
    };
    let count: usize = count.parse().expect("a number");
    let bytes = match (what, who) {
        ("waiting", "plugin") => waiting_plugin(base_url, count).await,
        ("waiting", _) => waiting_twin(base_url, count).await,
        (_, who) => picture(who == "plugin", base_url, count).await,
    };
    println!("{bytes}");
}

async fn waiting_plugin(base_url: &str, count: usize) -> f64 {
    let (sandbox, plugin) = common::loaded().await;
    let host = common::host(&sandbox, &plugin, base_url, Some(common::TOKEN), |settings| {
        settings.idle_timeout = std::time::Duration::from_millis(LONG_MS.into());
    });
    let ask = Ask::short();
    let open = async || {
        let (mut completion, _) = ask::first(&host, &ask).await;
        tokio::spawn(async move { while let Ok(Some(_)) = completion.next().await {} })
    };
    each_of(count, open).await
}

async fn waiting_twin(base_url: &str, count: usize) -> f64 {
    let snapshot = Snapshot {
        idle_timeout_ms: LONG_MS,
        ..PlainSettings::default().get()
    };
    let settings = PlainSettings {
        snapshot: Some(snapshot),
        ..PlainSettings::default()
    };
    // For as long as the process: an answer borrows it.
    let twin: &'static Twin = Box::leak(Box::new(Twin::new(base_url, settings)));
    let ask = Ask::short();
    let open = async || {
        let mut answer = twin.chat(ask.for_twin());
        assert!(!answer.next().await.is_empty(), "the first events");
        tokio::spawn(async move { while !answer.next().await.is_empty() {} })
    };
    each_of(count, open).await
}

/// Opens so many streams and gives the memory that each has taken.
async fn each_of(count: usize, open: impl AsyncFn() -> tokio::task::JoinHandle<()>) -> f64 {
    // What the first ones bring for all that follow is not theirs.
    let mut streams = Vec::with_capacity(count + 8);
    for _ in 0..8 {
        streams.push(open().await);
    }
    settle().await;
    let before = resident();
    for _ in 0..count {
        streams.push(open().await);
    }
    settle().await;
    let each = (resident() - before) / count as f64;
    assert!(
        streams.iter().all(|stream| !stream.is_finished()),
        "all still wait"
    );
    each
}

async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
}

async fn picture(by_plugin: bool, base_url: &str, bytes: usize) -> f64 {
    let ask = Ask::picture(bytes);
    let small = Ask::short();
    if by_plugin {
        let (sandbox, plugin) = common::loaded().await;
        let host = common::host(&sandbox, &plugin, base_url, Some(common::TOKEN), |_| {});
        ask::whole(&host, &small).await;
        let before = resident();
        ask::whole(&host, &ask).await;
        resident_peak() - before
    } else {
        let twin = Twin::new(base_url, PlainSettings::default());
        twin.chat(small.for_twin()).drain().await;
        let before = resident();
        twin.chat(ask.for_twin()).drain().await;
        resident_peak() - before
    }
}
