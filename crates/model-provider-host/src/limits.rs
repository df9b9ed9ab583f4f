//! The limits of one request of a guest. Every limit has a name, which is also the name of its setting.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::sandbox::memory::{MemoryBudget, TOTAL};

/// The limits of one request. Each store gets its own.
///
/// ```
/// use model_provider_host::{Limits, Settings};
///
/// let mut settings = Settings::default();
/// settings.set("max-guest-time-ms", "500")?;
/// assert_eq!(settings.limits.guest_time.as_millis(), 500);
/// assert!(Limits::NAMES.contains(&"max-guest-time-ms"));
/// # Ok::<(), model_provider_host::settings::SettingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// `max-memory-bytes`: linear memory, all memories together.
    pub memory_bytes: usize,
    /// `max-total-memory-bytes`: linear memory of all requests in flight, together. Shared by the whole sandbox, so
    /// a host refuses a limit above the sandbox's own.
    pub total_memory_bytes: usize,
    /// `max-table-elements`: elements of one table.
    pub table_elements: usize,
    /// `max-instances`: core instances; also bounds memories and tables.
    pub instances: usize,
    /// `max-guest-time-ms`: guest time: making its instance, its code, and the host functions that it calls;
    /// waits do not count.
    pub guest_time: Duration,
    /// `max-wall-clock-ms`: time from the first call to the end of the response.
    pub wall_clock: Duration,
    /// `max-request-bytes`: bytes of one request body.
    pub request_bytes: u64,
    /// `max-response-bytes`: bytes of one response body.
    pub response_bytes: u64,
    /// `max-open-requests`: concurrent HTTP requests.
    pub open_requests: usize,
    /// `max-requests`: HTTP requests that one call may start, retries included.
    pub requests: usize,
    /// `max-http-fields-bytes`: one set of headers, as wasmtime counts it.
    pub http_fields_bytes: usize,
    /// `max-resources`: handles that a guest may hold.
    pub resources: usize,
    /// `max-hostcall-bytes`: bytes that one call may carry from the guest to the host.
    pub hostcall_bytes: usize,
    /// `max-events`: events of one response.
    pub events: u64,
    /// `max-stack-bytes`: the guest's stack. Fixed when the sandbox's engine is made; a host refuses a limit above
    /// the sandbox's own.
    pub stack_bytes: usize,
}

/// Sixteen requests of the largest size, or two thousand that wait.
const TOTAL_MEMORY: usize = 2 * 1024 * 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            memory_bytes: 128 * MIB,
            total_memory_bytes: TOTAL_MEMORY,
            table_elements: 10_000,
            instances: 16,
            guest_time: Duration::from_secs(2),
            wall_clock: Duration::from_secs(15 * 60),
            request_bytes: 64 * MIB as u64,
            response_bytes: 64 * MIB as u64,
            open_requests: 8,
            requests: 16,
            http_fields_bytes: 128 * 1024,
            resources: 256,
            hostcall_bytes: 80 * MIB,
            events: 1_000_000,
            stack_bytes: 512 * 1024,
        }
    }
}

impl Limits {
    /// Sets the limit of this setting name; `None` if there is no such limit.
    pub(crate) fn set(&mut self, name: &str, value: u64) -> Option<()> {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        let time = Duration::from_millis(value);
        match name {
            "max-memory-bytes" => self.memory_bytes = size,
            TOTAL => self.total_memory_bytes = size,
            "max-table-elements" => self.table_elements = size,
            "max-instances" => self.instances = size,
            "max-guest-time-ms" => self.guest_time = time,
            "max-wall-clock-ms" => self.wall_clock = time,
            "max-request-bytes" => self.request_bytes = value,
            "max-response-bytes" => self.response_bytes = value,
            "max-open-requests" => self.open_requests = size,
            "max-requests" => self.requests = size,
            "max-http-fields-bytes" => self.http_fields_bytes = size,
            "max-resources" => self.resources = size,
            "max-hostcall-bytes" => self.hostcall_bytes = size,
            "max-events" => self.events = value,
            "max-stack-bytes" => self.stack_bytes = size,
            _ => return None,
        }
        Some(())
    }

    /// The setting names, for help and for typing errors.
    pub const NAMES: [&'static str; 15] = [
        "max-memory-bytes",
        TOTAL,
        "max-table-elements",
        "max-instances",
        "max-guest-time-ms",
        "max-wall-clock-ms",
        "max-request-bytes",
        "max-response-bytes",
        "max-open-requests",
        "max-requests",
        "max-http-fields-bytes",
        "max-resources",
        "max-hostcall-bytes",
        "max-events",
        "max-stack-bytes",
    ];
}

/// Why the host stopped or blocked something, recorded where it happened. The guest sees only that it failed; the
/// host replaces the guest's own error with this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A limit of this name was reached.
    Limit {
        /// The setting that raises it.
        name: &'static str,
        /// What happened, with the figure.
        message: String,
    },
    /// The egress policy blocked a request; the text is for the operator.
    Denied {
        /// What was blocked.
        message: String,
        /// How to allow it.
        hint: String,
    },
    /// A connection failure. It replaces the guest's error only if the guest fails for that reason.
    Unconnected {
        /// Why.
        message: String,
        /// What to do about it.
        hint: String,
    },
}

/// wasmtime's resource limiter for memory and tables, summing over all memories of the store.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_limit: usize,
    total_limit: usize,
    table_limit: usize,
    instances: usize,
    memory_used: usize,
    /// The memory budget of all guests; set once it is in a store.
    budget: Option<MemoryBudget>,
    /// The peak of all memories together, in bytes.
    pub(crate) memory_peak: usize,
    /// The first limit that was reached.
    pub(crate) reached: Option<StopReason>,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            total_limit: limits.total_memory_bytes,
            table_limit: limits.table_elements,
            instances: limits.instances,
            memory_used: 0,
            budget: None,
            memory_peak: 0,
            reached: None,
        }
    }

    /// Charges its growth to the memory budget of all guests.
    pub(super) fn share(&mut self, budget: MemoryBudget) {
        self.budget = Some(budget);
    }
}

impl Meter {
    /// All memories together at present, in bytes.
    pub(crate) fn memory_used(&self) -> usize {
        self.memory_used
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.give_back(self.memory_used);
        }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_used.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.reached.get_or_insert_with(|| StopReason::Limit {
                name: "max-memory-bytes",
                message: format!(
                    "the plugin requested {total} bytes of memory; the limit is {}",
                    self.memory_limit
                ),
            });
            return Ok(false);
        }
        if let Some(budget) = &self.budget
            && !budget.take(total - self.memory_used, self.total_limit)
        {
            let message = format!(
                "the plugin requested {} more bytes of memory; of {} for all requests together, {} are in use",
                total - self.memory_used,
                self.total_limit,
                budget.used()
            );
            self.reached
                .get_or_insert(StopReason::Limit { name: TOTAL, message });
            return Ok(false);
        }
        self.memory_used = total;
        self.memory_peak = self.memory_peak.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_limit {
            self.reached.get_or_insert_with(|| StopReason::Limit {
                name: "max-table-elements",
                message: format!(
                    "the plugin requested a table of {desired} elements; the limit is {}",
                    self.table_limit
                ),
            });
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}
