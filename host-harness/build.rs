//! Embeds the component of a release, if `cargo dist` names one: an installed program needs no other file then.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a build script fails by a panic"
)]

use std::{env, fs, path::Path};

const VARIABLE: &str = "EMBEDDED_COMPONENT";

fn main() {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let out = Path::new(&out);
    let code = match env::var(VARIABLE) {
        Ok(file) => {
            println!("cargo:rerun-if-changed={file}");
            fs::copy(&file, out.join("component.wasm")).expect("the component of the release can be copied");
            "Some(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/component.wasm\")))"
        }
        Err(_) => "None",
    };
    fs::write(out.join("embedded.rs"), code).expect("the build directory can be written");
}
