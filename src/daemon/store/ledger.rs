//! The ledger: what we wrote into registries, so that our own changes are known when a registry tells of them, and other
//! people's changes of what is ours are put right.
//!
//! Of each key of a subject the newest row counts, and no other is kept. It is on disk before the request leaves, since the
//! registry may tell of the change before it answers. A value that never got there, because we died in between, does no
//! harm: whoever sets it later sets what we meant to.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::event::Fact;
use scanrelay::{Event, EventKind, Timestamp};

use super::batch::Batch;
use super::statement::Statements as _;
use super::{Store, StoreError, lane};
use crate::daemon::job::Job;

/// The first time it is put right at once; who changes a key again and again is answered once in so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a change says that was told to us. A key that is gone is worth nothing, and so it is where we take it away ourselves.
pub(super) struct Told {
    fact: Fact,
}

/// What a change is to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Somebody's own affair.
    Foreign,
    /// What we wrote, told back to us.
    Echo,
    /// Somebody changed what is ours.
    Tampered(Row),
}

/// Who wrote what stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    id: i64,
    job: i64,
    written_at: Timestamp,
}

/// What is done about a key of ours that somebody changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mended {
    /// This job tells the registry again.
    By(i64),
    /// Why nothing does.
    Not(&'static str),
}

impl Told {
    /// `None`: the event says nothing that we could have written.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let mut fact = event.fact()?;
        if matches!(event.kind, EventKind::TagDeleted | EventKind::AliasDeleted) {
            fact.value.clear();
        }
        Some(Self { fact })
    }

    pub(super) fn key(&self) -> &str {
        &self.fact.key
    }

    /// A tag that we write is ours alone. A stage or an alias is what people change in their work: another value of it is no
    /// tampering, and what we wrote does not stand any more.
    fn is_of_us_alone(&self) -> bool {
        self.fact.key.starts_with("tag:")
    }

    pub(super) fn look(&self, connection: &Connection, registry: &str) -> Result<Standing, StoreError> {
        let Fact { subject, key, value, .. } = &self.fact;
        let row = connection
            .statement(
                "select id, job, written_at, value = ?4 from written where registry = +?1 and subject = +?2 and key = +?3
                  order by id desc limit 1",
            )?
            .query_row(params![registry, subject, key, value], |row| {
                let written_at = Timestamp::from_millis(row.get(2)?);
                Ok((Row { id: row.get(0)?, job: row.get(1)?, written_at }, row.get::<_, bool>(3)?))
            })
            .optional()?;
        Ok(match row {
            None => Standing::Foreign,
            Some((_, true)) => Standing::Echo,
            Some((row, _)) if self.is_of_us_alone() => Standing::Tampered(row),
            Some((row, _)) => {
                connection.statement("delete from written where id = ?1")?.execute([row.id])?;
                Standing::Foreign
            }
        })
    }
}

impl Row {
    /// Has the registry told again, by the job that told it: an ordinary job, due at once, or when it was last written long enough ago.
    pub(super) fn mend(&self, batch: &Batch<'_>, now: Timestamp) -> Result<Mended, StoreError> {
        let query = "select job.delivery, job.state, job.claimed_at is not null, job.lane, job.round = delivery.round,
                            delivery.ended_at is not null, length(delivery.body) > 0, delivery.registry, job.token > 1
                       from job join delivery on delivery.id = job.delivery where job.id = ?1";
        let found = batch
            .statement(query)?
            .query_row([self.job], |row| {
                let lane: Option<String> = row.get(3)?;
                let state: (String, bool) = (row.get(1)?, row.get(2)?);
                let delivery: (i64, bool, bool, bool, String) =
                    (row.get(0)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?);
                Ok((state, lane, delivery, row.get::<_, bool>(8)?))
            })
            .optional()?;
        let Some(((state, is_claimed), lane, (delivery, is_last_round, has_ended, has_payload, registry), is_a_fight)) =
            found
        else {
            return Ok(Mended::Not("the job that told the registry was removed (retention)"));
        };
        if is_claimed {
            // It may have been told before the change or after it.
            batch.memory().tell_again(self.job);
            return Ok(Mended::By(self.job));
        }
        match state.as_str() {
            "due" | "waiting" | "held" => return Ok(Mended::By(self.job)),
            "done" => {}
            _ => return Ok(Mended::Not("the job that told the registry did not end well: retry it")),
        }
        if !is_last_round || !has_ended {
            return Ok(Mended::Not("the delivery is being worked on again, and the registry is told then"));
        }
        if !has_payload {
            return Ok(Mended::Not("the payload was removed (retention.bodies): replay is not possible any more"));
        }
        if let Some(lane) = &lane
            && !lane::is_free(batch, lane)?
        {
            return Ok(Mended::Not("the registry is being told something newer"));
        }
        let due_at = if is_a_fight { now.max(self.written_at.after(PATIENCE)) } else { now };
        batch
            .statement("update delivery set state = 'open', reason = null, ended_at = null where id = ?1")?
            .execute([delivery])?;
        batch.memory().opened(&registry);
        batch
            .statement(
                "update job set state = 'due', due_at = ?2, attempts = 0, deferrals = 0, outcome = null, ended_at = null
                  where id = ?1 returning queue",
            )?
            .query_row(params![self.job, due_at.as_millis()], |row| row.get::<_, String>(0))
            .map(|queue| batch.memory().uses(&queue))?;
        Ok(Mended::By(self.job))
    }

    /// Whether it was written since then.
    pub(super) fn is_younger_than(self, at: Timestamp) -> bool {
        self.written_at >= at
    }
}

/// When a job that has just told the registry does so again, since somebody changed it meanwhile.
pub(super) fn tells_again(batch: &Batch<'_>, job: i64, now: Timestamp) -> Option<Timestamp> {
    batch.memory().has_to_tell_again(job).then(|| now.after(PATIENCE))
}

impl Store {
    /// Puts down what a request is about to make so, before it is sent. `false`: the lease was lost.
    pub async fn intend(&self, job: &Job, facts: Vec<Fact>, now: Timestamp) -> Result<bool, StoreError> {
        let (id, token, registry) = (job.id, job.token, job.event.registry.clone());
        self.write(move |connection| {
            if !super::settle::holds(connection, id, token)? {
                return Ok(false);
            }
            for Fact { subject, key, value, .. } in &facts {
                connection
                    .statement("delete from written where registry = ?1 and subject = ?2 and key = ?3")?
                    .execute(params![registry, subject, key])?;
                connection
                    .statement(
                        "insert into written (registry, subject, key, value, job, written_at) values (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute(params![registry, subject, key, value, id, now.as_millis()])?;
            }
            Ok(true)
        })
        .await
    }
}
