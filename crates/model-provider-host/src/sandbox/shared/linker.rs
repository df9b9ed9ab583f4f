//! The imports of a guest in a shared store: they log its inputs, and repeat them in a replay. In all else
//! they are those of a guest that never waits.
//!
//! Only what can differ from one run to the next is here. Everything else is the same for the same calls.

use std::sync::{Arc, Mutex};

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, bindings::clocks::monotonic_clock::Host as _,
};
use wasmtime_wasi_http::{
    FieldMap, WasiHttpView as _,
    p2::{
        bindings::http::{
            outgoing_handler::Host as _,
            types::{ErrorCode, Host as _, HostFutureIncomingResponse as _, RequestOptions},
        },
        body::HostIncomingBody,
        types::{HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest},
    },
};
use wasmtime_wasi_io::bindings::wasi::io::streams::{
    Host as _, HostInputStream, HostOutputStream, StreamError,
};

use super::{
    super::{
        State,
        arrivals::Arrived,
        nonblocking_wasi::{self as unlogged, Got},
    },
    body::LoggedBody,
    closing::empty,
    log::Entry,
};

type Begun = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

/// Overrides the functions of a linker for guests that never wait.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:http/outgoing-handler@0.2.12")?.func_wrap(
        "handle",
        |mut store, (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>)| {
            Ok((handle(store.data_mut(), request, options)?,))
        },
    )?;
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
        "[method]future-incoming-response.subscribe",
        |mut store, (id,): (Resource<HostFutureIncomingResponse>,)| {
            Ok((waits(store.data_mut())?.http().subscribe(id)?,))
        },
    )?;
    let mut streams = linker.instance("wasi:io/streams@0.2.12")?;
    streams.func_wrap(
        "[method]output-stream.check-write",
        |mut store, (id,): (Resource<DynOutputStream>,)| Ok((check_write(store.data_mut(), id)?,)),
    )?;
    streams.func_wrap(
        "[method]output-stream.subscribe",
        |mut store, (id,): (Resource<DynOutputStream>,)| {
            let table = &mut waits(store.data_mut())?.call.table;
            Ok((HostOutputStream::subscribe(table, id)?,))
        },
    )?;
    streams.func_wrap(
        "[method]input-stream.subscribe",
        |mut store, (id,): (Resource<DynInputStream>,)| {
            let table = &mut waits(store.data_mut())?.call.table;
            Ok((HostInputStream::subscribe(table, id)?,))
        },
    )?;
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    clock.func_wrap("now", |mut store, (): ()| {
        Ok((waits(store.data_mut())?.clocks().now()?,))
    })?;
    clock.func_wrap("subscribe-instant", |mut store, (when,): (u64,)| {
        let pollable: Resource<DynPollable> = waits(store.data_mut())?.clocks().subscribe_instant(when)?;
        Ok((pollable,))
    })?;
    clock.func_wrap("subscribe-duration", |mut store, (when,): (u64,)| {
        let pollable: Resource<DynPollable> = waits(store.data_mut())?.clocks().subscribe_duration(when)?;
        Ok((pollable,))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The guest reads a clock, or waits, which a guest that never waits does not: such a call is not replayed.
fn waits(state: &mut State) -> wasmtime::Result<&mut State> {
    if let Some(log) = &state.call.log {
        let mut log = log.lock();
        log.give_up("the plugin reads a clock, or polls");
        if let Some(difference) = log.difference() {
            return Err(log.differs(difference));
        }
    }
    Ok(state)
}

fn handle(
    state: &mut State,
    request: Resource<HostOutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Begun> {
    // In a replay the hooks send nothing.
    let begun = match state.http().handle(request, options) {
        Ok(begun) => begun,
        Err(error) => return Ok(Err(state.http().convert_error_code(error)?)),
    };
    let Some(log) = state.call.log.clone() else {
        return Ok(Ok(begun));
    };
    let mut log = log.lock();
    match log.next_entry()? {
        None => log.record(Entry::Sent(begun.rep())),
        Some(Entry::Sent(future)) if future == begun.rep() => {
            // The number may be that of several futures, one after the other. Only the last one can be live.
            if log.is_last_sent(future)
                && let Some(left) = &mut state.call.left
                && let Ok(live) = left
                    .table
                    .get_mut(&Resource::<HostFutureIncomingResponse>::new_own(future))
            {
                let live = std::mem::replace(live, HostFutureIncomingResponse::Consumed);
                *state.call.table.get_mut(&begun)? = live;
            }
        }
        Some(_) => return Err(log.differs("the plugin did not send its request")),
    }
    Ok(Ok(begun))
}

fn get(state: &mut State, id: Resource<HostFutureIncomingResponse>) -> wasmtime::Result<Got> {
    let Some(log) = state.call.log.clone() else {
        return unlogged::get(state, id);
    };
    let mut log = log.lock();
    let future = id.rep();
    match log.next_entry()? {
        None => {}
        Some(Entry::NoHead(of)) if of == future => return Ok(None),
        Some(Entry::Taken(of)) if of == future => return Ok(Some(Err(()))),
        Some(Entry::Failed(of, number)) if of == future => {
            *state.call.table.get_mut(&id)? = HostFutureIncomingResponse::Consumed;
            let Some(code) = log.code(number) else {
                return Err(log.differs("an error is missing"));
            };
            return Ok(Some(Ok(Err(code))));
        }
        Some(Entry::Head(of, number)) if of == future => {
            *state.call.table.get_mut(&id)? = HostFutureIncomingResponse::Consumed;
            let Some((status, headers)) = log.head(number) else {
                return Err(log.differs("a response is missing"));
            };
            let response = HostIncomingResponse {
                status,
                headers: FieldMap::new_immutable(&mut state.call.hooks, headers),
                body: Some(HostIncomingBody::new(empty())),
            };
            return Ok(Some(Ok(Ok(state.call.table.push(response)?))));
        }
        Some(_) => return Err(log.differs("the plugin did not ask for its response")),
    }
    let got = unlogged::get(state, id)?;
    match &got {
        None => log.record(Entry::NoHead(future)),
        Some(Err(())) => log.record(Entry::Taken(future)),
        Some(Ok(Err(code))) => log.record_failed(future, code),
        Some(Ok(Ok(response))) => {
            let response = state.call.table.get(response)?;
            log.record_head(future, response.status, &response.headers);
        }
    }
    Ok(got)
}

fn stream(
    state: &mut State,
    id: &Resource<HostIncomingBody>,
) -> wasmtime::Result<Result<Resource<DynInputStream>, ()>> {
    let Some(log) = state.call.log.clone() else {
        return unlogged::stream(state, id);
    };
    let Some(stream) = state.call.table.get_mut(id)?.take_stream() else {
        return Ok(Err(()));
    };
    let entry = log.lock().next_entry()?;
    let (number, arrived) = match entry {
        None => {
            let arrived = Arc::new(Mutex::new(Arrived::new(stream)));
            (log.lock().record_body(id.rep(), &arrived), Some(arrived))
        }
        Some(Entry::Body(body, number)) if body == id.rep() => (number, log.lock().body(number)),
        Some(_) => return Err(log.lock().differs("the plugin did not read its response")),
    };
    if let Some(arrived) = &arrived {
        state.call.arrivals.add(arrived);
    }
    let stream: DynInputStream = Box::new(LoggedBody::new(log, number, arrived));
    Ok(Ok(state.call.table.push_child(stream, id)?))
}

fn check_write(
    state: &mut State,
    id: Resource<DynOutputStream>,
) -> wasmtime::Result<Result<u64, StreamError>> {
    let Some(log) = state.call.log.clone() else {
        return room_of(state, id);
    };
    let mut log = log.lock();
    match log.next_entry()? {
        None => {}
        Some(Entry::Room(room)) => {
            state.call.hooks.take_replayed();
            if room == 0 {
                state.call.arrivals.wants_room();
            }
            return Ok(Ok(room));
        }
        Some(Entry::NoRoom) => return Ok(Err(StreamError::Closed)),
        Some(_) => return Err(log.differs("the plugin did not send its request's body")),
    }
    let room = room_of(state, id)?;
    match &room {
        Ok(room) => log.record(Entry::Room(*room)),
        Err(StreamError::Closed) => log.record(Entry::NoRoom),
        Err(StreamError::LastOperationFailed(_)) => log.give_up("its request's body broke off"),
    }
    Ok(room)
}

fn room_of(state: &mut State, id: Resource<DynOutputStream>) -> wasmtime::Result<Result<u64, StreamError>> {
    let table = &mut state.call.table;
    Ok(match table.check_write(id) {
        Ok(room) => Ok(room),
        Err(error) => Err(table.convert_stream_error(error)?),
    })
}
