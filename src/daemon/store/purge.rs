//! Retention: what ended long ago goes, in small batches.

use std::time::Duration;

use rusqlite::{Connection, params};
use scanrelay::Timestamp;

use super::statement::Statements as _;
use super::strip::{Part, strip};
use super::{Store, StoreError, seen, unfold};

/// How long what has ended is kept. The ledger, the audit and the dedupe keys are not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Deliveries that ended `done` or `ignored`.
    pub done: Duration,
    /// Deliveries that ended `dead`.
    pub dead: Duration,
    /// Payloads of those that ended; `None`: as long as the delivery. Without it there is no replay.
    pub bodies: Option<Duration>,
    /// The same for logs of runs.
    pub logs: Option<Duration>,
    /// Verdicts whose delivery is gone; `None`: for ever.
    pub verdicts: Option<Duration>,
}

impl Retention {
    /// What ends from now on is kept for at least that long.
    pub fn shortest(&self) -> Duration {
        let others = [self.bodies, self.logs, self.verdicts];
        others.into_iter().flatten().fold(self.done.min(self.dead), Duration::min)
    }
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    pub deliveries: usize,
    pub bodies: usize,
    pub logs: usize,
    pub verdicts: usize,
    /// When there is something to do again; `None`: nothing has ended.
    pub next: Option<Timestamp>,
}

impl Purged {
    /// Whether there was nothing to remove.
    pub fn is_nothing(&self) -> bool {
        self.deliveries + self.bodies + self.logs + self.verdicts == 0
    }
}

/// One transaction should not hold up the intake.
const BATCH: u32 = 200;
/// Verdicts are small.
const VERDICTS: u32 = 1000;

impl Store {
    /// Removes one batch of what has been kept long enough.
    pub async fn purge(&self, retention: Retention, now: Timestamp) -> Result<Purged, StoreError> {
        self.write(move |connection| {
            connection.memory().at(now);
            // The delivery whose jobs are the newest is kept: it is not the last one that ended while others wait for theirs.
            unfold::unfold(connection, unfold::FEW)?;
            let mut purged = Purged::default();
            let mut more = seen::forget(connection, now)? > 0;
            let mut next: Option<i64> = None;
            for (states, keep) in [("('done', 'ignored')", retention.done), ("('dead')", retention.dead)] {
                for (id, ended_at) in oldest(connection, states)? {
                    let until = ended_at.saturating_add(millis(keep));
                    if until > now.as_millis() {
                        next = next.into_iter().chain([until]).min();
                        break;
                    }
                    remove(connection, id)?;
                    purged.deliveries += 1;
                }
            }
            for (part, keep) in [(Part::Bodies, retention.bodies), (Part::Logs, retention.logs)] {
                let Some(keep) = keep else { continue };
                let stripped = strip(connection, part, keep, BATCH, now)?;
                match part {
                    Part::Bodies => purged.bodies = stripped.removed,
                    Part::Logs => purged.logs = stripped.removed,
                }
                more |= stripped.more;
                next = next.into_iter().chain(stripped.next).min();
            }
            if let Some(keep) = retention.verdicts {
                let (removed, due) = forget_verdicts(connection, keep, now)?;
                purged.verdicts = removed;
                next = next.into_iter().chain(due).min();
            }
            // Something was removed: there may be more of it at once.
            more |= !purged.is_nothing();
            purged.next = if more { Some(now) } else { next.map(Timestamp::from_millis) };
            Ok(purged)
        })
        .await
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
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

/// The oldest verdicts, unless their delivery is still there: the number of those that went, and when the next one may.
fn forget_verdicts(
    connection: &Connection,
    keep: Duration,
    now: Timestamp,
) -> Result<(usize, Option<i64>), StoreError> {
    let removed = connection
        .statement(
            "delete from verdict where id in (select id from verdict order by id limit +?2) and settled_at <= +?1
                and not exists (select 1 from delivery where delivery.id = verdict.delivery)",
        )?
        .execute(params![now.as_millis().saturating_sub(millis(keep)), VERDICTS])?;
    let oldest: Option<i64> = connection
        .statement("select (select settled_at from verdict order by id limit 1)")?
        .query_row([], |row| row.get(0))?;
    let due = oldest.map(|settled_at| settled_at.saturating_add(millis(keep)));
    Ok((removed, due.filter(|due| *due > now.as_millis())))
}
