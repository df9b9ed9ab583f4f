//! The plugins of `tests/guests/`, built once; and variants of one build, made by writing other orders into it.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use model_provider_host::Plugin;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::harness::sandbox;

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/provider.wit");
const BARE: &str = include_str!("../guests/bare.wat");
/// The space for orders in the built file, mark included.
const ORDERS: usize = 512;

/// Orders by which the hostile plugin passes for the workspace's own, grant and all.
pub const DISGUISE: [(&str, &str); 7] = [
    ("id", "huggingface"),
    ("base-url", "https://router.huggingface.co/v1"),
    ("header", "authorization"),
    ("prefix", "Bearer "),
    ("env", "HF_TOKEN"),
    ("version", "9.9.9"),
    ("list", ""),
];

/// The plugin that attacks the host.
pub fn hostile() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| member("hostile-guest")).clone()
}

/// The plugin that sends the request in its prompt.
pub fn egress() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| member("egress-guest")).clone()
}

/// The plugin whose guesses of the token are echoed.
pub fn oracle() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| member("oracle-guest")).clone()
}

/// The plugin that never waits.
pub fn nonblocking() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| member("nonblocking-guest")).clone()
}

/// The provider of the workspace with attacks on those that share its store.
pub fn shared() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| member("shared-guest")).clone()
}

/// The second provider.
pub fn tiny() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| member("tiny-guest")).clone()
}

/// A component of the workspace, built.
pub fn member(package: &str) -> PathBuf {
    component_build::build_member(package, |words| eprintln!("{words}")).expect("the guest builds")
}

/// The hostile plugin without orders, compiled once for all tests.
pub async fn hostile_plugin() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    PLUGIN.get_or_init(|| load(hostile)).await.clone()
}

/// The second provider, compiled once for all tests.
pub async fn tiny_plugin() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    PLUGIN.get_or_init(|| load(tiny)).await.clone()
}

async fn load(build: fn() -> PathBuf) -> Plugin {
    let file = tokio::task::spawn_blocking(build).await.expect("the build ends");
    Plugin::load(sandbox(), &file).await.expect("it loads")
}

/// Files of one test, deleted with it.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(format!("{name}.wasm"));
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// The hostile plugin with these orders in it.
    pub fn ordered<'a>(&self, name: &str, orders: impl IntoIterator<Item = (&'a str, &'a str)>) -> PathBuf {
        let mut text = "orders:".to_owned();
        text.extend(orders.into_iter().map(|(key, value)| format!("{key}={value};")));
        assert!(text.len() <= ORDERS, "no room for `{text}`");
        let mut blank = b"orders:".to_vec();
        blank.resize(ORDERS, b' ');
        let mut full = text.into_bytes();
        full.resize(ORDERS, b' ');
        self.write(name, &replaced(&hostile(), &blank, &full))
    }

    /// A plugin in the text format: [`BARE`] with a memory of this many pages, and more.
    pub fn bare(&self, name: &str, pages: u32, more: &str) -> PathBuf {
        let text = BARE
            .replace("(;pages;) 1", &pages.to_string())
            .replace(";; more", more);
        let contract = std::fs::read_to_string(WIT).expect("the contract");
        self.write(name, &component(&text, &contract))
    }

    /// The same plugin under another version of the contract, with one interface more than ours has.
    pub fn of_a_later_contract(&self, version: &str) -> PathBuf {
        let named = |text: &str| text.replace("@0.2.0", &format!("@{version}"));
        let contract = named(&std::fs::read_to_string(WIT).expect("the contract")).replacen(
            "export provider;",
            &format!("export provider;\n  @since(version = {version})\n  export embeddings;"),
            1,
        ) + &format!(
            "\n@since(version = {version})\ninterface embeddings {{\n  \
             @since(version = {version})\n  dimensions: func() -> u32;\n}}\n"
        );
        let more = format!(
            "(func (export \"openclaw:model-provider/embeddings@{version}#dimensions\") (result i32) i32.const 1)"
        );
        let module = named(&BARE.replace(";; more", &more));
        self.write(version, &component(&module, &contract))
    }
}

/// A component of a module and a contract, both as text.
fn component(module: &str, contract: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).expect("a module");
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("provider.wit", contract).expect("the contract");
    let world = resolve
        .select_world(&[package], Some("model-provider"))
        .expect("its world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the world fits");
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .expect("a component")
}

/// A file's bytes with every occurrence of a byte string replaced by another one of the same length.
pub fn replaced(file: &Path, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(file).expect("a built file");
    let found: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!found.is_empty(), "nothing to replace in {}", file.display());
    for at in found {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}
