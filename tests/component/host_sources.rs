//! The host knows no provider: what it knows of one comes from the plugin.

use std::{fs, path::Path};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-harness/src");
/// What only somebody who knows the provider would write.
const WORDS: [&str; 3] = ["hugging", "hf_", "cheapest"];

/// Where the tools of providers keep tokens: data of OpenClaw's configuration, by provider.
const FACTS: &str = "config/provider_facts.json";

/// All lines of code below a folder that hold one of the words, and how many files there are. Left out are the mock
/// router, which plays this provider, the facts, and unit tests.
fn lines_with_words(dir: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path != Path::new(SOURCES).join("mock") && !path.ends_with("tests") {
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

#[test]
fn the_hosts_sources_name_no_provider() {
    let mut found = Vec::new();
    let files = lines_with_words(Path::new(SOURCES), &mut found);
    assert!(files > 40, "only {files} files were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let mut found = Vec::new();
    lines_with_words(&Path::new(SOURCES).join("mock/scenarios"), &mut found);
    assert!(!found.is_empty(), "the mock router plays this provider");
}
