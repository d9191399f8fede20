//! What was said of a thing, as it stands now.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use scanrelay::plugin::Verdict;
use scanrelay::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use super::statement::Statements as _;
use super::{Store, StoreError, waiver};
use crate::daemon::digest::Digest;
use crate::daemon::verdict::{Standing, Standings, Waiver};

/// Of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// Of those files, or of that image.
    Digest(Digest),
    /// Of what a registry calls so: `version:3`.
    Named { subject: String, registry: Option<String> },
}

/// So many verdicts of one thing are looked at.
const MOST: u32 = 100;

impl Store {
    /// What was said of it.
    pub async fn standings(&self, subject: Subject) -> Result<Standings, StoreError> {
        self.read(move |connection| {
            let of = match &subject {
                Subject::Digest(digest) => Some(digest.clone()),
                Subject::Named { .. } => None,
            };
            let verdicts = match subject {
                Subject::Digest(digest) => {
                    let which =
                        "id in (select verdict from looked_at where digest = ?1 order by verdict desc limit ?2)";
                    found(connection, which, params![digest.hex(), MOST])?
                }
                Subject::Named { subject, registry: None } => {
                    found(connection, "subject = ?1", params![subject, MOST])?
                }
                Subject::Named { subject, registry: Some(registry) } => {
                    found(connection, "subject = ?1 and registry = ?3", params![subject, MOST, registry])?
                }
            };
            let waivers = resting_on(connection, &verdicts)?;
            Ok(Standings::new(of, verdicts, waivers))
        })
        .await
    }

    /// Why what was settled `safe` of a delivery is so no more: it rested on a waiver that has ended. `None`: it is.
    pub async fn taken_back(&self, delivery: i64, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.read(move |connection| {
            let which = "delivery = ?1 and round = (select round from delivery where id = ?1)";
            let verdicts = found(connection, which, params![delivery, 1])?;
            let waivers = resting_on(connection, &verdicts)?;
            let is_safe = |standing: &Standing| standing.verdict_now(&waivers, now) == Verdict::Safe;
            Ok((!verdicts.iter().all(is_safe)).then(|| "a waiver that the verdict rests on has ended".to_owned()))
        })
        .await
    }
}

/// The last verdict of another delivery about what the event is about, where it was settled after that moment.
pub(super) fn last_since(
    connection: &Connection,
    event: &Event,
    delivery: i64,
    at: Timestamp,
) -> Result<Option<(i64, Verdict)>, StoreError> {
    let row: Option<(i64, String)> = connection
        .statement(
            "select delivery, verdict from verdict
              where subject = ?1 and registry = ?2 and delivery <> ?3 and settled_at >= ?4 order by id desc limit 1",
        )?
        .query_row(params![event.subject(), event.registry, delivery, at.as_millis()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    row.map(|(delivery, word)| Ok((delivery, serde_json::from_value(word.into())?))).transpose()
}

fn found(connection: &Connection, which: &str, values: impl Params) -> Result<Vec<Standing>, StoreError> {
    let query = format!(
        "select delivery, registry, subject, verdict, votes, policy, settled_at, round from verdict where {which} order by id desc limit ?2"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(standing(row)?);
    }
    Ok(found)
}

fn standing(row: &Row<'_>) -> Result<Standing, StoreError> {
    let (verdict, votes, policy): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
    Ok(Standing {
        delivery: row.get(0)?,
        round: row.get(7)?,
        registry: row.get(1)?,
        subject: row.get(2)?,
        verdict: serde_json::from_value(verdict.into())?,
        votes: serde_json::from_str(&votes)?,
        policy: serde_json::from_str(&policy)?,
        settled_at: Timestamp::from_millis(row.get(6)?),
    })
}

fn resting_on(connection: &Connection, standings: &[Standing]) -> Result<Vec<Waiver>, StoreError> {
    let votes = standings.iter().flat_map(|standing| &standing.votes);
    let mut ids: Vec<i64> = votes.flat_map(|vote| &vote.waived).map(|waived| waived.waiver).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut waivers = Vec::new();
    for id in ids {
        let mut statement = connection.statement("select * from waiver where id = ?1")?;
        for row in statement.query_map([id], waiver::waiver)? {
            waivers.push(row?);
        }
    }
    Ok(waivers)
}
