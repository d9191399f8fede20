//! Findings that somebody has answered for.

use rusqlite::{Connection, OptionalExtension, Row, params};
use scanrelay::Timestamp;
use scanrelay::plugin::{Conclusion, Verdict};

use super::audit::{By, audit};
use super::statement::Statements as _;
use super::{Store, StoreError};
use crate::daemon::digest::Digest;
use crate::daemon::job::Ending;
use crate::daemon::job::plan::View;
use crate::daemon::verdict::{NewWaiver, Waiver};

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    Yes,
    Already,
    Unknown,
}

impl Store {
    /// Keeps a waiver, with the act in the audit. Its id.
    pub async fn waive(&self, new: NewWaiver, uid: Option<u32>, now: Timestamp) -> Result<i64, StoreError> {
        self.write(move |connection| {
            let (digest, finding, until, reason) = new.parts();
            connection
                .statement(
                    "insert into waiver (digest, finding, until, reason, uid, made_at) values (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![digest.hex(), finding, until.as_millis(), reason, uid, now.as_millis()])?;
            let id = connection.last_insert_rowid();
            let by = By { uid, reason: Some(reason.to_owned()) };
            audit(
                connection,
                &by,
                "waive",
                &format!("waiver {id}: {finding} of {digest} until {}", until.to_rfc3339()),
                now,
            )?;
            Ok(id)
        })
        .await
    }

    /// Ends a waiver before its time.
    pub async fn revoke(&self, id: i64, by: By, now: Timestamp) -> Result<Revoked, StoreError> {
        self.write(move |connection| {
            let found: Option<Option<i64>> = connection
                .statement("select revoked_at from waiver where id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            match found {
                None => return Ok(Revoked::Unknown),
                Some(Some(_)) => return Ok(Revoked::Already),
                Some(None) => {}
            }
            connection
                .statement("update waiver set revoked_at = ?2 where id = ?1")?
                .execute(params![id, now.as_millis()])?;
            audit(connection, &by, "revoke", &format!("waiver {id}"), now)?;
            Ok(Revoked::Yes)
        })
        .await
    }

    /// All of them, newest first.
    pub async fn waivers(&self) -> Result<Vec<Waiver>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("select * from waiver order by id desc limit 1000")?;
            let rows = statement.query_map([], waiver)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

impl Revoked {
    pub fn in_words(self, id: i64) -> String {
        match self {
            Self::Yes => format!("waiver {id} is revoked: verdicts that rest on it are safe no more"),
            Self::Already => format!("waiver {id} was revoked already"),
            Self::Unknown => format!("there is no waiver {id}: see scanrelay waive --list"),
        }
    }
}

/// Those that a verdict of these jobs could rest on.
pub(super) fn of(connection: &Connection, jobs: &[View]) -> Result<Vec<Waiver>, StoreError> {
    let mut digests: Vec<&Digest> = Vec::new();
    for job in jobs {
        if let Some(Ending::Concluded { conclusion: Conclusion::Scan { verdict: Verdict::Unsafe, .. }, evidence }) =
            &job.ending
        {
            digests.extend(evidence.artifact.iter().chain(&evidence.image));
        }
    }
    digests.sort_unstable();
    digests.dedup();
    let mut waivers = Vec::new();
    for digest in digests {
        let mut statement = connection.statement("select * from waiver where digest = ?1")?;
        for row in statement.query_map([digest.hex()], waiver)? {
            waivers.push(row?);
        }
    }
    Ok(waivers)
}

pub(super) fn waiver(row: &Row<'_>) -> rusqlite::Result<Waiver> {
    let digest: String = row.get("digest")?;
    Ok(Waiver {
        id: row.get("id")?,
        digest: Digest::parse(&digest).ok_or(rusqlite::Error::InvalidQuery)?,
        finding: row.get("finding")?,
        until: Timestamp::from_millis(row.get("until")?),
        reason: row.get("reason")?,
        uid: row.get("uid")?,
        made_at: Timestamp::from_millis(row.get("made_at")?),
        revoked_at: row.get::<_, Option<i64>>("revoked_at")?.map(Timestamp::from_millis),
    })
}
