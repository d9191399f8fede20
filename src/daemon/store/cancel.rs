//! A job that a person wants ended.

use rusqlite::OptionalExtension;
use scanrelay::Timestamp;

use super::audit::{By, audit};
use super::statement::Statements as _;
use super::{Store, StoreError, settle};
use crate::daemon::job::{Ending, State};

/// What became of a cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It is dead, whoever was at it.
    Yes,
    Unknown,
    /// It had ended: how.
    Ended(String),
}

impl Cancelled {
    /// What became of the cancel of that job, for a person.
    pub fn in_words(&self, job: i64) -> String {
        match self {
            Self::Yes => format!("job {job} is cancelled; to do it after all: scanrelay jobs retry {job}"),
            Self::Unknown => format!("there is no job {job}: see scanrelay jobs list"),
            Self::Ended(state) => format!("job {job} is {state} already"),
        }
    }
}

impl Store {
    /// Ends a job as dead. Its token is bumped, so that whoever is at it is not listened to any more.
    pub async fn cancel(&self, job: i64, by: By, now: Timestamp) -> Result<Cancelled, StoreError> {
        self.write(move |connection| {
            let state: Option<String> = connection
                .statement("select state from job where id = ?1")?
                .query_row([job], |row| row.get(0))
                .optional()?;
            let Some(word) = state else { return Ok(Cancelled::Unknown) };
            if State::from_word(&word).is_none_or(State::ended) {
                return Ok(Cancelled::Ended(word));
            }
            connection.statement("update job set token = token + 1 where id = ?1")?.execute([job])?;
            let reason = match &by.reason {
                Some(reason) => format!("cancelled by hand: {reason}"),
                None => "cancelled by hand".to_owned(),
            };
            let delivery = settle::end_job(connection, job, &Ending::Dead { reason, evidence: Box::default() }, now)?;
            settle::follow(connection, delivery, now)?;
            audit(connection, &by, "cancel", &format!("job {job}"), now)?;
            Ok(Cancelled::Yes)
        })
        .await
    }
}
