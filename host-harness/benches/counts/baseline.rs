//! The counts that are written down, and what a comparison with them comes to. Knows nothing of what is counted.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use host_harness::component;
use serde::{Deserialize, Serialize};

use crate::common;

/// How much more a count may be than what is written down.
const MORE: f64 = 1.10;
/// How much less it may be before somebody should write that down.
const LESS: f64 = 0.90;

/// Counts, and what they depend on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    /// Why the counts are these and no others any more.
    reason: String,
    compiler: String,
    target: String,
    /// Fuel of each case.
    counts: BTreeMap<String, u64>,
}

/// What a comparison comes to.
pub(crate) enum Verdict {
    /// Nothing takes much more than it did.
    Good,
    /// There is nothing to compare with, and why.
    OtherCompiler(String),
    /// What is wrong.
    Bad(Vec<String>),
}

impl Baseline {
    /// What was counted with this machine's compiler.
    pub(crate) fn of_here(reason: &str, counts: BTreeMap<String, u64>) -> Self {
        Self {
            reason: reason.to_owned(),
            compiler: compiler(),
            target: component::TARGET.to_owned(),
            counts,
        }
    }

    /// What is written down.
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(file()).expect("benches/baseline.json is there");
        serde_json::from_str(&text).expect("benches/baseline.json is as it was written")
    }

    /// Writes this down; gives the file.
    pub(crate) fn write(&self) -> PathBuf {
        let text = serde_json::to_string_pretty(self).expect("plain data");
        std::fs::write(file(), text + "\n").expect("benches/baseline.json can be written");
        file()
    }

    /// Prints both beside each other, and judges.
    pub(crate) fn compare(&self, found: &Self) -> Verdict {
        println!("| Case | Fuel | Written down | Ratio |\n|---|---|---|---|");
        let (mut faults, mut less) = (Vec::new(), Vec::new());
        for (case, count) in &found.counts {
            let Some(before) = self.counts.get(case) else {
                println!("| {case} | {count} | | |");
                faults.push(format!("`{case}` is not written down"));
                continue;
            };
            let ratio = *count as f64 / *before as f64;
            println!("| {case} | {count} | {before} | {ratio:.3} |");
            if ratio > MORE {
                let more = (ratio - 1.0) * 100.0;
                faults.push(format!(
                    "`{case}` takes {more:.1} % more instructions than is written down"
                ));
            } else if ratio < LESS {
                less.push(case);
            }
        }
        for case in less {
            println!("`{case}` takes much less than is written down, which is worth writing down");
        }
        let gone = self
            .counts
            .keys()
            .filter(|case| !found.counts.contains_key(*case));
        faults.extend(gone.map(|case| format!("`{case}` is written down and was not counted")));
        if (&self.compiler, &self.target) != (&found.compiler, &found.target) {
            return Verdict::OtherCompiler(format!(
                "the baseline is of {} for {}, this is {} for {}",
                self.compiler, self.target, found.compiler, found.target
            ));
        }
        if faults.is_empty() {
            Verdict::Good
        } else {
            Verdict::Bad(faults)
        }
    }
}

fn file() -> PathBuf {
    common::kept("baseline.json")
}

/// The compiler that the component is built with.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
