//! How far a plugin was confined while it ran.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In one word, or with what was missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandboxed {
    Fully,
    /// And what it could do all the same.
    Partly(Vec<String>),
    Off,
}

impl fmt::Display for Sandboxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fully => f.write_str("fully"),
            Self::Partly(missing) => write!(f, "partly: {}", missing.join(", and ")),
            Self::Off => f.write_str("off"),
        }
    }
}
