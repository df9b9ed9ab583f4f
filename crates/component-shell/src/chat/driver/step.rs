//! `try-read`: one non-blocking step, for a host that waits itself. No clock and no poll: the host passes the time it
//! waited, and gets the time until the next step. The exchange decides about retries.

use super::{Driver, nothing};
use crate::http::{BodyRead, NS_PER_MS, READS_ON_NS};
use chat_completions::{
    chat::Next,
    contract::{nonblocking::Step, types::Error},
};

impl Driver {
    /// Reads what is available, and returns when to call again.
    pub(in crate::chat) fn step(&mut self, max_events: usize, waited_ms: u64) -> Result<Step, Error> {
        let waited = waited_ms.saturating_mul(NS_PER_MS);
        self.waited_ns = self.waited_ns.saturating_add(waited);
        self.is_quiet = false;
        loop {
            let left_ms = match self.exchange.next() {
                Next::Events | Next::Ended => return self.hand_out_step(max_events),
                Next::Send => {
                    self.begin();
                    self.upload_more();
                    continue;
                }
                Next::Wait { ms } => {
                    self.let_go();
                    match self.left_ms(ms) {
                        0 => {
                            self.waited_ns = 0;
                            self.exchange.waited();
                            continue;
                        }
                        left => left,
                    }
                }
                Next::Response { .. } | Next::Body { .. } if !self.is_quiet => {
                    self.look();
                    continue;
                }
                Next::Response { timeout_ms } | Next::Body { timeout_ms } => match self.left_ms(timeout_ms) {
                    0 => {
                        self.time_out();
                        continue;
                    }
                    left => left,
                },
            };
            return Ok(Step {
                progress: nothing(),
                wake_after_ms: Some(self.wake_ms(left_ms)),
            });
        }
    }

    fn hand_out_step(&mut self, max_events: usize) -> Result<Step, Error> {
        let progress = self.hand_out(max_events).inspect_err(|_| self.let_go())?;
        let wake_after_ms = match self.exchange.next() {
            // Open handles stay open: the host reads the body to its end, so that the connection can be reused.
            _ if progress.finished.is_some() => None,
            Next::Events | Next::Ended | Next::Send => Some(0),
            Next::Wait { ms } => Some(self.left_ms(ms)),
            Next::Response { timeout_ms } | Next::Body { timeout_ms } => Some(self.left_ms(timeout_ms)),
        };
        Ok(Step {
            progress,
            wake_after_ms,
        })
    }

    /// Writes as much as there is room for, and reads what is available.
    fn look(&mut self) {
        // An early response may be final, or the server continues to read the request.
        if !self.upload_more() && self.waited_ns < READS_ON_NS {
            self.is_quiet = true;
            return;
        }
        if let Next::Response { .. } = self.exchange.next() {
            self.take_head();
            if let Next::Response { .. } = self.exchange.next() {
                return;
            }
            self.upload = None;
        }
        self.take_some();
    }

    /// Reads available bytes of the body until there are events. The host calls again if there is more.
    fn take_some(&mut self) {
        while let Next::Body { .. } = self.exchange.next() {
            let Some(open) = &self.open else {
                return self.lost();
            };
            match open.read() {
                Ok(BodyRead::Bytes(bytes)) => {
                    self.note_progress();
                    self.exchange.on_bytes(&bytes);
                }
                Ok(BodyRead::Nothing) => {
                    self.is_quiet = true;
                    return;
                }
                Ok(BodyRead::End) => {
                    self.note_progress();
                    self.exchange.on_end();
                }
                Err(failed) => return self.fail(&failed, true),
            }
        }
    }

    /// The rest of a timeout, rounded up: a host that waits for so long has waited long enough.
    fn left_ms(&self, limit_ms: u32) -> u32 {
        let limit = u64::from(limit_ms) * NS_PER_MS;
        let left = limit.saturating_sub(self.waited_ns).div_ceil(NS_PER_MS);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// When to call again: in time to see a response to a request whose body is not accepted.
    fn wake_ms(&self, left_ms: u32) -> u32 {
        match self.upload {
            Some(_) => left_ms.min((READS_ON_NS / NS_PER_MS) as u32),
            None => left_ms,
        }
    }
}
