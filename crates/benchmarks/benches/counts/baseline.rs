//! Stored counts, and the comparison with them. This module must not know what is counted.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use serde::{Deserialize, Serialize};

use crate::common;

/// The largest permitted increase over the stored count.
const MORE: f64 = 1.10;
/// The largest decrease before the stored count should be updated.
const LESS: f64 = 0.90;

/// Counts, and what they depend on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    /// Why the counts changed last.
    reason: String,
    compiler: String,
    /// Fuel of the guest.
    guest: Counts,
    /// Instructions of host and guest together, and of the native twin.
    whole: Counts,
}

/// Counts of one kind.
#[derive(Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// The target and the compiler; counts of another are not compared.
    target: String,
    /// By case; empty if nothing could be counted.
    cases: BTreeMap<String, u64>,
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Counts that were not compared, and why.
    pub(crate) skipped: Vec<String>,
    /// Counts that increased too much.
    pub(crate) faults: Vec<String>,
}

impl Counts {
    /// Fuel of the guest.
    pub(crate) fn of_guest(cases: BTreeMap<String, u64>) -> Self {
        Self {
            target: component_build::TARGET.to_owned(),
            cases,
        }
    }

    /// Instructions of this program.
    pub(crate) fn of_whole(cases: BTreeMap<String, u64>) -> Self {
        let profile = if cfg!(debug_assertions) { "dev" } else { "bench" };
        Self {
            target: format!("{}-{}, {profile}", std::env::consts::ARCH, std::env::consts::OS),
            cases,
        }
    }

    /// Prints both side by side, and compares.
    fn compare(&self, found: &Self, verdict: &mut Verdict) {
        if found.cases.is_empty() {
            return;
        }
        println!("\n| Case | Instructions | Written down | Ratio |\n|---|---|---|---|");
        let (mut faults, mut less) = (Vec::new(), Vec::new());
        for (case, count) in &found.cases {
            let Some(before) = self.cases.get(case) else {
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
        let gone = self.cases.keys().filter(|case| !found.cases.contains_key(*case));
        faults.extend(gone.map(|case| format!("`{case}` is written down and was not counted")));
        if self.target == found.target {
            verdict.faults.extend(faults);
        } else {
            let (before, now) = (&self.target, &found.target);
            verdict
                .skipped
                .push(format!("what is written down is of {before}, this is {now}"));
        }
    }
}

impl Baseline {
    /// New counts with the installed compiler.
    pub(crate) fn of_here(reason: &str, guest: Counts, whole: Counts) -> Self {
        Self {
            reason: reason.to_owned(),
            compiler: compiler(),
            guest,
            whole,
        }
    }

    /// Reads the stored counts.
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(file()).expect("benches/baseline.json is there");
        serde_json::from_str(&text).expect("benches/baseline.json is as it was written")
    }

    /// Stores the counts; returns the file.
    pub(crate) fn write(&self) -> PathBuf {
        let text = serde_json::to_string_pretty(self).expect("plain data");
        std::fs::write(file(), text + "\n").expect("benches/baseline.json can be written");
        file()
    }

    /// Prints both side by side, and compares.
    pub(crate) fn compare(&self, found: &Self) -> Verdict {
        let mut verdict = Verdict::default();
        self.guest.compare(&found.guest, &mut verdict);
        self.whole.compare(&found.whole, &mut verdict);
        if self.compiler != found.compiler {
            let (before, now) = (&self.compiler, &found.compiler);
            verdict.faults.clear();
            verdict
                .skipped
                .push(format!("what is written down is of {before}, this is {now}"));
        }
        verdict
    }
}

fn file() -> PathBuf {
    common::results_file("baseline.json")
}

/// The compiler that the component is built with.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
