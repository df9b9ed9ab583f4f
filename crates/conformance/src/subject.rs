//! The component under test, compiled and linked, and its engine. This module must not know checks.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use model_provider_host::{
    CONTRACT_VERSION, Error, ErrorKind, Result,
    contract::{self, ModelProviderPre, settings},
    files,
};
use wasmtime::{
    Config, Engine,
    component::{Component, HasSelf, Linker, types::ComponentItem},
};
use wasmtime_wasi_http::{
    WasiHttp, WasiHttpView,
    p2::bindings::http::{outgoing_handler, types as http_types},
};

use crate::state::State;

/// The largest component.
const LARGEST: u64 = 256 * 1024 * 1024;
const TICK: Duration = Duration::from_millis(10);

/// An engine, and the thread that increments its epoch so that a busy guest yields.
#[derive(Clone, Debug)]
pub struct Kit {
    engine: Engine,
    _alive: Arc<()>,
}

impl Kit {
    /// Creates an engine.
    ///
    /// # Errors
    /// `configuration` if the system has no thread or no memory for one.
    pub fn new() -> Result<Self> {
        let cannot = |why: String| {
            Error::new(
                ErrorKind::Configuration,
                format!("the conformance kit cannot start: {why}"),
            )
        };
        let mut config = Config::new();
        config.concurrency_support(false).epoch_interruption(true);
        let engine = Engine::new(&config).map_err(|error| cannot(format!("{error:#}")))?;
        let alive = Arc::new(());
        let (ticking, seen): (Engine, Weak<()>) = (engine.clone(), Arc::downgrade(&alive));
        std::thread::Builder::new()
            .name("conformance-ticker".to_owned())
            .spawn(move || {
                while seen.strong_count() > 0 {
                    std::thread::sleep(TICK);
                    ticking.increment_epoch();
                }
            })
            .map_err(|error| cannot(error.to_string()))?;
        Ok(Self {
            engine,
            _alive: alive,
        })
    }

    /// Compiles a component and links it.
    ///
    /// # Errors
    /// `plugin-load` for a file that cannot be read or is no component; `contract-mismatch` for one of another world.
    pub async fn load(&self, path: impl AsRef<Path>) -> Result<Subject> {
        let path = path.as_ref();
        let cannot = |why: String| {
            Error::new(
                ErrorKind::PluginLoad,
                format!("cannot load {}: {why}", path.display()),
            )
        };
        let file = path.to_owned();
        let bytes = tokio::task::spawn_blocking(move || files::read(file, LARGEST)).await;
        let bytes = bytes
            .map_err(std::io::Error::other)
            .and_then(|bytes| bytes)
            .map_err(|error| cannot(error.to_string()))?;
        self.compile(path, bytes).await
    }

    /// Compiles a component from bytes.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub async fn compile(&self, path: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Subject> {
        let path = path.as_ref();
        let engine = self.engine.clone();
        let compiled = tokio::task::spawn_blocking(move || Component::from_binary(&engine, &bytes)).await;
        let load = |why: String| {
            Error::new(
                ErrorKind::PluginLoad,
                format!("cannot load {}: {why}", path.display()),
            )
        };
        let component = compiled
            .map_err(|error| load(error.to_string()))?
            .map_err(|error| load(format!("it is damaged or no component: {error:#}")))?;
        let differs = |error: wasmtime::Error| {
            Error::new(
                ErrorKind::ContractMismatch,
                format!(
                    "{} does not fit the contract {CONTRACT_VERSION}: {error:#}",
                    path.display()
                ),
            )
            .with_hint("build it from the `wit/` of this version, as the world `model-provider`")
        };
        let pre = linker(&self.engine)
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(differs)?;
        let pre = ModelProviderPre::new(pre).map_err(differs)?;
        let ty = component.component_type();
        let imports = ty
            .imports(&self.engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let is_instance = |item: &ComponentItem| matches!(item, ComponentItem::ComponentInstance(_));
        let exports = ty.exports(&self.engine);
        let exports = exports.filter(|(_, item)| is_instance(&item.ty));
        let exports = exports.map(|(name, _)| name.to_owned()).collect();
        Ok(Subject {
            path: path.to_owned(),
            kit: self.clone(),
            component,
            pre,
            imports,
            exports,
        })
    }
}

/// A component, ready for the checks.
#[derive(Clone)]
pub struct Subject {
    pub(crate) path: PathBuf,
    kit: Kit,
    pub(crate) component: Component,
    pub(crate) pre: ModelProviderPre<State>,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Subject {
    pub(crate) fn engine(&self) -> &Engine {
        &self.kit.engine
    }
}

/// Links the imports of the contract's world, and empty WASI interfaces, which some languages always import.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    outgoing_handler::add_to_linker::<_, WasiHttp>(&mut linker, WasiHttpView::http)?;
    let options = http_types::LinkOptions::default();
    http_types::add_to_linker::<_, WasiHttp>(&mut linker, &options, WasiHttpView::http)?;
    contract::types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    settings::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}
