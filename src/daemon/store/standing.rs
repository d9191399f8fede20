//! What was said of a thing, as it stands now.

use rusqlite::{Connection, Params, Row, params};
use scanrelay::Timestamp;
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
            let verdicts = match subject {
                Subject::Digest(digest) => {
                    found(connection, "artifact = ?1 or image = ?1", params![digest.hex(), MOST])?
                }
                Subject::Named { subject, registry: None } => {
                    found(connection, "subject = ?1", params![subject, MOST])?
                }
                Subject::Named { subject, registry: Some(registry) } => {
                    found(connection, "subject = ?1 and registry = ?3", params![subject, MOST, registry])?
                }
            };
            let waivers = resting_on(connection, &verdicts)?;
            Ok(Standings { verdicts, waivers })
        })
        .await
    }
}

fn found(connection: &Connection, which: &str, values: impl Params) -> Result<Vec<Standing>, StoreError> {
    let query = format!(
        "select delivery, registry, subject, verdict, votes, settled_at from verdict where {which} order by id desc limit ?2"
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
    let (verdict, votes): (String, String) = (row.get(3)?, row.get(4)?);
    Ok(Standing {
        delivery: row.get(0)?,
        registry: row.get(1)?,
        subject: row.get(2)?,
        verdict: serde_json::from_value(verdict.into())?,
        votes: serde_json::from_str(&votes)?,
        settled_at: Timestamp::from_millis(row.get(5)?),
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
