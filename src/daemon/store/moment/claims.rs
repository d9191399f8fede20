//! What became of a change that a registry knows of.

use rusqlite::{OptionalExtension, params};
use scanrelay::Timestamp;

use super::Moment;
use crate::daemon::store::StoreError;

/// Who has brought a change, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// `None`: it stood so when the registry was first asked.
    pub delivery: Option<i64>,
    pub seen_at: Timestamp,
    /// The delivery's state; retention may have removed it.
    pub state: Option<String>,
    pub reason: Option<String>,
    pub verdict: Option<String>,
}

impl Moment {
    /// `None`: nobody has told of it.
    pub fn brought(&self, registry: &str, change_key: &str) -> Result<Option<Brought>, StoreError> {
        let Some((aspect, value)) = change_key.split_once('=') else { return Ok(None) };
        let query = "select claimed.delivery, claimed.seen_at, delivery.state, delivery.reason,
                            (select verdict from verdict where verdict.delivery = claimed.delivery order by id desc limit 1)
                       from claimed left join delivery on delivery.id = claimed.delivery
                      where claimed.registry = ?1 and claimed.aspect = ?2 and claimed.value = ?3";
        let brought = self.connection.prepare_cached(query)?.query_row(params![registry, aspect, value], |row| {
            Ok(Brought {
                delivery: row.get(0)?,
                seen_at: Timestamp::from_millis(row.get(1)?),
                state: row.get(2)?,
                reason: row.get(3)?,
                verdict: row.get(4)?,
            })
        });
        Ok(brought.optional()?)
    }
}
