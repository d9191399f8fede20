//! Retention: what ended long ago goes, in small batches.

use std::time::Duration;

use rusqlite::{Connection, params};
use scanrelay::Timestamp;

use super::statement::Statements as _;
use super::{Store, StoreError, seen};

/// How long what has ended is kept. Verdicts, the ledger, the audit and the dedupe keys are not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Deliveries that ended `done` or `ignored`.
    pub done: Duration,
    /// Deliveries that ended `dead`.
    pub dead: Duration,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    pub deliveries: usize,
    /// When the next delivery has been kept long enough; `None`: there is none that has ended.
    pub next: Option<Timestamp>,
}

/// One transaction should not hold up the intake.
const BATCH: u32 = 200;

impl Store {
    /// Removes one batch of deliveries with their jobs and logs.
    pub async fn purge(&self, retention: Retention, now: Timestamp) -> Result<Purged, StoreError> {
        self.write(move |connection| {
            let mut deliveries = 0;
            let forgotten = seen::forget(connection, now)?;
            let mut next: Option<i64> = None;
            for (states, keep) in [("('done', 'ignored')", retention.done), ("('dead')", retention.dead)] {
                let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
                let ids = oldest(connection, states)?;
                for (id, ended_at) in ids {
                    let until = ended_at.saturating_add(keep);
                    if until > now.as_millis() {
                        next = next.into_iter().chain([until]).min();
                        break;
                    }
                    remove(connection, id)?;
                    deliveries += 1;
                }
            }
            // Something was removed: there may be more of it at once.
            let next = if deliveries + forgotten > 0 { Some(now) } else { next.map(Timestamp::from_millis) };
            Ok(Purged { deliveries, next })
        })
        .await
    }
}

fn oldest(connection: &Connection, states: &str) -> Result<Vec<(i64, i64)>, StoreError> {
    let query = format!(
        "select id, ended_at from delivery where ended_at is not null and state in {states}
            and id <> (select max(id) from delivery) and id <> coalesce((select delivery from job order by id desc limit 1), 0) order by ended_at limit {BATCH}"
    );
    let rows =
        connection.statement(&query)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(rows)
}

fn remove(connection: &Connection, delivery: i64) -> Result<(), StoreError> {
    for query in [
        "delete from attempt where job in (select id from job where delivery = ?1)",
        "delete from job where delivery = ?1",
        "delete from delivery where id = ?1",
    ] {
        connection.statement(query)?.execute(params![delivery])?;
    }
    Ok(())
}
