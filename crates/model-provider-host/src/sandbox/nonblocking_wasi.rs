//! Replacements of stock WASI functions for guests that do not block: they report readiness without a poll, and
//! register handles for the host to wait for. For all other guests they do what the stock ones do.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use wasmtime::component::{Linker, Resource};
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
type Got = Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>;

/// Overrides the linker's stock functions.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut http = linker.instance("wasi:http/types@0.2.12")?;
    // The stock one does not see a response before it has been polled.
    http.func_wrap(
        "[method]future-incoming-response.get",
        |mut store, (id,): (Resource<HostFutureIncomingResponse>,)| {
            let state: &mut State = store.data_mut();
            let response = state.table.get_mut(&id)?;
            if let HostFutureIncomingResponse::Pending(coming) = response
                && let Poll::Ready(came) = Pin::new(coming).poll(&mut Context::from_waker(Waker::noop()))
            {
                *response = HostFutureIncomingResponse::Ready(came);
            }
            let got: Got = state.http().get(id)?;
            Ok((got,))
        },
    )?;
    http.func_wrap(
        "[method]incoming-body.stream",
        |mut store, (id,): (Resource<HostIncomingBody>,)| {
            let state: &mut State = store.data_mut();
            if !state.arrivals.is_nonblocking() {
                return Ok((state.http().stream(id)?,));
            }
            let Some(stream) = state.table.get_mut(&id)?.take_stream() else {
                return Ok((Err(()),));
            };
            let stream = state.arrivals.body(stream);
            Ok((Ok(state.table.push_child(stream, &id)?),))
        },
    )?;
    http.func_wrap(
        "[method]outgoing-body.write",
        |mut store, (id,): (Resource<HostOutgoingBody>,)| {
            let state: &mut State = store.data_mut();
            if !state.arrivals.is_nonblocking() {
                return Ok((state.http().write(id)?,));
            }
            let Some(stream) = state.table.get_mut(&id)?.take_output_stream() else {
                return Ok((Err(()),));
            };
            let stream = state.arrivals.request(stream);
            Ok((Ok(state.table.push_child(stream, &id)?),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
