//! How many instructions the plugin takes for fixed inputs, compared with what is written down in
//! `benches/baseline.json`: `cargo bench -p benchmarks --bench counts`. Behind `--`, `--write "reason"` writes that
//! file anew.
//!
//! Two kinds are counted. Of the guest, fuel, which the engine takes for each of its instructions: exact, the same on
//! every machine, and blind to the host. Of whole calls, and of the native twin's, what callgrind counts, if it is
//! there. Both depend on the compiler, so that only counts of the same one are compared.

mod baseline;
mod cases;
mod guest;
mod upstream;
mod whole;

// Lists, streams and questions are those of the other benches.
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
