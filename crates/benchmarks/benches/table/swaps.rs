//! Hot swaps: their duration, and whether a request is lost.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use model_provider_host::{Host, Plugin, Sandbox, SwapReport};

use super::{Rig, Table, time};
use crate::common::{
    self,
    measure::{median, micros},
    mock::Mock,
    prompt::Prompt,
};

const SWAPS: usize = 100;
/// Concurrent streams while plugins are swapped.
const LOAD: usize = 16;

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    let mock = Mock::paced(1);
    let file = rig.plugin.path();
    let folder = tempfile::tempdir().expect("a folder");
    let options = common::sandbox_options()
        // The folder does not exist yet: the sandbox creates it for the user alone, and accepts no other.
        .with_cache_dir(folder.path().join("cache"));
    let sandbox = Sandbox::new(&options).expect("an engine");
    let plugin = Plugin::load(&sandbox, file).await.expect("it loads");
    let cached = common::host(&plugin, mock.base_url(), Some(common::TOKEN), |_| {});
    let figure = swap_time(&cached, file, 21).await;
    table.alone("Swap, cached code to live", "≤ 5 ms", &time(figure));

    let compiled = rig.host(&mock);
    let figure = swap_time(&compiled, file, 5).await;
    table.alone("Swap, from `.wasm`", "≤ 500 ms", &time(figure));

    let (lost, responses) = under_load(&cached, file).await;
    table.alone(
        &format!("Requests lost in {SWAPS} swaps under load"),
        "0",
        &format!("{lost} of {responses}"),
    );
}

async fn swap_time(host: &Host, file: &Path, swaps: usize) -> f64 {
    let mut figures = Vec::with_capacity(swaps);
    for _ in 0..swaps {
        let report = host.swap(file).await.expect("a swap");
        figures.push(total(&report));
    }
    median(&figures)
}

fn total(report: &SwapReport) -> f64 {
    micros(report.compile + report.check + report.self_test + report.switch)
}

/// Swaps under load; returns the number of failed requests, and of all requests.
async fn under_load(host: &Host, file: &Path) -> (usize, usize) {
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..LOAD)
        .map(|_| {
            let (host, stop) = (host.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut lost, mut responses) = (0, 0);
                while !stop.load(Ordering::Relaxed) {
                    responses += 1;
                    lost += usize::from(!is_served(&host).await);
                }
                (lost, responses)
            })
        })
        .collect();
    for _ in 0..SWAPS {
        host.swap(file).await.expect("a swap");
    }
    stop.store(true, Ordering::Relaxed);
    let mut sum = (0, 0);
    for each in load {
        let (lost, responses) = each.await.expect("a caller");
        sum = (sum.0 + lost, sum.1 + responses);
    }
    sum
}

async fn is_served(host: &Host) -> bool {
    let Ok(mut completion) = host.chat(Prompt::short().for_host()).await else {
        return false;
    };
    loop {
        match completion.next().await {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
