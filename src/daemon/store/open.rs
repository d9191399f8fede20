//! Opening the file: its lock, its settings, its schema.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;
use super::memory::Memory;
use super::pause::Paused;
use super::writer::{self, Written};

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 2;
/// "scnr", so that `file` and we know the format.
const APPLICATION_ID: i64 = 0x7363_6e72;

/// Held for as long as the store is open: one owner per file. The kernel lets go of it whatever way we end.
pub(super) struct Lock {
    _file: File,
}

pub(super) struct Opened {
    pub(super) file: Written,
    pub(super) log: File,
    pub(super) read: Connection,
    pub(super) id: String,
    pub(super) paused: Paused,
    pub(super) lock: Lock,
}

pub(super) fn open(path: &Path) -> Result<Opened, StoreError> {
    let lock = lock(path)?;
    let cannot = |cause: String| StoreError::Open { path: path.display().to_string(), cause };
    let write = Connection::open(path).map_err(|error| cannot(error.to_string()))?;
    // Looked at before anything is set: a file that is not ours stays as it is.
    let new = is_new(&write, path)?;
    prepare(&write).map_err(|error| cannot(error.to_string()))?;
    if new {
        create(&write)?;
    }
    let id = write.query_row("select value from meta where key = 'store_id'", [], |row| row.get(0))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = Connection::open_with_flags(path, flags)?;
    read.busy_timeout(Duration::from_secs(5))?;
    // One owner per file: whoever held a lease is gone, and the attempt stays counted.
    write.execute("update job set due_at = claimed_at, claimed_at = null where claimed_at is not null", [])?;
    let memory = Memory::load(&write)?;
    let paused = Paused::load(&write)?;
    let log = writer::log(path).map_err(|error| cannot(format!("its write-ahead log: {error}")))?;
    Ok(Opened { file: Written { connection: write, memory }, log, read, id, paused, lock })
}

fn lock(path: &Path) -> Result<Lock, StoreError> {
    let beside = with_suffix(path, ".lock");
    let open =
        |cause: std::io::Error| StoreError::Open { path: beside.display().to_string(), cause: cause.to_string() };
    let file = File::options().create(true).truncate(false).write(true).open(&beside).map_err(open)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.display().to_string() }),
        Err(std::fs::TryLockError::Error(error)) => Err(open(error)),
    }
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.set_prepared_statement_cache_capacity(64);
    // Only a new file takes it. Deliveries are of some KiB and come in batches: half as many pages, half as many writes.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A COMMIT does not wait for the disk: the writer does, for several at once, and works on the next one meanwhile.
    connection.pragma_update(None, "synchronous", "normal")?;
    // 16 MiB: pages that every batch changes are copied into the file once for many batches.
    connection.pragma_update(None, "wal_autocheckpoint", 2048)?;
    connection.pragma_update(None, "foreign_keys", "on")?;
    connection.pragma_update(None, "cache_size", -4096)
}

/// Whether the file is empty; an error unless it is that or a store of this version.
fn is_new(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let name = path.display().to_string();
    let looked = look(connection).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: name.clone() },
        _ => StoreError::Open { path: name.clone(), cause: error.to_string() },
    })?;
    match looked {
        (APPLICATION_ID, SCHEMA_VERSION, _) => Ok(false),
        (APPLICATION_ID, found, _) => Err(StoreError::TooNew { path: name, found, known: SCHEMA_VERSION }),
        (0, 0, false) => Ok(true),
        _ => Err(StoreError::Foreign { path: name }),
    }
}

/// The application, the version, and whether there is any table.
fn look(connection: &Connection) -> Result<(i64, i64, bool), rusqlite::Error> {
    connection.busy_timeout(Duration::from_secs(5))?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get(0));
    let tables = "select exists (select 1 from sqlite_schema where type = 'table')";
    Ok((number("pragma application_id")?, number("pragma user_version")?, number(tables)? != 0))
}

fn create(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(&format!(
        "begin immediate;
         {SCHEMA}
         insert into meta values ('store_id', lower(hex(randomblob(8))));
         pragma application_id = {APPLICATION_ID};
         pragma user_version = {SCHEMA_VERSION};
         commit;"
    ))?;
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
