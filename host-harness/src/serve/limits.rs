//! What the server takes on. Each limit is a setting; the limits of one request to the plugin are the sandbox's.

use std::time::Duration;

/// The limits of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// `serve-max-body-bytes`: the largest request.
    pub body_bytes: usize,
    /// `serve-body-timeout-ms`: the longest pause within a request's headers or body.
    pub body_timeout: Duration,
    /// `serve-max-concurrent`: answers on their way at once.
    pub concurrent: usize,
    /// `serve-send-timeout-ms`: how long a client may leave a stream unread.
    pub send_timeout: Duration,
    /// `serve-status-wait-ms`: how long a streaming response waits for its first event, so that an error before it has
    /// a status of its own. Then 200 is sent, and an error is an event.
    pub status_wait: Duration,
    /// `serve-heartbeat-ms`: how often a stream in which nothing else comes sends a comment.
    pub heartbeat: Duration,
    /// `serve-refresh-ms`: how old the list of models may get.
    pub refresh: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            body_bytes: 32 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            concurrent: 256,
            send_timeout: Duration::from_secs(60),
            status_wait: Duration::from_secs(2),
            heartbeat: Duration::from_secs(5),
            refresh: Duration::from_secs(60 * 60),
        }
    }
}

impl ServeLimits {
    /// The setting names, for help and for typing errors.
    pub const NAMES: [&'static str; 7] = [
        "serve-max-body-bytes",
        "serve-body-timeout-ms",
        "serve-max-concurrent",
        "serve-send-timeout-ms",
        "serve-status-wait-ms",
        "serve-heartbeat-ms",
        "serve-refresh-ms",
    ];

    /// Sets the limit of this setting name; `None` if there is no such limit.
    pub(crate) fn set(&mut self, name: &str, value: u32) -> Option<()> {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        let time = Duration::from_millis(value.into());
        match name {
            "serve-max-body-bytes" => self.body_bytes = size,
            "serve-body-timeout-ms" => self.body_timeout = time,
            "serve-max-concurrent" => self.concurrent = size,
            "serve-send-timeout-ms" => self.send_timeout = time,
            "serve-status-wait-ms" => self.status_wait = time,
            "serve-heartbeat-ms" => self.heartbeat = time,
            "serve-refresh-ms" => self.refresh = time,
            _ => return None,
        }
        Some(())
    }
}
