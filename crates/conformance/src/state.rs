//! State of a store: the settings that the plugin imports, and its HTTP egress to the upstream. This module must not
//! know checks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use model_provider_host::contract::{
    self, Model,
    settings::{self, ConfiguredModel, CredentialState, ModelAlias, Snapshot},
};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{HostMonotonicClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_io::IoView;

use crate::upstream::Upstream;

/// The settings of the plugin, with a count of its calls.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    pub(crate) snapshot: Snapshot,
    pub(crate) configured: Vec<ConfiguredModel>,
    pub(crate) aliases: Vec<ModelAlias>,
    pub(crate) listed: Vec<Model>,
    pub(crate) calls: usize,
}

impl Default for HostSettings {
    fn default() -> Self {
        const PLENTY_MS: u32 = 8_000;
        Self {
            snapshot: Snapshot {
                base_url: None,
                credential: CredentialState::AttachedByHost,
                connect_timeout_ms: PLENTY_MS,
                first_byte_timeout_ms: PLENTY_MS,
                idle_timeout_ms: PLENTY_MS,
                list_timeout_ms: PLENTY_MS,
                max_retries: 0,
                extras: Vec::new(),
            },
            configured: Vec::new(),
            aliases: Vec::new(),
            listed: Vec::new(),
            calls: 0,
        }
    }
}

/// A clock that counts how often the guest reads it.
struct CountedClock {
    started: Instant,
    reads: Arc<AtomicUsize>,
}

impl HostMonotonicClock for CountedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.reads.fetch_add(1, Ordering::Relaxed);
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

pub(crate) struct State {
    table: ResourceTable,
    http: WasiHttpCtx,
    wasi: WasiCtx,
    clock_reads: Arc<AtomicUsize>,
    pub(crate) host_settings: HostSettings,
    pub(crate) upstream: Upstream,
}

impl State {
    pub(crate) fn new(host_settings: HostSettings, upstream: Upstream) -> Self {
        let clock_reads = Arc::new(AtomicUsize::new(0));
        let clock = CountedClock {
            started: Instant::now(),
            reads: Arc::clone(&clock_reads),
        };
        Self {
            table: ResourceTable::new(),
            http: WasiHttpCtx::new(),
            wasi: WasiCtx::builder().monotonic_clock(clock).build(),
            clock_reads,
            host_settings,
            upstream,
        }
    }

    /// How often the guest has read the clock so far.
    pub(crate) fn clock_reads(&self) -> usize {
        self.clock_reads.load(Ordering::Relaxed)
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
            hooks: &mut self.upstream,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Normalized: trimmed, lower case, runs of white space as one.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

impl contract::types::Host for State {}

impl settings::Host for State {
    fn get(&mut self) -> Snapshot {
        self.host_settings.calls += 1;
        self.host_settings.snapshot.clone()
    }

    fn list_configured(&mut self) -> Vec<ConfiguredModel> {
        self.host_settings.calls += 1;
        self.host_settings.configured.clone()
    }

    fn find_configured(&mut self, id: String) -> Option<ConfiguredModel> {
        self.host_settings.calls += 1;
        self.host_settings
            .configured
            .iter()
            .find(|model| model.id == id)
            .cloned()
    }

    fn list_aliases(&mut self) -> Vec<ModelAlias> {
        self.host_settings.calls += 1;
        self.host_settings.aliases.clone()
    }

    fn find_alias(&mut self, text: String) -> Vec<ModelAlias> {
        self.host_settings.calls += 1;
        let text = plain(&text);
        let aliases = self.host_settings.aliases.iter();
        aliases
            .filter(|alias| plain(&alias.alias) == text)
            .cloned()
            .collect()
    }

    fn find_aliases_of(&mut self, reference: String) -> Vec<ModelAlias> {
        self.host_settings.calls += 1;
        let same =
            |alias: &&ModelAlias| alias.reference.trim().to_lowercase() == reference.trim().to_lowercase();
        self.host_settings.aliases.iter().filter(same).cloned().collect()
    }

    fn find_listed(&mut self, id: String) -> Option<Model> {
        self.host_settings.calls += 1;
        self.host_settings
            .listed
            .iter()
            .find(|model| model.id == id)
            .cloned()
    }

    fn listed_ids(&mut self) -> Vec<String> {
        self.host_settings.calls += 1;
        self.host_settings
            .listed
            .iter()
            .map(|model| model.id.clone())
            .collect()
    }
}
