//! What the launcher is told, as one argument: paths and numbers, nothing of a payload, no secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Bounds;
use super::probe::Kernel;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Orders {
    /// Begins a line of the launcher's on stderr.
    pub(super) marker: String,
    /// With less than this it does not go on.
    pub(super) kernel: Kernel,
    pub(super) bounds: Bounds,
    /// The number of the run's [`Mark`](super::super::mark::Mark).
    pub(super) mark: u64,
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    /// Where no link is trusted to lead out: what the plugin may have written to before this run, too.
    pub(super) own: Vec<PathBuf>,
    pub(super) network: bool,
    pub(super) local_sockets: bool,
    /// User and group.
    pub(super) user: Option<(u32, u32)>,
}

impl Orders {
    pub(super) fn write(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| format!("the cell's paths cannot be handed over: {error}"))
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}
