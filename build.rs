//! Names the revision of the sources that the component is built from, which the file's metadata then has.
//!
//! `SOURCE_REVISION` if it is set, and none if it is empty. Else what the package says, or the repository if the component's
//! sources are the committed ones: a revision that other sources have would be wrong.

use std::{env, fs, path::Path, process::Command};

/// Set for builds outside of a repository.
const VARIABLE: &str = "SOURCE_REVISION";
/// What cargo puts into a package.
const PACKAGED: &str = ".cargo_vcs_info.json";
/// What the component is built from.
const SOURCES: [&str; 10] = [
    "build.rs",
    "src",
    "wit",
    "crates/chat-completions",
    "crates/chat-completions-wire",
    "crates/component-shell",
    "crates/huggingface-protocol",
    ".cargo",
    "Cargo.toml",
    "Cargo.lock",
];

fn main() {
    println!("cargo:rustc-check-cfg=cfg(has_revision)");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    println!("cargo:rerun-if-changed=build.rs");
    // A native build has no metadata.
    if env::var("CARGO_CFG_TARGET_FAMILY").as_deref() != Ok("wasm") {
        return;
    }
    let revision = match env::var(VARIABLE) {
        Ok(named) => Some(named),
        Err(_) => packaged().or_else(committed),
    };
    if let Some(revision) = revision.filter(|revision| is_name(revision)) {
        println!("cargo:rustc-cfg=has_revision");
        println!("cargo:rustc-env=COMPONENT_REVISION={revision}");
    }
}

/// That of a package, whose sources cannot be changed.
fn packaged() -> Option<String> {
    let text = fs::read_to_string(PACKAGED).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    rest.split('"').nth(1).map(str::to_owned)
}

/// That of the repository, if the sources are as committed there.
fn committed() -> Option<String> {
    // A folder of some other repository that this one was copied into.
    if !Path::new(".git").exists() {
        return None;
    }
    for source in SOURCES.iter().filter(|source| Path::new(source).exists()) {
        println!("cargo:rerun-if-changed={source}");
    }
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let changed = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat())?;
    if changed.is_empty() {
        git(&["rev-parse", "HEAD"])
    } else {
        None
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.args(["--no-optional-locks", "-c", "core.fsmonitor=false"]);
    let output = command.args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// A word on one line.
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic())
}
