//! Which plugins are not fed, for whoever looks on: their breaker has opened.

use std::sync::{Arc, Mutex, PoisonError};

use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};

/// The breakers that are open. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Breakers(Arc<Mutex<Vec<BreakerRow>>>);

/// A plugin that is not fed since it failed so often in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerRow {
    pub plugin: String,
    /// Since when.
    pub since: Timestamp,
    /// In a row, up to now.
    pub failures: u32,
    /// Why the last one failed.
    pub reason: String,
    /// When one job may try it again.
    pub probe_at: Timestamp,
}

impl Breakers {
    /// Those that are open now.
    pub fn set(&self, open: Vec<BreakerRow>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = open;
    }

    pub fn open(&self) -> Vec<BreakerRow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
