//! A delivery that a person wants done again, however it ended.

use rusqlite::OptionalExtension;
use scanrelay::{Event, Timestamp};

use super::audit::{By, audit};
use super::batch::Batch;
use super::round::{Keep, open_round};
use super::statement::Statements as _;
use super::{Store, StoreError};
use crate::daemon::job::plan::Plan;

/// What became of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// A new round was opened.
    Round(i64),
    Unknown,
    /// It has not ended yet.
    Open,
    /// No route takes it, now as before: why.
    NoRoute(String),
    /// Retention has removed its payload.
    NoPayload,
}

impl Replayed {
    /// What became of the replay of that delivery, for a person.
    pub fn in_words(&self, delivery: i64) -> String {
        match self {
            Self::Round(round) => format!("delivery {delivery} is open again, round {round}"),
            Self::Unknown => format!("there is no delivery {delivery}: see scanrelay deliveries list"),
            Self::Open => format!("delivery {delivery} has not ended yet: scanrelay deliveries show {delivery}"),
            Self::NoRoute(reason) => format!("delivery {delivery} has no route to take: {reason}"),
            Self::NoPayload => format!(
                "the payload of delivery {delivery} was removed (retention.bodies): have the registry send it again"
            ),
        }
    }
}

impl Store {
    /// Opens a new round. A delivery that took no route is routed anew by `route`.
    pub async fn replay(
        &self,
        delivery: i64,
        keep: Keep,
        by: By,
        now: Timestamp,
        route: impl Fn(&Event) -> Result<Plan, String> + Send + 'static,
    ) -> Result<Replayed, StoreError> {
        // Those that came before it have their places in the lanes.
        self.unfolded().await;
        self.write(move |connection| {
            let replayed = replay(connection, delivery, keep, now, &route)?;
            if let Replayed::Round(_) = replayed {
                audit(connection, &by, "replay", &format!("delivery {delivery}"), now)?;
            }
            Ok(replayed)
        })
        .await
    }
}

fn replay(
    connection: &Batch<'_>,
    delivery: i64,
    keep: Keep,
    now: Timestamp,
    route: &impl Fn(&Event) -> Result<Plan, String>,
) -> Result<Replayed, StoreError> {
    let found: Option<(String, Option<String>, String, bool)> = connection
        .statement("select state, plan, event, length(body) > 0 from delivery where id = ?1")?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((state, plan, event, has_payload)) = found else { return Ok(Replayed::Unknown) };
    if state == "open" {
        return Ok(Replayed::Open);
    }
    if !has_payload {
        return Ok(Replayed::NoPayload);
    }
    let plan: Plan = match plan {
        Some(plan) => serde_json::from_str(&plan)?,
        None => match route(&serde_json::from_str(&event)?) {
            Ok(plan) => plan,
            Err(reason) => return Ok(Replayed::NoRoute(reason)),
        },
    };
    open_round(connection, delivery, &plan, keep, now).map(Replayed::Round)
}
