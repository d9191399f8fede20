//! What came is one row at first; its jobs are made afterwards, before anybody looks for them.
//!
//! Who sends waits for the row. The jobs are made in order of acceptance, many in one transaction, by whoever claims or reads
//! next, and are as if they had been made when their delivery came. Never more are left to be made than may be pending.
//! `unfolded_to` in `meta` is the last delivery whose jobs are made.

use rusqlite::params;
use scanrelay::{Event, Timestamp};

use super::batch::Batch;
use super::insert::insert_job;
use super::statement::Statements as _;
use super::{Store, StoreError, overtake, settle};
use crate::daemon::job::plan::{Plan, first_jobs};

/// One transaction should not hold up the intake.
pub(super) const STEP: u32 = 256;
/// Where nothing of it could be run at once. A delivery takes a claim for its run and one for its word to the registry, which are
/// often made for several at a time: with so many, jobs are made a little faster than they are carried, and carrying pays for no more.
pub(super) const FEW: u32 = 2;

impl Store {
    /// Makes the jobs of all that has come by now. On a full disk, for instance, they stay to be made.
    pub(super) async fn unfolded(&self) {
        // What comes meanwhile is not waited for: it may come faster.
        for _ in 0..self.counts.folded().div_ceil(u64::from(STEP)) {
            if self.commit(|batch| unfold(batch, STEP)).await.is_err() {
                return;
            }
        }
    }
}

/// Makes the jobs of up to so many deliveries, in order of acceptance.
pub(super) fn unfold(batch: &Batch<'_>, most: u32) -> Result<(), StoreError> {
    if batch.memory().folded() == 0 {
        return Ok(());
    }
    let from = batch.memory().unfolded_to();
    let deliveries = folded(batch, from, most)?;
    let mut to = batch.memory().last_delivery();
    if deliveries.len() == most as usize {
        to = deliveries.last().map_or(to, |delivery| delivery.id);
    }
    for Folded { id, received_at, plan, event } in &deliveries {
        let jobs = first_jobs(plan, event);
        for job in &jobs {
            insert_job(batch, *id, 1, job, *received_at, *received_at)?;
        }
        if !plan.asks() {
            let now = batch.memory().now().max(*received_at);
            overtake::overtake(batch, *id, plan, event, now)?;
        }
        if jobs.is_empty() {
            let now = batch.memory().now().max(*received_at);
            settle::follow(batch, *id, now)?;
        }
    }
    batch.statement("update meta set value = ?1 where key = 'unfolded_to'")?.execute([to.to_string()])?;
    batch.memory().unfolded(to);
    Ok(())
}

/// A delivery without its jobs.
struct Folded {
    id: i64,
    received_at: Timestamp,
    plan: Plan,
    event: Event,
}

fn folded(batch: &Batch<'_>, from: i64, most: u32) -> Result<Vec<Folded>, StoreError> {
    // What took no route has ended, or is in a later round since somebody replayed it.
    let mut statement = batch.statement(
        "select id, received_at, plan, event from delivery
          where id > +?1 and ended_at is null and round = 1 order by id limit +?2",
    )?;
    let mut rows = statement.query(params![from, most])?;
    let mut folded = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        folded.push(Folded {
            id: row.get(0)?,
            received_at: Timestamp::from_millis(row.get(1)?),
            plan: serde_json::from_str(text(2)?)?,
            event: serde_json::from_str(text(3)?)?,
        });
    }
    Ok(folded)
}
