//! The one HTTP client of the function.

use std::time::Duration;

/// How long the other side may take. Without limits of its own, a call to a server that is stuck
/// lasts until Lambda kills the whole invocation, and pays for every second of it.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the connection to stand.
    pub connect: Duration,
    /// For the whole call, the connection included.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(500),
            total: Duration::from_secs(2),
        }
    }
}

/// Builds the client. Clones of it share one pool of connections.
pub fn build(timeouts: Timeouts) -> Result<reqwest::Client, reqwest::Error> {
    // An error means that a provider of cryptography is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .build()
}
