//! The host names no provider: what it knows of one comes from the plugin.

use std::{
    fs,
    path::{Path, PathBuf},
};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// What may name no provider: the host, what is built on it, and the command line.
const CRATES: [&str; 6] = [
    "crates/model-provider-host",
    "crates/provider-contract",
    "crates/model-server",
    "crates/dialects",
    "crates/openclaw-config",
    "host-harness",
];
/// Words that only code with knowledge of the provider would contain.
const WORDS: [&str; 3] = ["hugging", "hf_", "cheapest"];

/// Where the providers' own tools store tokens: data of OpenClaw's configuration, by provider.
const FACTS: &str = "openclaw-config/src/provider_facts.json";

/// All lines of code below a folder that contain one of the words, and the count of files. The facts and unit tests are
/// left out.
fn lines_with_words(dir: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                files += lines_with_words(&path, found);
            }
            continue;
        }
        files += 1;
        if path.ends_with(FACTS) {
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).to_lowercase();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().zip(1..);
        let lines = lines.filter(|(line, _)| WORDS.iter().any(|word| line.contains(word)));
        found.extend(lines.map(|(line, number)| format!("{}:{number}: {}", path.display(), line.trim())));
    }
    files
}

fn sources(of: &str) -> PathBuf {
    Path::new(WORKSPACE).join(of).join("src")
}

#[test]
fn the_hosts_sources_name_no_provider() {
    let mut found = Vec::new();
    let files: usize = CRATES
        .iter()
        .map(|name| lines_with_words(&sources(name), &mut found))
        .sum();
    assert!(files > 100, "only {files} files were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let mut found = Vec::new();
    lines_with_words(&sources("crates/mock-router").join("scenarios"), &mut found);
    assert!(!found.is_empty(), "the mock router plays this provider");
}
