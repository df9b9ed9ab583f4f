//! Instruction counts of the plugin for fixed inputs, compared with `benches/baseline.json`: `cargo bench -p
//! benchmarks --bench counts`. After `--`, `--write "reason"` updates that file.
//!
//! There are two kinds. For the guest, the engine's fuel: exact, the same on every machine, and blind to the host.
//! For whole calls, and those of the native twin, instructions by callgrind, if it is installed. Both depend on the
//! compiler, so only counts with the same compiler are compared.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops by a panic"
)]

mod baseline;
mod cases;
mod guest;
mod upstream;
mod whole;

// Lists, streams and requests are those of the other benches.
#[path = "../common/mod.rs"]
mod common;

use std::{collections::BTreeMap, process::ExitCode};

use baseline::{Baseline, Counts};
use guest::Guest;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let reason = match words[..] {
        [] => None,
        ["--write", reason] if !reason.trim().is_empty() => Some(reason.trim()),
        [whole::WORD, ref words @ ..] => {
            whole::child(words);
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("usage: … --bench counts [-- --write \"why the counts change\"]");
            return ExitCode::from(2);
        }
    };
    let file = common::component();
    let runtime = common::runtime();
    let guest = runtime.block_on(cases::count(&Guest::load(&file)));
    let whole = runtime.block_on(whole::count(&file)).unwrap_or_else(|why| {
        println!("skipped: {why}");
        BTreeMap::new()
    });
    whole::print(&whole);
    let found = Baseline::of_here(
        reason.unwrap_or_default(),
        Counts::of_guest(guest),
        Counts::of_whole(whole),
    );
    if reason.is_some() {
        let path = found.write();
        println!("written: {}", path.display());
        return ExitCode::SUCCESS;
    }
    let verdict = Baseline::read().compare(&found);
    for why in verdict.skipped {
        println!("not compared: {why}");
    }
    if verdict.faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    for fault in verdict.faults {
        println!("{fault}");
    }
    println!("If that is what it has to be: cargo bench -p benchmarks --bench counts -- --write \"reason\"");
    ExitCode::FAILURE
}
