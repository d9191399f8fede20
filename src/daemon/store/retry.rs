//! Dead work that a person wants done again: a new round of the delivery.

use rusqlite::{Connection, OptionalExtension, params};
use scanrelay::Timestamp;

use super::audit::{By, audit};
use super::batch::Batch;
use super::round::{Keep, open_round};
use super::statement::Statements as _;
use super::{Store, StoreError};
use crate::daemon::job::plan::Plan;

/// What became of a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// A new round of this delivery was opened.
    Round { delivery: i64, round: i64 },
    /// There is no such job.
    Unknown,
    /// The job is not dead, it is this.
    NotDead(String),
    /// The delivery has not ended yet, so its dead job may still be followed by others.
    Open(i64),
    /// Retention has removed the payload of this delivery.
    NoPayload(i64),
    /// A later round of the delivery ended well: this way.
    Mended { delivery: i64, state: String },
}

impl Retried {
    /// Whether a round was opened.
    pub fn is_round(&self) -> bool {
        matches!(self, Self::Round { .. })
    }

    /// What became of the retry of that job, for a person.
    pub fn in_words(&self, job: i64) -> String {
        match self {
            Self::Round { delivery, round } => format!("job {job}: delivery {delivery} is open again, round {round}"),
            Self::Unknown => format!("there is no job {job}: see scanrelay jobs list"),
            Self::NotDead(state) => format!("job {job} is {state}: only dead jobs are retried"),
            Self::Open(delivery) => {
                format!("delivery {delivery} of job {job} has not ended yet: wait for its other jobs")
            }
            Self::NoPayload(delivery) => format!(
                "the payload of delivery {delivery} was removed (retention.bodies): have the registry send it again"
            ),
            Self::Mended { delivery, state } => {
                format!("delivery {delivery} of job {job} is {state} since a later round: there is nothing to retry")
            }
        }
    }
}

impl Store {
    /// Opens a new round of a dead job's delivery: what ended well keeps its outcome, the rest is done again, and the
    /// registry is told again.
    pub async fn retry(&self, job: i64, by: By, now: Timestamp) -> Result<Retried, StoreError> {
        self.unfolded().await;
        self.write(move |connection| retry(connection, job, &by, now)).await
    }

    /// Retries every dead job that ended since then, each delivery once: the jobs, and what became of each. At most
    /// [`MANY`] at a time.
    pub async fn retry_dead(
        &self,
        since: Timestamp,
        by: By,
        now: Timestamp,
    ) -> Result<Vec<(i64, Retried)>, StoreError> {
        self.unfolded().await;
        self.write(move |connection| {
            let dead = dead(connection, since)?;
            dead.into_iter().map(|job| Ok((job, retry(connection, job, &by, now)?))).collect()
        })
        .await
    }

    /// What [`retry_dead`](Self::retry_dead) would retry.
    pub async fn dead(&self, since: Timestamp) -> Result<Vec<i64>, StoreError> {
        self.read(move |connection| dead(connection, since)).await
    }
}

/// One transaction should not hold up the intake.
pub const MANY: u32 = 1000;

/// The first dead job of each dead delivery, oldest first.
fn dead(connection: &Connection, since: Timestamp) -> Result<Vec<i64>, StoreError> {
    let query = "select min(job.id) from job join delivery on delivery.id = job.delivery and delivery.round = job.round
                  where job.state = 'dead' and job.ended_at >= ?1 and delivery.state = 'dead'
                  group by delivery.id order by 1 limit ?2";
    let ids = connection
        .statement(query)?
        .query_map(params![since.as_millis(), MANY], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(ids)
}

fn retry(connection: &Batch<'_>, job: i64, by: &By, now: Timestamp) -> Result<Retried, StoreError> {
    let query =
        "select delivery, iif(state = 'due' and claimed_at is not null, 'running', state) from job where id = ?1";
    let found: Option<(i64, String)> =
        connection.statement(query)?.query_row([job], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((delivery, state)) = found else { return Ok(Retried::Unknown) };
    if state != "dead" {
        return Ok(Retried::NotDead(state));
    }
    let (plan, state, has_payload): (String, String, bool) = connection
        .statement("select plan, state, length(body) > 0 from delivery where id = ?1")?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    match state.as_str() {
        "dead" => {}
        "open" => return Ok(Retried::Open(delivery)),
        // Telling it once more could overwrite what the registry was told since.
        _ => return Ok(Retried::Mended { delivery, state }),
    }
    if !has_payload {
        return Ok(Retried::NoPayload(delivery));
    }
    let plan: Plan = serde_json::from_str(&plan)?;
    let round = open_round(connection, delivery, &plan, Keep::Outcomes, now)?;
    audit(connection, by, "retry", &format!("job {job}"), now)?;
    Ok(Retried::Round { delivery, round })
}
