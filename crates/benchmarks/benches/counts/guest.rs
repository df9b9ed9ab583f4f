//! The component in an engine that counts fuel, without the host's limits, egress or settings: only the guest is
//! counted.

use std::path::Path;

use model_provider_host::contract::{
    self, ChatRequest, DiscoveryMode, Model, ModelProvider, ModelProviderPre,
    settings::{self, ConfiguredModel, CredentialState, ModelAlias, Snapshot},
};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{
    HostMonotonicClock, WasiCtx, WasiCtxView, WasiView,
    clocks::{WasiClocks, WasiClocksView},
    p2::bindings::clocks::monotonic_clock,
};
use wasmtime_wasi_http::{
    WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
    p2::bindings::http::{outgoing_handler, types as http_types},
};
use wasmtime_wasi_io::IoView;

use super::upstream::Upstream;

/// More than any case takes.
const FUEL: u64 = u64::MAX / 2;
/// Read parameters as in the host: the batch size, without a time limit.
const BATCH: u32 = 256;

/// The component, linked.
pub(crate) struct Guest {
    engine: Engine,
    pre: ModelProviderPre<State>,
}

impl Guest {
    pub(crate) fn load(file: &Path) -> Self {
        let mut config = Config::new();
        config.consume_fuel(true).concurrency_support(false);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::from_file(&engine, file).expect("a component");
        let pre = linker(&engine).instantiate_pre(&component).expect("it links");
        let pre = ModelProviderPre::new(pre).expect("it is a model provider");
        Self { engine, pre }
    }

    /// Counts `describe`.
    pub(crate) async fn describe(&self) -> u64 {
        let (mut store, provider) = self.instance(Upstream::default()).await;
        let guest = provider.openclaw_model_provider_provider();
        let info = guest.call_describe(&mut store).await.expect("no trap");
        assert!(!info.id.is_empty());
        spent(&store)
    }

    /// Counts `resolve-ref`.
    pub(crate) async fn resolve(&self, reference: &str) -> u64 {
        let (mut store, provider) = self.instance(Upstream::default()).await;
        let guest = provider.openclaw_model_provider_provider();
        let resolved = guest
            .call_resolve_ref(&mut store, reference)
            .await
            .expect("no trap");
        assert!(resolved.expect("a reference").canonical.contains('/'));
        spent(&store)
    }

    /// Counts the list of so many models.
    pub(crate) async fn list(&self, upstream: Upstream, models: usize) -> u64 {
        let (mut store, provider) = self.instance(upstream).await;
        let guest = provider.openclaw_model_provider_provider();
        let listed = guest
            .call_list_models(&mut store, DiscoveryMode::Authenticated)
            .await;
        assert_eq!(listed.expect("no trap").expect("a list").models.len(), models);
        spent(&store)
    }

    /// Counts a whole response.
    pub(crate) async fn complete(&self, upstream: Upstream, request: &ChatRequest) -> u64 {
        let (mut store, provider) = self.instance(upstream).await;
        let guest = provider.openclaw_model_provider_provider();
        let response = guest.call_chat_complete(&mut store, request).await;
        assert!(!response.expect("no trap").expect("a response").content.is_empty());
        spent(&store)
    }

    /// Counts a streaming response that takes at least so many reads.
    pub(crate) async fn stream(&self, upstream: Upstream, request: &ChatRequest, reads: usize) -> u64 {
        let (mut store, provider) = self.instance(upstream).await;
        let guest = provider.openclaw_model_provider_provider();
        let begun = guest
            .call_chat_stream(&mut store, request)
            .await
            .expect("no trap");
        let completion = begun.expect("a response");
        let completions = guest.completion();
        for read in 1.. {
            let reading = completions.call_read(&mut store, completion, BATCH, u32::MAX);
            let progress = reading.await.expect("no trap").expect("no error");
            if progress.finished.is_some() {
                assert!(read >= reads, "{read} reads");
                break;
            }
            assert!(!progress.events.is_empty(), "no read is for nothing");
        }
        spent(&store)
    }

    async fn instance(&self, upstream: Upstream) -> (Store<State>, ModelProvider) {
        let mut store = Store::new(&self.engine, State::new(upstream));
        store.set_fuel(FUEL).expect("fuel is counted");
        let provider = self.pre.instantiate_async(&mut store).await.expect("an instance");
        (store, provider)
    }
}

fn spent(store: &Store<State>) -> u64 {
    FUEL - store.get_fuel().expect("fuel is counted")
}

fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::<State>::new(engine);
    let linked = (|| {
        wasmtime_wasi_io::add_to_linker_async(&mut linker)?;
        monotonic_clock::add_to_linker::<_, WasiClocks>(&mut linker, WasiClocksView::clocks)?;
        outgoing_handler::add_to_linker::<_, WasiHttp>(&mut linker, WasiHttpView::http)?;
        let options = http_types::LinkOptions::default();
        http_types::add_to_linker::<_, WasiHttp>(&mut linker, &options, WasiHttpView::http)?;
        contract::types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        settings::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
    })();
    linked.expect("all that it imports");
    linker
}

/// The state of a store.
struct State {
    table: ResourceTable,
    http: WasiHttpCtx,
    wasi: WasiCtx,
    upstream: Upstream,
}

impl State {
    fn new(upstream: Upstream) -> Self {
        Self {
            table: ResourceTable::new(),
            http: WasiHttpCtx::new(),
            wasi: WasiCtx::builder().monotonic_clock(Stopped).build(),
            upstream,
        }
    }
}

/// A stopped clock: numbers of other lengths would be different work.
struct Stopped;

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        1_000_000_000
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

impl contract::types::Host for State {}

/// No settings: the host's defaults apply.
impl settings::Host for State {
    fn get(&mut self) -> Snapshot {
        Snapshot {
            base_url: Some("http://127.0.0.1:9/v1".to_owned()),
            credential: CredentialState::AttachedByHost,
            connect_timeout_ms: 10_000,
            first_byte_timeout_ms: 120_000,
            idle_timeout_ms: 60_000,
            list_timeout_ms: 30_000,
            max_retries: 0,
            extras: Vec::new(),
        }
    }

    fn list_configured(&mut self) -> Vec<ConfiguredModel> {
        Vec::new()
    }

    fn find_configured(&mut self, _: String) -> Option<ConfiguredModel> {
        None
    }

    fn list_aliases(&mut self) -> Vec<ModelAlias> {
        Vec::new()
    }

    fn find_alias(&mut self, _: String) -> Vec<ModelAlias> {
        Vec::new()
    }

    fn find_aliases_of(&mut self, _: String) -> Vec<ModelAlias> {
        Vec::new()
    }

    fn find_listed(&mut self, _: String) -> Option<Model> {
        None
    }

    fn listed_ids(&mut self) -> Vec<String> {
        Vec::new()
    }
}
