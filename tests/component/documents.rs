//! What the documents say of the code is so: each test that they name is there, and the program that they show runs.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use serde_json::Value;

use crate::harness::{built, TOKEN};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Where the documents' name of a file is.
fn source(name: &str) -> String {
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    let base = match first {
        "component" => format!("tests/component/{rest}"),
        "protocol" => format!("src/protocol/{rest}"),
        _ => format!("host-harness/src/{name}"),
    };
    // The tests of a file stand at its end or in a file of their own.
    let without = base.trim_end_matches("/tests");
    let places = [
        format!("{base}.rs"),
        format!("{base}/mod.rs"),
        format!("{without}.rs"),
        format!("{without}/mod.rs"),
    ];
    let found = places.iter().find(|place| root().join(place).is_file());
    found
        .cloned()
        .unwrap_or_else(|| panic!("there is no file `{name}`"))
}

/// The tests of a source: functions with the attribute of one, or within the macro that makes one for each provider.
fn tests(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_test = |line: &&str| {
        line.starts_with("#[test]")
            || line.starts_with("#[tokio::test")
            || line.starts_with("async fn ") && line.contains("(provider: Provider)")
    };
    let starts = lines.iter().enumerate().filter(|(_, line)| is_test(line));
    starts
        .filter_map(|(at, _)| {
            let head = lines[at..].iter().find(|line| line.contains("fn "))?;
            let name = head.split_once("fn ")?.1.split('(').next()?;
            Some(name.to_owned())
        })
        .collect()
}

/// The code spans of a text.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The last cells of the rows of all tables under a heading that have claims.
fn evidence(document: &str) -> Vec<(&str, &str)> {
    let rows = document.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| {
        let row = row.trim_matches('|').trim();
        let (claim, test) = row.rsplit_once(" | ")?;
        Some((claim.trim(), test.trim()))
    });
    cells.collect()
}

#[test]
fn every_claim_of_the_threat_model_names_a_test_that_is_there() {
    let document = read("SECURITY.md");
    let guarantees = document
        .split_once("## What the host guarantees")
        .expect("guarantees")
        .1;
    let guarantees = guarantees.split_once("\n## ").expect("an end").0;
    let scenarios: Value = serde_json::from_str(&read("tests/cases/scenarios.json")).expect("JSON");
    let scenarios = scenarios.to_string();
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for (claim, test) in evidence(guarantees) {
        if test == "Test" || test.starts_with("---") {
            continue;
        }
        let mut file = None;
        let mut is_first = true;
        for span in spans(test) {
            if let Some(name) = span.strip_prefix("scenario ") {
                if !scenarios.contains(&format!("\"{name}\"")) {
                    wrong.push(format!("{claim}: no scenario `{name}`"));
                }
                is_first = false;
                continue;
            }
            let name = match span.split_once(": ") {
                Some((place, name)) => {
                    file = Some(source(place));
                    name
                }
                None if span.ends_with(".json") => continue,
                // A row of a table that the row before has named.
                None if is_first && test.starts_with("the same") => continue,
                None => span,
            };
            is_first = false;
            let Some(file) = &file else {
                wrong.push(format!("{claim}: `{span}` is in no file"));
                continue;
            };
            if !tests(&read(file)).iter().any(|test| test == name) {
                wrong.push(format!("{claim}: no test `{name}` in {file}"));
            }
            named.insert((file.clone(), name.to_owned()));
        }
        if is_first && !test.starts_with("the same") {
            wrong.push(format!("{claim}: it names no test"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named.len() > 100, "only {} tests were looked for", named.len());
}

#[test]
fn the_search_for_tests_finds_what_is_one() {
    let source = "#[test]\nfn a() {}\nfn b() {}\n#[tokio::test(flavor = \"x\")]\n#[ignore]\nasync fn c() {}";
    assert_eq!(tests(source), ["a", "c"]);
    assert_eq!(spans("`a: b`, `c` and d"), ["a: b", "c"]);
}

#[test]
fn the_program_that_the_readme_shows_is_the_one_that_is_built() {
    let example = read("host-harness/examples/embed.rs");
    assert!(
        read("README.md").contains(&format!("```rust\n{}\n```", example.trim_end())),
        "copy host-harness/examples/embed.rs into the README"
    );
}

#[tokio::test]
async fn the_program_that_the_readme_shows_runs() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let url = mock.base_url();
    let run = move || {
        built(Build::Release);
        Command::new(env!("CARGO_BIN_EXE_embed"))
            .arg(url)
            .env("HF_TOKEN", TOKEN)
            .output()
            .expect("it runs")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for words in [
        " models\n",
        "You wrote: “What is a component?”",
        "answered by generation 1",
        "generation 2 is live",
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    let bearer = format!("Bearer {TOKEN}");
    assert!(
        mock.requests()
            .iter()
            .all(|request| request.header("authorization") == Some(&bearer))
    );
}
