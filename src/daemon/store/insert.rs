//! A delivery and its jobs, in one member of a transaction.

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::{Delivery, Timestamp};
use sha2::{Digest, Sha256};

use super::{Store, StoreError, lane, settle};
use crate::daemon::job::State;
use crate::daemon::job::plan::{NewJob, Plan, first_jobs};

/// A delivery with what its route asks for; without a route, why.
#[derive(Debug)]
pub struct Intake {
    pub delivery: Delivery,
    pub plan: Result<Plan, String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    New(i64),
    /// The same delivery was stored before, under this id.
    Duplicate(i64),
    /// As many deliveries are open as may be.
    Full,
}

/// How many deliveries may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub pending: u32,
    pub pending_per_registry: u32,
}

impl Store {
    /// Stores a delivery with its first jobs, or finds that it is stored already.
    pub async fn insert(&self, intake: Intake, bounds: Bounds, now: Timestamp) -> Result<Inserted, StoreError> {
        self.write(move |connection| insert(connection, &intake, bounds, now)).await
    }
}

fn insert(connection: &Connection, intake: &Intake, bounds: Bounds, now: Timestamp) -> Result<Inserted, StoreError> {
    let Intake { delivery, plan } = intake;
    let event = delivery.event();
    let body = body_digest(delivery.body());
    let same = connection
        .prepare_cached(
            "select delivery from dedupe where registry = ?1 and key = ?2 and body = ?3 and forget_at > ?4",
        )?
        .query_row(params![event.registry, delivery.key().as_bytes(), body, now.as_millis()], |row| row.get(0))
        .optional()?;
    if let Some(id) = same {
        return Ok(Inserted::Duplicate(id));
    }
    if plan.is_ok() && is_full(connection, &event.registry, bounds)? {
        return Ok(Inserted::Full);
    }
    let conflict: bool = connection
        .prepare_cached(
            "select exists (select 1 from dedupe where registry = ?1 and key = ?2 and body <> ?3 and forget_at > ?4)",
        )?
        .query_row(params![event.registry, delivery.key().as_bytes(), body, now.as_millis()], |row| row.get(0))?;
    let id = insert_delivery(connection, delivery, plan, conflict, now)?;
    connection
        .prepare_cached(
            "insert or replace into dedupe (registry, key, body, delivery, forget_at) values (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            event.registry,
            delivery.key().as_bytes(),
            body,
            id,
            now.after(delivery.remember()).as_millis()
        ])?;
    if let Ok(plan) = plan {
        reopen(connection, &event.registry)?;
        for job in first_jobs(plan, event) {
            insert_job(connection, id, 1, &job, now)?;
        }
        settle::follow(connection, id, now)?;
    }
    Ok(Inserted::New(id))
}

fn insert_delivery(
    connection: &Connection,
    delivery: &Delivery,
    plan: &Result<Plan, String>,
    conflict: bool,
    now: Timestamp,
) -> Result<i64, StoreError> {
    // The payload is kept once, as the bytes that were signed.
    let mut event = delivery.event().clone();
    event.raw = None;
    let verified = delivery.verified();
    let (state, reason, ended_at) = match plan {
        Ok(_) => ("open", None, None),
        Err(reason) => ("ignored", Some(reason), Some(now.as_millis())),
    };
    connection
        .prepare_cached(
            "insert into delivery (registry, key, change_key, received_at, verified_by, peer, headers, body, event, subject,
                                   kind, conflict, plan, state, reason, ended_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            event.registry,
            delivery.key().as_bytes(),
            event.change_key,
            now.as_millis(),
            format!("{}, secret {}", verified.scheme, verified.secret + 1),
            delivery.peer().map(|peer| peer.to_string()),
            serde_json::to_string(delivery.headers())?,
            delivery.body().as_ref(),
            serde_json::to_string(&event)?,
            event.subject(),
            event.kind.to_string(),
            conflict,
            plan.as_ref().ok().map(serde_json::to_string).transpose()?,
            state,
            reason,
            ended_at,
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Puts a job in its place: due, behind another one of its lane, or held.
pub(super) fn insert_job(
    connection: &Connection,
    delivery: i64,
    round: i64,
    job: &NewJob,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let state = match &job.lane {
        _ if job.held => State::Held,
        Some(_) => State::Waiting,
        None => State::Due,
    };
    // A run of an earlier round keeps its id and its checkpoint: what it has triggered is resumed, not triggered again.
    connection
        .prepare_cached(
            "insert into job (delivery, round, phase, name, queue, lane, state, due_at, created_at, tell, run_id, checkpoint)
             select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, earlier.run_id, earlier.checkpoint
               from (select 1) left join (
                    select coalesce(run_id, (select value from meta where key = 'store_id') || '-' || id) as run_id, checkpoint
                      from job where delivery = ?1 and phase = ?3 and name = ?4 and phase = 'run'
                       and round >= (select fresh_round from delivery where id = ?1)
                     order by round desc limit 1) as earlier",
        )?
        .execute(params![
            delivery,
            round,
            job.phase.word(),
            job.name,
            job.queue,
            job.lane,
            state.word(),
            now.as_millis(),
            job.tell.as_ref().map(serde_json::to_string).transpose()?,
        ])?;
    let id = connection.last_insert_rowid();
    if let Some(name) = &job.lane {
        lane::make_room(connection, name, job.phase, id, now)?;
        lane::move_up(connection, name, now)?;
    }
    Ok(id)
}

/// Counts a delivery that is open now.
pub(super) fn reopen(connection: &Connection, registry: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "insert into pending (registry, open) values (?1, 1) on conflict (registry) do update set open = open + 1",
        )?
        .execute([registry])?;
    Ok(())
}

fn is_full(connection: &Connection, registry: &str, bounds: Bounds) -> Result<bool, StoreError> {
    let (all, ours): (u32, u32) = connection
        .prepare_cached(
            "select coalesce(sum(open), 0), coalesce(sum(open) filter (where registry = ?1), 0) from pending",
        )?
        .query_row([registry], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(all >= bounds.pending || ours >= bounds.pending_per_registry)
}

fn body_digest(body: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(body);
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}
