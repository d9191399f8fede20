//! From an older schema to ours: a copy beside the file, then step by step in one transaction.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tracing::info;

use super::StoreError;
use super::open::{SCHEMA_VERSION, with_suffix};

/// What leads from each version to the next, from version 1 on.
const STEPS: [&str; 6] = [
    include_str!("migrate/v2.sql"),
    include_str!("migrate/v3.sql"),
    include_str!("migrate/v4.sql"),
    include_str!("migrate/v5.sql"),
    include_str!("migrate/v6.sql"),
    include_str!("migrate/v7.sql"),
];
#[expect(clippy::cast_possible_wrap, reason = "there will not be that many")]
const _: () = assert!(STEPS.len() as i64 + 1 == SCHEMA_VERSION, "one step for each version but the first");

/// Brings a file of version `from` to ours. When it fails, the file is as it was and no copy is left, so that a daemon
/// which is started again and again does not fill the disk with copies.
pub(super) fn migrate(connection: &Connection, path: &Path, from: i64) -> Result<(), StoreError> {
    let failed = |cause: String| StoreError::NotMigrated { path: path.display().to_string(), from, cause };
    let Some(steps) = usize::try_from(from - 1).ok().and_then(|done| STEPS.get(done..)) else {
        return Err(failed("there is no such version".to_owned()));
    };
    let copy = copy(connection, path, from).map_err(|cause| failed(format!("no copy could be made: {cause}")))?;
    if let Err(error) = apply(connection, steps) {
        let _ = fs::remove_file(&copy);
        return Err(failed(error.to_string()));
    }
    info!(
        store = %path.display(), from, to = SCHEMA_VERSION, copy = %copy.display(),
        "the store was migrated; a copy of it as it was is kept"
    );
    Ok(())
}

/// A consistent copy, on disk, for this user alone.
fn copy(connection: &Connection, path: &Path, from: i64) -> Result<PathBuf, String> {
    let stamp: String = connection
        .query_row("select strftime('%Y%m%dT%H%M%SZ', 'now')", [], |row| row.get(0))
        .map_err(|error| error.to_string())?;
    let copy = with_suffix(path, &format!(".v{from}-{stamp}"));
    let name = copy.to_str().ok_or("its name is not UTF-8")?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy);
    let file = file.map_err(|error| format!("{name}: {error}"))?;
    let copied = connection
        .execute("vacuum into ?1", [name])
        .map_err(|error| format!("{name}: {error}"))
        .and_then(|_| on_disk(&file, &copy).map_err(|error| format!("{name}: {error}")));
    if copied.is_err() {
        let _ = fs::remove_file(&copy);
    }
    copied.map(|()| copy)
}

/// Waits until the file and its name are on disk.
pub(super) fn on_disk(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn apply(connection: &Connection, steps: &[&str]) -> Result<(), rusqlite::Error> {
    // Tables are made anew and take the old ones' names: what refers to them is looked at when all of them stand.
    connection.execute_batch("pragma foreign_keys = off; begin immediate")?;
    let applied = steps.iter().try_for_each(|step| connection.execute_batch(step)).and_then(|()| {
        let loose: i64 = connection.query_row("select count(*) from pragma_foreign_key_check", [], |row| row.get(0))?;
        if loose > 0 {
            return Err(rusqlite::Error::ToSqlConversionFailure(
                format!("{loose} rows refer to rows that are not there").into(),
            ));
        }
        connection.execute_batch(&format!("pragma user_version = {SCHEMA_VERSION}; commit"))
    });
    if applied.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("rollback");
    }
    applied
}
