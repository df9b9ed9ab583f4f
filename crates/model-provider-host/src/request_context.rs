//! The context of one request: what it may see, and why the host stopped it. Shared by the store and the egress
//! client; knows neither.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    contract::settings::CredentialState,
    limits::{Limits, Note},
    settings::{Listed, Settings},
    trace_parent::TraceParent,
};

/// The context of one request: the settings as of its start. Shared by the store and the egress client.
#[derive(Clone)]
pub(crate) struct View(Arc<ViewInner>);

/// The limit on one response body.
pub(crate) const RESPONSE_BYTES: &str = "max-response-bytes";

struct ViewInner {
    settings: Arc<Settings>,
    listed: Arc<Listed>,
    credential: CredentialState,
    trace_parent: Option<TraceParent>,
    note: Mutex<Option<Note>>,
}

impl View {
    pub(crate) fn new(
        settings: Arc<Settings>,
        listed: Arc<Listed>,
        credential: CredentialState,
        trace_parent: Option<TraceParent>,
    ) -> Self {
        Self(Arc::new(ViewInner {
            settings,
            listed,
            credential,
            trace_parent,
            note: Mutex::new(None),
        }))
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
    pub(crate) fn note(&self, note: Note) {
        let mut noted = self.noted();
        if matches!(*noted, None | Some(Note::Unconnected { .. })) {
            *noted = Some(note);
        }
    }

    /// A new request starts.
    pub(crate) fn connecting(&self) {
        let mut noted = self.noted();
        if matches!(*noted, Some(Note::Unconnected { .. })) {
            *noted = None;
        }
    }

    /// A request got a response: an earlier blocked one did not stop the guest.
    pub(crate) fn answered(&self) {
        let mut noted = self.noted();
        if matches!(*noted, Some(Note::Denied { .. })) {
            *noted = None;
        }
    }

    /// Whether a response exceeded its limit: a retry could be billed again, and would end the same.
    pub(crate) fn is_answered_at_length(&self) -> bool {
        matches!(
            *self.noted(),
            Some(Note::Limit {
                name: RESPONSE_BYTES,
                ..
            })
        )
    }

    pub(crate) fn take_note(&self) -> Option<Note> {
        self.noted().take()
    }

    fn noted(&self) -> MutexGuard<'_, Option<Note>> {
        self.0.note.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
