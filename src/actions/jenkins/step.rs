//! The steps of a run, as its checkpoint keeps them: see [`Kept`](crate::kept::Kept).

use serde::{Deserialize, Serialize};

/// One step of a run. Each is stored before what it stands for is relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// It is about to be triggered, or was: nobody knows. Its build will have this number or a higher one.
    Intent { next: u64 },
    /// Jenkins has it in its queue.
    Queued { queue: u64, next: u64 },
    /// It is this build.
    Building { build: u64 },
    /// It was triggered, and is not followed: nobody asked for that, or nobody can.
    Triggered,
}
