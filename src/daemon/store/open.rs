//! Opening the file: its lock, whose it is, its schema, its settings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::backfill::Backfill;
use super::lock::Lock;
use super::log::Log;
use super::memory::Memory;
use super::migrate::migrate;
use super::pause::Paused;
use super::writer::Written;
use super::{StoreError, recall};

const SCHEMA: &str = include_str!("schema.sql");
pub(super) const SCHEMA_VERSION: i64 = 7;
/// "scnr", so that `file` and we know the format.
const APPLICATION_ID: i64 = 0x7363_6e72;

pub(super) struct Opened {
    pub(super) file: Written,
    pub(super) log: Log,
    pub(super) backfill: Backfill,
    /// Whether the memory knows the keys of what has come.
    pub(super) keys_known: bool,
    pub(super) read: Connection,
    pub(super) id: String,
    pub(super) paused: Paused,
    pub(super) lock: Lock,
}

/// What is at the path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or a file without anything in it.
    Nothing,
    /// A store of ours, of this version.
    Version(i64),
}

pub(super) fn open(path: &Path) -> Result<Opened, StoreError> {
    let mut lock = Lock::take(path)?;
    if lock.marks_a_store() && is_empty(path) {
        return Err(StoreError::Missing { path: path.display().to_string() });
    }
    let opened = open_locked(path).map_err(|error| told(error, path, &lock))?;
    let (mut write, id, suspects) = opened;
    lock.mark(&id)?;
    let damaged = |error: rusqlite::Error| told(error.into(), path, &lock);
    let mut memory = Memory::load(&write, suspects).map_err(damaged)?;
    let keys_known = recall::are_few(&write).map_err(damaged)?;
    if keys_known {
        memory.recall(recall::seen(&write).map_err(damaged)?);
    }
    let paused = Paused::load(&write)?;
    let read = read_only(path)?;
    let backfill = Backfill::new(path, &mut write)?;
    let cannot = |cause: String| StoreError::Open { path: path.display().to_string(), cause };
    let log = Log::open(path).map_err(|error| cannot(format!("its write-ahead log: {error}")))?;
    Ok(Opened { file: Written { connection: write, memory }, log, backfill, keys_known, read, id, paused, lock })
}

/// The connection, the store's id, and the runs that may have killed the last daemon.
fn open_locked(path: &Path) -> Result<(Connection, String, BTreeSet<i64>), StoreError> {
    let cannot = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Sqlite(error),
        _ => StoreError::Open { path: path.display().to_string(), cause: error.to_string() },
    };
    let write = Connection::open(path).map_err(cannot)?;
    // Looked at before anything is set: a file that is not ours stays as it is.
    let found = look(&write, path)?;
    if write.is_readonly(MAIN_DB)? {
        return Err(StoreError::ReadOnly { path: path.display().to_string() });
    }
    if let Found::Version(version) = found
        && version < SCHEMA_VERSION
    {
        migrate(&write, path, version)?;
    }
    prepare(&write).map_err(cannot)?;
    if found == Found::Nothing {
        create(&write)?;
    }
    let id = write.query_row("select value from meta where key = 'store_id'", [], |row| row.get(0))?;
    let suspects = suspects(&write)?;
    // One owner per file: whoever held a lease is gone, and the attempt stays counted.
    write.execute("update job set due_at = claimed_at, claimed_at = null where claimed_at is not null", [])?;
    Ok((write, id, suspects))
}

/// Runs in which a daemon died, not for the first time: every claim that ended otherwise has left its attempt.
fn suspects(connection: &Connection) -> Result<BTreeSet<i64>, rusqlite::Error> {
    let query = "select id from job where claimed_at is not null and phase = 'run'
                    and token - (select count(*) from attempt where attempt.job = job.id) > 1";
    connection.prepare(query)?.query_map([], |row| row.get(0))?.collect()
}

/// A file that held a store once and is none any more was damaged, not put there by somebody else.
fn told(error: StoreError, path: &Path, lock: &Lock) -> StoreError {
    let damaged = |cause: &str| StoreError::Damaged { path: path.display().to_string(), cause: cause.to_owned() };
    match error {
        StoreError::Foreign { .. } if lock.marks_a_store() => damaged("it is no store any more"),
        StoreError::Sqlite(error)
            if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) =>
        {
            damaged(&error.to_string())
        }
        error => error,
    }
}

fn is_empty(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() == 0) || !path.exists()
}

/// A connection that cannot write, beside whoever owns the file.
pub(super) fn read_only(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = Connection::open_with_flags(path, flags)?;
    read.busy_timeout(Duration::from_secs(5))?;
    Ok(read)
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.set_prepared_statement_cache_capacity(64);
    // Only a new file takes these two. Deliveries are of some KiB and come in batches: half as many pages, half as many
    // writes. Pages that retention has emptied can be given back.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A COMMIT does not wait for the disk: the writer does, for several at once, and works on the next one meanwhile.
    connection.pragma_update(None, "synchronous", "normal")?;
    // A log that has grown beyond that, while somebody read for long, is cut to it.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "foreign_keys", "on")?;
    connection.pragma_update(None, "cache_size", -4096)
}

/// What the file is; an error when it is not ours or newer than we are.
pub(super) fn look(connection: &Connection, path: &Path) -> Result<Found, StoreError> {
    let name = path.display().to_string();
    let facts = facts(connection).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: name.clone() },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Sqlite(error),
        _ => StoreError::Open { path: name.clone(), cause: error.to_string() },
    })?;
    match facts {
        (APPLICATION_ID, found, _) if found > SCHEMA_VERSION => {
            Err(StoreError::TooNew { path: name, found, known: SCHEMA_VERSION })
        }
        (APPLICATION_ID, found, _) => Ok(Found::Version(found)),
        (0, 0, false) => Ok(Found::Nothing),
        _ => Err(StoreError::Foreign { path: name }),
    }
}

/// The application, the version, and whether there is any table.
fn facts(connection: &Connection) -> Result<(i64, i64, bool), rusqlite::Error> {
    connection.busy_timeout(Duration::from_secs(5))?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get(0));
    let tables = "select exists (select 1 from sqlite_schema where type = 'table')";
    Ok((number("pragma application_id")?, number("pragma user_version")?, number(tables)? != 0))
}

pub(super) fn create(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(&format!(
        "begin immediate;
         {SCHEMA}
         insert into meta values ('store_id', lower(hex(randomblob(8)))), ('unfolded_to', '0');
         pragma application_id = {APPLICATION_ID};
         pragma user_version = {SCHEMA_VERSION};
         commit;"
    ))?;
    Ok(())
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
