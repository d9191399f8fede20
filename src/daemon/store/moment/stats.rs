//! What the file holds, and what it takes.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use scanrelay::Timestamp;
use serde::Serialize;

use super::Moment;
use crate::daemon::store::StoreError;
use crate::daemon::store::open::with_suffix;
use crate::daemon::store::room::disk_free;

/// Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    pub path: PathBuf,
    pub file: u64,
    pub write_ahead_log: u64,
    /// Pages in the file that hold nothing: the next rows go there first.
    pub empty: u64,
    /// Whether empty pages can be given back without writing the file anew.
    pub gives_back: bool,
    /// Payloads of deliveries.
    pub bodies: u64,
    /// Logs of runs.
    pub logs: u64,
    /// What the disk has left.
    pub disk_free: u64,
    pub schema: i64,
    pub tables: Vec<TableStats>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableStats {
    pub table: String,
    pub rows: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
}

/// Each with what tells the time of its oldest row.
const TABLES: [(&str, &str); 11] = [
    ("delivery", "select received_at from delivery order by id limit 1"),
    ("job", "select created_at from job order by id limit 1"),
    ("attempt", "select claimed_at from attempt order by job, token limit 1"),
    ("verdict", "select settled_at from verdict order by id limit 1"),
    ("written", "select written_at from written order by id limit 1"),
    ("claimed", "select min(seen_at) from claimed"),
    ("survey", "select min(begun_at) from survey"),
    ("dedupe", "select null"),
    ("audit", "select at from audit order by id limit 1"),
    ("paused", "select min(since) from paused"),
    ("pending", "select null"),
];

impl Moment {
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let number = |query: &str| number(&self.connection, query);
        let page = number("pragma page_size")?;
        let tables = TABLES.iter().map(|(table, oldest)| {
            let oldest: Option<Option<i64>> =
                self.connection.query_row(&format!("select ({oldest})"), [], |row| row.get(0)).map(Some)?;
            Ok(TableStats {
                table: (*table).to_owned(),
                rows: number(&format!("select count(*) from {table}"))?,
                oldest: oldest.flatten().map(Timestamp::from_millis),
            })
        });
        Ok(Stats {
            file: size(&self.path),
            write_ahead_log: size(&with_suffix(&self.path, "-wal")),
            empty: number("pragma freelist_count")? * page,
            gives_back: number("pragma auto_vacuum")? == 2,
            bodies: number("select coalesce(sum(length(body)), 0) from delivery")?,
            logs: number("select coalesce(sum(length(log)), 0) from attempt")?,
            disk_free: disk_free(&self.path).unwrap_or(0),
            schema: i64::try_from(number("pragma user_version")?).unwrap_or(i64::MAX),
            tables: tables.collect::<Result<_, StoreError>>()?,
            path: self.path.clone(),
        })
    }
}

fn number(connection: &Connection, query: &str) -> Result<u64, StoreError> {
    let number: i64 = connection.query_row(query, [], |row| row.get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
