//! Checks the file that `GATEWAY_SETTINGS` names and hands it to the compiler; without it the settings come from
//! `wasi:config`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::exit,
    reason = "a build script fails by a panic"
)]

#[allow(dead_code, reason = "only reading is needed here")]
#[path = "src/read.rs"]
mod read;

use std::{env, fs, path::Path, process::exit};

const VARIABLE: &str = "GATEWAY_SETTINGS";

fn main() {
    println!("cargo:rustc-check-cfg=cfg(built_in)");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let Some(file) = env::var_os(VARIABLE) else { return };
    let file = Path::new(&file);
    println!("cargo:rerun-if-changed={}", file.display());
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => fail(&format!("{} cannot be read: {error}", file.display())),
    };
    match read::Settings::from_json(&text) {
        Ok(settings) if settings.access_key.is_some() => fail(&format!(
            "{}: `access-key` is a secret and would stand in the component for anybody to read; give it as the variable \
             {} of the component's environment",
            file.display(),
            read::KEY_VARIABLE
        )),
        Ok(_) => {}
        Err(why) => fail(&format!("{}: {why}", file.display())),
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    if let Err(error) = fs::write(Path::new(&out).join("settings.json"), text) {
        fail(&format!("the settings cannot be stored: {error}"));
    }
    println!("cargo:rustc-cfg=built_in");
}

fn fail(why: &str) -> ! {
    eprintln!("error: {why}");
    exit(1)
}
