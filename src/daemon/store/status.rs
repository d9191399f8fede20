//! How things stand, on one screen.

use rusqlite::{Connection, OptionalExtension};
use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PausedRow, Store, StoreError, SurveyRow};

/// How things stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Deliveries that have not ended.
    pub open: u32,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
    pub queues: Vec<QueueRow>,
    pub paused: Vec<PausedRow>,
    /// The last look of the catch-up at each registry.
    #[serde(default)]
    pub surveys: Vec<SurveyRow>,
}

/// How things stand, in the two figures that an index gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Deliveries that have not ended.
    pub open: u32,
    /// Jobs that a person has to look at.
    pub dead: u32,
}

/// One queue: a plugin or a registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueRow {
    pub queue: String,
    /// Due, waiting or held.
    pub waiting: u32,
    pub running: u32,
    pub dead: u32,
    /// How the newest job that ended did so, and when.
    pub last: Option<String>,
    pub last_at: Option<Timestamp>,
}

impl Store {
    pub async fn tally(&self) -> Result<Tally, StoreError> {
        self.read(|connection| {
            let query = "select (select count(*) from delivery where ended_at is null),
                                (select count(*) from job where state = 'dead')";
            let tally = |row: &rusqlite::Row<'_>| Ok(Tally { open: row.get(0)?, dead: row.get(1)? });
            Ok(connection.prepare_cached(query)?.query_row([], tally)?)
        })
        .await
    }

    /// How things stand, with a row for each of these queues and for every other one that has work.
    pub async fn status(&self, queues: Vec<String>) -> Result<Status, StoreError> {
        let (paused, surveys) = (self.paused().await?, self.surveys().await?);
        self.read_unfolded(move |connection| {
            let (open, oldest): (u32, Option<i64>) = connection
                .prepare_cached(
                    "select count(*), (select received_at from delivery where ended_at is null order by id limit 1)
                        from delivery where ended_at is null",
                )?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut rows = counted(connection)?;
            for queue in queues {
                if !rows.iter().any(|row| row.queue == queue) {
                    rows.push(QueueRow { queue, waiting: 0, running: 0, dead: 0, last: None, last_at: None });
                }
            }
            rows.sort_by(|a, b| a.queue.cmp(&b.queue));
            for row in &mut rows {
                if let Some((state, at)) = last(connection, &row.queue)? {
                    (row.last, row.last_at) = (Some(state), Some(Timestamp::from_millis(at)));
                }
            }
            Ok(Status { open, oldest: oldest.map(Timestamp::from_millis), queues: rows, paused, surveys })
        })
        .await
    }
}

fn counted(connection: &Connection) -> Result<Vec<QueueRow>, StoreError> {
    let query = "select queue,
                        count(*) filter (where state <> 'dead' and claimed_at is null),
                        count(*) filter (where state <> 'dead' and claimed_at is not null),
                        count(*) filter (where state = 'dead')
                   from job where state in ('due', 'waiting', 'held', 'dead') group by queue";
    let rows = connection
        .prepare_cached(query)?
        .query_map([], |row| {
            let (queue, waiting, running, dead) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(QueueRow { queue, waiting, running, dead, last: None, last_at: None })
        })?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Among the newest jobs only: an old word says nothing about today.
fn last(connection: &Connection, queue: &str) -> Result<Option<(String, i64)>, StoreError> {
    let query = "select state, ended_at from job
                  where queue = ?1 and ended_at is not null and id > (select max(id) from job) - 10000
                  order by id desc limit 1";
    Ok(connection.prepare_cached(query)?.query_row([queue], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}
