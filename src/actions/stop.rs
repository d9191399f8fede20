//! SIGTERM: the daemon's timeout, a person's cancel, or a shutdown. SIGKILL follows after `limits.kill_grace`.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears that the plugin is to stop.
pub struct Stop(Signal);

impl Stop {
    /// From here on SIGTERM ends nothing by itself.
    pub fn listen() -> Result<Self, String> {
        signal(SignalKind::terminate()).map(Self).map_err(|error| format!("SIGTERM cannot be heard: {error}"))
    }

    /// Returns when the plugin is to stop.
    pub async fn asked(&mut self) {
        self.0.recv().await;
    }
}
