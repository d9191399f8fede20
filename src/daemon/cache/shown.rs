//! How the caches stand, for whoever looks on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};

/// The caches that are kept up to date. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Caches(Arc<Mutex<BTreeMap<String, CacheRow>>>);

/// One plugin's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheRow {
    pub plugin: String,
    /// When it was last brought up to date, by the wall clock. `None`: never, and nothing is scanned with it.
    pub updated_at: Option<Timestamp>,
    /// Why that went wrong since.
    pub failure: Option<String>,
}

impl Caches {
    pub fn show(&self, row: CacheRow) {
        self.lock().insert(row.plugin.clone(), row);
    }

    /// Only these plugins' are kept up to date.
    pub fn keep(&self, plugins: impl Fn(&str) -> bool) {
        self.lock().retain(|plugin, _| plugins(plugin));
    }

    pub fn rows(&self) -> Vec<CacheRow> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, CacheRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
