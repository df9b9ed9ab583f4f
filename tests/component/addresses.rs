//! Processes with less address space than unchecked memories need.

use std::{path::Path, process::Command};

use component_build::Build;

use crate::{
    harness::built,
    program::{Ended, PROGRAM, environment},
};

/// Resolves a reference in a process with this many kilobytes of address space.
fn resolve_within(kilobytes: u64, home: &Path) -> Ended {
    let plugin = built(Build::Release);
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -v \"$0\" && exec \"$@\"",
            &kilobytes.to_string(),
            PROGRAM,
        ])
        .args(["--plugin", plugin.to_str().expect("UTF-8"), "--format", "json"])
        .args(["resolve", "Qwen/Qwen3-8B"])
        .env_clear()
        .envs(environment(home))
        .output()
        .expect("a shell");
    Ended::from(&output)
}

#[test]
fn with_few_addresses_memories_are_small_and_checked() {
    let home = tempfile::tempdir().unwrap();
    let ended = resolve_within(8_000_000, home.path());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["canonical"], "huggingface/Qwen/Qwen3-8B");
}

#[test]
fn with_too_few_addresses_it_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let ended = resolve_within(2_000_000, home.path());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.err.contains("ulimit -v") || ended.out.contains("ulimit -v"),
        "{ended:?}"
    );
    assert!(!ended.err.contains("not cached"), "{ended:?}");
}
