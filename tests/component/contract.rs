//! The component's imports, exports and printed contract.

use component_build::Build;

use crate::harness::{built, plugin};

const GOLDEN_WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/component.wit");

#[tokio::test]
async fn the_component_imports_the_settings_http_io_and_the_monotonic_clock_and_nothing_else() {
    let plugin = plugin().await;
    let bare = |name: &String| name.split('@').next().unwrap_or_default().to_owned();
    let mut imports: Vec<String> = plugin.imports().iter().map(bare).collect();
    imports.sort();
    assert_eq!(
        imports,
        [
            "openclaw:model-provider/settings",
            "openclaw:model-provider/types",
            "wasi:clocks/monotonic-clock",
            "wasi:http/outgoing-handler",
            "wasi:http/types",
            "wasi:io/error",
            "wasi:io/poll",
            "wasi:io/streams",
        ]
    );
    let mut exports = plugin.exports().to_vec();
    exports.sort();
    assert_eq!(
        exports,
        [
            "openclaw:model-provider/nonblocking@0.2.0",
            "openclaw:model-provider/provider@0.2.0",
        ]
    );
    assert_eq!(plugin.contract_version(), "0.2.0");
}

/// The contract as the built component declares it. If it changes, the contract's version has to change with it; then
/// `BLESS=1 cargo test` rewrites the file.
#[test]
fn the_contract_of_the_component_is_the_golden_one() {
    let bytes = std::fs::read(built(Build::Release)).unwrap();
    let decoded = wit_component::decode(&bytes).unwrap();
    let resolve = decoded.resolve();
    let (id, _) = resolve
        .packages
        .iter()
        .find(|(_, package)| package.name.namespace == "openclaw")
        .unwrap();
    let mut printer = wit_component::WitPrinter::default();
    printer.print(resolve, id, &[]).unwrap();
    let printed = printer.output.to_string();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(GOLDEN_WIT, &printed).unwrap();
    }
    assert_eq!(printed, std::fs::read_to_string(GOLDEN_WIT).unwrap());
}

#[tokio::test]
async fn the_grant_of_the_build_is_what_the_component_requests() {
    let plugin = plugin().await;
    let grants = model_provider_host::Grants::parse(component_build::GRANT).unwrap();
    let granted = grants.check(&plugin).unwrap();
    assert_eq!(
        granted,
        model_provider_host::Grant::requested_by(plugin.info()).as_ref()
    );
}

#[test]
fn the_component_is_small() {
    let size = std::fs::metadata(built(Build::Release)).unwrap().len();
    assert!(size <= 350_000, "{size} bytes");
}

/// The plain build's words stand in its core module, where the linker leaves them.
#[test]
fn the_component_names_its_author_source_and_licence() {
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let said = plugin_registry::Metadata::of(&std::fs::read(built(Build::Release)).unwrap()).annotations();
    let said = |name: &str| said.get(&format!("org.opencontainers.image.{name}")).cloned();
    let expected = [
        ("title", "huggingface-provider"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("source", env!("CARGO_PKG_REPOSITORY")),
        (
            "description",
            "OpenClaw's Hugging Face Inference provider as one WASI component",
        ),
    ];
    for (name, text) in expected {
        assert_eq!(said(name).as_deref(), Some(text), "{name}");
    }
    // The commit, where there is a repository and nothing names another; none for sources that were changed.
    if let Some(revision) = said("revision").filter(|_| std::env::var_os("SOURCE_REVISION").is_none()) {
        let git = std::process::Command::new("git")
            .args(["cat-file", "-e", &format!("{revision}^{{commit}}")])
            .current_dir(workspace)
            .status();
        assert!(
            git.is_ok_and(|status| status.success()),
            "{revision} is no commit"
        );
    }
}

#[test]
fn the_component_contains_no_path_of_the_machine_that_built_it() {
    let component = std::fs::read(built(Build::Release)).unwrap();
    let holds = |place: &str| {
        component
            .windows(place.len())
            .any(|bytes| bytes == place.as_bytes())
    };
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert!(
        holds("crates/huggingface-protocol"),
        "its panics say where they are"
    );
    assert!(!holds("registry/src"), "where crates are cached");
    assert!(!holds(workspace.to_str().unwrap()), "where the sources are");
}

#[test]
fn the_contract_in_each_package_is_the_contract() {
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let contract = std::fs::read_to_string(workspace.join("wit/provider.wit")).unwrap();
    for folder in [
        "crates/provider-contract/wit",
        "crates/chat-completions/wit",
        "templates/rust-plugin/wit",
        "templates/javascript-plugin/wit/deps",
    ] {
        let copy = workspace.join(folder).join("provider.wit");
        let copied = std::fs::read_to_string(&copy).unwrap();
        assert!(copied == contract, "copy wit/provider.wit to {}", copy.display());
    }
}
