//! Queues that a person has stopped. What is running goes on; nothing more is claimed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};
use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::{By, audit};
use super::statement::Statements as _;
use super::{Store, StoreError};

/// All queues.
pub const ALL: &str = "*";

/// A queue that stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedRow {
    pub queue: String,
    pub since: Timestamp,
    pub uid: Option<u32>,
    pub reason: Option<String>,
}

/// Their names, known without asking the file. Clones share them.
#[derive(Clone)]
pub(super) struct Paused(Arc<Mutex<BTreeSet<String>>>);

impl Paused {
    pub(super) fn load(connection: &Connection) -> Result<Self, rusqlite::Error> {
        let mut statement = connection.prepare("select queue from paused")?;
        let queues = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Mutex::new(queues))))
    }

    /// Whether that one stands still, by its own name or with all others.
    pub(super) fn has(&self, queue: &str) -> bool {
        let paused = self.lock();
        paused.contains(ALL) || paused.contains(queue)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Stops a queue, or all of them. It stays so over restarts. `false`: it stood still already.
    pub async fn pause(&self, queue: String, by: By, now: Timestamp) -> Result<bool, StoreError> {
        let name = queue.clone();
        let paused = self.write(move |connection| {
            let paused = connection
                .statement("insert or ignore into paused (queue, since, uid, reason) values (?1, ?2, ?3, ?4)")?
                .execute(params![queue, now.as_millis(), by.uid, by.reason])?;
            audit(connection, &by, "pause", &queue, now)?;
            Ok(paused == 1)
        });
        let paused = paused.await?;
        self.paused.lock().insert(name);
        Ok(paused)
    }

    /// Lets a queue, or with `*` all of them, go on. `false`: it did not stand still by that name.
    pub async fn resume(&self, queue: String, by: By, now: Timestamp) -> Result<bool, StoreError> {
        let name = queue.clone();
        let resumed = self.write(move |connection| {
            let query = "delete from paused where queue = ?1 or ?1 = '*'";
            let resumed = connection.statement(query)?.execute([&queue])?;
            audit(connection, &by, "resume", &queue, now)?;
            Ok(resumed > 0)
        });
        let resumed = resumed.await?;
        self.paused.lock().retain(|paused| name != ALL && *paused != name);
        Ok(resumed)
    }

    pub async fn paused(&self) -> Result<Vec<PausedRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.statement("select queue, since, uid, reason from paused order by queue")?;
            let rows = statement.query_map([], |row| {
                let since = Timestamp::from_millis(row.get(1)?);
                Ok(PausedRow { queue: row.get(0)?, since, uid: row.get(2)?, reason: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
