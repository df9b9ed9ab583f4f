//! What is kept of requests: accounts of keys, counts, the audit log. Knows no HTTP.

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

/// So often a refusal of the same key is written to the audit log; whoever is refused all the time must not push the
/// others' records out of it.
const REFUSALS: Duration = Duration::from_secs(1);

/// Where a server keeps records. Without them it keeps none but in memory.
#[derive(Debug, Default)]
pub struct Records {
    /// A line for each request.
    pub audit: Option<Audit>,
    /// What keys have used, over restarts.
    pub usage: Option<UsageFile>,
    /// Spans for a collector of traces.
    #[cfg(feature = "otel")]
    pub spans: Option<super::SpanExporter>,
}

/// The records of a server, and what is counted in memory.
pub(super) struct Books {
    pub(super) counts: Counts,
    pub(super) ledger: Ledger,
    records: Records,
    /// When a refusal of a key was written last, and how many were not since then.
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

    /// Whether anybody reads what a response cost, but for its key's own limit.
    pub(super) fn want_costs(&self) -> bool {
        #[cfg(feature = "otel")]
        if self.records.spans.is_some() {
            return true;
        }
        self.records.audit.is_some()
    }

    /// Takes the record of a request that is over.
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

    /// How many refusals of a key were not written since the last one that was; `None` if this is not to be either.
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

    /// Somebody may have put files aside.
    pub(super) fn reopen(&self) {
        if let Some(audit) = &self.records.audit {
            audit.reopen();
        }
    }

    /// Writes what is not written yet. May wait for a disk.
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
