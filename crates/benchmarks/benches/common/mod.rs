//! Shared parts of the benches: the component in a host, the native twin, a mock router in a separate process, and
//! measurements of this process.
//!
//! Nothing here measures time by itself, and nothing asserts one.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod data;
pub(crate) mod measure;
pub(crate) mod mock;
pub(crate) mod process;
pub(crate) mod prompt;
pub(crate) mod twin;

use std::path::{Path, PathBuf};

use component_build::Build;
use model_provider_host::{Grants, Host, HostOptions, Plugin, Sandbox, SandboxOptions, Secret, Settings};
use tokio::runtime::Runtime;

/// A token that the mock accepts; long enough for redaction to search for it.
pub(crate) const TOKEN: &str = "hf_a_token_of_the_benches_only";

/// Enough for two thousand guests at once.
const TOTAL_MEMORY: usize = 8 * 1024 * 1024 * 1024;

/// The released component, built if it is not up to date; or the file in `COMPONENT`, to compare two builds.
pub(crate) fn component() -> PathBuf {
    if let Some(file) = std::env::var_os("COMPONENT") {
        return file.into();
    }
    component_build::build(Build::Release, |words| eprintln!("{words}")).expect("the component builds")
}

/// A file of the workspace's `benches/`, where the benches store their results.
pub(crate) fn results_file(name: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the package is two folders below it");
    workspace.join("benches").join(name)
}

/// A single-threaded runtime, for sequential calls: it measures a call without the cost of waking another thread.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A runtime like the command line's, for concurrent calls.
pub(crate) fn threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

pub(crate) fn sandbox_options() -> SandboxOptions {
    SandboxOptions::default().with_max_total_memory_bytes(TOTAL_MEMORY)
}

/// The component, in a sandbox of its own.
pub(crate) async fn loaded() -> Plugin {
    let options = sandbox_options();
    let sandbox = Sandbox::new(&options).expect("an engine");
    Plugin::load(&sandbox, &component())
        .await
        .expect("the component loads")
}

/// The same, in a sandbox in which eight responses share a store.
pub(crate) async fn loaded_sharing() -> Plugin {
    let options = sandbox_options().with_calls_per_store(8);
    let sandbox = Sandbox::new(&options).expect("an engine");
    Plugin::load(&sandbox, &component())
        .await
        .expect("the component loads")
}

/// A host for this base URL. With a token it adds and redacts it; without one there is nothing to redact.
pub(crate) fn host(
    plugin: &Plugin,
    base_url: &str,
    token: Option<&str>,
    change: impl FnOnce(&mut Settings),
) -> Host {
    let mut settings = Settings::default().with_base_url(base_url.parse().expect("a URL"));
    settings.limits.total_memory_bytes = TOTAL_MEMORY;
    change(&mut settings);
    let options = HostOptions::default()
        .with_settings(settings)
        .with_credential(token.and_then(Secret::new))
        .with_grants(Grants::parse(component_build::GRANT).expect("grants"));
    Host::start(plugin.clone(), options).expect("a host")
}
