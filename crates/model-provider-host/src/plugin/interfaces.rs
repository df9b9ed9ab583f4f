//! Imports and exports of a component, whatever world it is of. Knows no contract and calls nothing.

use std::path::Path;

use wasmtime::component::{Component, types::ComponentItem};

use super::file::check_kind;
use crate::{
    error::{Error, ErrorKind, Result},
    sandbox::Sandbox,
};

/// The interfaces of a component, with versions.
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
    pub async fn read(sandbox: &Sandbox, path: &Path, bytes: Vec<u8>) -> Result<Self> {
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
