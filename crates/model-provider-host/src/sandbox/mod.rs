//! The sandbox: one engine, the offered imports, and the store of each request.
//!
//! Knows nothing of providers, files or swaps. A guest gets our `settings`, `wasi:http`, `wasi:io` and the
//! monotonic clock; no file system, no sockets, no environment, no stdio.

mod arrivals;
pub(crate) mod call;
pub(crate) mod call_state;
mod epoch_ticker;
pub(crate) mod exchange;
mod fair;
pub(crate) mod guest;
mod guest_time;
pub(crate) mod memory;
mod nonblocking_wasi;
mod options;
mod room;
pub(crate) mod shared;
mod store_state;
mod try_read;
mod turn;
mod usage;

use std::{path::Path, sync::Arc};

use wasmtime::{
    Config, Engine, PoolingAllocationConfig, Store, UpdateDeadline,
    component::{Component, HasSelf, InstancePre, Linker},
};
use wasmtime_wasi::{clocks::WasiClocks, p2::bindings::clocks::monotonic_clock};
use wasmtime_wasi_http::{
    WasiHttp, WasiHttpView,
    p2::bindings::http::{outgoing_handler, types as http_types},
};

use crate::{
    contract::settings,
    error::{Error, ErrorKind, Result},
};

use crate::limits::Limits;
use call_state::CallState;
use epoch_ticker::EpochTicker;
use fair::FairQueue;
pub(crate) use fair::FairShare;
use memory::{MemoryBudget, Trimmer};
pub use options::SandboxOptions;
use shared::terms::Terms;
pub(crate) use store_state::State;

/// One engine with its linker. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    ticker: EpochTicker,
    memory: MemoryBudget,
    fair: FairQueue,
    linker: Arc<Linker<State>>,
    permissive_linker: Arc<Linker<State>>,
    /// If calls may share a store: the terms, and the imports of such stores.
    sharing: Option<(Terms, Arc<Linker<State>>)>,
    max_memory_bytes: usize,
    max_stack_bytes: usize,
    guests_wait: bool,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Creates the engine.
    ///
    /// # Errors
    /// The cache directory is not the user's own, or the machine cannot reserve the address space.
    pub fn new(options: &SandboxOptions) -> Result<Self> {
        let engine = engine(options)?;
        let linker = Arc::new(linker(&engine).map_err(|error| internal("the sandbox's linker", &error))?);
        let (memory, fair) = (
            MemoryBudget::new(options.max_total_memory_bytes),
            FairQueue::default(),
        );
        let ticker = EpochTicker::start({
            let engine = engine.clone();
            let fair = fair.clone();
            let mut trimmer = Trimmer::new(engine.clone(), memory.clone());
            move || {
                engine.increment_epoch();
                fair.turn();
                trimmer.turn();
                if fair.is_contended() {
                    fair::SHORT_TICK
                } else {
                    fair::TICK
                }
            }
        });
        // Without the ticker nothing stops a guest that never returns.
        let ticker = ticker.map_err(|error| internal("the sandbox's ticker", &error.into()))?;
        let sharing = options.terms().map(|terms| {
            let mut shared = Linker::<State>::clone(&linker);
            shared::linker::add_to_linker(&mut shared)
                .map(|()| (terms, Arc::new(shared)))
                .map_err(|error| internal("the imports of shared stores", &error))
        });
        let sharing = sharing.transpose()?;
        let mut permissive = Linker::<State>::clone(&linker);
        store_state::add_empty_wasi(&mut permissive)
            // It adds the stock `wasi:io` again.
            .and_then(|()| nonblocking_wasi::add_to_linker(&mut permissive))
            .map_err(|error| internal("the empty WASI", &error))?;
        Ok(Self {
            engine,
            ticker,
            memory,
            fair,
            linker,
            permissive_linker: Arc::new(permissive),
            sharing,
            max_memory_bytes: options.max_memory_bytes,
            max_stack_bytes: options.max_stack_bytes,
            guests_wait: options.guests_wait,
        })
    }

    /// Refuses limits that this engine cannot give, which would otherwise look like an error of the guest.
    pub(crate) fn check(&self, limits: &Limits) -> Result<()> {
        let wants = [
            ("max-memory-bytes", limits.memory_bytes, self.max_memory_bytes),
            (memory::TOTAL, limits.total_memory_bytes, self.memory.limit()),
            ("max-stack-bytes", limits.stack_bytes, self.max_stack_bytes),
            ("max-table-elements", limits.table_elements, TABLE_ELEMENTS),
            ("max-instances", limits.instances, INSTANCES),
        ];
        let Some((name, wanted, most)) = wants.into_iter().find(|(_, wanted, most)| wanted > most) else {
            return Ok(());
        };
        let hint = match name {
            "max-memory-bytes" | "max-stack-bytes" | memory::TOTAL => {
                format!(
                    "it has to be known when the sandbox is made: `SandboxOptions`, or the setting `{name}` before that"
                )
            }
            _ => format!("set `{name}` to {most} or less, which is the maximum"),
        };
        let message = format!("`{name}` is {wanted}, and the sandbox's limit is {most}");
        Err(Error::new(ErrorKind::Configuration, message).with_hint(hint))
    }

    /// How many requests of one principal may share a store at once; 1 if none do.
    #[must_use]
    pub fn calls_per_store(&self) -> u32 {
        self.sharing.as_ref().map_or(1, |(terms, _)| terms.at_once())
    }

    /// The linear memory of all guests at present, in bytes.
    #[must_use]
    pub fn memory_in_use(&self) -> usize {
        self.memory.used()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether guests block even if they need not; see [`SandboxOptions::guests_wait`].
    pub(crate) fn guests_wait(&self) -> bool {
        self.guests_wait
    }

    /// Links a component once, so that each request only copies the result.
    pub(crate) fn link(
        &self,
        component: &Component,
        empty_wasi: bool,
    ) -> wasmtime::Result<InstancePre<State>> {
        let linker = if empty_wasi {
            &self.permissive_linker
        } else {
            &self.linker
        };
        linker.instantiate_pre(component)
    }

    /// Links a component for stores that calls share, if they may.
    pub(crate) fn link_shared(
        &self,
        component: &Component,
        empty_wasi: bool,
    ) -> wasmtime::Result<Option<InstancePre<State>>> {
        match &self.sharing {
            // A language runtime may hold a handle of one call beyond its end, such as that of its standard error.
            Some((_, linker)) if !empty_wasi => linker.instantiate_pre(component).map(Some),
            _ => Ok(None),
        }
    }

    /// The terms on which calls share a store, if they may.
    pub(crate) fn terms(&self) -> Option<Terms> {
        self.sharing.as_ref().map(|(terms, _)| *terms)
    }

    /// The memory budget of all guests.
    pub(crate) fn memory(&self) -> &MemoryBudget {
        &self.memory
    }

    /// Begins a call: from now on it counts for the ticker and for fair scheduling.
    pub(crate) fn begin(&self, call: &mut CallState) {
        if call.tick_guard.is_none() {
            call.tick_guard = Some(self.ticker.tick());
            call.time.share(self.fair.share());
        }
    }

    /// A store for one request: its own table, limits and stopwatch.
    pub(crate) fn store(&self, mut state: State) -> Store<State> {
        self.begin(&mut state.call);
        self.store_between_calls(state)
    }

    /// A store whose calls begin one by one.
    pub(crate) fn store_between_calls(&self, mut state: State) -> Store<State> {
        state.join(self.memory.clone());
        // An instance is made before its first call begins, and is measured as well.
        if state.call.time.fair().is_none() {
            state.call.time.share(self.fair.share());
        }
        let hostcall_bytes = state.context().limits().hostcall_bytes;
        let mut store = Store::new(&self.engine, state);
        store.limiter(State::meter);
        store.set_hostcall_fuel(hostcall_bytes);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            let state = context.data_mut();
            if let Some(note) = state.call.time.exceeded() {
                state.context().stop(note);
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(if state.call.time.has_had_its_slice() {
                state.call.yields();
                UpdateDeadline::Yield(1)
            } else {
                UpdateDeadline::Continue(1)
            })
        });
        store
    }
}

/// The address range of a 32-bit memory. With all of it reserved, and a guard region for offsets, code needs no
/// bounds checks; they take a fifth of the time of a guest that reads text.
const REACH: u64 = 4 * 1024 * 1024 * 1024;
const GUARD: u64 = 32 * 1024 * 1024;

/// The capacity of the pool: elements of one table, and core instances of one component.
const TABLE_ELEMENTS: usize = 20_000;
const INSTANCES: usize = 32;

/// Reserves address space, not memory: 4 GiB per request. Where a process may not have that much (an address-space
/// limit, or many sandboxes in one process), each memory reserves only its limit, and its accesses are
/// bounds-checked.
fn engine(options: &SandboxOptions) -> Result<Engine> {
    let most = u64::try_from(options.max_memory_bytes).unwrap_or(u64::MAX);
    Engine::new(&config(options, REACH, GUARD)?).or_else(|error| {
        tracing::debug!(%error, "no room for unchecked memories");
        Engine::new(&config(options, most, 64 * 1024)?).map_err(|error| {
            internal("the engine", &error).with_hint(
                "let the process have more addresses (`ulimit -v`), or make the sandbox for fewer calls at once or \
                 less memory each (`SandboxOptions`)",
            )
        })
    })
}

fn config(options: &SandboxOptions, reservation: u64, guard: u64) -> Result<Config> {
    let mut pool = PoolingAllocationConfig::new();
    let components = options.max_concurrent;
    // A component is several core instances; wit-component's shims need four, twice that leaves room. It has one
    // memory; with more memories per component, fewer components run at once.
    pool.total_component_instances(components)
        .total_core_instances(components.saturating_mul(8))
        .total_memories(components)
        .total_tables(components.saturating_mul(4))
        .total_stacks(components)
        .max_memory_size(options.max_memory_bytes)
        .max_unused_warm_slots(64)
        // Nothing of a memory is kept. Its first pages are the far end of a Rust guest's stack, which no guest reaches:
        // clearing them took 64 KiB of writes for each request, and made 16 pages resident that nobody uses.
        .linear_memory_keep_resident(0)
        // The memory of a few ended requests is decommitted together. It is not reused before.
        .decommit_batch_size(memory::BATCH)
        .table_keep_resident(4 * 1024)
        .table_elements(TABLE_ELEMENTS)
        .max_core_instances_per_component(INSTANCES as u32)
        .max_memories_per_component(8)
        .max_tables_per_component(16)
        .max_tables_per_module(8);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // WASI 0.2 only: the state for concurrent guests is not even set up.
        .concurrency_support(false)
        .memory_reservation(reservation)
        .memory_guard_size(guard)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(options.max_stack_bytes)
        // Host functions run on this stack as well.
        .async_stack_size(options.max_stack_bytes.saturating_add(512 * 1024))
        .coredump_on_trap(options.coredump_on_trap)
        .allocation_strategy(pool);
    if let Some(dir) = &options.cache_dir {
        config.cache(Some(cache(dir)?));
    }
    Ok(config)
}

/// The compilation cache. It holds native code: a directory that other users can write to would let them run
/// theirs.
fn cache(dir: &Path) -> Result<wasmtime::Cache> {
    crate::files::check_trusted_dir(dir)?;
    let mut config = wasmtime::CacheConfig::new();
    config.with_directory(dir);
    wasmtime::Cache::new(config).map_err(|error| {
        Error::new(
            ErrorKind::Configuration,
            format!("the code cache {} cannot be used: {error}", dir.display()),
        )
    })
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi_io::add_to_linker_async(&mut linker)?;
    monotonic_clock::add_to_linker::<_, WasiClocks>(&mut linker, State::clocks)?;
    outgoing_handler::add_to_linker::<_, WasiHttp>(&mut linker, State::http)?;
    let options = http_types::LinkOptions::default();
    http_types::add_to_linker::<_, WasiHttp>(&mut linker, &options, State::http)?;
    crate::contract::types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    settings::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    nonblocking_wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}

fn internal(what: &str, error: &wasmtime::Error) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!("{what} cannot be set up: {error:#}"),
    )
}
