//! The limits of the server. Each limit is a setting; the limits of one request to the plugin belong to the
//! sandbox.

use std::time::Duration;

use model_provider_host::Settings;

/// The limits of a server.
///
/// ```
/// use model_provider_host::Settings;
/// use model_server::{SETTINGS, ServeLimits};
///
/// let mut settings = Settings::declaring(SETTINGS);
/// settings.set("serve-max-concurrent", "7")?;
/// assert_eq!(ServeLimits::of(&settings).concurrent, 7);
/// # Ok::<(), model_provider_host::settings::SettingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServeLimits {
    /// `serve-max-body-bytes`: the size of one request body.
    pub body_bytes: usize,
    /// `serve-max-total-body-bytes`: the bodies of all requests in flight, together. The first 64 KiB of each are
    /// not counted.
    pub total_body_bytes: usize,
    /// `serve-head-timeout-ms`: the timeout of a request's head; also the idle timeout of a connection.
    pub head_timeout: Duration,
    /// `serve-body-timeout-ms`: the longest pause within a request's body.
    pub body_timeout: Duration,
    /// `serve-body-deadline-ms`: the deadline of a complete body.
    pub body_deadline: Duration,
    /// `serve-min-body-rate`: the minimum average rate of a body in bytes per second, after its first ten seconds.
    pub body_rate: usize,
    /// `serve-max-connections`: concurrent connections.
    pub connections: usize,
    /// `serve-max-connections-per-address`: concurrent connections of one client address.
    pub connections_per_address: usize,
    /// `serve-max-concurrent`: concurrent responses.
    pub concurrent: usize,
    /// `serve-send-timeout-ms`: how long a client may leave a response unread before its connection is closed.
    pub send_timeout: Duration,
    /// `serve-status-wait-ms`: how long a streaming response waits for its first event, so that an early error has
    /// its own status. After that, status 200 is sent, and an error is an event.
    pub status_wait: Duration,
    /// `serve-heartbeat-ms`: the interval of comments in an idle stream.
    pub heartbeat: Duration,
    /// `serve-refresh-ms`: the maximum age of the model list.
    pub refresh: Duration,
    /// `serve-reserved-output-tokens`: the reservation for the output of a request without an output limit.
    pub reserved_output: u32,
    /// `serve-audit-max-bytes`: the size limit of a file of the audit log.
    pub audit_bytes: u32,
    /// `serve-audit-max-files`: the number of files of the audit log.
    pub audit_files: u32,
    /// `serve-drain-delay-ms`: how long a server that shuts down still accepts requests, while `/readyz` reports
    /// `draining`.
    pub drain_delay: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            body_bytes: 32 * 1024 * 1024,
            total_body_bytes: 256 * 1024 * 1024,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            body_deadline: Duration::from_secs(120),
            body_rate: 1024,
            connections: 1024,
            connections_per_address: 512,
            concurrent: 256,
            send_timeout: Duration::from_secs(60),
            status_wait: Duration::from_secs(2),
            heartbeat: Duration::from_secs(5),
            refresh: Duration::from_secs(60 * 60),
            reserved_output: 4096,
            audit_bytes: 64 * 1024 * 1024,
            audit_files: 10,
            drain_delay: Duration::ZERO,
        }
    }
}

impl ServeLimits {
    /// The setting names, for help and for typing errors.
    pub const NAMES: [&'static str; 17] = [
        "serve-max-body-bytes",
        "serve-max-total-body-bytes",
        "serve-head-timeout-ms",
        "serve-body-timeout-ms",
        "serve-body-deadline-ms",
        "serve-min-body-rate",
        "serve-max-connections",
        "serve-max-connections-per-address",
        "serve-max-concurrent",
        "serve-send-timeout-ms",
        "serve-status-wait-ms",
        "serve-heartbeat-ms",
        "serve-refresh-ms",
        "serve-reserved-output-tokens",
        "serve-audit-max-bytes",
        "serve-audit-max-files",
        "serve-drain-delay-ms",
    ];

    /// The limits that settings hold.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let mut limits = Self::default();
        for (name, value) in settings.declared.iter() {
            // Checked when it was set.
            let _ = value.parse().map(|value| limits.set(name, value));
        }
        limits
    }

    /// Checks the value of one.
    pub(crate) fn check(value: &str) -> Result<(), &'static str> {
        match value.parse::<u32>() {
            Ok(1..) => Ok(()),
            _ => Err("a whole number above 0"),
        }
    }

    /// Sets the limit of this setting name; `None` if there is no such limit.
    pub(crate) fn set(&mut self, name: &str, value: u32) -> Option<()> {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        let time = Duration::from_millis(value.into());
        match name {
            "serve-max-body-bytes" => self.body_bytes = size,
            "serve-max-total-body-bytes" => self.total_body_bytes = size,
            "serve-head-timeout-ms" => self.head_timeout = time,
            "serve-body-deadline-ms" => self.body_deadline = time,
            "serve-min-body-rate" => self.body_rate = size,
            "serve-max-connections" => self.connections = size,
            "serve-max-connections-per-address" => self.connections_per_address = size,
            "serve-body-timeout-ms" => self.body_timeout = time,
            "serve-max-concurrent" => self.concurrent = size,
            "serve-send-timeout-ms" => self.send_timeout = time,
            "serve-status-wait-ms" => self.status_wait = time,
            "serve-heartbeat-ms" => self.heartbeat = time,
            "serve-refresh-ms" => self.refresh = time,
            "serve-reserved-output-tokens" => self.reserved_output = value,
            "serve-audit-max-bytes" => self.audit_bytes = value,
            "serve-audit-max-files" => self.audit_files = value,
            "serve-drain-delay-ms" => self.drain_delay = time,
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let mut limits = ServeLimits::default();
        assert!(
            ServeLimits::NAMES
                .iter()
                .all(|name| limits.set(name, 1).is_some())
        );
        assert!(ServeLimits::check("0").is_err());
    }
}
