//! The state of a store for its one request, and the imports that read it.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use wasmtime::{
    ResourceLimiter,
    component::{Linker, ResourceTable},
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    clocks::{WasiClocksCtx, WasiClocksCtxView},
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_io::IoView;

use super::{
    arrivals::{Arrivals, Look},
    epoch_ticker::TickGuard,
    fair::FairShare,
    guest_time::GuestTime,
    memory::MemoryBudget,
};
use crate::limits::{Meter, StopReason};
use crate::{
    contract::{
        self, Model,
        settings::{self, ConfiguredModel, ModelAlias, Snapshot},
    },
    egress::EgressHooks,
    metrics::Metrics,
    request_context::RequestContext,
    resource_usage::ResourceUsage,
};

/// The data of one store.
pub(crate) struct State {
    pub(super) table: ResourceTable,
    pub(super) arrivals: Arrivals,
    http: WasiHttpCtx,
    clocks: WasiClocksCtx,
    /// Only for guests that import the whole of WASI; it is empty.
    wasi: Option<WasiCtx>,
    hooks: EgressHooks,
    meter: Meter,
    context: RequestContext,
    pub(super) time: GuestTime,
    metrics: Option<Arc<Metrics>>,
    /// The most retries of this request, if fewer than the setting.
    max_retries: Option<u32>,
    /// Set once it is in a store.
    pub(super) tick_guard: Option<TickGuard>,
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(metrics) = &self.metrics {
            metrics.guest(self.used());
        }
    }
}

impl State {
    pub(crate) fn new(context: RequestContext, hooks: EgressHooks, empty_wasi: bool) -> Self {
        let limits = context.limits();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.http_fields_bytes);
        Self {
            table,
            arrivals: Arrivals::default(),
            http,
            clocks: WasiClocksCtx::default(),
            wasi: empty_wasi.then(|| WasiCtx::builder().build()),
            hooks,
            meter: Meter::new(limits),
            time: GuestTime::new(limits.guest_time),
            context,
            metrics: None,
            max_retries: None,
            tick_guard: None,
        }
    }

    /// Records the guest's resource usage at its end.
    pub(crate) fn measured(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Limits the retries; `None` leaves the setting.
    pub(crate) fn with_max_retries(mut self, most: Option<u32>) -> Self {
        self.max_retries = most;
        self
    }

    pub(crate) fn context(&self) -> &RequestContext {
        &self.context
    }

    /// Why the host stopped this request, if it did.
    pub(crate) fn take_stop_reason(&mut self) -> Option<StopReason> {
        self.meter
            .reached
            .take()
            .or_else(|| self.context.take_stop_reason())
    }

    /// Whether the guest has made a request.
    pub(crate) fn has_asked(&self) -> bool {
        self.hooks.has_started()
    }

    /// The guest's resource usage so far.
    pub(crate) fn used(&self) -> ResourceUsage {
        ResourceUsage {
            guest_time: self.time.spent(),
            memory_bytes: self.meter.memory_peak,
        }
    }

    /// Connects it to what the guests of its sandbox share.
    pub(super) fn join(&mut self, memory: MemoryBudget, share: FairShare) {
        self.meter.share(memory);
        self.time.share(share);
    }

    /// Makes the host wait for the guest's handles from now on, instead of the guest.
    pub(crate) fn wait_in_host(&mut self) {
        self.arrivals.wait_in_host();
    }

    /// Checks the guest's open handles; see [`Arrivals::look`].
    pub(super) fn look(&mut self, cx: &mut Context<'_>) -> Look {
        self.arrivals.look(&mut self.table, cx)
    }

    /// See [`Arrivals::poll_ends`].
    pub(super) fn poll_ends(&self, left: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
        self.arrivals.poll_ends(left, cx)
    }

    /// Its share of the scheduling of guests; a store has one.
    pub(crate) fn fair(&self) -> Option<FairShare> {
        self.time.fair().cloned()
    }

    pub(super) fn meter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.meter
    }

    pub(super) fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView {
            ctx: &mut self.clocks,
            table: &mut self.table,
        }
    }
}

impl IoView for State {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| WasiCtx::builder().build());
        WasiCtxView {
            ctx,
            table: &mut self.table,
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
        let mut snapshot = self.context.settings().snapshot(self.context.credential());
        if let Some(most) = self.max_retries {
            snapshot.max_retries = snapshot.max_retries.min(most);
        }
        snapshot
    }

    fn list_configured(&mut self) -> Vec<ConfiguredModel> {
        self.context.settings().models.configured().to_vec()
    }

    fn find_configured(&mut self, id: String) -> Option<ConfiguredModel> {
        self.context.settings().models.find(&id).cloned()
    }

    fn list_aliases(&mut self) -> Vec<ModelAlias> {
        self.context.settings().models.aliases().to_vec()
    }

    fn find_alias(&mut self, text: String) -> Vec<ModelAlias> {
        self.context
            .settings()
            .models
            .find_alias(&text)
            .cloned()
            .collect()
    }

    fn find_aliases_of(&mut self, reference: String) -> Vec<ModelAlias> {
        self.context
            .settings()
            .models
            .find_aliases_of(&reference)
            .cloned()
            .collect()
    }

    fn find_listed(&mut self, id: String) -> Option<Model> {
        self.context.listed().find(&id).cloned()
    }

    fn listed_ids(&mut self) -> Vec<String> {
        self.context.listed().ids()
    }
}
