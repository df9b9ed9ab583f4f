//! How much a registry may send, and how long it may take.

use std::time::Duration;

/// The limits of one pull.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest layer in bytes.
    pub layer_bytes: u64,
    /// For a connection, handshake included.
    pub connect: Duration,
    /// Between two parts of a response.
    pub idle: Duration,
    /// For all requests of one pull together.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            layer_bytes: 256 * 1024 * 1024,
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
        }
    }
}
