//! Payloads and logs go earlier than their deliveries, in the order in which those ended.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::Timestamp;

use super::StoreError;
use super::statement::Statements as _;

/// What goes.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Bodies,
    Logs,
}

impl Part {
    /// Where it is noted how far we are: what is behind it is not looked at again.
    fn mark(self) -> &'static str {
        match self {
            Self::Bodies => "bodies_removed",
            Self::Logs => "logs_removed",
        }
    }

    fn removal(self) -> &'static str {
        match self {
            // A payload is a JSON document: an empty one is none.
            Self::Bodies => "update delivery set body = x'' where id = ?1 and body <> x''",
            Self::Logs => {
                "update attempt set log = null
                  where job in (select id from job where delivery = +?1) and log is not null"
            }
        }
    }
}

/// One batch of it.
pub(super) struct Stripped {
    pub(super) removed: usize,
    /// Whether the batch was full, so that there may be more at once.
    pub(super) more: bool,
    /// When the next delivery has ended long enough ago.
    pub(super) next: Option<i64>,
}

pub(super) fn strip(
    connection: &Connection,
    part: Part,
    keep: Duration,
    batch: u32,
    now: Timestamp,
) -> Result<Stripped, StoreError> {
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let (at, id) = mark(connection, part)?;
    let ended: Vec<(i64, i64)> = connection
        .statement(
            "select ended_at, id from delivery where ended_at is not null and ended_at >= +?1 and (ended_at > +?1 or id > +?2)
              order by ended_at, id limit +?3",
        )?
        .query_map(params![at, id, batch], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut stripped = Stripped { removed: 0, more: ended.len() == batch as usize, next: None };
    let mut last = None;
    for (ended_at, id) in ended {
        let until = ended_at.saturating_add(keep);
        if until > now.as_millis() {
            (stripped.more, stripped.next) = (false, Some(until));
            break;
        }
        stripped.removed += connection.statement(part.removal())?.execute([id])?;
        last = Some((ended_at, id));
    }
    if let Some((ended_at, id)) = last {
        connection
            .statement("insert or replace into meta (key, value) values (?1, ?2)")?
            .execute(params![part.mark(), format!("{ended_at} {id}")])?;
    }
    Ok(stripped)
}

fn mark(connection: &Connection, part: Part) -> Result<(i64, i64), StoreError> {
    let value: Option<String> = connection
        .statement("select value from meta where key = ?1")?
        .query_row([part.mark()], |row| row.get(0))
        .optional()?;
    let mark = value.as_deref().and_then(|value| value.split_once(' '));
    let mark = mark.and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    Ok(mark.unwrap_or((i64::MIN, 0)))
}
