//! How many instructions the plugin takes for fixed inputs, compared with what is written down in
//! `benches/baseline.json`: `cargo bench -p host-harness --bench counts`. Behind `--`, `--write "reason"` writes that
//! file anew.
//!
//! What is counted is fuel, which the engine takes for each instruction of the guest: exact, the same on every machine,
//! and blind to the host. It depends on the compiler, so that only counts of the same one are compared.

mod baseline;
mod cases;
mod guest;
mod upstream;

// Lists, streams and questions are those of the other benches.
#[path = "../common/mod.rs"]
mod common;

use std::process::ExitCode;

use baseline::{Baseline, Verdict};
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
        _ => {
            eprintln!("usage: … --bench counts [-- --write \"why the counts change\"]");
            return ExitCode::from(2);
        }
    };
    let guest = Guest::load(&common::component());
    let counts = common::runtime().block_on(cases::count(&guest));
    let found = Baseline::of_here(reason.unwrap_or_default(), counts);
    if reason.is_some() {
        let path = found.write();
        println!("written: {}", path.display());
        return ExitCode::SUCCESS;
    }
    match Baseline::read().compare(&found) {
        Verdict::Good => ExitCode::SUCCESS,
        Verdict::OtherCompiler(why) => {
            println!("skipped: {why}");
            ExitCode::SUCCESS
        }
        Verdict::Bad(faults) => {
            for fault in faults {
                println!("{fault}");
            }
            println!(
                "If that is what it has to be: cargo bench -p host-harness --bench counts -- --write \"reason\""
            );
            ExitCode::FAILURE
        }
    }
}
