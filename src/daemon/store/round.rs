//! A new round of a delivery.

use rusqlite::{Connection, params};
use scanrelay::{Event, Timestamp};

use super::batch::Batch;
use super::insert::insert_job;
use super::statement::Statements as _;
use super::{StoreError, settle};
use crate::daemon::job::plan::{Plan, first_jobs};

/// What a new round takes over from the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Finished outcomes, run ids and checkpoints: what was done is not done again.
    Outcomes,
    /// Nothing: all of it is done again, under new run ids.
    Nothing,
}

/// Opens a round of a delivery that has ended. The number of the round.
pub(super) fn open_round(
    connection: &Batch<'_>,
    delivery: i64,
    plan: &Plan,
    keep: Keep,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let (round, event): (i64, String) = connection
        .statement("select round, event from delivery where id = ?1")?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let event: Event = serde_json::from_str(&event)?;
    let next = round + 1;
    connection
        .statement(
            "update delivery set round = ?2, plan = ?3, state = 'open', reason = null, ended_at = null where id = ?1",
        )?
        .execute(params![delivery, next, serde_json::to_string(plan)?])?;
    connection.memory().opened(&event.registry);
    match keep {
        Keep::Outcomes => keep_outcomes(connection, delivery, round)?,
        Keep::Nothing => {
            connection
                .statement("update delivery set fresh_round = ?2, image = null where id = ?1")?
                .execute(params![delivery, next])?;
        }
    }
    for job in first_jobs(plan, &event) {
        let kept = connection
            .statement(
                "select exists (select 1 from job where delivery = ?1 and round = ?2 and phase = ?3 and name = ?4)",
            )?
            .query_row(params![delivery, next, job.phase.word(), job.name], |row| row.get::<_, bool>(0))?;
        if !kept {
            insert_job(connection, delivery, next, &job, now, now)?;
        }
    }
    settle::follow(connection, delivery, now)?;
    Ok(next)
}

/// A finished scan is never redone, and an action that completed is not done twice.
fn keep_outcomes(connection: &Connection, delivery: i64, round: i64) -> Result<(), StoreError> {
    connection
        .statement(
            "insert into job (delivery, round, phase, name, queue, lane, state, due_at, created_at, ended_at, attempts, run_id,
                              checkpoint, outcome)
             select delivery, round + 1, phase, name, queue, lane, state, due_at, created_at, ended_at, attempts,
                    coalesce(run_id, (select value from meta where key = 'store_id') || '-' || id), checkpoint, outcome
               from job where delivery = ?1 and round = ?2 and phase = 'run' and state = 'done'
                and coalesce(json_extract(outcome, '$.conclusion.status'), 'complete') = 'complete'",
        )?
        .execute(params![delivery, round])?;
    Ok(())
}
