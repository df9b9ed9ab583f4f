//! Claims of the documents about the code: each test that they name exists, the program that they show runs, and each
//! link leads to a file and a heading.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use serde_json::Value;

use crate::harness::{TOKEN, built};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A script names its checks in words.
fn is_script(name: &str) -> bool {
    name.ends_with(".py")
}

/// Where the documents' name of a file is.
fn source(name: &str) -> String {
    if is_script(name) && root().join(name).is_file() {
        return name.to_owned();
    }
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    let base = match first {
        "component" => format!("tests/component/{rest}"),
        "protocol" => format!("crates/huggingface-protocol/src/{rest}"),
        "registry" => format!("crates/plugin-registry/tests/{rest}"),
        "host-harness" => format!("host-harness/src/{rest}"),
        _ => format!("crates/{first}/src/{rest}"),
    };
    // The tests of a file are at its end or in a file of their own.
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
        .split_once("## Guarantees of the host")
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
            let is_there = match is_script(file) {
                true => read(file).contains(name),
                false => tests(&read(file)).iter().any(|test| test == name),
            };
            if !is_there {
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
fn the_program_that_the_guide_shows_is_the_one_that_is_built() {
    let example = read("host-harness/examples/embed.rs");
    assert!(
        read("docs/embedding.md").contains(&format!("```rust\n{}\n```", example.trim_end())),
        "copy host-harness/examples/embed.rs into docs/embedding.md"
    );
}

#[test]
fn the_excerpt_of_the_readme_is_of_that_program() {
    let (example, document) = (read("host-harness/examples/embed.rs"), read("README.md"));
    let blocks: Vec<&str> = document.split("```rust\n").skip(1).collect();
    assert_eq!(blocks.len(), 1, "README.md has one program");
    let excerpt = blocks[0].split_once("```").expect("an end").0;
    let excerpt: Vec<&str> = excerpt.lines().filter(|line| !line.is_empty()).collect();
    assert!(
        (15..=20).contains(&excerpt.len()),
        "{} lines in place of 20",
        excerpt.len()
    );
    // Its lines are those of `main`, in their order; some are left out.
    let mut program = example.lines().filter_map(|line| line.strip_prefix("    "));
    for line in excerpt {
        assert!(
            program.any(|of_program| of_program == line),
            "the program has no `{line}` here"
        );
    }
}

/// The documents: at the top, of the guides, and of the adapters.
fn documents() -> Vec<PathBuf> {
    let mut folders = vec![root(), root().join("docs")];
    let adapters = fs::read_dir(root().join("adapters")).expect("adapters");
    folders.extend(adapters.map(|entry| entry.expect("an entry").path()));
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect();
    found.sort();
    found
}

/// A document without its code blocks.
fn prose(document: &str) -> String {
    let mut is_code = false;
    let lines = document.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a document's headings.
fn anchors(prose: &str) -> BTreeSet<String> {
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let signs = heading.chars().filter_map(|sign| match sign {
            ' ' => Some('-'),
            '-' | '_' => Some(sign),
            sign => sign.is_alphanumeric().then_some(sign),
        });
        signs.collect()
    };
    headings.map(slug).collect()
}

/// Where a document's links within the project lead.
fn links(prose: &str) -> Vec<&str> {
    let rest = prose.split("](").skip(1);
    rest.filter_map(|rest| Some(rest.split_once(')')?.0))
        .filter(|target| !target.contains("://"))
        .collect()
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_heading() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in documents() {
        let document = prose(&fs::read_to_string(&path).expect("a document"));
        for link in links(&document) {
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().expect("a folder").join(file),
            };
            let is_there = match heading {
                "" => target.exists(),
                heading => {
                    fs::read_to_string(&target).is_ok_and(|text| anchors(&prose(&text)).contains(heading))
                }
            };
            if !is_there {
                wrong.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "only {count} links were looked for");
}

#[test]
fn the_search_for_links_finds_what_is_one() {
    let document = prose("## `a`, B-c\n[x](y.md#a-b) [z](https://z)\n```\n# [n](o)\n```\n");
    assert_eq!(links(&document), ["y.md#a-b"]);
    assert_eq!(anchors(&document), BTreeSet::from(["a-b-c".to_owned()]));
}

#[tokio::test]
async fn the_program_that_the_guide_shows_runs() {
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
        "response of generation 1",
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
