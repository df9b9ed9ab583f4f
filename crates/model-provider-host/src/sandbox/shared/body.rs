//! A response body as a guest in a shared store reads it: what it reads is logged, and in a replay read from the log.
//! The body itself stays with the call, so that another instance can read on.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError};

use super::{
    super::arrivals::{Arrived, lock},
    log::{Entry, Logged},
};

/// The stream.
pub(super) struct LoggedBody {
    log: Logged,
    number: u32,
    /// `None` for a replay of one that the guest has let go of since.
    arrived: Option<Arc<Mutex<Arrived>>>,
    /// Which instance reads it here.
    reader: u32,
}

impl LoggedBody {
    /// The body of this number in the log, for an instance that did not read it before.
    pub(super) fn new(log: Logged, number: u32, arrived: Option<Arc<Mutex<Arrived>>>) -> Self {
        let reader = arrived.as_ref().map_or(0, |arrived| {
            let mut arrived = lock(arrived);
            arrived.reader += 1;
            arrived.reader
        });
        Self {
            log,
            number,
            arrived,
            reader,
        }
    }
}

#[wasmtime_wasi_io::async_trait]
impl InputStream for LoggedBody {
    fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        let mut log = self.log.lock();
        match log.next_entry().map_err(StreamError::Trap)? {
            None => {}
            Some(Entry::Read(body, length)) if body == self.number && length as usize <= size => {
                return Ok(Bytes::copy_from_slice(log.bytes(length)));
            }
            Some(Entry::Ended(body)) if body == self.number => return Err(StreamError::Closed),
            Some(Entry::Cut(body)) if body == self.number => return Err(cut()),
            Some(_) => return Err(StreamError::Trap(log.differs("the plugin read something else"))),
        }
        let read = match &self.arrived {
            Some(arrived) => lock(arrived).read(size),
            None => Err(StreamError::Closed),
        };
        match &read {
            Ok(bytes) => log.record_read(self.number, bytes),
            Err(StreamError::Closed) => log.record(Entry::Ended(self.number)),
            Err(_) => log.record(Entry::Cut(self.number)),
        }
        read
    }
}

/// The error of a body that broke off; its reason is not kept.
fn cut() -> StreamError {
    StreamError::LastOperationFailed(wasmtime::format_err!("the response body broke off"))
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for LoggedBody {
    async fn ready(&mut self) {
        if let Some(arrived) = &self.arrived {
            poll_fn(|cx| lock(arrived).poll_arrived(cx)).await;
        }
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        if let Some(arrived) = &self.arrived {
            let mut arrived = lock(arrived);
            // Another instance may read on.
            if arrived.reader == self.reader {
                arrived.close();
            }
        }
    }
}
