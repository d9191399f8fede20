//! What does not stand any more, where a registry tells all that stands and not what changed.
//!
//! A version's status is a claim of its own (`status:…`), so that a list of its other stages does not take it away, and a new
//! status takes the old one away.

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::Timestamp;
use scanrelay::registry::Roll;

use super::StoreError;
use super::statement::Statements as _;

/// Takes away what is claimed and not on the roll. What came since `surveyed_at` is newer than a survey's roll.
pub(super) fn call(
    connection: &Connection,
    registry: &str,
    roll: &Roll,
    surveyed_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = surveyed_at.map_or(i64::MAX, Timestamp::as_millis);
    let status_at = ["status:", &roll.prefix].concat();
    let old: Option<(String, i64)> = connection
        .statement("select value, seen_at from claimed where registry = ?1 and aspect = ?2")?
        .query_row(params![registry, status_at], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let mut status = old.as_ref().map(|(value, _)| value.clone()).unwrap_or_default();
    if let Some(new) = &roll.status
        && old.as_ref().is_none_or(|(_, seen_at)| *seen_at < before)
    {
        let on_list = roll.listed.iter().flatten().any(|stage| *stage == status);
        if status != *new && !status.is_empty() && !on_list {
            take_away(connection, registry, &[roll.prefix.as_str(), &status].concat(), before, now)?;
        }
        connection
            .statement(
                "insert into claimed (registry, aspect, value, seen_at, found) values (?1, ?2, ?3, ?4, ?5)
                 on conflict (registry, aspect) do update set value = ?3, seen_at = ?4, found = ?5",
            )?
            .execute(params![registry, status_at, new, now.as_millis(), surveyed_at.is_some()])?;
        status.clone_from(new);
    }
    let Some(listed) = &roll.listed else { return Ok(()) };
    let claimed: Vec<String> = connection
        .statement(
            "select aspect from claimed where registry = ?1 and aspect >= ?2 and aspect < ?2 || char(127) and value <> ''",
        )?
        .query_map(params![registry, roll.prefix], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for aspect in claimed {
        let stage = aspect.strip_prefix(&roll.prefix).unwrap_or_default();
        if stage != status && !listed.iter().any(|listed| listed == stage) {
            take_away(connection, registry, &aspect, before, now)?;
        }
    }
    Ok(())
}

fn take_away(
    connection: &Connection,
    registry: &str,
    aspect: &str,
    before: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .statement(
            "update claimed set value = '', delivery = null, seen_at = ?4 where registry = ?1 and aspect = ?2 and seen_at < ?3",
        )?
        .execute(params![registry, aspect, before, now.as_millis()])?;
    Ok(())
}
