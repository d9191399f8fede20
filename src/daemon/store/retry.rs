//! Work that a person wants done again: a new round of the delivery.

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::{Event, Timestamp};

use super::insert::{insert_job, reopen};
use super::{Store, StoreError, settle};
use crate::daemon::job::plan::{Plan, first_jobs};

/// What became of a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// A new round of this delivery was opened.
    Round { delivery: i64, round: i64 },
    /// There is no such job.
    Unknown,
    /// The job is not dead, it is this.
    NotDead(String),
    /// The delivery has not ended yet, so its dead job may still be followed by others.
    Open(i64),
    /// A later round of the delivery ended well: this way.
    Mended { delivery: i64, state: String },
}

impl Retried {
    /// Whether a round was opened.
    pub fn is_round(&self) -> bool {
        matches!(self, Self::Round { .. })
    }

    /// What became of the retry of that job, for a person.
    pub fn in_words(&self, job: i64) -> String {
        match self {
            Self::Round { delivery, round } => format!("job {job}: delivery {delivery} is open again, round {round}"),
            Self::Unknown => format!("there is no job {job}: see scanrelay jobs list"),
            Self::NotDead(state) => format!("job {job} is {state}: only dead jobs are retried"),
            Self::Open(delivery) => {
                format!("delivery {delivery} of job {job} has not ended yet: wait for its other jobs")
            }
            Self::Mended { delivery, state } => {
                format!("delivery {delivery} of job {job} is {state} since a later round: there is nothing to retry")
            }
        }
    }
}

impl Store {
    /// Opens a new round of a dead job's delivery: what ended well keeps its outcome, the rest is done again, and the
    /// registry is told again.
    pub async fn retry(
        &self,
        job: i64,
        uid: Option<u32>,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<Retried, StoreError> {
        self.write(move |connection| {
            let retried = retry(connection, job, now)?;
            if let Retried::Round { .. } = retried {
                connection
                    .prepare_cached(
                        "insert into audit (at, uid, act, subject, reason) values (?1, ?2, 'retry', ?3, ?4)",
                    )?
                    .execute(params![now.as_millis(), uid, format!("job {job}"), reason])?;
            }
            Ok(retried)
        })
        .await
    }
}

fn retry(connection: &Connection, job: i64, now: Timestamp) -> Result<Retried, StoreError> {
    let found: Option<(i64, String)> = connection
        .prepare_cached(
            "select delivery, iif(state = 'due' and claimed_at is not null, 'running', state) from job where id = ?1",
        )?
        .query_row([job], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((delivery, state)) = found else { return Ok(Retried::Unknown) };
    if state != "dead" {
        return Ok(Retried::NotDead(state));
    }
    let (round, plan, event, delivery_state): (i64, String, String, String) = connection
        .prepare_cached("select round, plan, event, state from delivery where id = ?1")?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    match delivery_state.as_str() {
        "dead" => {}
        "open" => return Ok(Retried::Open(delivery)),
        // Telling it once more could overwrite what the registry was told since.
        _ => return Ok(Retried::Mended { delivery, state: delivery_state }),
    }
    let (plan, event): (Plan, Event) = (serde_json::from_str(&plan)?, serde_json::from_str(&event)?);
    let next = round + 1;
    connection
        .prepare_cached("update delivery set round = ?2, state = 'open', reason = null, ended_at = null where id = ?1")?
        .execute(params![delivery, next])?;
    reopen(connection, &event.registry)?;
    keep_outcomes(connection, delivery, round)?;
    for job in first_jobs(&plan, &event) {
        let kept = connection
            .prepare_cached(
                "select exists (select 1 from job where delivery = ?1 and round = ?2 and phase = ?3 and name = ?4)",
            )?
            .query_row(params![delivery, next, job.phase.word(), job.name], |row| row.get::<_, bool>(0))?;
        if !kept {
            insert_job(connection, delivery, next, &job, now)?;
        }
    }
    settle::follow(connection, delivery, now)?;
    Ok(Retried::Round { delivery, round: next })
}

/// A finished scan is never redone, and an action that completed is not done twice.
fn keep_outcomes(connection: &Connection, delivery: i64, round: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
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
