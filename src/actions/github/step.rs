//! The steps of a run, as its checkpoint keeps them: see [`Kept`](crate::kept::Kept).

use serde::{Deserialize, Serialize};

/// One step of a run. Each is stored before what it stands for is relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// It is about to be dispatched, or was: nobody knows. Its run is younger than this one.
    Intent { after: u64 },
    /// GitHub has taken it, and its run is younger than this one.
    Dispatched { after: u64 },
    /// It is this run.
    Running { run: u64 },
}
