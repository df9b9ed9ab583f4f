//! Build script: finds the workspace's component package, so that no source of the host names a provider, and the
//! directory of the workspace's own programs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a build script fails by a panic"
)]

use std::{env, fs, path::Path};

fn main() {
    let manifest =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../Cargo.toml");
    println!("cargo:rerun-if-changed={}", manifest.display());
    // `target/debug/build/PACKAGE/out`
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let profile = Path::new(&out)
        .ancestors()
        .nth(3)
        .expect("it is in a profile's folder");
    println!("cargo:rustc-env=WORKSPACE_PROFILE_DIR={}", profile.display());
    // When built from its package alone, there is no workspace, and nothing to build.
    let text = fs::read_to_string(&manifest).unwrap_or_default();
    let section = text.split("[package]").nth(1).unwrap_or_default();
    let field = |name: &str| {
        let found = section
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        found
            .map(|value| value.trim().trim_matches('"'))
            .unwrap_or_default()
    };
    let package = field("name");
    println!("cargo:rustc-env=COMPONENT_DESCRIPTION={}", field("description"));
    println!("cargo:rustc-env=COMPONENT_PACKAGE={package}");
    println!(
        "cargo:rustc-env=COMPONENT_FILE={}.wasm",
        package.replace('-', "_")
    );
}
