//! Resident memory of waiting streams and of a large request, each in a separate process.

#![allow(clippy::async_yields_async, reason = "the tasks are stored, not awaited")]

use huggingface_protocol::settings::PlainSettings;

use super::{
    Table,
    child::{self, Client, settle},
};
use crate::common::{
    self, data,
    measure::{KB, resident, resident_peak},
    mock::Mock,
    prompt::{self, Prompt},
    twin::Twin,
};

pub(crate) fn measure(table: &mut Table) {
    let mock = Mock::stalling();
    let [[plugin], [twin]] =
        ["plugin", "twin"].map(|who| child::run(&["waiting", who, mock.base_url(), "2000"]));
    table.row(
        "Resident memory of a waiting stream, of 2,000",
        "≤ 80 KB",
        &format!("{:.0} KB", plugin / KB),
        &format!("{:.0} KB", twin / KB),
        plugin / twin,
    );
    let [shared] = child::run(&["waiting", "shared", mock.base_url(), "2000"]);
    table.row(
        "… eight in a store",
        "≤ 40 KB",
        &format!("{:.0} KB", shared / KB),
        &format!("{:.0} KB", twin / KB),
        shared / twin,
    );
    let files = data::Files::new();
    let mock = Mock::replaying_whole(&files.stream(50));
    let [[plugin], [twin]] =
        ["plugin", "twin"].map(|who| child::run(&["picture", who, mock.base_url(), "20000000"]));
    table.row(
        "Peak of resident memory for a picture of 20 MB",
        "",
        &format!("{:.0} MB", plugin / KB / KB),
        &format!("{:.0} MB", twin / KB / KB),
        plugin / twin,
    );
}

/// Opens so many streams that stall; returns the memory of each.
pub(crate) async fn waiting(who: &str, base_url: &str, count: usize) -> f64 {
    let prompt = Prompt::short();
    match Client::patient(who, base_url).await {
        Client::Plugin(host) => {
            let open = async || {
                // Without effect in a sandbox that shares no stores.
                let (mut completion, _) = prompt::first(&host, &prompt, prompt::sharing()).await;
                tokio::spawn(async move { while let Ok(Some(_)) = completion.next().await {} })
            };
            each_of(count, open).await
        }
        Client::Twin(twin) => {
            let open = async || {
                let mut response = twin.chat(prompt.for_twin());
                assert!(!response.next().await.is_empty(), "the first events");
                tokio::spawn(async move { while !response.next().await.is_empty() {} })
            };
            each_of(count, open).await
        }
    }
}

/// Opens so many streams and returns the memory of each.
async fn each_of(count: usize, open: impl AsyncFn() -> tokio::task::JoinHandle<()>) -> f64 {
    // The first streams warm up: they allocate what all later ones share.
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

/// Sends an image of so many bytes; returns the peak memory.
pub(crate) async fn picture(by_plugin: bool, base_url: &str, bytes: usize) -> f64 {
    let prompt = Prompt::picture(bytes);
    let small = Prompt::short();
    if by_plugin {
        let plugin = common::loaded().await;
        let host = common::host(&plugin, base_url, Some(common::TOKEN), |_| {});
        prompt::whole(&host, &small).await;
        let before = resident();
        prompt::whole(&host, &prompt).await;
        resident_peak() - before
    } else {
        let twin = Twin::new(base_url, PlainSettings::default());
        twin.chat(small.for_twin()).drain().await;
        let before = resident();
        twin.chat(prompt.for_twin()).drain().await;
        resident_peak() - before
    }
}
