//! `scanrelay jobs`: what is to be done, what was done, and doing it again.

use clap::{Args, Subcommand};
use scanrelay::plugin::printable;

use super::admin_client::Access;
use super::output::{ago, cell, json, line, print, state, table};
use super::{Failure, Outcome};
use crate::daemon::{AttemptRow, Clock, Filter, JobRow};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists jobs, newest first.
    List(List),
    /// Shows one job with its attempts and their logs.
    Show(Show),
    /// Opens a new round of a dead job's delivery. What ended well keeps its outcome.
    Retry(Retry),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only those in this state: due, running, waiting, held, done, dead, superseded, skipped.
    #[arg(long)]
    state: Option<String>,
    /// Only those of this delivery.
    #[arg(long)]
    delivery: Option<i64>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The job's id.
    id: i64,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Retry {
    /// The job's id.
    id: i64,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

pub async fn run(command: Command, access: &Access) -> Outcome {
    match command {
        Command::List(list) => {
            let filter =
                Filter { state: list.state, delivery: list.delivery, limit: Some(list.limit), ..Filter::default() };
            let rows = access.jobs(filter).await?;
            if list.json { json(&rows) } else { print_list(&rows) }
        }
        Command::Show(show) => {
            let found = access.job(show.id).await?;
            let found = found
                .ok_or_else(|| Failure::Failed(format!("there is no job {}: see scanrelay jobs list", show.id)))?;
            if show.json {
                return json(&found);
            }
            let unreadable =
                |_| Failure::Failed("the daemon's answer is not readable: is it of another version?".to_owned());
            let row: JobRow = serde_json::from_value(found["job"].clone()).map_err(unreadable)?;
            let attempts: Vec<AttemptRow> = serde_json::from_value(found["attempts"].clone()).map_err(unreadable)?;
            print_one(&row, &attempts)
        }
        Command::Retry(retry) => line(&access.retry(retry.id, retry.reason).await?),
    }
}

pub(super) fn print_list(rows: &[JobRow]) -> Outcome {
    let now = Clock::system().now();
    let mut table = table(&["JOB", "DELIVERY", "ROUND", "PHASE", "NAME", "STATE", "TRIES", "AGE", "LAST RESULT"]);
    for row in rows {
        table.add_row([
            cell(&row.id.to_string()),
            cell(&row.delivery.to_string()),
            cell(&row.round.to_string()),
            cell(&row.phase),
            cell(&row.name),
            state(&row.state),
            cell(&row.attempts.to_string()),
            cell(&ago(row.created_at, now)),
            cell(&last_word(row)),
        ]);
    }
    print(&table)
}

/// What a scanner or an action said, else what the last attempt came to.
fn last_word(row: &JobRow) -> String {
    let said = row.outcome.as_ref().map(|outcome| &outcome["conclusion"]);
    let word = said.and_then(|said| said["verdict"].as_str().or(said["status"].as_str()));
    match (word, said.and_then(|said| said["summary"].as_str())) {
        (Some(word), Some(summary)) => format!("{word}: {summary}"),
        (Some(word), None) => word.to_owned(),
        (None, _) => row.result.clone().unwrap_or_default(),
    }
}

fn print_one(row: &JobRow, attempts: &[AttemptRow]) -> Outcome {
    let now = Clock::system().now();
    let mut facts = vec![
        ("job", row.id.to_string()),
        ("delivery", format!("{} (round {})", row.delivery, row.round)),
        ("does", format!("{} {}", row.phase, row.name)),
        ("state", row.state.clone()),
        ("tries", format!("{} ({} deferred)", row.attempts, row.deferrals)),
    ];
    if row.state == "due" {
        facts.push(("due in", format!("{} s", row.due_at.since(now).as_secs())));
    }
    for (name, value) in [("tells", &row.tell), ("checkpoint", &row.checkpoint), ("outcome", &row.outcome)] {
        facts.extend(value.as_ref().map(|value| (name, value.to_string())));
    }
    for (name, value) in facts {
        line(&format!("{name:<12} {}", printable(&value)))?;
    }
    for attempt in attempts {
        let took = attempt.ended_at.since(attempt.claimed_at);
        line(&format!("\nattempt {} ({} ms): {}", attempt.attempt, took.as_millis(), printable(&attempt.result)))?;
        for text in attempt.log.as_deref().unwrap_or_default().lines() {
            line(&format!("  {}", printable(text)))?;
        }
    }
    Ok(())
}
