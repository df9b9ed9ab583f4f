//! Replacements of stock WASI functions for guests that do not block: they report readiness without a poll, and
//! register handles for the host to wait for. For all other guests they do what the stock ones do.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};
use wasmtime_wasi_http::{
    WasiHttpView as _,
    p2::{
        bindings::http::types::{
            ErrorCode, HostFutureIncomingResponse as _, HostIncomingBody as _, HostOutgoingBody as _,
        },
        body::{HostIncomingBody, HostOutgoingBody},
        types::{HostFutureIncomingResponse, HostIncomingResponse},
    },
};

use super::State;

/// The result of a future's `get`, as in `wasi:http`.
pub(super) type Got = Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>;

/// Overrides the linker's stock functions.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut http = linker.instance("wasi:http/types@0.2.12")?;
    http.func_wrap(
        "[method]future-incoming-response.get",
        |mut store, (id,): (Resource<HostFutureIncomingResponse>,)| Ok((get(store.data_mut(), id)?,)),
    )?;
    http.func_wrap(
        "[method]incoming-body.stream",
        |mut store, (id,): (Resource<HostIncomingBody>,)| Ok((stream(store.data_mut(), &id)?,)),
    )?;
    http.func_wrap(
        "[method]outgoing-body.write",
        |mut store, (id,): (Resource<HostOutgoingBody>,)| Ok((write(store.data_mut(), &id)?,)),
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The stock one does not see a response before it has been polled.
pub(super) fn get(state: &mut State, id: Resource<HostFutureIncomingResponse>) -> wasmtime::Result<Got> {
    let response = state.call.table.get_mut(&id)?;
    if let HostFutureIncomingResponse::Pending(coming) = response
        && let Poll::Ready(came) = Pin::new(coming).poll(&mut Context::from_waker(Waker::noop()))
    {
        *response = HostFutureIncomingResponse::Ready(came);
    }
    state.http().get(id)
}

/// A stream that the host can wait for.
pub(super) fn stream(
    state: &mut State,
    id: &Resource<HostIncomingBody>,
) -> wasmtime::Result<Result<Resource<DynInputStream>, ()>> {
    if !state.call.arrivals.is_nonblocking() {
        return state.http().stream(Resource::new_own(id.rep()));
    }
    let Some(stream) = state.call.table.get_mut(id)?.take_stream() else {
        return Ok(Err(()));
    };
    let stream = state.call.arrivals.body(stream);
    Ok(Ok(state.call.table.push_child(stream, id)?))
}

/// A request body whose capacity the host can wait for.
fn write(
    state: &mut State,
    id: &Resource<HostOutgoingBody>,
) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
    if !state.call.arrivals.is_nonblocking() {
        return state.http().write(Resource::new_own(id.rep()));
    }
    let Some(stream) = state.call.table.get_mut(id)?.take_output_stream() else {
        return Ok(Err(()));
    };
    let stream = state.call.arrivals.request(stream);
    Ok(Ok(state.call.table.push_child(stream, id)?))
}
