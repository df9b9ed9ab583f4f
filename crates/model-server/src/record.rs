//! The record of one request: key, model, backend, usage, latency and outcome. It contains no text of prompts or
//! responses. A line of the audit log is a record as JSON.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Usd;
use model_provider_host::TraceParent;

/// The request succeeded.
pub(super) const OK: &str = "ok";
/// The upstream or the plugin failed, or the request was invalid.
pub(super) const FAILED: &str = "failed";
/// The server refused it.
pub(super) const REFUSED: &str = "refused";
/// The client disconnected before the end.
pub(super) const ABANDONED: &str = "abandoned";

/// The facts of a finished request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    #[serde(serialize_with = "moment")]
    pub(super) time: SystemTime,
    pub(super) request_id: String,
    #[serde(serialize_with = "trace_id")]
    pub(super) trace_id: TraceParent,
    /// The parent span from the client.
    #[serde(skip)]
    #[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "only spans use it"))]
    pub(super) parent: Option<TraceParent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    pub(super) method: &'static str,
    /// The path, if the server has it.
    pub(super) path: &'static str,
    pub(super) dialect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_asked: Option<String>,
    /// The reference that responded, as requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_used: Option<String>,
    /// The upstream's name of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "modelAnswered")]
    pub(super) response_model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cached_input_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_tokens: Option<u32>,
    /// Left out if a factor is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_usd: Option<Usd>,
    /// The charge against the limits of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) charged_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) charged_usd: Option<Usd>,
    #[serde(serialize_with = "millis")]
    pub(super) latency_ms: Duration,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_millis")]
    pub(super) first_event_ms: Option<Duration>,
    /// `ok`, `failed`, `refused` or `abandoned`.
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// The code of the client's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// The reason of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempts: Option<u32>,
    /// The number of failed models before.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) failed_over: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upstream_request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    /// Suppressed refusals of the same key before this one.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) repeated: u64,
}

impl Record {
    pub(super) fn is_refused(&self) -> bool {
        self.outcome == REFUSED
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn moment<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let time = OffsetDateTime::from(*time);
    // Milliseconds are enough, and lines are easier to compare with three digits.
    let time = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    serializer.serialize_str(&time.format(&Rfc3339).unwrap_or_default())
}

fn trace_id<S: Serializer>(trace: &TraceParent, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&trace.trace_id())
}

fn millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::ref_option, reason = "serde calls it by reference")]
fn some_millis<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => millis(time, serializer),
        None => serializer.serialize_none(),
    }
}
