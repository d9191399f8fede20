//! How deep the queues are: read for whoever watches, beside the writer.
//!
//! Jobs that are due are counted in their index alone, a third of a second for a million. What is looked up row by row is
//! what somebody is at, what waits in a lane, and what is dead.

use std::collections::BTreeMap;

use rusqlite::Connection;
use scanrelay::Timestamp;

use super::{Store, StoreError};
use crate::daemon::job::State;

/// The queues that have jobs, by name.
pub type Depths = BTreeMap<String, Depth>;

/// One queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub due: u32,
    pub running: u32,
    pub waiting: u32,
    pub held: u32,
    /// In the last round of their delivery: nobody has tried them again.
    pub dead: u32,
    /// When the oldest of the jobs that have not ended was made.
    pub oldest: Option<Timestamp>,
}

const DUE: &str =
    "select queue, 'due', count(*), min(id) from job indexed by job_due where state = 'due' group by queue";
const RUNNING: &str = "select queue, 'running', count(*), null from job indexed by job_claimed where claimed_at is not null group by queue";
const BEHIND: &str = "select queue, state, count(*), min(id) from job indexed by job_lane
                       where lane is not null and ended_at is null and state in ('waiting', 'held') group by queue, state";
/// What was dead in an earlier round has been tried again since.
const DEAD: &str = "select job.queue, 'dead', count(*), null from job indexed by job_dead
                      join delivery on delivery.id = job.delivery and delivery.round = job.round
                     where job.state = 'dead' group by job.queue";

impl Store {
    pub async fn depths(&self) -> Result<Depths, StoreError> {
        self.read_unfolded(|connection| {
            // One moment for all four.
            let moment = connection.unchecked_transaction()?;
            let mut depths = Depths::new();
            for query in [DUE, RUNNING, BEHIND, DEAD] {
                count(&moment, query, &mut depths)?;
            }
            Ok(depths)
        })
        .await
    }

    /// When something was accepted last, by registry. Among the newest deliveries only.
    pub async fn last_accepted(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.read(|connection| {
            let query = "select registry, max(received_at) from delivery
                          where id > (select max(id) from delivery) - 1000 group by registry";
            let last = connection
                .prepare(query)?
                .query_map([], |row| Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?))))?
                .collect::<Result<_, _>>()?;
            Ok(last)
        })
        .await
    }
}

fn count(connection: &Connection, query: &str, depths: &mut Depths) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (queue, state, jobs): (String, String, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let depth = depths.entry(queue).or_default();
        match State::from_word(&state) {
            Some(State::Due) => depth.due = jobs,
            Some(State::Waiting) => depth.waiting = jobs,
            Some(State::Held) => depth.held = jobs,
            Some(State::Dead) => depth.dead = jobs,
            // A claimed job is due when its lease ends.
            _ => (depth.running, depth.due) = (jobs, depth.due.saturating_sub(jobs)),
        }
        if let Some(first) = row.get::<_, Option<i64>>(3)? {
            let made = connection
                .prepare_cached("select created_at from job where id = ?1")?
                .query_row([first], |row| row.get(0))
                .map(Timestamp::from_millis)?;
            depth.oldest = depth.oldest.into_iter().chain([made]).min();
        }
    }
    Ok(())
}
