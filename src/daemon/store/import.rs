//! An export becomes a store: a new file, made beside its place and put there when it is whole and sound.

mod shape;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use scanrelay::Timestamp;
use serde_json::{Map, Value};

use super::audit::{By, audit};
use super::lock::Lock;
use super::migrate::on_disk;
use super::moment::{FORMAT, Header, ROWS, RowCounts, findings};
use super::open::{Found, SCHEMA_VERSION, create, look, read_only, with_suffix};
use super::{Store, StoreError};
use shape::Shape;

/// A payload of the largest size that a configuration allows, in base64, with what else is in its line.
const LONGEST_LINE: u64 = 128 << 20;

impl Store {
    /// Makes a store of an export, at a path where there is none, or one that holds nothing. Whatever is wrong with the
    /// export, nothing of it stays. `told` hears of the rows so far.
    pub fn import(
        path: &Path,
        from: &mut impl BufRead,
        by: &By,
        now: Timestamp,
        told: impl FnMut(u64),
    ) -> Result<RowCounts, StoreError> {
        let mut lock = Lock::take(path)?;
        holds_nothing(path)?;
        let made = with_suffix(path, ".import");
        let imported = make(&made, from, by, now, told).and_then(|imported| {
            put(&made, path).map_err(|error| StoreError::NotImported(error.to_string()))?;
            Ok(imported)
        });
        if imported.is_err() {
            let _ = fs::remove_file(&made);
        }
        let (id, counts) = imported?;
        lock.mark(&id)?;
        Ok(counts)
    }
}

/// An error when there is a file that holds anything.
fn holds_nothing(path: &Path) -> Result<(), StoreError> {
    if fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Ok(());
    }
    let connection = read_only(path)?;
    let rows = match look(&connection, path)? {
        Found::Nothing => 0,
        Found::Version(_) => {
            let tables: Vec<String> = ROWS.iter().map(|(table, _)| format!("exists (select 1 from {table})")).collect();
            connection.query_row(&format!("select {}", tables.join(" + ")), [], |row| row.get::<_, i64>(0))?
        }
    };
    if rows > 0 { Err(StoreError::NotEmpty { path: path.display().to_string() }) } else { Ok(()) }
}

/// Makes the file: the store's id, and the rows.
fn make(
    path: &Path,
    from: &mut impl BufRead,
    by: &By,
    now: Timestamp,
    told: impl FnMut(u64),
) -> Result<(String, RowCounts), StoreError> {
    let failed = |error: std::io::Error| StoreError::NotImported(format!("{}: {error}", path.display()));
    // What an import that was killed has left.
    let _ = fs::remove_file(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let connection = Connection::open(path)?;
    // Nobody sees it before it is whole.
    connection.execute_batch(
        "pragma page_size = 8192; pragma auto_vacuum = incremental; pragma journal_mode = off; pragma synchronous = off",
    )?;
    create(&connection)?;
    connection.execute_batch("begin")?;
    let mut lines = Lines { from, number: 0 };
    let imported = rows(&connection, &mut lines, told)?;
    connection.execute_batch(
        "insert into pending select registry, count(*) from delivery where state = 'open' group by registry",
    )?;
    audit(&connection, by, "import", "store", now)?;
    connection.execute_batch("commit")?;
    if let Some(finding) = findings(&connection).first() {
        return Err(StoreError::NotImported(format!(
            "what it says is no sound store: {}: {}",
            finding.what, finding.fault
        )));
    }
    connection.close().map_err(|(_, error)| error)?;
    on_disk(&file, path).map_err(failed)?;
    Ok(imported)
}

/// Puts the file in its place, for whom the folder belongs to.
fn put(made: &Path, path: &Path) -> std::io::Result<()> {
    // The log of a store that is gone would be taken for this one's.
    for suffix in ["-wal", "-shm"] {
        match fs::remove_file(with_suffix(path, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let folder: PathBuf = path.parent().unwrap_or(Path::new("/")).to_owned();
    let owner = fs::metadata(&folder)?;
    if owner.uid() != fs::metadata(made)?.uid() {
        chown(made, Some(owner.uid()), Some(owner.gid()))?;
        chown(with_suffix(path, ".lock"), Some(owner.uid()), Some(owner.gid()))?;
    }
    fs::rename(made, path)?;
    fs::File::open(folder)?.sync_all()
}

/// The lines of an export, each with its number.
struct Lines<'a, R> {
    from: &'a mut R,
    number: u64,
}

impl<R: BufRead> Lines<'_, R> {
    /// The next one: its only key, and what stands under it.
    fn next(&mut self) -> Result<Option<Map<String, Value>>, StoreError> {
        self.number += 1;
        let mut line = Vec::new();
        let read = self.from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        read.map_err(|error| self.wrong(&error.to_string()))?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(self.wrong("it is cut off"));
        }
        match serde_json::from_slice(&line) {
            Ok(Value::Object(object)) => Ok(Some(object)),
            _ => Err(self.wrong("it is no JSON object")),
        }
    }

    fn wrong(&self, cause: &str) -> StoreError {
        StoreError::NotImported(format!("line {}: {cause}", self.number))
    }
}

fn rows<R: BufRead>(
    connection: &Connection,
    lines: &mut Lines<'_, R>,
    mut told: impl FnMut(u64),
) -> Result<(String, RowCounts), StoreError> {
    let header = lines.next()?.ok_or_else(|| lines.wrong("it is empty"))?;
    let header: Header =
        serde_json::from_value(header.into()).map_err(|_| lines.wrong("it is no export of a store"))?;
    if (header.scanrelay_export, header.schema) != (FORMAT, SCHEMA_VERSION) {
        return Err(lines.wrong(&format!(
            "it is of schema version {}, this scanrelay imports {SCHEMA_VERSION}: import it with the scanrelay that it was exported with",
            header.schema
        )));
    }
    connection.execute("update meta set value = ?1 where key = 'store_id'", [&header.store_id])?;
    connection.execute("update meta set value = ?1 where key = 'unfolded_to'", [header.unfolded_to.to_string()])?;
    let shapes = ROWS.iter().map(|(table, _)| Shape::of(connection, table)).collect::<Result<Vec<_>, _>>()?;
    let mut counts: RowCounts = ROWS.iter().map(|(table, _)| ((*table).to_owned(), 0)).collect();
    let mut all = 0;
    loop {
        let Some(object) = lines.next()? else { return Err(lines.wrong("the end is missing: the export is cut off")) };
        let mut entries = object.into_iter();
        let (Some((table, value)), None) = (entries.next(), entries.next()) else {
            return Err(lines.wrong("it has not exactly one key"));
        };
        if table == "end" {
            let counted: RowCounts = serde_json::from_value(value).map_err(|_| lines.wrong("it counts no rows"))?;
            if counted != counts {
                return Err(lines.wrong("it counts other rows than came before it"));
            }
            break;
        }
        let shape = shapes.iter().find(|shape| shape.table == table);
        let shape = shape.ok_or_else(|| lines.wrong("there is no such table"))?;
        shape.insert(connection, &value).map_err(|cause| lines.wrong(&cause))?;
        *counts.entry(table).or_default() += 1;
        all += 1;
        told(all);
    }
    if lines.next()?.is_some() {
        return Err(lines.wrong("something comes after the end"));
    }
    Ok((header.store_id, counts))
}
