//! The records of requests: accounts of keys, metrics, the audit log. Knows no HTTP.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    audit::{Audit, AuditState},
    counts::{Counts, NO_KEY},
    ledger::Ledger,
    ledger_file::UsageFile,
    record::Record,
};

/// The interval between audit records of refusals of the same key: repeated refusals must not displace other records.
const REFUSALS: Duration = Duration::from_secs(1);

/// The record sinks of a server. By default records are in memory only.
///
/// ```no_run
/// # fn run() -> model_provider_host::Result<()> {
/// use model_server::{Audit, AuditOptions, Records, UsageFile};
///
/// let records = Records::default()
///     .with_audit(Audit::open(AuditOptions::new("audit.jsonl"))?)
///     .with_usage(UsageFile::open("access-usage.json")?);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Records {
    /// The audit log.
    pub audit: Option<Audit>,
    /// The stored usage of keys, across restarts.
    pub usage: Option<UsageFile>,
    /// The span exporter.
    #[cfg(feature = "otel")]
    pub spans: Option<super::SpanExporter>,
}

impl Records {
    /// Sets the audit log.
    #[must_use]
    pub fn with_audit(mut self, audit: impl Into<Option<Audit>>) -> Self {
        self.audit = audit.into();
        self
    }

    /// Sets the stored usage of keys.
    #[must_use]
    pub fn with_usage(mut self, usage: impl Into<Option<UsageFile>>) -> Self {
        self.usage = usage.into();
        self
    }

    /// Sets the span exporter.
    #[cfg(feature = "otel")]
    #[must_use]
    pub fn with_spans(mut self, spans: impl Into<Option<super::SpanExporter>>) -> Self {
        self.spans = spans.into();
        self
    }
}

/// The records of a server, and its metrics.
pub(super) struct Books {
    pub(super) counts: Counts,
    pub(super) ledger: Ledger,
    records: Records,
    /// By key: the time of the last written refusal, and the number of suppressed ones since.
    refusals: Mutex<BTreeMap<String, (Instant, u64)>>,
}

impl Books {
    pub(super) fn new(records: Records) -> Self {
        Self {
            counts: Counts::new(),
            ledger: records.usage.as_ref().map(UsageFile::ledger).unwrap_or_default(),
            records,
            refusals: Mutex::default(),
        }
    }

    /// Whether the cost of a response is recorded, apart from its key's own limit.
    pub(super) fn want_costs(&self) -> bool {
        #[cfg(feature = "otel")]
        if self.records.spans.is_some() {
            return true;
        }
        self.records.audit.is_some()
    }

    /// Records a finished request.
    pub(super) fn keep(&self, mut record: Record) {
        let key = record.key.as_deref().unwrap_or(NO_KEY);
        self.counts.request(key, record.dialect, record.outcome);
        #[cfg(feature = "otel")]
        if let Some(spans) = &self.records.spans {
            spans.push(&record);
        }
        let Some(audit) = &self.records.audit else {
            return;
        };
        if record.is_refused() {
            match self.repeated(key) {
                Some(repeated) => record.repeated = repeated,
                None => return,
            }
        }
        audit.record(&record);
    }

    /// The number of suppressed refusals of a key since the last written one; `None` if this one is suppressed too.
    fn repeated(&self, key: &str) -> Option<u64> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match refusals.get_mut(key) {
            Some((last, left_out)) if now.duration_since(*last) < REFUSALS => {
                *left_out += 1;
                None
            }
            Some((last, left_out)) => {
                *last = now;
                Some(std::mem::take(left_out))
            }
            None => {
                refusals.insert(key.to_owned(), (now, 0));
                Some(0)
            }
        }
    }

    pub(super) fn audit(&self) -> Option<AuditState> {
        self.records.audit.as_ref().map(Audit::state)
    }

    pub(super) fn is_usage_kept(&self) -> bool {
        self.records.usage.as_ref().is_none_or(UsageFile::is_well)
    }

    /// Reopens files, which may have been rotated externally.
    pub(super) fn reopen(&self) {
        if let Some(audit) = &self.records.audit {
            audit.reopen();
        }
    }

    /// Flushes all records. May wait for a disk.
    pub(super) fn flush(&self) {
        if let Some(audit) = &self.records.audit {
            audit.flush();
        }
        if let Some(usage) = &self.records.usage {
            usage.flush();
        }
        #[cfg(feature = "otel")]
        if let Some(spans) = &self.records.spans {
            spans.flush();
        }
    }
}
