//! One instance of the component and its calls, each with a watchdog. This module must not know checks.

use std::{any::Any, time::Duration};

use futures::FutureExt as _;
use model_provider_host::contract::{
    ChatRequest, DiscoveryMode, Error, ModelCatalog, ModelProvider, ModelRef, Progress, ProviderInfo,
    types::ChatResponse,
};
use wasmtime::{
    Store, UpdateDeadline,
    component::{self, ResourceAny, TypedFunc},
};
use wasmtime_wasi_http::p2::types::HostFutureIncomingResponse;
use wasmtime_wasi_io::{IoView as _, poll::Pollable, streams::DynInputStream};

use crate::{
    check::{Verdict, failed},
    state::{HostSettings, State},
    subject::Subject,
    upstream::Upstream,
};

/// Longer than any call that respects the timeouts of a session.
const WATCHDOG: Duration = Duration::from_secs(12);
/// The longest wait on behalf of the guest.
const MOST_WAIT: Duration = Duration::from_millis(200);

/// What a call of the contract gives, unless the component fails as a program.
pub(crate) type Called<T> = Result<Result<T, Error>, Verdict>;

/// One instance.
pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    instance: component::Instance,
    provider: ModelProvider,
}

impl Instance {
    pub(crate) async fn new(
        subject: &Subject,
        host_settings: HostSettings,
        upstream: Upstream,
    ) -> Result<Self, Verdict> {
        let mut store = Store::new(subject.engine(), State::new(host_settings, upstream));
        store.set_epoch_deadline(1);
        // Yields to the executor, and so to the watchdog.
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let pre = subject.pre.instance_pre();
        let instance = watched("instantiation", pre.instantiate_async(&mut store)).await?;
        let provider = ModelProvider::new(&mut store, &instance)
            .map_err(|error| failed("exports of the contract's types", format!("{error:#}")))?;
        Ok(Self {
            store,
            instance,
            provider,
        })
    }

    pub(crate) async fn describe(&mut self) -> Result<ProviderInfo, Verdict> {
        let guest = self.provider.openclaw_model_provider_provider();
        watched("describe", guest.call_describe(&mut self.store)).await
    }

    pub(crate) async fn list(&mut self, mode: DiscoveryMode) -> Called<ModelCatalog> {
        let guest = self.provider.openclaw_model_provider_provider();
        watched("list-models", guest.call_list_models(&mut self.store, mode)).await
    }

    pub(crate) async fn resolve(&mut self, reference: &str) -> Called<ModelRef> {
        let guest = self.provider.openclaw_model_provider_provider();
        watched("resolve-ref", guest.call_resolve_ref(&mut self.store, reference)).await
    }

    pub(crate) async fn complete(&mut self, request: &ChatRequest) -> Called<ChatResponse> {
        let guest = self.provider.openclaw_model_provider_provider();
        watched(
            "chat-complete",
            guest.call_chat_complete(&mut self.store, request),
        )
        .await
    }

    pub(crate) async fn stream(&mut self, request: &ChatRequest) -> Called<ResourceAny> {
        let guest = self.provider.openclaw_model_provider_provider();
        watched("chat-stream", guest.call_chat_stream(&mut self.store, request)).await
    }

    pub(crate) async fn read(
        &mut self,
        of: ResourceAny,
        max_events: u32,
        max_wait_ms: u32,
    ) -> Called<Progress> {
        let guest = self.provider.openclaw_model_provider_provider();
        let completion = guest.completion();
        let reading = completion.call_read(&mut self.store, of, max_events, max_wait_ms);
        watched("read", reading).await
    }

    /// Drops a completion, which cancels it.
    pub(crate) async fn cancel(&mut self, completion: ResourceAny) -> Result<(), Verdict> {
        watched(
            "the destructor of `completion`",
            completion.resource_drop_async(&mut self.store),
        )
        .await
    }

    /// For calls that the bindings do not know.
    pub(crate) fn parts(&mut self) -> (&mut Store<State>, component::Instance) {
        (&mut self.store, self.instance)
    }

    /// A call that the bindings do not know.
    pub(crate) async fn call<P, R>(
        &mut self,
        name: &str,
        func: &TypedFunc<P, R>,
        params: P,
    ) -> Result<R, Verdict>
    where
        P: component::ComponentNamedList + component::Lower + Send + Sync,
        R: component::ComponentNamedList + component::Lift + Send + Sync + 'static,
    {
        watched(name, func.call_async(&mut self.store, params)).await
    }

    /// Waits on behalf of the guest: until a response or its bytes are ready, or for the time that the guest named.
    pub(crate) async fn let_bodies_come(&mut self, wake_after_ms: Option<u32>) {
        let most = Duration::from_millis(wake_after_ms.unwrap_or(u32::MAX).into()).min(MOST_WAIT);
        let deadline = tokio::time::Instant::now() + most;
        while tokio::time::Instant::now() < deadline {
            if self.is_something_there() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Whether one of the guest's responses or bodies is ready.
    fn is_something_there(&mut self) -> bool {
        let held = self.store.data_mut().table().iter_mut();
        held.fold(false, |found, held| found | is_ready(held))
    }
}

fn is_ready(held: &mut (dyn Any + Send)) -> bool {
    if let Some(response) = held.downcast_mut::<HostFutureIncomingResponse>() {
        let is_pending = matches!(response, HostFutureIncomingResponse::Pending(_));
        return is_pending && response.ready().now_or_never().is_some();
    }
    match held.downcast_mut::<DynInputStream>() {
        Some(body) => body.ready().now_or_never().is_some(),
        None => false,
    }
}

async fn watched<T>(name: &str, call: impl Future<Output = wasmtime::Result<T>>) -> Result<T, Verdict> {
    let expected = "a result or a typed error: a trap is a bug of the plugin";
    match tokio::time::timeout(WATCHDOG, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failed(
            expected,
            format!("`{name}` trapped: {}", error.root_cause()),
        )),
        Err(_) => {
            let seen = format!("`{name}` did not return within {} s", WATCHDOG.as_secs());
            Err(failed("a return within the timeouts of the settings", seen))
        }
    }
}
