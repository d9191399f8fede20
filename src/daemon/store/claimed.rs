//! Changes that somebody has claimed: what each thing of a registry stands at, as far as we have heard, and which delivery
//! brought it. A webhook and a catch-up that tell of the same change claim the same row; the second is a duplicate.
//!
//! A change's key is `ASPECT=VALUE`. When the value that is told stands already:
//!
//! - the catch-up never claims it again: it sees how things stand, not that they were set once more;
//! - a webhook that is no younger than a catch-up's claim tells of what the catch-up has found;
//! - a webhook with an id or a time of its own, that is younger, is a new change: somebody set it again;
//! - a webhook with neither (a token, and a body that may come again) says nothing new, unless the registry denied it when
//!   it was asked the last time.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::{Delivery, EventKind, Timestamp};

use super::statement::Statements as _;
use super::{StoreError, seen};

/// Clocks differ, and a webhook takes some time: one that is so much younger than a catch-up's claim is its own.
const SLACK: Duration = Duration::from_mins(1);

/// A change of something, by a delivery.
pub(super) struct Claim {
    aspect: String,
    value: String,
    /// By the registry's clock, or by the sender's where that is signed.
    occurred_at: Option<Timestamp>,
    /// When the survey began that found it; not by a webhook then.
    surveyed_at: Option<Timestamp>,
    /// Equal bodies may be two events.
    is_a_hint: bool,
}

/// What is known of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nobody has told of it.
    New,
    /// This delivery has brought it.
    Same(i64),
    /// It stands so, and no delivery is to be made of it.
    Stands,
}

struct Row {
    value: String,
    delivery: Option<i64>,
    seen_at: i64,
    found: bool,
}

impl Claim {
    /// `None`: the event does not say what it changes.
    pub(super) fn of(delivery: &Delivery) -> Option<Self> {
        let event = delivery.event();
        let (aspect, value) = event.change_key.as_deref()?.split_once('=')?;
        let removed = matches!(event.kind, EventKind::AliasDeleted | EventKind::TagDeleted);
        Some(Self {
            aspect: aspect.to_owned(),
            value: if removed { String::new() } else { value.to_owned() },
            occurred_at: event.occurred_at.or(delivery.verified().timestamp),
            surveyed_at: delivery.surveyed_at(),
            is_a_hint: delivery.is_a_hint(),
        })
    }

    pub(super) fn look(&self, connection: &Connection, registry: &str, now: Timestamp) -> Result<Known, StoreError> {
        let row = connection
            .statement("select value, delivery, seen_at, found from claimed where registry = ?1 and aspect = ?2")?
            .query_row(params![registry, self.aspect], |row| {
                Ok(Row { value: row.get(0)?, delivery: row.get(1)?, seen_at: row.get(2)?, found: row.get(3)? })
            })
            .optional()?;
        let Some(row) = row else {
            // What was never there cannot go; a removal is told by webhooks only.
            return Ok(Known::New);
        };
        let stands = row.delivery.map_or(Known::Stands, Known::Same);
        if let Some(surveyed_at) = self.surveyed_at {
            // What has come since the survey began is newer than what it saw.
            let is_older = row.seen_at >= surveyed_at.as_millis();
            return Ok(if is_older || row.value == self.value { stands } else { Known::New });
        }
        if row.value != self.value {
            return Ok(Known::New);
        }
        let seen_at = Timestamp::from_millis(row.seen_at);
        if row.found {
            let is_younger = |occurred_at: Timestamp| occurred_at > seen_at.after(SLACK);
            return Ok(match (row.delivery, self.occurred_at) {
                (Some(_), occurred_at) if !occurred_at.is_some_and(is_younger) => stands,
                (None, None) if self.is_a_hint && now > seen_at.after(SLACK) => Known::Stands,
                _ => Known::New,
            });
        }
        if self.is_a_hint && !row.delivery.map_or(Ok(false), |delivery| seen::was_not_so(connection, delivery))? {
            return Ok(Known::Stands);
        }
        Ok(Known::New)
    }

    /// The thing stands so now, by that delivery; `None`: nobody is told of it.
    pub(super) fn take(
        &self,
        connection: &Connection,
        registry: &str,
        delivery: Option<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        connection
            .statement(
                "insert into claimed (registry, aspect, value, delivery, occurred_at, seen_at, found)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 on conflict (registry, aspect) do update set value = ?3, delivery = ?4, occurred_at = ?5, seen_at = ?6, found = ?7",
            )?
            .execute(params![
                registry,
                self.aspect,
                self.value,
                delivery,
                self.occurred_at.map(Timestamp::as_millis),
                now.as_millis(),
                self.surveyed_at.is_some(),
            ])?;
        Ok(())
    }
}
