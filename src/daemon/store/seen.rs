//! Keys of deliveries that were stored. They outlive their deliveries, in the order in which they came; where one is, the
//! memory knows.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::{Delivery, Timestamp};
use sha2::{Digest, Sha256};

use super::StoreError;
use super::batch::Batch;
use super::memory::{Fingerprint, fingerprint};
use super::statement::Statements as _;

/// Rows of one fingerprint that are looked at: more than one means that bodies differ under one id, again and again.
const MOST: usize = 1000;
/// The bodies of those who have a token and no id count as the same one for so long.
const HINT: Duration = Duration::from_mins(1);
/// Forgotten keys that are removed in one transaction.
const FORGOTTEN: u32 = 1000;

/// What a delivery is known by, and how long.
pub(super) struct Key {
    bytes: [u8; 16],
    body: [u8; 16],
    remember: Duration,
}

/// What is known of a delivery's key.
pub(super) struct Known {
    fingerprint: Fingerprint,
    /// The delivery that had this key and this body.
    pub(super) same: Option<i64>,
    /// Another body came under this key.
    pub(super) conflict: bool,
    /// The newest row of the fingerprint that still counts.
    newest: Option<i64>,
}

struct Row {
    ours: bool,
    body: Vec<u8>,
    delivery: i64,
    forget_at: i64,
    previous: Option<i64>,
}

impl Key {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let body = body_digest(delivery.body());
        Self { bytes: *delivery.key().as_bytes(), body, remember: delivery.remember() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A token vouches for it and an id is not there: the same bytes may say again what was not so the first time.
    fn is_of_a_hint(&self) -> bool {
        self.remember <= HINT
    }

    /// Looks it up.
    pub(super) fn look(&self, batch: &Batch<'_>, registry: &str, now: Timestamp) -> Result<Known, StoreError> {
        let fingerprint = fingerprint(registry, &self.bytes);
        let mut known = Known { fingerprint, same: None, conflict: false, newest: None };
        let mut next = batch.memory().newest(fingerprint);
        for _ in 0..MOST {
            let Some(id) = next else { break };
            let Some(row) = row(batch, id, registry, &self.bytes)? else { break };
            if row.forget_at > now.as_millis() {
                known.newest = known.newest.or(Some(id));
                if row.ours && row.body == self.body {
                    if known.same.is_none() && !(self.is_of_a_hint() && was_not_so(batch, row.delivery)?) {
                        known.same = Some(row.delivery);
                    }
                } else if row.ours {
                    known.conflict = true;
                }
            }
            next = row.previous;
        }
        Ok(known)
    }

    /// Remembers it, for as long as its scheme asks for.
    pub(super) fn remember(
        &self,
        batch: &Batch<'_>,
        known: &Known,
        registry: &str,
        delivery: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        batch
            .statement(
                "insert into dedupe (registry, key, body, delivery, forget_at, previous) values (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                registry,
                self.bytes,
                self.body,
                delivery,
                now.after(self.remember).as_millis(),
                known.newest,
            ])?;
        batch.memory().saw(known.fingerprint, batch.last_insert_rowid());
        Ok(())
    }
}

/// Removes the oldest keys whose time is over, a bounded number of them.
pub(super) fn forget(batch: &Batch<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let forgotten: Vec<(i64, String, Vec<u8>)> = batch
        .statement(
            "delete from dedupe where id in (select id from dedupe order by id limit +?2) and forget_at <= ?1
             returning id, registry, key",
        )?
        .query_map(params![now.as_millis(), FORGOTTEN], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (id, registry, key) in &forgotten {
        batch.memory().forgot(fingerprint(registry, key), *id);
    }
    Ok(forgotten.len())
}

fn row(connection: &Connection, id: i64, registry: &str, key: &[u8]) -> Result<Option<Row>, StoreError> {
    let row = connection
        .statement("select registry = ?2 and key = ?3, body, delivery, forget_at, previous from dedupe where id = ?1")?
        .query_row(params![id, registry, key], |row| {
            Ok(Row {
                ours: row.get(0)?,
                body: row.get(1)?,
                delivery: row.get(2)?,
                forget_at: row.get(3)?,
                previous: row.get(4)?,
            })
        })
        .optional()?;
    Ok(row)
}

/// Whether the registry was asked about that delivery and said that it is not so.
pub(super) fn was_not_so(connection: &Connection, delivery: i64) -> Result<bool, StoreError> {
    let query =
        "select exists (select 1 from delivery where id = ?1 and state = 'ignored' and reason like 'not confirmed: %')";
    Ok(connection.statement(query)?.query_row([delivery], |row| row.get(0))?)
}

fn body_digest(body: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(body);
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}
