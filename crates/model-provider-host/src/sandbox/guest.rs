//! The exports of a plugin as calls: found once for a component, and looked up for an instance when they are called.
//!
//! The generated bindings check the types of all exports for each instance, which takes a quarter of the time that the
//! instance itself takes. Here all are checked when a plugin is loaded, and from then on the one that is called.

use wasmtime::{
    Store,
    component::{
        ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, ResourceAny, TypedFunc,
    },
};

use crate::{
    bounds::Bounded as _,
    contract::{
        ChatRequest, ChatResponse, DiscoveryMode, Error, ModelCatalog, ModelRef, Progress, ProviderInfo,
    },
    sandbox::{FairShare, State},
};

/// What a call gives that may end in an error of the contract.
type Fallible<T> = Result<T, Error>;

type Describe = TypedFunc<(), (ProviderInfo,)>;
type ListModels = TypedFunc<(DiscoveryMode,), (Fallible<ModelCatalog>,)>;
type ResolveRef<'a> = TypedFunc<(&'a str,), (Fallible<ModelRef>,)>;
type ChatComplete<'a> = TypedFunc<(&'a ChatRequest,), (Fallible<ChatResponse>,)>;
type ChatStream<'a> = TypedFunc<(&'a ChatRequest,), (Fallible<ResourceAny>,)>;
type Read = TypedFunc<(ResourceAny, u32, u32), (Fallible<Progress>,)>;

/// A component with its imports linked and its exports found.
pub(crate) struct Linked {
    pre: InstancePre<State>,
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
}

impl Linked {
    /// Finds the exports of this interface.
    pub(crate) fn new(pre: InstancePre<State>, interface: &str) -> wasmtime::Result<Self> {
        let component = pre.component();
        let missing = |name: &str| wasmtime::format_err!("`{interface}` has no `{name}`");
        let interface = component
            .get_export_index(None, interface)
            .ok_or_else(|| wasmtime::format_err!("there is no `{interface}`"))?;
        let find = |name: &str| {
            let found = component.get_export_index(Some(&interface), name);
            found.ok_or_else(|| missing(name))
        };
        let exports = Exports {
            describe: find("describe")?,
            list_models: find("list-models")?,
            resolve_ref: find("resolve-ref")?,
            chat_complete: find("chat-complete")?,
            chat_stream: find("chat-stream")?,
            read: find("[method]completion.read")?,
        };
        Ok(Self { pre, exports })
    }

    /// A fresh instance. The guest runs only if its component has a start function.
    pub(crate) async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Guest> {
        let share = store.data().fair();
        Ok(Guest {
            instance: in_turn(share, self.pre.instantiate_async(store)).await?,
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
    /// Whether all exports are of the contract's types.
    pub(crate) fn check(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        let Exports {
            describe,
            list_models,
            resolve_ref,
            chat_complete,
            chat_stream,
            read,
        } = self.exports;
        let _: Describe = self.find(store, describe)?;
        let _: ListModels = self.find(store, list_models)?;
        let _: ResolveRef<'_> = self.find(store, resolve_ref)?;
        let _: ChatComplete<'_> = self.find(store, chat_complete)?;
        let _: ChatStream<'_> = self.find(store, chat_stream)?;
        let _: Read = self.find(store, read)?;
        Ok(())
    }

    pub(crate) async fn describe(&self, store: &mut Store<State>) -> wasmtime::Result<ProviderInfo> {
        let export: Describe = self.find(store, self.exports.describe)?;
        let share = store.data().fair();
        Ok(in_turn(share, export.call_async(store, ())).await?.0)
    }

    pub(crate) async fn list_models(
        &self,
        store: &mut Store<State>,
        discovery: DiscoveryMode,
    ) -> wasmtime::Result<Fallible<ModelCatalog>> {
        let export: ListModels = self.find(store, self.exports.list_models)?;
        let share = store.data().fair();
        Ok(in_turn(share, export.call_async(store, (discovery,)))
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
        Ok(in_turn(share, export.call_async(store, (reference,)))
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
        Ok(in_turn(share, export.call_async(store, (request,)))
            .await?
            .0
            .bounded())
    }

    pub(crate) async fn chat_stream(
        &self,
        store: &mut Store<State>,
        request: &ChatRequest,
    ) -> wasmtime::Result<Fallible<ResourceAny>> {
        let export: ChatStream<'_> = self.find(store, self.exports.chat_stream)?;
        let share = store.data().fair();
        Ok(in_turn(share, export.call_async(store, (request,)))
            .await?
            .0
            .bounded())
    }

    /// What is called once for an answer and then again and again.
    pub(crate) fn reader(&self, store: &mut Store<State>) -> wasmtime::Result<Reader> {
        self.find(store, self.exports.read).map(Reader)
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

/// `completion.read` of one instance.
#[derive(Clone, Copy)]
pub(crate) struct Reader(Read);

impl Reader {
    pub(crate) async fn read(
        &self,
        store: &mut Store<State>,
        completion: ResourceAny,
        max_events: u32,
        max_wait_ms: u32,
    ) -> wasmtime::Result<Fallible<Progress>> {
        let share = store.data().fair();
        let call = self.0.call_async(store, (completion, max_events, max_wait_ms));
        Ok(in_turn(share, call).await?.0.bounded())
    }
}

/// Guest code runs only when it is this guest's turn.
async fn in_turn<F: Future>(share: Option<FairShare>, call: F) -> F::Output {
    match share {
        Some(share) => share.run(call).await,
        None => call.await,
    }
}
