//! Lanes: one job at a time, in order of acceptance.

use rusqlite::{Connection, params};
use scanrelay::Timestamp;

use super::batch::Batch;
use super::statement::Statements as _;
use super::{StoreError, settle};
use crate::daemon::job::{Ending, Phase};

/// Whether a job tells of a scan as job `?2` does, or of a promotion as it does.
const SAME_MATTER: &str = "(tell ->> 'tell' in ('scanning', 'scanned'))
    = (select other.tell ->> 'tell' in ('scanning', 'scanned') from job as other where other.id = ?2)";

/// A new report takes the place of those of its lane that nobody is at; new progress only that of older progress, since
/// an outcome must not be lost to a word on the way. What is told of a scan and what of a promotion stand side by side in a
/// registry, so that neither takes the other's place.
///
/// The new job stands in its lane already, so that a delivery whose report replaces its own progress is not closed.
pub(super) fn make_room(
    connection: &Batch<'_>,
    lane: &str,
    phase: Phase,
    new: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let replaced = match phase {
        Phase::Report => "('progress', 'report')",
        Phase::Progress => "('progress')",
        Phase::Ask | Phase::Confirm | Phase::Run => return Ok(()),
    };
    let query = format!(
        "select id from job where lane = ?1 and ended_at is null and claimed_at is null
            and id <> ?2 and phase in {replaced} and {SAME_MATTER}"
    );
    let ids: Vec<i64> =
        connection.statement(&query)?.query_map(params![lane, new], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        let delivery = settle::end_job(connection, id, &Ending::Superseded { by: None }, now)?;
        settle::close_if_ended(connection, delivery, now)?;
    }
    Ok(())
}

/// Whether nobody is in it.
pub(super) fn is_free(connection: &Connection, lane: &str) -> Result<bool, StoreError> {
    let query = "select not exists (select 1 from job where lane = ?1 and ended_at is null)";
    Ok(connection.statement(query)?.query_row([lane], |row| row.get(0))?)
}

/// Whether a newer report of the same waits behind this job.
pub(super) fn is_overtaken(connection: &Connection, lane: &str, job: i64) -> Result<bool, StoreError> {
    let query = format!(
        "select exists (select 1 from job where lane = ?1 and ended_at is null and state = 'waiting' and phase = 'report'
            and id > ?2 and {SAME_MATTER})"
    );
    Ok(connection.statement(&query)?.query_row(params![lane, job], |row| row.get(0))?)
}

/// The first of the lane becomes due when nobody else is, unless it is held: then its place is kept.
///
/// The actions that are left of the delivery that calls come before an older one that somebody replays: they do not run
/// one in between the other's.
pub(super) fn move_up(connection: &Connection, lane: &str, delivery: i64, now: Timestamp) -> Result<(), StoreError> {
    connection
        .statement(
            "update job set state = 'due', due_at = min(due_at, ?3)
              where state = 'waiting'
                and id = coalesce(
                    (select id from job where lane = +?1 and delivery = +?2 and ended_at is null and state = 'waiting'
                        and phase = 'run' order by id limit 1),
                    (select id from job where lane = +?1 and ended_at is null and state <> 'due' order by delivery, id limit 1))
                and not exists (select 1 from job where lane = +?1 and ended_at is null and state = 'due')",
        )?
        .execute(params![lane, delivery, now.as_millis()])?;
    Ok(())
}
