//! Closes what a call has open, and leaves its handles valid: a guest that lives on drops them later.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    WasiBody,
    p2::{
        body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody, StreamContext},
        types::{HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest},
    },
};

/// A body without content.
pub(super) fn empty() -> WasiBody {
    Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Closes connections. Streams of bodies are closed by whoever holds the bodies.
pub(crate) fn close(table: &mut ResourceTable) {
    for entry in table.iter_mut() {
        if let Some(response) = entry.downcast_mut::<HostFutureIncomingResponse>() {
            *response = HostFutureIncomingResponse::Consumed;
        } else if let Some(response) = entry.downcast_mut::<HostIncomingResponse>() {
            response.body = None;
        } else if let Some(body) = entry.downcast_mut::<HostIncomingBody>() {
            *body = HostIncomingBody::new(empty());
        } else if let Some(trailers) = entry.downcast_mut::<HostFutureTrailers>() {
            *trailers = HostFutureTrailers::Consumed;
        } else if let Some(request) = entry.downcast_mut::<HostOutgoingRequest>() {
            request.body = None;
        } else if let Some(body) = entry.downcast_mut::<HostOutgoingBody>() {
            *body = HostOutgoingBody::new(StreamContext::Request, None, 1, 1).0;
        }
    }
}
