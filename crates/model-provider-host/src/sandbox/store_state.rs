//! The state of a store, and the imports that read it: what belongs to the call whose guest it runs, and what the
//! store has as long as it lives.

use wasmtime::{
    ResourceLimiter,
    component::{Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, clocks::WasiClocksCtxView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_io::IoView;

use super::{call_state::CallState, fair::FairShare, memory::MemoryBudget};
use crate::{
    contract::{
        self, Model,
        settings::{self, ConfiguredModel, ModelAlias, Snapshot},
    },
    limits::{Meter, StopReason},
    request_context::RequestContext,
    resource_usage::ResourceUsage,
};

/// The data of one store.
pub(crate) struct State {
    /// Of the call whose guest it runs.
    pub(super) call: CallState,
    /// Only for guests that import the whole of WASI; it is empty.
    wasi: Option<WasiCtx>,
    meter: Meter,
}

impl Drop for State {
    fn drop(&mut self) {
        self.call.memory_peak = self.meter.memory_peak;
    }
}

impl State {
    pub(crate) fn new(call: CallState, empty_wasi: bool) -> Self {
        Self {
            wasi: empty_wasi.then(|| WasiCtx::builder().build()),
            meter: Meter::new(call.context.limits()),
            call,
        }
    }

    pub(crate) fn context(&self) -> &RequestContext {
        &self.call.context
    }

    /// Why the host stopped this request, if it did.
    pub(crate) fn take_stop_reason(&mut self) -> Option<StopReason> {
        self.meter.reached.take().or_else(|| self.call.take_stop_reason())
    }

    /// Whether the guest has made a request.
    pub(crate) fn has_asked(&self) -> bool {
        self.call.has_asked()
    }

    /// The guest's resource usage so far.
    pub(crate) fn used(&self) -> ResourceUsage {
        ResourceUsage {
            memory_bytes: self.meter.memory_peak,
            ..self.call.used()
        }
    }

    /// Connects it to the memory that the guests of its sandbox share.
    pub(super) fn join(&mut self, memory: MemoryBudget) {
        self.meter.share(memory);
    }

    /// Its memory at present, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.meter.memory_used()
    }

    /// Exchanges the call whose guest it runs.
    pub(super) fn exchange(&mut self, call: &mut CallState) {
        self.call.memory_peak = self.meter.memory_peak;
        self.call.reached = self.meter.reached.take();
        std::mem::swap(&mut self.call, call);
        self.meter.reached = self.call.reached.take();
    }

    /// Makes the host wait for the guest's handles from now on, instead of the guest.
    pub(crate) fn wait_in_host(&mut self) {
        self.call.wait_in_host();
    }

    /// The share of the scheduling of guests that its call has.
    pub(crate) fn fair(&self) -> Option<FairShare> {
        self.call.fair()
    }

    pub(super) fn meter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.meter
    }

    pub(super) fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView {
            ctx: &mut self.call.clocks,
            table: &mut self.call.table,
        }
    }
}

impl IoView for State {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.call.table
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.call.hooks,
            table: &mut self.call.table,
            ctx: &mut self.call.http,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| WasiCtx::builder().build());
        WasiCtxView {
            ctx,
            table: &mut self.call.table,
        }
    }
}

/// The rest of WASI, empty: no directories, no environment, no arguments, closed stdio, no sockets.
pub(super) fn add_empty_wasi(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl contract::types::Host for State {}

impl settings::Host for State {
    fn get(&mut self) -> Snapshot {
        let mut snapshot = self
            .call
            .context
            .settings()
            .snapshot(self.call.context.credential());
        if let Some(most) = self.call.max_retries {
            snapshot.max_retries = snapshot.max_retries.min(most);
        }
        snapshot
    }

    fn list_configured(&mut self) -> Vec<ConfiguredModel> {
        self.call.context.settings().models.configured().to_vec()
    }

    fn find_configured(&mut self, id: String) -> Option<ConfiguredModel> {
        self.call.context.settings().models.find(&id).cloned()
    }

    fn list_aliases(&mut self) -> Vec<ModelAlias> {
        self.call.context.settings().models.aliases().to_vec()
    }

    fn find_alias(&mut self, text: String) -> Vec<ModelAlias> {
        self.call
            .context
            .settings()
            .models
            .find_alias(&text)
            .cloned()
            .collect()
    }

    fn find_aliases_of(&mut self, reference: String) -> Vec<ModelAlias> {
        self.call
            .context
            .settings()
            .models
            .find_aliases_of(&reference)
            .cloned()
            .collect()
    }

    fn find_listed(&mut self, id: String) -> Option<Model> {
        self.call.context.listed().find(&id).cloned()
    }

    fn listed_ids(&mut self) -> Vec<String> {
        self.call.context.listed().ids()
    }
}
