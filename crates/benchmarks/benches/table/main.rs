//! The tables of BENCHMARKS.md, measured in one go: `cargo bench -p benchmarks --bench table -- --runs=3`. Names of
//! sections behind `--` measure only those.
//!
//! Plugin and native twin are measured in turns, so that the ratios hold on a busy machine too; every figure is a
//! median. Memory is measured in a process of its own for each figure: this program again, as `child`.
//! `concurrency` also draws `benches/concurrency.svg`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops by a panic"
)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod child;
mod clients;
mod concurrency;
mod frozen;
mod gateways;
mod lists;
mod load;
mod memory;
mod plot;
mod responses;
mod rows;
mod serving;
mod streams;
mod swaps;

use model_provider_host::{Host, Plugin};

use common::mock::Mock;
use rows::Table;

/// The context of every section.
struct Rig {
    plugin: Plugin,
    /// The same, in a sandbox in which responses share stores.
    sharing: Plugin,
}

impl Rig {
    /// A host for this mock, with a token to add and to redact.
    fn host(&self, mock: &Mock) -> Host {
        common::host(&self.plugin, mock.base_url(), Some(common::TOKEN), |_| {})
    }

    /// The same in which responses share stores.
    fn sharing_host(&self, mock: &Mock) -> Host {
        common::host(&self.sharing, mock.base_url(), Some(common::TOKEN), |_| {})
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (runtime, threads) = (common::runtime(), common::threads());
    if let Some((child::WORD, what)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        // Sequential calls need no threads.
        let runtime = if what.first().is_some_and(|what| what == "client") {
            runtime
        } else {
            threads
        };
        return runtime.block_on(child::main(what));
    }
    let sections: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| sections.is_empty() || sections.iter().any(|section| *section == name);
    let plugin = runtime.block_on(common::loaded());
    let sharing = runtime.block_on(common::loaded_sharing());
    let rig = Rig { plugin, sharing };
    let runs = words
        .iter()
        .find_map(|word| word.strip_prefix("--runs=")?.parse().ok());
    let runs: usize = runs.unwrap_or(1);
    let mut table = Table::default();
    for _ in 0..runs {
        table.begin();
        if wanted("frozen") {
            runtime.block_on(frozen::measure(&rig, &mut table));
        }
        if wanted("calls") {
            runtime.block_on(calls::measure(&rig, &mut table));
        }
        if wanted("answers") {
            runtime.block_on(responses::measure(&rig, &mut table));
        }
        if wanted("streams") {
            runtime.block_on(streams::measure(&rig, &mut table));
        }
        if wanted("paced") {
            threads.block_on(responses::paced(&rig, &mut table));
        }
        if wanted("lists") {
            runtime.block_on(lists::measure(&rig, &mut table));
        }
        if wanted("memory") {
            memory::measure(&mut table);
        }
        if wanted("concurrency") {
            concurrency::measure(&mut table);
        }
        if wanted("serving") {
            threads.block_on(serving::measure(&rig, &mut table));
        }
        if wanted("load") {
            threads.block_on(load::measure(&mut table));
        }
        if wanted("swaps") {
            threads.block_on(swaps::measure(&rig, &mut table));
        }
    }
    if runs > 1 {
        println!("\nThe figures of the last run, the ratios of all {runs}:\n");
        table.write_all();
    }
    if wanted("clients") {
        clients::measure();
    }
    if wanted("gateways") {
        threads.block_on(gateways::measure(&rig));
    }
}

/// Formats microseconds.
fn time(micros: f64) -> String {
    if micros < 1_000.0 {
        format!("{micros:.0} µs")
    } else {
        format!("{:.1} ms", micros / 1_000.0)
    }
}

/// `2,000`.
fn thousands(number: usize) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", number / 1_000, number % 1_000)
    }
}
