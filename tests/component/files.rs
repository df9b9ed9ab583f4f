//! Files that are no plugin: each is refused with the reason and a fix.

use std::path::{Path, PathBuf};

use component_build::Build;
use model_provider_host::{Error, ErrorKind, Plugin};
use tempfile::TempDir;

use crate::{
    guests::Files,
    harness::{built, sandbox},
};

async fn refused(path: &Path) -> Error {
    let error = Plugin::load(sandbox(), path).await.unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    error
}

fn file(dir: &TempDir, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join("plugin.wasm");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let error = refused(Path::new("/nowhere/plugin.wasm")).await;
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    assert!(error.message().contains("/nowhere/plugin.wasm"), "{error}");
}

#[tokio::test]
async fn a_core_module_is_distinguished_from_a_component() {
    let dir = TempDir::new().unwrap();
    let error = refused(&file(&dir, b"\0asm\x01\0\0\0")).await;
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    assert!(error.message().contains("core module"), "{error}");
}

#[tokio::test]
async fn text_and_emptiness_are_no_webassembly() {
    let dir = TempDir::new().unwrap();
    assert!(
        refused(&file(&dir, "hello"))
            .await
            .message()
            .contains("not WebAssembly")
    );
    assert!(refused(&file(&dir, "")).await.message().contains("empty"));
}

#[tokio::test]
async fn a_truncated_component_is_damaged() {
    let dir = TempDir::new().unwrap();
    let whole = std::fs::read(built(Build::Release)).unwrap();
    let error = refused(&file(&dir, &whole[..whole.len() / 2])).await;
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    assert!(error.message().contains("damaged"), "{error}");
}

#[tokio::test]
async fn a_component_of_another_world_is_a_mismatch() {
    let dir = TempDir::new().unwrap();
    let error = refused(&file(&dir, wat::parse_str("(component)").unwrap())).await;
    assert_eq!(error.kind(), ErrorKind::ContractMismatch);
    assert!(
        error.message().contains("openclaw:model-provider/provider"),
        "{error}"
    );
}

#[tokio::test]
async fn another_version_of_the_contract_names_both() {
    let dir = TempDir::new().unwrap();
    let text = r#"(component (instance $i) (export "openclaw:model-provider/provider@0.9.0" (instance $i)))"#;
    let error = refused(&file(&dir, wat::parse_str(text).unwrap())).await;
    assert_eq!(error.kind(), ErrorKind::ContractMismatch);
    assert!(
        error.message().contains("0.9.0") && error.message().contains("0.2.0"),
        "{error}"
    );
}

#[tokio::test]
async fn a_later_compatible_version_with_an_interface_more_is_loaded() {
    let files = Files::new();
    let file = files.of_a_later_contract("0.2.1");
    let plugin = Plugin::load(sandbox(), &file)
        .await
        .expect("0.2.1 is compatible with 0.2.0");
    assert_eq!(plugin.contract_version(), "0.2.1");
    assert!(plugin.exports().iter().any(|name| name.contains("embeddings")));
}

#[tokio::test]
async fn a_later_incompatible_version_is_refused_with_both_versions() {
    let files = Files::new();
    let error = refused(&files.of_a_later_contract("0.3.0")).await;
    assert_eq!(error.kind(), ErrorKind::ContractMismatch);
    assert!(
        error.message().contains("0.3.0") && error.message().contains("0.2.0"),
        "{error}"
    );
}

#[tokio::test]
async fn extra_imports_are_named_with_the_command_that_avoids_them() {
    let dir = TempDir::new().unwrap();
    let text = r#"(component
        (import "wasi:cli/environment@0.2.6" (instance))
        (instance $i)
        (export "openclaw:model-provider/provider@0.2.0" (instance $i)))"#;
    let error = refused(&file(&dir, wat::parse_str(text).unwrap())).await;
    assert_eq!(error.kind(), ErrorKind::ContractMismatch);
    assert!(error.message().contains("wasi:cli/environment@0.2.6"), "{error}");
    assert!(error.hint().unwrap().contains("wasm32-wasip2"), "{error}");
}

#[tokio::test]
async fn what_is_no_file_or_far_too_large_is_refused_before_it_is_read() {
    let dir = TempDir::new().unwrap();
    assert!(
        refused(dir.path())
            .await
            .message()
            .contains("is not a regular file")
    );
    #[cfg(unix)]
    for device in ["/dev/zero", "/dev/null"] {
        assert!(
            refused(Path::new(device))
                .await
                .message()
                .contains("is not a regular file")
        );
    }
    let path = file(&dir, b"\0asm");
    let large = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    // A sparse file.
    large.set_len(1 << 40).unwrap();
    let error = refused(&path).await;
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    assert!(error.message().contains("1099511627776 bytes"), "{error}");
}
