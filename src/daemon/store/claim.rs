//! Claiming: one statement that sets the lease's end, bumps the token and counts the attempt.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Row, params};
use scanrelay::event::Payload;
use scanrelay::{Event, Timestamp, TraceParent};

use super::batch::Batch;
use super::statement::Statements as _;
use super::{Store, StoreError, unfold};
use crate::daemon::job::{Job, Phase};

/// A queue with free slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    pub queue: String,
    pub slots: u32,
    pub lease: Duration,
    /// Only what has been due for so long.
    pub waited: Duration,
}

impl Want {
    fn is_of_plugin(&self) -> bool {
        self.queue.starts_with("plugin:")
    }

    /// What was due then, in milliseconds, has been due for long enough.
    fn due_by(&self, now: Timestamp) -> i64 {
        now.as_millis().saturating_sub(self.waited())
    }

    fn waited(&self) -> i64 {
        i64::try_from(self.waited.as_millis()).unwrap_or(i64::MAX)
    }
}

/// What was claimed, when something else of the same queues becomes due, and which queues got their first job since.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Whether anything that is due could have been claimed.
    pub looked: bool,
    pub jobs: Vec<Job>,
    pub next_due: Option<Timestamp>,
    pub new_queues: Vec<String>,
    /// There are free slots, and deliveries whose jobs are not made yet.
    pub more: bool,
}

impl Store {
    /// Claims what is due in these queues, at most `runs` jobs of plugins in all.
    pub async fn claim(&self, mut wants: Vec<Want>, runs: u32, now: Timestamp) -> Result<Claimed, StoreError> {
        wants.retain(|want| (runs > 0 || !want.is_of_plugin()) && !self.paused.has(&want.queue));
        if wants.is_empty() {
            return Ok(Claimed::default());
        }
        let store = self.id.to_string();
        // After a power cut it is claimed again, and the run has the same id.
        self.commit(move |batch| {
            batch.memory().at(now);
            let mut round = Round { wants: wants.clone(), runs, now, store: &store, jobs: Vec::new() };
            // What came last may take the place of what would be claimed.
            if batch.memory().folded() <= u64::from(unfold::STEP) {
                unfold::unfold(batch, unfold::STEP)?;
            }
            round.claim(batch)?;
            if batch.memory().folded() > 0 {
                unfold::unfold(batch, if round.has_free_runs() { unfold::STEP } else { unfold::FEW })?;
                round.claim(batch)?;
            }
            Ok(Claimed {
                looked: true,
                next_due: round.next_due(batch)?,
                more: batch.memory().folded() > 0 && round.has_free_runs(),
                jobs: round.jobs,
                new_queues: batch.memory().new_queues(),
            })
        })
        .await
    }

    /// Every queue that has a job which has not ended.
    pub async fn queues(&self) -> Result<Vec<String>, StoreError> {
        // Those of jobs that are yet to be made are heard of by who claims.
        self.read(|connection| {
            let query = "select distinct queue from job where state in ('due', 'waiting', 'held')";
            let queues = connection.prepare(query)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(queues)
        })
        .await
    }
}

/// After this long some more jobs are made where nothing else happens.
const UNFOLD_AGAIN: Duration = Duration::from_millis(500);

/// What is due first, up to so many.
const DUE: &str = "\
    select job.id, job.delivery, job.phase, job.name, job.queue, job.token, job.attempts, job.deferrals, job.run_id,
           job.checkpoint, job.tell, delivery.event, delivery.body, delivery.headers, delivery.change_key,
           job.phase = 'run' and job.lane is not null and exists (
               select 1 from verdict
                where verdict.delivery = job.delivery and verdict.round = job.round and instr(verdict.votes, '\"waived\"'))
      from job join delivery on delivery.id = job.delivery
     where job.queue = +?1 and job.state = 'due' and job.due_at <= +?2
     order by job.due_at, job.id limit +?3";

/// What is claimed, and what may be claimed beyond that.
struct Round<'a> {
    wants: Vec<Want>,
    /// Jobs of plugins in all.
    runs: u32,
    now: Timestamp,
    store: &'a str,
    jobs: Vec<Job>,
}

impl Round<'_> {
    fn claim(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        for place in 0..self.wants.len() {
            let slots = self.slots(&self.wants[place]);
            if slots == 0 {
                continue;
            }
            let claimed = self.claim_queue(batch, &self.wants[place], slots)?;
            let started = u32::try_from(claimed.len()).unwrap_or(u32::MAX);
            let want = &mut self.wants[place];
            want.slots = want.slots.saturating_sub(started);
            if want.is_of_plugin() {
                self.runs = self.runs.saturating_sub(started);
            }
            self.jobs.extend(claimed);
        }
        Ok(())
    }

    fn slots(&self, want: &Want) -> u32 {
        if want.is_of_plugin() { want.slots.min(self.runs) } else { want.slots }
    }

    /// Whether a plugin could do more than there is.
    fn has_free_runs(&self) -> bool {
        self.wants.iter().any(|want| want.is_of_plugin() && self.slots(want) > 0)
    }

    /// When something else becomes due where there is a slot for it.
    fn next_due(&self, batch: &Batch<'_>) -> Result<Option<Timestamp>, StoreError> {
        let mut next: Option<i64> = None;
        for want in self.wants.iter().filter(|want| self.slots(want) > 0) {
            let due: Option<i64> = batch
                .statement("select min(due_at) from job where state = 'due' and queue = +?1 and due_at > +?2")?
                .query_row(params![want.queue, want.due_by(self.now)], |row| row.get(0))?;
            let due = due.map(|due| due.saturating_add(want.waited()));
            next = next.into_iter().chain(due).min();
        }
        let next = next.map(Timestamp::from_millis);
        // Among what has no jobs yet there may be one for a registry, while all runs are taken for long.
        let soon = (batch.memory().folded() > 0 && self.wants.iter().any(|want| self.slots(want) > 0))
            .then(|| self.now.after(UNFOLD_AGAIN));
        Ok(next.into_iter().chain(soon).min())
    }

    fn claim_queue(&self, batch: &Batch<'_>, want: &Want, slots: u32) -> Result<Vec<Job>, StoreError> {
        let mut jobs = Vec::new();
        // Runs that may kill the daemon are begun one at a time: those that have to wait for another one are passed over.
        let most = slots.saturating_add(batch.memory().suspects());
        let mut statement = batch.statement(DUE)?;
        let mut rows = statement.query(params![want.queue, want.due_by(self.now), most])?;
        while jobs.len() < slots as usize
            && let Some(row) = rows.next()?
        {
            let job = job(row, self.store)?;
            if batch.memory().may_begin(job.id) {
                batch.memory().begins(job.id);
                jobs.push(job);
            }
        }
        drop(rows);
        let lease = self.now.after(want.lease).as_millis();
        for job in &jobs {
            // One row at a time: what changes several keeps a journal of its own.
            batch
                .statement("update job set due_at = ?2, claimed_at = ?3, token = ?4, attempts = ?5 where id = ?1")?
                .execute(params![job.id, lease, self.now.as_millis(), job.token, job.attempts])?;
        }
        Ok(jobs)
    }
}

/// The job of a row of [`DUE`] as it is once it is claimed: under the next token, and the attempt counted.
fn job(row: &Row<'_>, store: &str) -> Result<Job, StoreError> {
    let id: i64 = row.get(0)?;
    let phase = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
    let phase = Phase::from_word(phase).ok_or(rusqlite::Error::InvalidQuery)?;
    let checkpoint: Option<String> = row.get(9)?;
    let tell: Option<String> = row.get(10)?;
    let body: Vec<u8> = row.get(12)?;
    let mut event: Event = serde_json::from_str(row.get_ref(11)?.as_str().map_err(rusqlite::Error::from)?)?;
    event.raw = Payload::from_body(&body);
    event.change_key = row.get(14)?;
    Ok(Job {
        id,
        delivery: row.get(1)?,
        phase,
        name: row.get(3)?,
        queue: row.get(4)?,
        token: row.get::<_, i64>(5)? + 1,
        attempts: row.get::<_, u32>(6)? + 1,
        deferrals: row.get(7)?,
        run_id: row.get::<_, Option<String>>(8)?.unwrap_or_else(|| format!("{store}-{id}")),
        checkpoint: checkpoint.map(|text| serde_json::from_str(&text)).transpose()?,
        tell: tell.map(|text| serde_json::from_str(&text)).transpose()?,
        event,
        body: Bytes::from(body),
        trace: trace(row.get_ref(13)?.as_str().map_err(rusqlite::Error::from)?)?,
        on_waivers: row.get(15)?,
    })
}

/// Out of the headers that are kept.
fn trace(headers: &str) -> Result<Option<TraceParent>, StoreError> {
    if !headers.contains(TraceParent::HEADER) {
        return Ok(None);
    }
    let headers: Vec<(String, String)> = serde_json::from_str(headers)?;
    let found = headers.iter().find(|(name, _)| name == TraceParent::HEADER);
    Ok(found.and_then(|(_, value)| TraceParent::parse(value.as_bytes())))
}
