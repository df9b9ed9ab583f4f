//! The context of one request: what it may see, and why the host stopped it. Shared by the store and the egress
//! client; knows neither.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    contract::settings::CredentialState,
    limits::{Limits, StopReason},
    settings::{Listed, Settings},
    trace_parent::TraceParent,
};

/// The context of one request: the settings as of its start. Shared by the store and the egress client.
#[derive(Clone)]
pub(crate) struct RequestContext(Arc<RequestContextInner>);

/// The limit on one response body.
pub(crate) const RESPONSE_BYTES: &str = "max-response-bytes";

struct RequestContextInner {
    settings: Arc<Settings>,
    listed: Arc<Listed>,
    credential: CredentialState,
    trace_parent: Option<TraceParent>,
    stop_reason: Mutex<Option<StopReason>>,
}

impl RequestContext {
    pub(crate) fn new(
        settings: Arc<Settings>,
        listed: Arc<Listed>,
        credential: CredentialState,
        trace_parent: Option<TraceParent>,
    ) -> Self {
        Self(Arc::new(RequestContextInner {
            settings,
            listed,
            credential,
            trace_parent,
            stop_reason: Mutex::new(None),
        }))
    }

    /// The same settings for no request: without a trace, and with a stop reason of its own.
    pub(crate) fn of_no_call(&self) -> Self {
        let of = &self.0;
        Self::new(
            Arc::clone(&of.settings),
            Arc::clone(&of.listed),
            of.credential,
            None,
        )
    }

    /// Whether a guest can see no difference between the two.
    pub(crate) fn sees_the_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.settings, &other.0.settings)
            && Arc::ptr_eq(&self.0.listed, &other.0.listed)
            && self.0.credential == other.0.credential
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The models of the last live list.
    pub(crate) fn listed(&self) -> &Listed {
        &self.0.listed
    }

    pub(crate) fn credential(&self) -> CredentialState {
        self.0.credential
    }

    /// For the egress client only; the guest does not see it.
    pub(crate) fn trace_parent(&self) -> Option<TraceParent> {
        self.0.trace_parent
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.settings.limits
    }

    /// Records why the host stopped something; the first reason wins. A connection failure counts only until the
    /// next request.
    pub(crate) fn stop(&self, reason: StopReason) {
        let mut stop_reason = self.stop_reason();
        if matches!(*stop_reason, None | Some(StopReason::Unconnected { .. })) {
            *stop_reason = Some(reason);
        }
    }

    /// A new request starts.
    pub(crate) fn connecting(&self) {
        let mut stop_reason = self.stop_reason();
        if matches!(*stop_reason, Some(StopReason::Unconnected { .. })) {
            *stop_reason = None;
        }
    }

    /// A request got a response: an earlier blocked one did not stop the guest.
    pub(crate) fn responded(&self) {
        let mut stop_reason = self.stop_reason();
        if matches!(*stop_reason, Some(StopReason::Denied { .. })) {
            *stop_reason = None;
        }
    }

    /// Whether a response exceeded its limit: a retry could be billed again, and would end the same.
    pub(crate) fn is_response_over_limit(&self) -> bool {
        matches!(
            *self.stop_reason(),
            Some(StopReason::Limit {
                name: RESPONSE_BYTES,
                ..
            })
        )
    }

    pub(crate) fn take_stop_reason(&self) -> Option<StopReason> {
        self.stop_reason().take()
    }

    fn stop_reason(&self) -> MutexGuard<'_, Option<StopReason>> {
        self.0.stop_reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
