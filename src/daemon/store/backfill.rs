//! What is committed goes from the write-ahead log into the file, beside the writer.
//!
//! SQLite would do it within a COMMIT, and all who wait for that one would wait for some thousand pages more. Here most of it
//! is done while the writer goes on, and only what has come meanwhile while it stands: then the log begins anew.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// 4 MiB: pages that every batch changes are copied into the file once for many batches, and not so many at once that the
/// disk, busy with them, keeps a batch waiting.
const PAGES: u32 = 512;
/// After one that failed, or that somebody's long look at the file kept from its end.
const AGAIN: u32 = 128;

/// So many pages are copied while the writer stands.
const FEW: u32 = 32;
/// Times before that.
const MOST: u32 = 4;

pub(super) struct Backfill {
    connection: Mutex<Connection>,
    /// How long the log is, as the writer's last COMMIT left it.
    log: Arc<AtomicU32>,
    /// How long it is to be next time.
    due: AtomicU32,
}

impl Backfill {
    /// For the file at this path, which that connection writes.
    pub(super) fn new(path: &Path, writer: &mut Connection) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "normal")?;
        let log = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&log);
        writer.wal_hook(Some(move |_: &mut Wal, pages: i32| {
            told.store(u32::try_from(pages).unwrap_or(0), Relaxed);
            Ok(())
        }))?;
        Ok(Self { connection: Mutex::new(connection), log, due: AtomicU32::new(PAGES) })
    }

    /// Whether it is time. Who hears so has to [`run`](Self::run) it: nobody else hears it before it has grown further.
    pub(super) fn is_due(&self) -> bool {
        let (log, due) = (self.log.load(Relaxed), self.due.load(Relaxed));
        let is_due = log >= due;
        if is_due {
            self.due.store(log.saturating_add(AGAIN), Relaxed);
        } else if log < PAGES {
            // It has begun anew since.
            self.due.store(PAGES, Relaxed);
        }
        is_due
    }

    /// Copies what there is beside the writer, again and again, since each time there is less of it; what is left at last,
    /// while `writer` is held, whatever it is. What fails is tried again when the log has grown: nothing is lost meanwhile.
    pub(super) fn run<W>(&self, writer: impl FnOnce() -> W) -> Result<(), rusqlite::Error> {
        let connection = match self.connection.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody is at it.
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        for _ in 0..MOST {
            let copied = copy(&connection)?;
            if self.log.load(Relaxed).saturating_sub(copied) <= FEW {
                break;
            }
        }
        let held = writer();
        copy(&connection)?;
        drop(held);
        Ok(())
    }
}

/// How many pages of the log are in the file now.
fn copy(connection: &Connection) -> Result<u32, rusqlite::Error> {
    let copied: i64 = connection.query_row("pragma wal_checkpoint(passive)", [], |row| row.get(2))?;
    Ok(u32::try_from(copied).unwrap_or(0))
}
