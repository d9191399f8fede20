//! What people see: deliveries, jobs, attempts, verdicts.

use rusqlite::{Connection, Row, params};
use scanrelay::{Event, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Store, StoreError};

/// Which rows, newest first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    pub state: Option<String>,
    pub registry: Option<String>,
    /// Of one delivery: jobs only.
    pub delivery: Option<i64>,
    /// Rows with smaller ids only.
    pub before: Option<i64>,
    pub limit: Option<u32>,
}

/// A listing is a page, not the store.
const MAX_ROWS: u32 = 1000;
const ROWS: u32 = 50;

/// A delivery as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRow {
    pub id: i64,
    pub registry: String,
    pub kind: String,
    pub subject: String,
    pub state: String,
    pub reason: Option<String>,
    pub received_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub verified_by: String,
    pub peer: Option<String>,
    pub conflict: bool,
    /// Bytes of its payload; 0: retention has removed it.
    #[serde(default)]
    pub payload: usize,
    pub round: i64,
    pub event: Event,
    /// What its route asked for.
    pub plan: Option<Value>,
}

/// A job as it is listed. `state` is `running` while somebody is at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    pub id: i64,
    pub delivery: i64,
    pub round: i64,
    pub phase: String,
    pub name: String,
    pub state: String,
    pub due_at: Timestamp,
    pub attempts: u32,
    pub deferrals: u32,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What the last attempt came to.
    pub result: Option<String>,
    pub outcome: Option<Value>,
    pub tell: Option<Value>,
    pub checkpoint: Option<Value>,
}

/// One attempt of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRow {
    pub attempt: i64,
    pub claimed_at: Timestamp,
    pub ended_at: Timestamp,
    pub result: String,
    pub log: Option<String>,
}

/// A verdict with its votes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRow {
    pub round: i64,
    pub verdict: String,
    pub votes: Value,
    pub policy: Value,
    pub configuration: String,
    pub settled_at: Timestamp,
}

impl Store {
    pub async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read_unfolded(move |connection| {
            let query = "select * from delivery where (?1 is null or state = ?1) and (?2 is null or registry = ?2)
                            and (?3 is null or id < ?3) order by id desc limit ?4";
            rows(connection, query, params![filter.state, filter.registry, filter.before, filter.rows()], delivery)
        })
        .await
    }

    pub async fn delivery(&self, id: i64) -> Result<Option<DeliveryRow>, StoreError> {
        self.read_unfolded(move |connection| {
            Ok(rows(connection, "select * from delivery where id = ?1", params![id], delivery)?.pop())
        })
        .await
    }

    pub async fn jobs(&self, filter: Filter) -> Result<Vec<JobRow>, StoreError> {
        self.read_unfolded(move |connection| {
            let query = format!(
                "{JOBS} where (?1 is null or shown_state = ?1) and (?2 is null or delivery = ?2)
                    and (?3 is null or id < ?3) order by id desc limit ?4"
            );
            rows(connection, &query, params![filter.state, filter.delivery, filter.before, filter.rows()], job)
        })
        .await
    }

    pub async fn job(&self, id: i64) -> Result<Option<JobRow>, StoreError> {
        self.read_unfolded(move |connection| {
            Ok(rows(connection, &format!("{JOBS} where id = ?1"), params![id], job)?.pop())
        })
        .await
    }

    pub async fn attempts(&self, job: i64) -> Result<Vec<AttemptRow>, StoreError> {
        self.read(move |connection| {
            rows(connection, "select * from attempt where job = ?1 order by token", params![job], attempt)
        })
        .await
    }

    pub async fn verdicts(&self, delivery: i64) -> Result<Vec<VerdictRow>, StoreError> {
        self.read(move |connection| {
            rows(connection, "select * from verdict where delivery = ?1 order by round", params![delivery], verdict)
        })
        .await
    }

    /// Whether the file takes writes, and deliveries.
    pub async fn is_writable(&self) -> Result<(), StoreError> {
        self.can_recall()?;
        self.write(|connection| {
            let written = connection.execute("insert or replace into meta values ('checked', '')", [])?;
            debug_assert_eq!(written, 1);
            Ok(())
        })
        .await
    }
}

impl Filter {
    fn rows(&self) -> u32 {
        self.limit.unwrap_or(ROWS).clamp(1, MAX_ROWS)
    }
}

const JOBS: &str = "select * from (
    select *, case when state = 'due' and claimed_at is not null then 'running' else state end as shown_state,
           (select result from attempt where attempt.job = job.id order by token desc limit 1) as result
      from job)";

fn rows<T>(
    connection: &Connection,
    query: &str,
    values: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(values)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn delivery(row: &Row<'_>) -> Result<DeliveryRow, StoreError> {
    Ok(DeliveryRow {
        id: row.get("id")?,
        registry: row.get("registry")?,
        kind: row.get("kind")?,
        subject: row.get("subject")?,
        state: row.get("state")?,
        reason: row.get("reason")?,
        received_at: moment(row, "received_at")?.unwrap_or_default(),
        ended_at: moment(row, "ended_at")?,
        verified_by: row.get("verified_by")?,
        peer: row.get("peer")?,
        conflict: row.get("conflict")?,
        payload: row.get_ref("body")?.as_blob().map_or(0, <[u8]>::len),
        round: row.get("round")?,
        event: serde_json::from_str(&row.get::<_, String>("event")?)?,
        plan: json(row, "plan")?,
    })
}

fn job(row: &Row<'_>) -> Result<JobRow, StoreError> {
    Ok(JobRow {
        id: row.get("id")?,
        delivery: row.get("delivery")?,
        round: row.get("round")?,
        phase: row.get("phase")?,
        name: row.get("name")?,
        state: row.get("shown_state")?,
        due_at: moment(row, "due_at")?.unwrap_or_default(),
        attempts: row.get("attempts")?,
        deferrals: row.get("deferrals")?,
        created_at: moment(row, "created_at")?.unwrap_or_default(),
        ended_at: moment(row, "ended_at")?,
        result: row.get("result")?,
        outcome: json(row, "outcome")?,
        tell: json(row, "tell")?,
        checkpoint: json(row, "checkpoint")?,
    })
}

fn attempt(row: &Row<'_>) -> Result<AttemptRow, StoreError> {
    let log: Option<Vec<u8>> = row.get("log")?;
    Ok(AttemptRow {
        attempt: row.get("token")?,
        claimed_at: moment(row, "claimed_at")?.unwrap_or_default(),
        ended_at: moment(row, "ended_at")?.unwrap_or_default(),
        result: row.get("result")?,
        log: log.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    })
}

fn verdict(row: &Row<'_>) -> Result<VerdictRow, StoreError> {
    Ok(VerdictRow {
        round: row.get("round")?,
        verdict: row.get("verdict")?,
        votes: json(row, "votes")?.unwrap_or_default(),
        policy: json(row, "policy")?.unwrap_or_default(),
        configuration: row.get("configuration")?,
        settled_at: moment(row, "settled_at")?.unwrap_or_default(),
    })
}

fn moment(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

fn json(row: &Row<'_>, column: &str) -> Result<Option<Value>, StoreError> {
    let text: Option<String> = row.get(column)?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}
