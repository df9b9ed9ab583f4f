//! The state of one call: its handles, egress hooks, settings, limits and stop reasons. A store has it while it runs
//! the guest for that call. In a shared store the calls take turns, and each brings its own.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::clocks::WasiClocksCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use super::{
    arrivals::{Arrivals, Look},
    epoch_ticker::TickGuard,
    fair::FairShare,
    guest_time::GuestTime,
    shared::log::Logged,
};
use crate::{
    egress::EgressHooks, limits::StopReason, metrics::Metrics, request_context::RequestContext,
    resource_usage::ResourceUsage,
};

/// The state of one call.
pub(crate) struct CallState {
    pub(super) table: ResourceTable,
    pub(super) arrivals: Arrivals,
    pub(super) http: WasiHttpCtx,
    pub(super) clocks: WasiClocksCtx,
    pub(super) hooks: EgressHooks,
    pub(super) context: RequestContext,
    pub(super) time: GuestTime,
    /// The most retries of this request, if fewer than the setting.
    pub(super) max_retries: Option<u32>,
    /// The limit on memory that the guest has reached in this call.
    pub(super) reached: Option<StopReason>,
    /// The peak of the store's memory, as of its last turn.
    pub(super) memory_peak: usize,
    metrics: Option<Arc<Metrics>>,
    /// Set once it is in a store, or waits for one.
    pub(super) tick_guard: Option<TickGuard>,
    /// The inputs of its guest; only in a shared store.
    pub(super) log: Option<Logged>,
    /// What the instance had open that a replay takes the place of.
    pub(super) left: Option<Box<Left>>,
}

/// The settings that a guest can see.
pub(super) struct Sight {
    context: RequestContext,
    max_retries: Option<u32>,
}

impl Sight {
    /// Whether a guest could not tell a call from another one.
    pub(super) fn is_of(&self, call: &CallState) -> bool {
        self.context.sees_the_same(&call.context) && self.max_retries == call.max_retries
    }
}

/// The handles of an instance that is gone.
pub(super) struct Left {
    pub(super) table: ResourceTable,
    /// Holds the response bodies.
    _arrivals: Arrivals,
}

impl Drop for CallState {
    fn drop(&mut self) {
        self.measure();
    }
}

impl CallState {
    pub(crate) fn new(context: RequestContext, hooks: EgressHooks) -> Self {
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(context.limits().http_fields_bytes);
        Self {
            table: table(&context),
            arrivals: Arrivals::default(),
            http,
            clocks: WasiClocksCtx::default(),
            hooks,
            time: GuestTime::new(context.limits().guest_time),
            context,
            max_retries: None,
            reached: None,
            memory_peak: 0,
            metrics: None,
            tick_guard: None,
            log: None,
            left: None,
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

    /// The state of a shared store between two calls: it may send nothing.
    pub(super) fn between_calls(of: &Self) -> Self {
        let context = of.context.of_no_call();
        let hooks = EgressHooks::new(None, context.clone());
        Self::new(context, hooks).with_max_retries(of.max_retries)
    }

    /// The settings that its guest can see.
    pub(super) fn sight(&self) -> Sight {
        Sight {
            context: self.context.of_no_call(),
            max_retries: self.max_retries,
        }
    }

    pub(super) fn metrics(&self) -> Option<&Arc<Metrics>> {
        self.metrics.as_ref()
    }

    /// Why the host stopped this request, if it did.
    pub(crate) fn take_stop_reason(&mut self) -> Option<StopReason> {
        self.reached.take().or_else(|| self.context.take_stop_reason())
    }

    /// Whether the guest has made a request.
    pub(crate) fn has_asked(&self) -> bool {
        self.hooks.has_started()
    }

    /// The guest's resource usage so far.
    pub(crate) fn used(&self) -> ResourceUsage {
        ResourceUsage {
            guest_time: self.time.spent(),
            memory_bytes: self.memory_peak,
        }
    }

    /// Counts its use, once.
    fn measure(&mut self) {
        if let Some(metrics) = self.metrics.take() {
            metrics.guest(self.used());
        }
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
    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "a future with a shared reference could not be sent"
    )]
    pub(super) fn poll_ends(&mut self, left: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
        self.arrivals.poll_ends(left, cx)
    }

    /// Its share of the scheduling of guests.
    pub(crate) fn fair(&self) -> Option<FairShare> {
        self.time.fair().cloned()
    }

    /// The running guest yields to others; it does not wait.
    pub(super) fn yields(&self) {
        if let Some(log) = &self.log {
            log.lock().yields();
        }
    }

    /// Ends the call: closes what it has open. Its handles stay valid, since a guest that shares its store with others
    /// still has to drop them.
    pub(super) fn close(&mut self) {
        self.measure();
        self.log = None;
        self.tick_guard = None;
        self.hooks.close();
        self.arrivals.close();
        super::shared::closing::close(&mut self.table);
    }

    /// Begins anew for a replay: no handle is open, and what was open is left for the replay.
    pub(super) fn begin_again(&mut self) {
        let table = std::mem::replace(&mut self.table, table(&self.context));
        let arrivals = std::mem::take(&mut self.arrivals);
        self.arrivals.wait_in_host();
        self.left = Some(Box::new(Left {
            table,
            _arrivals: arrivals,
        }));
        self.hooks.begin_replay();
        self.time.allow_again();
        self.reached = None;
    }
}

fn table(context: &RequestContext) -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(context.limits().resources);
    table
}
