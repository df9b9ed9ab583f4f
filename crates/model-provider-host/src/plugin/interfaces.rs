//! Imports and exports of a component, whatever world it is of. Knows no contract and calls nothing.

use std::path::Path;

use wasmtime::component::{Component, types::ComponentItem};

use super::file::check_kind;
use crate::{
    error::{Error, ErrorKind, Result},
    sandbox::Sandbox,
};

/// The interfaces of a component, with versions.
///
/// ```
/// use model_provider_host::{ErrorKind, Interfaces, Sandbox};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let sandbox = Sandbox::new(&Default::default())?;
/// let component = b"\0asm\x0d\0\x01\0".to_vec(); // an empty one
/// let interfaces = Interfaces::read(&sandbox, "empty.wasm", component).await?;
/// assert!(interfaces.imports.is_empty() && interfaces.exports.is_empty());
///
/// let error = Interfaces::read(&sandbox, "text.wasm", b"text".to_vec()).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::PluginLoad);
/// # Ok::<(), model_provider_host::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// Those that it imports.
    pub imports: Vec<String>,
    /// Those that it exports.
    pub exports: Vec<String>,
}

impl Interfaces {
    /// Reads them of a component that need not be a plugin. It is compiled, so that a damaged one is an error.
    ///
    /// # Errors
    /// `plugin-load` for bytes that are not a component which this engine takes.
    pub async fn read(sandbox: &Sandbox, path: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Self> {
        let path = path.as_ref();
        check_kind(path, &bytes)?;
        Ok(Self::of(sandbox, &compiled(sandbox, path, bytes).await?))
    }

    pub(super) fn of(sandbox: &Sandbox, component: &Component) -> Self {
        let engine = sandbox.engine();
        let ty = component.component_type();
        let is_interface = |item: &ComponentItem| {
            matches!(
                item,
                ComponentItem::ComponentInstance(_) | ComponentItem::ComponentFunc(_)
            )
        };
        let exports = ty.exports(engine).filter(|(_, item)| is_interface(&item.ty));
        Self {
            imports: ty.imports(engine).map(|(name, _)| name.to_owned()).collect(),
            exports: exports.map(|(name, _)| name.to_owned()).collect(),
        }
    }
}

/// Compiles a component on a thread of its own.
pub(super) async fn compiled(sandbox: &Sandbox, path: &Path, bytes: Vec<u8>) -> Result<Component> {
    let engine = sandbox.engine().clone();
    tokio::task::spawn_blocking(move || Component::from_binary(&engine, &bytes))
        .await
        .map_err(|_| Error::new(ErrorKind::PluginLoad, "compiling the plugin was interrupted"))?
        .map_err(|error| {
            Error::new(
                ErrorKind::PluginLoad,
                format!(
                    "{} is damaged or not a component that this engine takes: {error:#}",
                    path.display()
                ),
            )
            .with_hint("build or download the file again and compare its sha256")
        })
}
