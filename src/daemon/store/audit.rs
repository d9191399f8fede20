//! Who changed what by hand, and why.

use rusqlite::{Connection, params};
use scanrelay::Timestamp;

use super::statement::Statements as _;
use super::{Store, StoreError};

/// A person at the other end of the socket.
#[derive(Clone, Debug, Default)]
pub struct By {
    pub uid: Option<u32>,
    pub reason: Option<String>,
}

impl Store {
    /// An act that changes nothing in the store.
    pub async fn record(&self, by: By, act: &'static str, subject: String, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| audit(connection, &by, act, &subject, now)).await
    }
}

pub(super) fn audit(
    connection: &Connection,
    by: &By,
    act: &str,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .statement("insert into audit (at, uid, act, subject, reason) values (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![now.as_millis(), by.uid, act, subject, by.reason])?;
    Ok(())
}
