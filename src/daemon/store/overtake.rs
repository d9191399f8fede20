//! A newer promotion takes the place of older ones of the same model to the same place, where their route wants the latest only.
//!
//! What has begun to act is left to end. What waits ends as superseded, with whatever nobody is at of its jobs, and the
//! registry is told nothing of it: neither that it failed nor that it is complete.

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::{Event, Timestamp};

use super::StoreError;
use super::batch::Batch;
use super::settle::{Open, end_job, follow};
use super::statement::Statements as _;
use crate::daemon::job::plan::{Plan, action_lane, is_overtaken_by};
use crate::daemon::job::{Ending, Phase};

/// A promotion was accepted, and, where it was a hint, confirmed: those that wait and that it overtakes end.
pub(super) fn overtake(
    batch: &Batch<'_>,
    newer: i64,
    plan: &Plan,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    if plan.actions.is_empty() {
        return Ok(());
    }
    let lane = action_lane(event);
    let older: Vec<i64> = batch
        .statement("select distinct delivery from job where lane = +?1 and ended_at is null and delivery < +?2")?
        .query_map(params![lane, newer], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for older in older {
        let Some(open) = Open::load(batch, older)? else { continue };
        if open.plan.latest_only && is_overtaken_by(&open.event, event) && !has_begun(batch, &open, &lane)? {
            supersede(batch, &open, newer, now)?;
        }
    }
    Ok(())
}

/// The newer delivery that a job gives way to, which somebody was at when that one came: it must not go on.
pub(super) fn gives_way(connection: &Connection, job: i64) -> Result<Option<i64>, StoreError> {
    let (delivery, phase, latest_only): (i64, String, bool) = connection
        .statement(
            "select job.delivery, job.phase, coalesce(plan ->> 'latest_only', 0)
               from job join delivery on delivery.id = job.delivery where job.id = +?1",
        )?
        .query_row([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if !latest_only {
        return Ok(None);
    }
    let marked: Option<i64> = connection
        .statement(
            "select outcome ->> 'by' from job
              where delivery = +?1 and round = (select round from delivery where id = +?1) and state = 'superseded'
                and outcome ->> 'by' is not null limit 1",
        )?
        .query_row([delivery], |row| row.get(0))
        .optional()?;
    if marked.is_some() || phase != Phase::Confirm.word() {
        return Ok(marked);
    }
    let Some(open) = Open::load(connection, delivery)? else { return Ok(None) };
    let lane = action_lane(&open.event);
    if has_begun(connection, &open, &lane)? {
        return Ok(None);
    }
    let newer: Vec<i64> = connection
        .statement("select distinct delivery from job where lane = +?1 and ended_at is null and delivery > +?2")?
        .query_map(params![lane, delivery], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in newer.into_iter().rev() {
        let Some(newer) = Open::load(connection, id)? else { continue };
        if is_overtaken_by(&open.event, &newer.event) && is_believed(connection, &newer)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Ends a job that gives way, and what nobody is at of its delivery.
pub(super) fn give_way(batch: &Batch<'_>, job: i64, newer: i64, now: Timestamp) -> Result<(), StoreError> {
    let delivery = end_job(batch, job, &Ending::Superseded { by: Some(newer) }, now)?;
    match Open::load(batch, delivery)? {
        Some(open) => supersede(batch, &open, newer, now),
        None => Ok(()),
    }
}

fn supersede(batch: &Batch<'_>, open: &Open, newer: i64, now: Timestamp) -> Result<(), StoreError> {
    let jobs: Vec<i64> = batch
        .statement(
            "select id from job where delivery = +?1 and round = +?2 and ended_at is null and claimed_at is null order by id",
        )?
        .query_map(params![open.id, open.round], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for job in jobs {
        end_job(batch, job, &Ending::Superseded { by: Some(newer) }, now)?;
    }
    follow(batch, open.id, now)
}

/// Whether an action of it has been started, or was done in an earlier round.
fn has_begun(connection: &Connection, open: &Open, lane: &str) -> Result<bool, StoreError> {
    let query = "select exists (select 1 from job where delivery = +?1 and round = +?2 and lane = +?3 and phase = 'run'
                    and (token > 0 or ended_at is not null))";
    Ok(connection.statement(query)?.query_row(params![open.id, open.round, lane], |row| row.get(0))?)
}

/// Whether it is more than a hint.
fn is_believed(connection: &Connection, open: &Open) -> Result<bool, StoreError> {
    let query = "select not exists (select 1 from job where delivery = +?1 and round = +?2 and phase = 'ask'
                    and coalesce(outcome ->> 'end', '') <> 'confirmed')";
    Ok(connection.statement(query)?.query_row(params![open.id, open.round], |row| row.get(0))?)
}
