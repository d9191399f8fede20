//! The store: one SQLite file, one writer, every batch one transaction.
//!
//! Writes wait in a bounded queue; whoever comes first takes the connection and drains the queue into one transaction. While
//! the disk takes that one in, the next is worked on. Nobody who relies on the disk is answered before it has.

mod audit;
mod batch;
mod cancel;
mod claim;
mod counts;
mod depth;
mod insert;
mod lane;
mod list;
mod memory;
mod open;
mod pause;
mod purge;
mod reader;
mod replay;
mod retry;
mod round;
mod seen;
mod settle;
mod statement;
mod status;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

pub use audit::By;
pub use cancel::Cancelled;
pub use claim::{Claimed, Want};
pub use counts::Counts;
pub use depth::{Depth, Depths};
pub use insert::{Bounds, Inserted, Intake};
pub use list::{AttemptRow, DeliveryRow, Filter, JobRow, VerdictRow};
pub use pause::{ALL, PausedRow};
pub use purge::{Purged, Retention};
pub use replay::Replayed;
pub use retry::Retried;
pub use round::Keep;
pub use settle::{Attempt, Settled};
pub use status::Status;

use batch::{Batch, Until};
use open::Lock;
use pause::Paused;
use reader::Reader;
use writer::Writer;

/// The store. Clones share the file.
#[derive(Clone)]
pub struct Store {
    writer: Writer,
    reader: Reader,
    counts: Arc<Counts>,
    /// Random, made with the file: run ids of different stores never clash.
    id: Arc<str>,
    paused: Paused,
    _lock: Arc<Lock>,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store's queue is full: {0} writes are waiting")]
    Busy(usize),
    #[error("{path} is in use by another scanrelay: stop it, or give this one a file of its own")]
    InUse { path: String },
    #[error("{path} cannot be opened: {cause}; check that the folder exists and that this user may write to it")]
    Open { path: String, cause: String },
    #[error("{path} has schema version {found}, this scanrelay knows up to {known}: install the newer scanrelay again")]
    TooNew { path: String, found: i64, known: i64 },
    #[error("{path} is no store of scanrelay: move it away or change store.url")]
    Foreign { path: String },
    #[error("the store failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the store's commit failed: {0}")]
    Commit(String),
    #[error(
        "the disk refused a write, and what it holds is not known ({0}): look after the disk, then restart scanrelay"
    )]
    Refused(String),
    #[error("the store holds what cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the store was closed in the middle of a write")]
    Closed,
}

impl Store {
    /// Opens or makes the file, takes its lock, and voids the leases that a killed predecessor left.
    pub async fn open(path: &Path, queue: usize) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open::open(&path)).await.map_err(|_| StoreError::Closed)??;
        Ok(Self {
            counts: opened.file.memory.counts(),
            writer: Writer::new(opened.file, opened.log, queue),
            reader: Reader::new(opened.read),
            id: opened.id.into(),
            paused: opened.paused,
            _lock: Arc::new(opened.lock),
        })
    }

    /// The store's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it has done since it was opened.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// For what somebody relies on: it is on disk when this has ended.
    fn write<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(Until::OnDisk, work)
    }

    /// For what is only done again when the machine dies in the next moment: it survives the end of this process.
    fn commit<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(Until::Committed, work)
    }

    /// Waits until all that is committed is on disk.
    pub async fn flushed(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(())).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.reader.read(work).await
    }
}

#[cfg(test)]
mod tests;
