//! Empty pages are given back to the file system: in small steps beside everything else.

use std::time::Duration;

use rusqlite::Connection;
use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::By;
use super::{Store, StoreError};

/// Pages of one step. It should not hold up the intake.
const STEP: u64 = 256;
/// What a file that was made with incremental vacuum says of itself.
const INCREMENTAL: i64 = 2;

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vacuumed {
    /// Bytes that the file has become smaller by.
    pub freed: u64,
    /// Bytes that it can still become smaller by.
    pub left: u64,
}

/// A vacuum that somebody asked for. What was done stays done when it is not carried on.
pub struct Vacuum {
    store: Store,
    freed: u64,
    next: Next,
}

enum Next {
    /// An older file keeps its empty pages: it is written anew, once.
    Rewrite,
    GiveBack,
    /// What is in the write-ahead log goes into the file, which is cut then.
    Cut,
    Nothing,
}

impl Store {
    /// Begins; [`Vacuum::step`] does it.
    pub async fn vacuum(&self, by: By, now: Timestamp) -> Result<Vacuum, StoreError> {
        self.record(by, "vacuum", "store".to_owned(), now).await?;
        let incremental = self.read(|connection| Ok(pragma(connection, "auto_vacuum")? == INCREMENTAL)).await?;
        let next = if incremental { Next::GiveBack } else { Next::Rewrite };
        Ok(Vacuum { store: self.clone(), freed: 0, next })
    }

    /// One step of it, that leaves so many bytes of empty pages for what comes next.
    pub async fn give_back(&self, keep: u64) -> Result<Vacuumed, StoreError> {
        self.commit(move |batch| {
            if pragma(batch, "auto_vacuum")? != INCREMENTAL {
                return Ok(Vacuumed::default());
            }
            let page = number(batch, "page_size")?;
            let empty = number(batch, "freelist_count")?;
            let step = empty.saturating_sub(keep / page).min(STEP);
            if step > 0 {
                let mut statement = batch.prepare(&format!("pragma incremental_vacuum({step})"))?;
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
            }
            let after = number(batch, "freelist_count")?;
            let left = after.saturating_sub(keep / page);
            Ok(Vacuumed { freed: empty.saturating_sub(after) * page, left: left * page })
        })
        .await
    }

    /// Writes the file anew. Nothing else is written meanwhile.
    async fn rewrite(&self) -> Result<u64, StoreError> {
        self.writer
            .alone(|connection| {
                let size = |connection: &Connection| {
                    Ok::<_, StoreError>(number(connection, "page_count")? * number(connection, "page_size")?)
                };
                let before = size(connection)?;
                connection.execute_batch("pragma auto_vacuum = incremental; vacuum")?;
                Ok(before.saturating_sub(size(connection)?))
            })
            .await
    }

    /// Takes the write-ahead log into the file and cuts both. Where somebody reads an older state it is left to a later time.
    /// `false`: somebody did.
    pub async fn cut(&self) -> Result<bool, StoreError> {
        self.writer
            .alone(|connection| {
                connection.busy_timeout(Duration::ZERO)?;
                let busy = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, bool>(0));
                connection.busy_timeout(Duration::from_secs(5))?;
                Ok(!busy?)
            })
            .await
    }
}

impl Vacuum {
    /// Does a part of it: how far it is; `None`: there was nothing more to do.
    pub async fn step(&mut self) -> Result<Option<Vacuumed>, StoreError> {
        let mut left = 0;
        match self.next {
            Next::Rewrite => {
                self.freed += self.store.rewrite().await?;
                self.next = Next::Cut;
            }
            Next::GiveBack => {
                let step = self.store.give_back(0).await?;
                self.freed += step.freed;
                left = step.left;
                // A step that frees nothing will not do so the next time either.
                if left == 0 || step.freed == 0 {
                    self.next = Next::Cut;
                }
            }
            Next::Cut => {
                self.store.cut().await?;
                self.next = Next::Nothing;
            }
            Next::Nothing => return Ok(None),
        }
        Ok(Some(Vacuumed { freed: self.freed, left }))
    }
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, rusqlite::Error> {
    connection.query_row(&format!("pragma {name}"), [], |row| row.get(0))
}

fn number(connection: &Connection, name: &str) -> Result<u64, rusqlite::Error> {
    Ok(u64::try_from(pragma(connection, name)?).unwrap_or(0))
}
