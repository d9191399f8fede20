//! What an attempt came to, and what follows from it, in one member of a transaction.

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::plugin::Verdict;
use scanrelay::registry::Outcome;
use scanrelay::{Event, Timestamp};

use super::batch::Batch;
use super::insert::insert_job;
use super::statement::Statements as _;
use super::{Store, StoreError, lane, ledger, overtake, standing, waiver};
use crate::daemon::job::plan::{Change, Closed, Decided, NewJob, Plan, View, advance};
use crate::daemon::job::{Ending, Job, Next, Phase, State, Written};
use crate::daemon::verdict::Vote;

/// The attempt that is over.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What came of it, in one line.
    pub result: String,
    /// The run's log.
    pub log: Option<Vec<u8>>,
    /// What the registry took, where it tells nobody of it.
    pub written: Vec<Written>,
}

/// Whether the outcome was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Yes,
    /// The lease was lost: somebody else has the job, or it has ended. The outcome is dropped.
    Lost,
}

impl Store {
    /// Stores what becomes of a job, and everything that follows from it. It is in the queue of the writer when this returns,
    /// so that a claim after it finds what has become due by it.
    pub fn settle(
        &self,
        job: &Job,
        next: Next,
        attempt: Attempt,
        now: Timestamp,
    ) -> impl Future<Output = Result<Settled, StoreError>> + use<> {
        let (id, token) = (job.id, job.token);
        let (registry, subject) = (job.event.registry.clone(), job.event.subject());
        // Nobody waits for it: what the registry is told next waits by itself.
        self.commit(move |connection| {
            if !holds(connection, id, token)? {
                return Ok(Settled::Lost);
            }
            record(connection, id, token, &attempt, now)?;
            for written in &attempt.written {
                connection
                    .statement(
                        "insert into written (registry, subject, key, value, job, written_at) values (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute(params![registry, subject, written.key, written.value, id, now.as_millis()])?;
            }
            apply(connection, id, &next, now)?;
            Ok(Settled::Yes)
        })
    }

    /// Keeps what a plugin saved. `false`: the lease was lost.
    pub async fn checkpoint(&self, job: i64, token: i64, data: String) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let rows = connection
                .statement("update job set checkpoint = ?3 where id = ?1 and token = ?2 and state = 'due'")?
                .execute(params![job, token, data])?;
            Ok(rows == 1)
        })
        .await
    }
}

pub(super) fn holds(connection: &Connection, id: i64, token: i64) -> Result<bool, StoreError> {
    let query =
        "select exists (select 1 from job where id = ?1 and token = ?2 and state = 'due' and claimed_at is not null)";
    Ok(connection.statement(query)?.query_row(params![id, token], |row| row.get(0))?)
}

fn record(connection: &Connection, id: i64, token: i64, attempt: &Attempt, now: Timestamp) -> Result<(), StoreError> {
    connection
        .statement(
            "insert or replace into attempt (job, token, claimed_at, ended_at, result, log)
             select id, ?2, claimed_at, ?3, ?4, ?5 from job where id = ?1",
        )?
        .execute(params![id, token, now.as_millis(), attempt.result, attempt.log])?;
    Ok(())
}

fn apply(connection: &Batch<'_>, id: i64, next: &Next, now: Timestamp) -> Result<(), StoreError> {
    connection.memory().is_over(id);
    let release = |at: Timestamp, attempts: i64, deferrals: i64| {
        connection
            .statement(
                "update job set due_at = ?2, claimed_at = null, attempts = attempts - ?3, deferrals = deferrals + ?4 where id = ?1",
            )?
            .execute(params![id, at.as_millis(), attempts, deferrals])
            .map_err(StoreError::from)
    };
    match next {
        Next::End(Ending::Told) if let Some(at) = ledger::tells_again(connection, id, now) => {
            release(at, 1, 0)?;
        }
        Next::Release | Next::Retry { .. } | Next::End(Ending::Confirmed)
            if let Some(newer) = overtake::gives_way(connection, id)? =>
        {
            overtake::give_way(connection, id, newer, now)?;
        }
        Next::Release => {
            release(now, 1, 0)?;
        }
        Next::Retry { at, counted, .. } => {
            if let Some(lane) = lane_of(connection, id)?
                && lane::is_overtaken(connection, &lane, id)?
            {
                let delivery = end_job(connection, id, &Ending::Superseded { by: None }, now)?;
                return follow(connection, delivery, now);
            }
            release(*at, i64::from(!counted), i64::from(!counted))?;
        }
        Next::End(ending) => {
            let delivery = end_job(connection, id, ending, now)?;
            if matches!(ending, Ending::Confirmed)
                && let Some(open) = Open::load(connection, delivery)?
                && is_of_phase(connection, id, Phase::Ask)?
            {
                overtake::overtake(connection, delivery, &open.plan, &open.event, now)?;
            }
            follow(connection, delivery, now)?;
        }
    }
    Ok(())
}

/// Ends a job and lets its lane move up. What follows for the delivery is the caller's to ask.
pub(super) fn end_job(connection: &Batch<'_>, id: i64, ending: &Ending, now: Timestamp) -> Result<i64, StoreError> {
    connection.memory().is_over(id);
    let (delivery, lane): (i64, Option<String>) = connection
        .statement(
            "update job set state = ?2, outcome = ?3, ended_at = ?4, claimed_at = null where id = ?1 returning delivery, lane",
        )?
        .query_row(params![id, ending.state().word(), serde_json::to_string(ending)?, now.as_millis()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if let Some(lane) = lane
        && !matches!(ending, Ending::Confirmed)
    {
        // A confirmed promotion keeps its place: its actions come next, before the lane moves up.
        lane::move_up(connection, &lane, delivery, now)?;
    }
    Ok(delivery)
}

/// Applies what follows from where the delivery's jobs stand, until nothing follows.
pub(super) fn follow(connection: &Batch<'_>, delivery: i64, now: Timestamp) -> Result<(), StoreError> {
    let Some(open) = Open::load(connection, delivery)? else { return Ok(()) };
    // Each step ends a job, makes one that was missing, or closes: a few steps per job at most.
    for _ in 0..1000 {
        let jobs = views(connection, delivery, open.round)?;
        let decided = decided(connection, delivery, open.round)?;
        let waivers = waiver::of(connection, &jobs)?;
        let changes = advance(&open.plan, &open.event, &jobs, decided, &waivers, now);
        let ended = changes.iter().any(|change| matches!(change, Change::Close(_)));
        if changes.is_empty() {
            break;
        }
        for change in changes {
            open.apply(connection, change, now)?;
        }
        if ended {
            break;
        }
    }
    for lane in lanes(connection, delivery, open.round)? {
        lane::move_up(connection, &lane, delivery, now)?;
    }
    Ok(())
}

/// Closes a delivery whose last open job was superseded from outside.
pub(super) fn close_if_ended(connection: &Batch<'_>, delivery: i64, now: Timestamp) -> Result<(), StoreError> {
    let Some(open) = Open::load(connection, delivery)? else { return Ok(()) };
    let jobs = views(connection, delivery, open.round)?;
    let decided = decided(connection, delivery, open.round)?;
    let waivers = waiver::of(connection, &jobs)?;
    for change in advance(&open.plan, &open.event, &jobs, decided, &waivers, now) {
        if matches!(change, Change::Close(_)) {
            open.apply(connection, change, now)?;
        }
    }
    Ok(())
}

/// A delivery that has not ended.
pub(super) struct Open {
    pub(super) id: i64,
    pub(super) round: i64,
    received_at: Timestamp,
    pub(super) plan: Plan,
    pub(super) event: Event,
}

impl Open {
    pub(super) fn load(connection: &Connection, id: i64) -> Result<Option<Self>, StoreError> {
        let query = "select round, received_at, plan, event from delivery where id = ?1 and state = 'open' and plan is not null";
        let row: Option<(i64, i64, String, String)> = connection
            .statement(query)?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((round, received_at, plan, event)) = row else { return Ok(None) };
        let received_at = Timestamp::from_millis(received_at);
        Ok(Some(Self {
            id,
            round,
            received_at,
            plan: serde_json::from_str(&plan)?,
            event: serde_json::from_str(&event)?,
        }))
    }

    fn apply(&self, connection: &Batch<'_>, change: Change, now: Timestamp) -> Result<(), StoreError> {
        match change {
            Change::Create(job) => {
                let id = insert_job(connection, self.id, self.round, &job, self.received_at, now)?;
                match self.outdated(connection, &job)? {
                    Some(reason) => end_job(connection, id, &Ending::Skipped { reason }, now).map(drop),
                    None => Ok(()),
                }
            }
            Change::Release(job) => {
                connection
                    .statement("update job set state = 'waiting' where id = ?1 and state = 'held'")?
                    .execute([job])?;
                Ok(())
            }
            Change::Skip(job, reason) => end_job(connection, job, &Ending::Skipped { reason }, now).map(drop),
            Change::Verdict(verdict, votes) => self.store_verdict(connection, verdict, &votes, now),
            Change::Votes(votes) => self.complete_votes(connection, &votes),
            Change::Close(closed) => self.close(connection, &closed, now),
        }
    }

    /// Why a safe outcome is not told: it rests on scans that were kept, and something else was found out since.
    fn outdated(&self, connection: &Connection, job: &NewJob) -> Result<Option<String>, StoreError> {
        let Some(Outcome::Scanned { verdict: Verdict::Safe, at: Some(at), .. }) = &job.tell else { return Ok(None) };
        if self.round == 1 {
            return Ok(None);
        }
        let since = standing::last_since(connection, &self.event, self.id, *at)?;
        Ok(since.filter(|(_, verdict)| *verdict != Verdict::Safe).map(|(delivery, verdict)| {
            format!(
                "delivery {delivery} says {verdict} since then, and nothing was scanned again: scanrelay deliveries replay {} --all",
                self.id
            )
        }))
    }

    fn store_verdict(
        &self,
        connection: &Batch<'_>,
        verdict: Verdict,
        votes: &[Vote],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        connection
            .statement(
                "insert into verdict (delivery, round, registry, subject, verdict, votes, policy, configuration, settled_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                self.id,
                self.round,
                self.event.registry,
                self.event.subject(),
                verdict.to_string(),
                serde_json::to_string(votes)?,
                serde_json::to_string(&self.plan.policy)?,
                self.plan.configuration,
                now.as_millis(),
            ])?;
        connection.memory().settled(verdict);
        Ok(())
    }

    /// Those that the verdict did not wait for; what it rests on stays as it was.
    fn complete_votes(&self, connection: &Batch<'_>, votes: &[Vote]) -> Result<(), StoreError> {
        let (id, known): (i64, String) = connection
            .statement("select id, votes from verdict where delivery = ?1 and round = ?2")?
            .query_row(params![self.id, self.round], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let known: Vec<Vote> = serde_json::from_str(&known)?;
        let votes: Vec<&Vote> =
            votes.iter().map(|vote| known.iter().find(|known| known.scanner == vote.scanner).unwrap_or(vote)).collect();
        connection
            .statement("update verdict set votes = ?2 where id = ?1")?
            .execute(params![id, serde_json::to_string(&votes)?])?;
        Ok(())
    }

    fn close(&self, connection: &Batch<'_>, closed: &Closed, now: Timestamp) -> Result<(), StoreError> {
        let (state, reason) = match closed {
            Closed::Done => ("done", None),
            Closed::Ignored(reason) => ("ignored", Some(reason)),
            Closed::Dead(reason) => ("dead", Some(reason)),
        };
        let closed = connection
            .statement("update delivery set state = ?2, reason = ?3, ended_at = ?4 where id = ?1 and state = 'open'")?
            .execute(params![self.id, state, reason, now.as_millis()])?;
        if closed == 0 {
            return Ok(());
        }
        connection.memory().closed(&self.event.registry);
        Ok(())
    }
}

fn views(connection: &Connection, delivery: i64, round: i64) -> Result<Vec<View>, StoreError> {
    let mut statement = connection.statement(
        "select id, phase, name, state, outcome, ended_at from job where delivery = +?1 and round = +?2 order by id",
    )?;
    let mut rows = statement.query(params![delivery, round])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let (phase, state): (String, String) = (row.get(1)?, row.get(3)?);
        let outcome: Option<String> = row.get(4)?;
        views.push(View {
            id: row.get(0)?,
            phase: Phase::from_word(&phase).ok_or(rusqlite::Error::InvalidQuery)?,
            name: row.get(2)?,
            state: State::from_word(&state).ok_or(rusqlite::Error::InvalidQuery)?,
            ending: outcome.map(|text| serde_json::from_str(&text)).transpose()?,
            ended_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
        });
    }
    Ok(views)
}

fn decided(connection: &Connection, delivery: i64, round: i64) -> Result<Option<Decided>, StoreError> {
    let query = "select verdict, json_array_length(votes) from verdict where delivery = ?1 and round = ?2";
    let found: Option<(String, u32)> = connection
        .statement(query)?
        .query_row(params![delivery, round], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((word, votes)) = found else { return Ok(None) };
    Ok(Some(Decided { verdict: serde_json::from_value(word.into())?, votes: votes as usize }))
}

fn is_of_phase(connection: &Connection, job: i64, phase: Phase) -> Result<bool, StoreError> {
    let query = "select phase = +?2 from job where id = +?1";
    Ok(connection.statement(query)?.query_row(params![job, phase.word()], |row| row.get(0))?)
}

fn lane_of(connection: &Connection, job: i64) -> Result<Option<String>, StoreError> {
    Ok(connection.statement("select lane from job where id = ?1")?.query_row([job], |row| row.get(0))?)
}

fn lanes(connection: &Connection, delivery: i64, round: i64) -> Result<Vec<String>, StoreError> {
    let query = "select distinct lane from job where delivery = +?1 and round = +?2 and lane is not null";
    let lanes = connection
        .statement(query)?
        .query_map(params![delivery, round], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(lanes)
}
