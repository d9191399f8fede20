//! What the catch-up has seen: how things stood when a registry was first asked, and how the last look went.

use rusqlite::params;
use scanrelay::{Delivery, Timestamp};
use serde::{Deserialize, Serialize};

use super::claimed::{Claim, Known};
use super::ledger::{Standing, Told};
use super::statement::Statements as _;
use super::{Store, StoreError, roll};

/// One transaction should not hold up the intake.
const STEP: usize = 256;

/// The last look at one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyRow {
    pub registry: String,
    /// The first one that came to its end; none has yet.
    pub first_at: Option<Timestamp>,
    pub begun_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Changes that it told of.
    pub seen: u32,
    /// Deliveries that were missing.
    pub made: u32,
    /// Why it did not come to its end, or what could not be looked at beside it.
    pub failure: Option<String>,
}

/// What a survey that came to its end came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Changes that it told of.
    pub seen: usize,
    /// Deliveries that were missing.
    pub made: usize,
    /// What could not be looked at beside it.
    pub doubt: Option<String>,
}

/// A change that is not to be a delivery.
struct Noted {
    delivery: Delivery,
    told: Option<Told>,
    claim: Option<Claim>,
}

impl Store {
    /// The last look at each registry.
    pub async fn surveys(&self) -> Result<Vec<SurveyRow>, StoreError> {
        self.read(|connection| {
            let query =
                "select registry, first_at, begun_at, ended_at, seen, made, failure from survey order by registry";
            let time = |at: Option<i64>| at.map(Timestamp::from_millis);
            let mut statement = connection.prepare_cached(query)?;
            let rows = statement.query_map([], |row| {
                Ok(SurveyRow {
                    registry: row.get(0)?,
                    first_at: time(row.get(1)?),
                    begun_at: Timestamp::from_millis(row.get(2)?),
                    ended_at: time(row.get(3)?),
                    seen: row.get(4)?,
                    made: row.get(5)?,
                    failure: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Whether no survey of it has come to its end yet.
    pub async fn is_new(&self, registry: String) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let query = "select not exists (select 1 from survey where registry = ?1 and first_at is not null)";
            Ok(connection.prepare_cached(query)?.query_row([registry], |row| row.get(0))?)
        })
        .await
    }

    /// Somebody asks the registry how things stand.
    pub async fn survey_begins(&self, registry: String, now: Timestamp) -> Result<(), StoreError> {
        self.commit(move |connection| {
            connection
                .statement(
                    "insert into survey (registry, begun_at, seen, made) values (?1, ?2, 0, 0)
                     on conflict (registry) do update set begun_at = ?2, ended_at = null, failure = null, seen = 0, made = 0",
                )?
                .execute(params![registry, now.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// What came of it, or why it did not come to its end.
    pub async fn survey_ended(
        &self,
        registry: String,
        outcome: Result<Looked, String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let is_whole = outcome.is_ok();
            let Looked { seen, made, doubt } = outcome
                .as_ref()
                .map_or_else(|why| Looked { doubt: Some(why.clone()), ..Looked::default() }, Clone::clone);
            connection
                .statement(
                    "update survey set ended_at = ?2, seen = ?3, made = ?4, failure = ?5,
                            first_at = iif(?6, coalesce(first_at, ?2), first_at)
                      where registry = ?1",
                )?
                .execute(params![
                    registry,
                    now.as_millis(),
                    i64::try_from(seen).unwrap_or(i64::MAX),
                    i64::try_from(made).unwrap_or(i64::MAX),
                    doubt,
                    is_whole,
                ])?;
            Ok(())
        })
        .await
    }

    /// Remembers that things stand so, without a delivery. What the ledger contradicts is given back: somebody changed what
    /// is ours, and that is to be a delivery.
    pub async fn note(&self, found: Vec<Delivery>, now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
        let mut contradicted = Vec::new();
        let mut left = found.into_iter().map(|delivery| {
            let (told, claim) = (Told::of(delivery.event()), Claim::of(&delivery));
            Noted { delivery, told, claim }
        });
        loop {
            let step: Vec<Noted> = left.by_ref().take(STEP).collect();
            if step.is_empty() {
                return Ok(contradicted);
            }
            let tampered = self.write(move |connection| {
                let mut tampered = Vec::new();
                for Noted { delivery, told, claim } in &step {
                    let registry = &delivery.event().registry;
                    if let Some(roll) = delivery.roll() {
                        roll::call(connection, registry, roll, delivery.surveyed_at(), now)?;
                    }
                    let standing = told.as_ref().map(|told| told.look(connection, registry)).transpose()?;
                    match standing {
                        Some(Standing::Tampered(_)) => tampered.push(delivery.clone()),
                        Some(Standing::Echo) => {}
                        Some(Standing::Foreign) | None => {
                            if let Some(claim) = claim
                                && claim.look(connection, registry, now)? == Known::New
                            {
                                claim.take(connection, registry, None, now)?;
                            }
                        }
                    }
                }
                Ok(tampered)
            });
            contradicted.extend(tampered.await?);
        }
    }
}
