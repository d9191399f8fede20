//! The steps of a run, as its checkpoint keeps them: see [`Kept`](crate::kept::Kept).

use serde::{Deserialize, Serialize};

/// One step of a run. Each is stored before what it stands for is relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// It was not called: that is certain.
    Open,
    /// It is about to be called, or was: nobody knows.
    Intent,
    /// It was, and this address says how it goes on.
    Begun { ask: String },
}
