//! The store: one SQLite file, one writer, every batch one transaction.
//!
//! Writes wait in a bounded queue; whoever comes first takes the connection and drains the queue into one transaction. While
//! the disk takes that one in, the next is worked on. Nobody who relies on the disk is answered before it has.

mod audit;
mod backfill;
mod batch;
mod cancel;
mod claim;
mod claimed;
mod counts;
mod depth;
mod image;
mod import;
mod insert;
mod lane;
mod ledger;
mod list;
mod lock;
mod log;
mod memory;
mod migrate;
mod moment;
mod newest;
mod open;
mod overtake;
mod pause;
mod purge;
mod reader;
mod recall;
mod replay;
mod retry;
mod roll;
mod room;
mod round;
mod seen;
mod settle;
mod standing;
mod statement;
mod status;
mod strip;
mod survey;
mod unfold;
mod vacuum;
mod waiver;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};

pub use audit::By;
pub use cancel::Cancelled;
pub use claim::{Claimed, Want};
pub use counts::Counts;
pub use depth::{Depth, Depths};
pub use insert::{Aside, Bounds, Inserted, Intake};
pub use list::{AttemptRow, DeliveryRow, Filter, JobRow, VerdictRow};
pub use moment::{Brought, Moment, RowCounts};
pub use pause::{ALL, PausedRow};
pub use purge::{Purged, Retention};
pub use replay::Replayed;
pub use retry::Retried;
pub use room::Room;
pub use round::Keep;
pub use settle::{Attempt, Settled};
pub use standing::Subject;
pub use status::Status;
pub use survey::{Looked, SurveyRow};
pub use vacuum::{Vacuum, Vacuumed};
pub use waiver::Revoked;

use batch::{Batch, Until};
use lock::Lock;
use pause::Paused;
use reader::Reader;
use recall::Recall;
use room::Look;
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
    recall: Recall,
    look: Arc<Look>,
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
    #[error(
        "{path} is gone or empty, and it was a store: put it back, or a backup (scanrelay store import); to begin anew, remove {path}.lock"
    )]
    Missing { path: String },
    #[error("{path} is read-only: let this user write to the file and to its folder")]
    ReadOnly { path: String },
    #[error(
        "{path} is damaged: {cause}; scanrelay store check says more; move it away and put a backup there (scanrelay store import)"
    )]
    Damaged { path: String, cause: String },
    #[error("{path} is of version {from} and could not be migrated: {cause}; it is as it was")]
    NotMigrated { path: String, from: i64, cause: String },
    #[error("there is no store at {path}: start scanrelay serve, or name the right --config")]
    NotThere { path: String },
    #[error("{path} is of version {found}: start scanrelay serve once, which migrates it")]
    Older { path: String, found: i64 },
    #[error("the export could not be written: {0}")]
    NotWritten(std::io::Error),
    #[error("{path} holds something: an import makes a new store; move this one away first")]
    NotEmpty { path: String },
    #[error("nothing was imported: {0}")]
    NotImported(String),
    #[error("the store failed: {0}{cure}", cure = cure(.0))]
    Sqlite(rusqlite::Error),
    #[error("the store's commit failed: {0}")]
    Commit(String),
    #[error("nothing more is stored: {0}")]
    Refused(String),
    #[error("the store holds what cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the store was closed in the middle of a write")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What helps, where something does.
fn cure(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            ": it is damaged; stop scanrelay, and see scanrelay store check"
        }
        Some(ErrorCode::DiskFull) => ": make room on its disk",
        _ => "",
    }
}

impl Store {
    /// Opens or makes the file, takes its lock, and voids the leases that a killed predecessor left.
    pub async fn open(path: &Path, queue: usize) -> Result<Self, StoreError> {
        let (look, at) = (Look::new(path), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || open::open(&at)).await.map_err(|_| StoreError::Closed)??;
        let counts = opened.file.memory.counts();
        let writer = Writer::new(opened.file, opened.log, opened.backfill, queue);
        Ok(Self {
            counts,
            recall: Recall::begin(path, opened.keys_known, &writer),
            writer,
            reader: Reader::new(opened.read),
            id: opened.id.into(),
            paused: opened.paused,
            look: Arc::new(look),
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

    /// Whether the file may grow: on a full disk it may not.
    #[cfg(test)]
    pub async fn may_grow(&self, may: bool) -> Result<(), StoreError> {
        let most = if may { 0xffff_fffe_u32 } else { 1 };
        self.commit(move |connection| {
            let query = format!("pragma max_page_count = {most}");
            Ok(connection.query_row(&query, [], |row| row.get::<_, i64>(0)).map(drop)?)
        })
        .await
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

    /// Looks at the file as it is.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.reader.read(work).await
    }

    /// Looks at it when the jobs of all that has come are made.
    async fn read_unfolded<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.unfolded().await;
        self.read(work).await
    }
}

#[cfg(test)]
mod tests;
