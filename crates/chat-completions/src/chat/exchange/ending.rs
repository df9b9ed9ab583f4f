//! Outcome of an attempt: a summary, a retry, or the error of the call.

use alloc::{borrow::ToOwned, format, vec::Vec};

use super::{Body, Exchange, State};
use crate::{
    chat::{conversation, head, response::ResponseDecoder, retry, rules::Replay},
    contract::types::{Error, ErrorKind, Routing, Summary, Warning},
    error,
};

impl Exchange {
    /// Continues after the response decoder made progress.
    pub(super) fn after_bytes(&mut self) {
        if self.response.gave_events() {
            self.body = None;
        }
        match self.response.result() {
            None => {}
            Some(Err(error)) => {
                let error = error.clone();
                // An empty response, or an error event in a successful response.
                let may_retry = match error.status {
                    Some(status) => error.retryable && head::is_passing(status),
                    None => {
                        error.retryable && matches!(error.kind, ErrorKind::Protocol | ErrorKind::Transport)
                    }
                };
                self.settle(error, may_retry);
            }
            Some(Ok(finished)) => {
                let finished = finished.clone();
                let warnings = self.warnings.iter().cloned().chain(finished.warnings).collect();
                self.body = None;
                self.state = State::Ended(Ok(Summary {
                    finish_reason: finished.reason,
                    raw_finish_reason: finished.word,
                    usage: finished.usage,
                    model: self.model.canonical.clone(),
                    backend: head::backend(&self.headers, self.upstream),
                    request_id: head::request_id(&self.headers),
                    attempts: self.attempts,
                    warnings,
                    extras: finished.extras,
                }));
            }
        }
    }

    /// Turns a response with an error status into an error.
    pub(super) fn refused(&mut self) {
        let State::Refused { status, body } = &mut self.state else {
            return;
        };
        let (status, body) = (*status, core::mem::take(body));
        let mut error = error::from_response(status, &self.headers, &body);
        if matches!(status, 400 | 422) && error::refuses_reasoning(&error, &body) && self.drop_reasoning() {
            return self.again(0);
        }
        let reset = || retry::reset_ms(&self.headers).filter(|_| status == 429);
        error.retry_after_ms = retry::retry_after_ms(&self.headers)
            .or(error.retry_after_ms)
            .or_else(reset);
        let may_retry = error.retryable && head::is_passing(status);
        self.settle(error, may_retry);
    }

    /// Takes the reasoning out of the request, if it is in there without being asked for. Few backends refuse it, and
    /// which one a router takes is not known before.
    fn drop_reasoning(&mut self) -> bool {
        if !self.has_tries() {
            return false;
        }
        let mut source = match self.body.take() {
            Some(Body::Held(_, Some(source)) | Body::Long(source)) => source,
            body => {
                self.body = body;
                return false;
            }
        };
        let is_there = conversation::replays(&source.0, &source.1);
        if is_there {
            source.1.replay = Replay::None;
            self.warnings.push(Warning {
                code: "reasoning-left-out".to_owned(),
                message:
                    "The backend refused the reasoning of earlier turns; the request was sent without it."
                        .to_owned(),
            });
        }
        let (length, body) = Body::written(source, &self.model.wire_id);
        (self.content_length, self.body) = (length, Some(body));
        is_there
    }

    fn has_tries(&self) -> bool {
        self.attempts <= self.max_retries && self.body.is_some() && !self.response.gave_events()
    }

    /// Retries or ends.
    pub(super) fn settle(&mut self, error: Error, may_retry: bool) {
        let wait = error
            .retry_after_ms
            .unwrap_or_else(|| retry::backoff_ms(self.attempts, self.seed));
        if may_retry && self.has_tries() && wait <= retry::LONGEST_WAIT_MS {
            self.again(wait);
        } else {
            self.end(error);
        }
    }

    /// Begins the next attempt after this time.
    fn again(&mut self, wait: u32) {
        let salt = retry::mix(self.seed ^ u64::from(self.attempts));
        self.response = ResponseDecoder::new(salt, self.facts);
        self.headers = Vec::new();
        self.any_byte = false;
        self.state = State::Waiting(wait);
    }

    pub(super) fn end(&mut self, mut error: Error) {
        self.upstream.advise(&mut error);
        let mut suggestions = error.suggestions;
        if error.kind == ErrorKind::ModelUnavailable {
            suggestions.append(&mut self.instead);
            // Without the suffix, unless the upstream says that it is the model itself that there is not.
            if !matches!(self.model.routing, Routing::Default)
                && (self.is_known || error.code.as_deref() != Some("model_not_found"))
            {
                suggestions.push(format!("{}/{}", self.upstream.id, self.model.model));
            }
        }
        self.body = None;
        self.state = State::Ended(Err(Error {
            suggestions,
            request_sent: self.was_sent,
            attempts: self.attempts,
            backend: head::backend(&self.headers, self.upstream),
            request_id: head::request_id(&self.headers),
            ..error
        }));
    }
}
