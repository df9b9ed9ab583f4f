//! The exports of a plugin as typed calls: resolved once per component, and looked up in an instance when they are
//! called.
//!
//! The generated bindings check the types of all exports for each instance, which takes a quarter of the time of
//! the instantiation itself. Here all are checked when a plugin is loaded, and later only the one that is called.

use std::pin::pin;

use wasmtime::{
    Store,
    component::{
        ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, ResourceAny, TypedFunc,
    },
};

use crate::{
    bounds::Bounded as _,
    contract::{
        ChatRequest, DiscoveryMode, ModelCatalog, ModelRef, Progress, ProviderInfo, types::ChatResponse,
    },
    sandbox::{
        State,
        try_read::{TryRead, TryReader},
        turn::{Fallible, in_turn},
    },
};

type Describe = TypedFunc<(), (ProviderInfo,)>;
type ListModels = TypedFunc<(DiscoveryMode,), (Fallible<ModelCatalog>,)>;
type ResolveRef<'a> = TypedFunc<(&'a str,), (Fallible<ModelRef>,)>;
type ChatComplete<'a> = TypedFunc<(&'a ChatRequest,), (Fallible<ChatResponse>,)>;
type ChatStream<'a> = TypedFunc<(&'a ChatRequest,), (Fallible<ResourceAny>,)>;
pub(super) type ChatStart<'a> = TypedFunc<(&'a ChatRequest, u64), (Fallible<ResourceAny>,)>;
type Read = TypedFunc<(ResourceAny, u32, u32), (Fallible<Progress>,)>;

/// A component with linked imports and resolved exports.
pub(crate) struct GuestPre {
    pre: InstancePre<State>,
    /// The same with the imports of shared stores, if calls may share one.
    shared: Option<InstancePre<State>>,
    exports: Exports,
}

#[derive(Clone, Copy)]
struct Exports {
    describe: ComponentExportIndex,
    list_models: ComponentExportIndex,
    resolve_ref: ComponentExportIndex,
    chat_complete: ComponentExportIndex,
    chat_stream: ComponentExportIndex,
    read: ComponentExportIndex,
    /// Exports of guests that need not block.
    nonblocking: Option<Nonblocking>,
}

#[derive(Clone, Copy)]
struct Nonblocking {
    chat_start: ComponentExportIndex,
    try_read: ComponentExportIndex,
}

impl GuestPre {
    /// Resolves the exports of these interfaces; the second one is optional.
    pub(crate) fn new(
        pre: InstancePre<State>,
        provider: &str,
        nonblocking: Option<&str>,
    ) -> wasmtime::Result<Self> {
        let component = pre.component();
        let within = |interface: &str| {
            let index = component.get_export_index(None, interface)?;
            let interface = interface.to_owned();
            Some(move |name: &str| {
                let found = component.get_export_index(Some(&index), name);
                found.ok_or_else(|| wasmtime::format_err!("`{interface}` has no `{name}`"))
            })
        };
        let find = within(provider).ok_or_else(|| wasmtime::format_err!("there is no `{provider}`"))?;
        let exports = Exports {
            describe: find("describe")?,
            list_models: find("list-models")?,
            resolve_ref: find("resolve-ref")?,
            chat_complete: find("chat-complete")?,
            chat_stream: find("chat-stream")?,
            read: find("[method]completion.read")?,
            nonblocking: match nonblocking.and_then(within) {
                Some(find) => Some(Nonblocking {
                    chat_start: find("chat-start")?,
                    try_read: find("try-read")?,
                }),
                None => None,
            },
        };
        Ok(Self {
            pre,
            shared: None,
            exports,
        })
    }

    /// Lets calls share a store, if its guests do not block. `link` links the imports of shared stores.
    pub(crate) fn with_shared(
        mut self,
        link: impl FnOnce() -> wasmtime::Result<Option<InstancePre<State>>>,
    ) -> wasmtime::Result<Self> {
        if self.is_nonblocking() {
            self.shared = link()?;
        }
        Ok(self)
    }

    /// Whether calls may share a store.
    pub(super) fn can_share(&self) -> bool {
        self.shared.is_some()
    }

    /// Instantiates it in a store that calls share.
    pub(super) async fn instantiate_shared(&self, store: &mut Store<State>) -> wasmtime::Result<Guest> {
        let Some(pre) = &self.shared else {
            return Err(wasmtime::format_err!("its calls share no store"));
        };
        let share = store.data().fair();
        Ok(Guest {
            instance: in_turn(share, pin!(pre.instantiate_async(store))).await?,
            exports: self.exports,
        })
    }

    /// Whether its guests do not block, so that the host waits for them.
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.exports.nonblocking.is_some()
    }

    /// Instantiates it. The guest runs only if its component has a start function.
    pub(crate) async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Guest> {
        let share = store.data().fair();
        Ok(Guest {
            instance: in_turn(share, pin!(self.pre.instantiate_async(store))).await?,
            exports: self.exports,
        })
    }
}

/// One instance of a plugin.
#[derive(Clone, Copy)]
pub(crate) struct Guest {
    instance: Instance,
    exports: Exports,
}

impl Guest {
    /// Checks the types of all exports against the contract.
    pub(crate) fn check(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        let Exports {
            describe,
            list_models,
            resolve_ref,
            chat_complete,
            chat_stream,
            read,
            nonblocking,
        } = self.exports;
        let _: Describe = self.find(store, describe)?;
        let _: ListModels = self.find(store, list_models)?;
        let _: ResolveRef<'_> = self.find(store, resolve_ref)?;
        let _: ChatComplete<'_> = self.find(store, chat_complete)?;
        let _: ChatStream<'_> = self.find(store, chat_stream)?;
        let _: Read = self.find(store, read)?;
        if let Some(Nonblocking { chat_start, try_read }) = nonblocking {
            let _: ChatStart<'_> = self.find(store, chat_start)?;
            let _: TryRead = self.find(store, try_read)?;
        }
        Ok(())
    }

    pub(crate) async fn describe(&self, store: &mut Store<State>) -> wasmtime::Result<ProviderInfo> {
        let export: Describe = self.find(store, self.exports.describe)?;
        let share = store.data().fair();
        Ok(in_turn(share, pin!(export.call_async(store, ()))).await?.0)
    }

    pub(crate) async fn list_models(
        &self,
        store: &mut Store<State>,
        discovery: DiscoveryMode,
    ) -> wasmtime::Result<Fallible<ModelCatalog>> {
        let export: ListModels = self.find(store, self.exports.list_models)?;
        let share = store.data().fair();
        Ok(in_turn(share, pin!(export.call_async(store, (discovery,))))
            .await?
            .0
            .bounded())
    }

    pub(crate) async fn resolve_ref(
        &self,
        store: &mut Store<State>,
        reference: &str,
    ) -> wasmtime::Result<Fallible<ModelRef>> {
        let export: ResolveRef<'_> = self.find(store, self.exports.resolve_ref)?;
        let share = store.data().fair();
        Ok(in_turn(share, pin!(export.call_async(store, (reference,))))
            .await?
            .0
            .bounded())
    }

    pub(crate) async fn chat_complete(
        &self,
        store: &mut Store<State>,
        request: &ChatRequest,
    ) -> wasmtime::Result<Fallible<ChatResponse>> {
        let export: ChatComplete<'_> = self.find(store, self.exports.chat_complete)?;
        let share = store.data().fair();
        Ok(in_turn(share, pin!(export.call_async(store, (request,))))
            .await?
            .0
            .bounded())
    }

    /// Starts a response, which the reader then reads: by `chat-start` if the guest need not block, with this seed.
    pub(crate) async fn begin_chat(
        &self,
        store: &mut Store<State>,
        request: &ChatRequest,
        seed: u64,
    ) -> wasmtime::Result<Fallible<(ResourceAny, Reader)>> {
        let share = store.data().fair();
        let (begun, reader) = if let Some(Nonblocking { chat_start, try_read }) = self.exports.nonblocking {
            store.data_mut().wait_in_host();
            let export: ChatStart<'_> = self.find(store, chat_start)?;
            let begun = in_turn(share, pin!(export.call_async(&mut *store, (request, seed))))
                .await?
                .0;
            let try_read = self.find(store, try_read)?;
            (begun, Reader::TryRead(Box::new(TryReader::new(try_read))))
        } else {
            let export: ChatStream<'_> = self.find(store, self.exports.chat_stream)?;
            let begun = in_turn(share, pin!(export.call_async(&mut *store, (request,))))
                .await?
                .0;
            (begun, Reader::Read(self.find(store, self.exports.read)?))
        };
        Ok(begun.bounded().map(|completion| (completion, reader)))
    }

    /// The export that starts a response without blocking.
    pub(super) fn chat_start<'a>(&self, store: &mut Store<State>) -> wasmtime::Result<ChatStart<'a>> {
        let Some(exports) = self.exports.nonblocking else {
            return Err(blocks());
        };
        self.find(store, exports.chat_start)
    }

    /// The export that reads one without blocking.
    pub(super) fn try_read(&self, store: &mut Store<State>) -> wasmtime::Result<TryRead> {
        let Some(exports) = self.exports.nonblocking else {
            return Err(blocks());
        };
        self.find(store, exports.try_read)
    }

    fn find<P, R>(
        &self,
        store: &mut Store<State>,
        export: ComponentExportIndex,
    ) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.instance.get_typed_func(store, export)
    }
}

fn blocks() -> wasmtime::Error {
    wasmtime::format_err!("the plugin blocks")
}

/// The reading export of a response.
pub(crate) enum Reader {
    /// The guest blocks.
    Read(Read),
    /// The host waits.
    TryRead(Box<TryReader>),
}

impl Reader {
    /// Waits for events, the end or an error, without a timeout.
    pub(crate) async fn read(
        &mut self,
        store: &mut Store<State>,
        completion: ResourceAny,
        max_events: u32,
    ) -> wasmtime::Result<Fallible<Progress>> {
        match self {
            Self::Read(read) => {
                let share = store.data().fair();
                // The plugin's own timeouts apply, and dropping this future ends the wait; so it may be long.
                let call = read.call_async(store, (completion, max_events, u32::MAX));
                Ok(in_turn(share, pin!(call)).await?.0.bounded())
            }
            Self::TryRead(reader) => reader.read(store, completion, max_events).await,
        }
    }
}
