//! Checks that a component has a supported contract and world, by the names of its imports and exports.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// The interface that makes a component a model provider.
pub(super) const PROVIDER: &str = "openclaw:model-provider/provider";
/// The version of the contract that this host implements.
pub const CONTRACT_VERSION: &str = "0.2.0";
/// The imports that the sandbox offers, without versions.
const OFFERED: [&str; 5] = [
    "openclaw:model-provider/types",
    "openclaw:model-provider/settings",
    "wasi:http/",
    "wasi:io/",
    "wasi:clocks/monotonic-clock",
];

/// Whether this host supports a contract version: semver-compatible, 0.2.x for 0.2.0.
fn is_supported(found: &str) -> bool {
    let ours = semver::VersionReq::parse(CONTRACT_VERSION);
    matches!((ours, semver::Version::parse(found)), (Ok(ours), Ok(found)) if ours.matches(&found))
}

/// `0.2.0` of `PROVIDER@0.1.0`.
pub(super) fn version_of<'a>(name: &'a str, interface: &str) -> Option<&'a str> {
    name.strip_prefix(interface)?.strip_prefix('@')
}

pub(super) fn mismatch(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::ContractMismatch,
        format!("{} is incompatible: {what}", path.display()),
    )
}

pub(super) fn check_contract(
    path: &Path,
    imports: &[String],
    exports: &[String],
    empty_wasi: bool,
) -> Result<()> {
    let Some(found) = exports.iter().find_map(|name| version_of(name, PROVIDER)) else {
        let list = if exports.is_empty() {
            "nothing".to_owned()
        } else {
            exports.join(", ")
        };
        return Err(mismatch(path, &format!("it exports {list}, not `{PROVIDER}`"))
            .with_hint("this host takes components of the world `openclaw:model-provider/model-provider`"));
    };
    if !is_supported(found) {
        let what = format!(
            "it uses version {found} of the contract; this host supports {CONTRACT_VERSION} and later versions \
             compatible with it"
        );
        return Err(
            mismatch(path, &what).with_hint("use a plugin or a host of a compatible contract version")
        );
    }
    if empty_wasi {
        return Ok(());
    }
    let extra: Vec<&str> = imports
        .iter()
        .map(String::as_str)
        .filter(|name| !OFFERED.iter().any(|offered| name.starts_with(offered)))
        .collect();
    if extra.is_empty() {
        return Ok(());
    }
    let error = mismatch(
        path,
        &format!(
            "it also imports {}, which the sandbox does not offer",
            extra.join(", ")
        ),
    );
    Err(if extra.iter().all(|name| name.starts_with("wasi:")) {
        error.with_hint(
            "a Rust plugin gets them from the preview-1 adapter: build with `cargo component build --release --target \
             wasm32-wasip2` or `cargo build --release --target wasm32-wasip2`; for a language that always imports \
             them, set `empty-wasi=true`",
        )
    } else {
        error.with_hint("this host takes components of the world `openclaw:model-provider/model-provider`")
    })
}
