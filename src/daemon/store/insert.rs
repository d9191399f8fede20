//! A delivery as it comes in, and a job in its place, each in a member of a transaction.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::registry::Roll;
use scanrelay::{Delivery, Timestamp};

use super::batch::Batch;
use super::claimed::{Claim, Known};
use super::ledger::{self, Mended, Standing};
use super::room::{Look, Room};
use super::seen::Key;
use super::statement::Statements as _;
use super::{Store, StoreError, lane, roll};
use crate::daemon::job::plan::{NewJob, Plan};
use crate::daemon::job::{Phase, State};

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
    /// New, and another body has come under its key before. Somebody's ids are not what they should be.
    Conflict(i64),
    /// Stored under this id, and it starts nothing, whatever its route.
    Aside(i64, Aside),
    /// The same delivery, or the same change, was stored before, under this id.
    Duplicate(i64),
    /// It stands so, as the catch-up has seen, and nobody has to be told.
    Noted,
    /// As many deliveries are open as may be.
    Full,
    /// The disk has too little left, or the store is as large as it may be.
    NoRoom,
}

/// Why a delivery that was stored starts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aside {
    /// Our own write-back, told back to us.
    Echo,
    /// It says what stood already.
    Unchanged,
    /// Somebody changed this key, which is ours.
    Tampered { key: String, mended: Mended },
}

impl Aside {
    /// As the delivery says it.
    pub fn in_words(&self) -> String {
        match self {
            Self::Echo => "our own write-back".to_owned(),
            Self::Unchanged => "nothing changed".to_owned(),
            Self::Tampered { key, mended: Mended::By(job) } => {
                format!("tampered: {key} is ours and somebody changed it; job {job} tells the registry again")
            }
            Self::Tampered { key, mended: Mended::Not(why) } => {
                format!("tampered: {key} is ours and somebody changed it; it was not put right: {why}")
            }
        }
    }
}

/// How many deliveries may be open, and what there must be room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub pending: u32,
    pub pending_per_registry: u32,
    pub room: Room,
}

impl Store {
    /// Stores a delivery, or finds that it is stored already. Its first jobs are made when somebody looks ([`unfold`](super::unfold)).
    pub async fn insert(&self, intake: Intake, bounds: Bounds, now: Timestamp) -> Result<Inserted, StoreError> {
        let (prepared, look) = (Prepared::of(intake)?, Arc::clone(&self.look));
        self.recalled().await?;
        self.write(move |batch| prepared.insert(batch, bounds, &look, now)).await
    }
}

/// A delivery as its rows hold it. It is made before the writer is asked, which all others wait for.
struct Prepared {
    registry: String,
    key: Key,
    change_key: Option<String>,
    verified_by: String,
    peer: Option<String>,
    headers: String,
    body: Bytes,
    event: String,
    subject: String,
    kind: String,
    /// The plan; without a route, why.
    planned: Result<String, String>,
    /// What the ledger may know of.
    told: Option<ledger::Told>,
    claim: Option<Claim>,
    roll: Option<Roll>,
    surveyed_at: Option<Timestamp>,
}

impl Prepared {
    fn of(Intake { delivery, plan }: Intake) -> Result<Self, StoreError> {
        let key = Key::of(&delivery);
        let (told, claim) = (ledger::Told::of(delivery.event()), Claim::of(&delivery));
        let (surveyed_at, roll) = (delivery.surveyed_at(), delivery.roll().cloned());
        let verified = delivery.verified();
        let verified_by = match surveyed_at {
            Some(_) => verified.scheme.clone(),
            None => [&verified.scheme, ", secret ", &(verified.secret + 1).to_string()].concat(),
        };
        let peer = delivery.peer().map(|peer| peer.to_string());
        let headers = serde_json::to_string(delivery.headers())?;
        let body = delivery.body().clone();
        let mut event = delivery.into_event();
        let planned = match plan {
            Ok(plan) => Ok(serde_json::to_string(&plan)?),
            Err(reason) => Err(reason),
        };
        // The payload is kept once, as the bytes that were signed; the change's key in a column of its own.
        event.raw = None;
        let change_key = event.change_key.take();
        Ok(Self {
            key,
            verified_by,
            peer,
            headers,
            body,
            event: serde_json::to_string(&event)?,
            subject: event.subject(),
            kind: event.kind.to_string(),
            registry: event.registry,
            change_key,
            planned,
            told,
            claim,
            roll,
            surveyed_at,
        })
    }

    fn insert(&self, batch: &Batch<'_>, bounds: Bounds, look: &Look, now: Timestamp) -> Result<Inserted, StoreError> {
        let known = self.key.look(batch, &self.registry, now)?;
        if let Some(id) = known.same {
            return Ok(Inserted::Duplicate(id));
        }
        if let Some(roll) = &self.roll {
            roll::call(batch, &self.registry, roll, self.surveyed_at, now)?;
        }
        let aside = match self.aside(batch, now)? {
            Found::Nothing => None,
            Found::Same(id) => return Ok(Inserted::Duplicate(id)),
            Found::Noted => return Ok(Inserted::Noted),
            Found::Aside(aside) => Some(aside),
        };
        let planned = match (&aside, &self.planned) {
            (Some(aside), _) => Err(Cow::Owned(aside.in_words())),
            (None, Ok(plan)) => Ok(Cow::Borrowed(plan.as_str())),
            (None, Err(reason)) => Err(Cow::Borrowed(reason.as_str())),
        };
        if planned.is_ok() && is_full(batch, &self.registry, bounds) {
            return Ok(Inserted::Full);
        }
        if !look.has_room(batch, bounds.room, self.body.len(), now)? {
            return Ok(Inserted::NoRoom);
        }
        let id = self.insert_delivery(batch, &planned, known.conflict, now)?;
        self.key.remember(batch, &known, &self.registry, id, now)?;
        if let Some(claim) = &self.claim
            && !matches!(aside, Some(Aside::Unchanged))
        {
            claim.take(batch, &self.registry, Some(id), now)?;
        }
        batch.memory().at(now);
        batch.memory().came(id);
        if planned.is_ok() {
            batch.memory().opened(&self.registry);
        }
        Ok(match aside {
            None if known.conflict => Inserted::Conflict(id),
            None => Inserted::New(id),
            Some(aside) => Inserted::Aside(id, aside),
        })
    }

    /// What the ledger and those who came before have to say about it.
    fn aside(&self, batch: &Batch<'_>, now: Timestamp) -> Result<Found, StoreError> {
        if let Some(told) = &self.told {
            match told.look(batch, &self.registry)? {
                Standing::Foreign => {}
                Standing::Echo if self.surveyed_at.is_some() => return Ok(Found::Noted),
                Standing::Echo => return Ok(Found::Aside(Aside::Echo)),
                Standing::Tampered(row) if self.surveyed_at.is_some_and(|at| row.is_younger_than(at)) => {
                    return Ok(Found::Noted);
                }
                Standing::Tampered(row) => {
                    let (key, mended) = (told.key().to_owned(), row.mend(batch, now)?);
                    return Ok(Found::Aside(Aside::Tampered { key, mended }));
                }
            }
        }
        let Some(claim) = &self.claim else { return Ok(Found::Nothing) };
        Ok(match claim.look(batch, &self.registry, now)? {
            Known::New => Found::Nothing,
            Known::Same(id) => Found::Same(id),
            Known::Stands if self.surveyed_at.is_some() => Found::Noted,
            Known::Stands => Found::Aside(Aside::Unchanged),
        })
    }

    fn insert_delivery(
        &self,
        connection: &Connection,
        planned: &Result<Cow<'_, str>, Cow<'_, str>>,
        conflict: bool,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let (state, plan, reason, ended_at) = match planned {
            Ok(plan) => ("open", Some(plan), None, None),
            Err(reason) => ("ignored", None, Some(reason), Some(now.as_millis())),
        };
        connection
            .statement(
                "insert into delivery (registry, key, change_key, received_at, verified_by, peer, headers, body, event,
                                       subject, kind, conflict, plan, state, reason, ended_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                self.registry,
                self.key.bytes(),
                self.change_key,
                now.as_millis(),
                self.verified_by,
                self.peer,
                self.headers,
                self.body.as_ref(),
                self.event,
                self.subject,
                self.kind,
                conflict,
                plan,
                state,
                reason,
                ended_at,
            ])?;
        Ok(connection.last_insert_rowid())
    }
}

/// What there is about a delivery before it is stored.
enum Found {
    Nothing,
    Same(i64),
    Noted,
    Aside(Aside),
}

/// Puts a job in its place: due, behind another one of its lane, or held.
///
/// It is due since its delivery came, so that the outcome of an old delivery is told before the progress of younger ones.
pub(super) fn insert_job(
    batch: &Batch<'_>,
    delivery: i64,
    round: i64,
    job: &NewJob,
    since: Timestamp,
    now: Timestamp,
) -> Result<i64, StoreError> {
    // A lane in which nobody is has nobody to make room or to wait for.
    let lane = match &job.lane {
        Some(lane) if !lane::is_free(batch, lane)? => Some(lane),
        _ => None,
    };
    let state = match lane {
        _ if job.held => State::Held,
        Some(_) => State::Waiting,
        None => State::Due,
    };
    let earlier = if round > 1 { earlier(batch, delivery, job)? } else { Earlier::default() };
    let run_id = match (job.phase, earlier.run_id) {
        (Phase::Run, None) => Some(run_id(batch, delivery, round, &job.name)?),
        (_, earlier) => earlier,
    };
    batch
        .statement(
            "insert into job (delivery, round, phase, name, queue, lane, state, due_at, created_at, tell, run_id, checkpoint)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            delivery,
            round,
            job.phase.word(),
            job.name,
            job.queue,
            job.lane,
            state.word(),
            since.min(now).after(job.after).as_millis(),
            now.as_millis(),
            job.tell.as_ref().map(serde_json::to_string).transpose()?,
            run_id,
            earlier.checkpoint,
        ])?;
    let id = batch.last_insert_rowid();
    batch.memory().uses(&job.queue);
    if let Some(name) = lane {
        let now = batch.memory().now().max(now);
        lane::make_room(batch, name, job.phase, id, now)?;
        lane::move_up(batch, name, delivery, now)?;
    }
    Ok(id)
}

/// A run is called after its delivery, which was on disk before it was answered: after a power cut, which may give a job's
/// number to another one, no other run has its id.
fn run_id(batch: &Batch<'_>, delivery: i64, round: i64, plugin: &str) -> Result<String, StoreError> {
    let fresh: i64 = match round {
        1 => 1,
        _ => batch
            .statement("select fresh_round from delivery where id = ?1")?
            .query_row([delivery], |row| row.get(0))?,
    };
    Ok(format!("{}-{delivery}-{fresh}-{plugin}", batch.memory().store_id()))
}

/// What a run of an earlier round left to this one.
#[derive(Default)]
struct Earlier {
    run_id: Option<String>,
    checkpoint: Option<String>,
}

/// A run of an earlier round keeps its id and its checkpoint: what it has triggered is resumed, not triggered again.
fn earlier(connection: &Connection, delivery: i64, job: &NewJob) -> Result<Earlier, StoreError> {
    let earlier = connection
        .statement(
            "select coalesce(run_id, (select value from meta where key = 'store_id') || '-' || id), checkpoint
               from job where delivery = +?1 and phase = +?2 and name = +?3 and phase = 'run'
                and round >= (select fresh_round from delivery where id = ?1)
              order by round desc limit 1",
        )?
        .query_row(params![delivery, job.phase.word(), job.name], |row| {
            Ok(Earlier { run_id: row.get(0)?, checkpoint: row.get(1)? })
        })
        .optional()?;
    Ok(earlier.unwrap_or_default())
}

fn is_full(batch: &Batch<'_>, registry: &str, bounds: Bounds) -> bool {
    let (all, ours) = batch.memory().open(registry);
    all >= bounds.pending || ours >= bounds.pending_per_registry
}
