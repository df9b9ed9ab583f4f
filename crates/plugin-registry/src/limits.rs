//! Size limits and timeouts of the registry client.

use std::time::Duration;

/// The limits of one pull.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The size limit of the layer in bytes.
    pub layer_bytes: u64,
    /// The connect timeout, handshake included.
    pub connect: Duration,
    /// The timeout between two chunks of a response.
    pub idle: Duration,
    /// The timeout of all requests of one pull together.
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
