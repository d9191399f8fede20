//! `scanrelay jobs`: what is to be done, what was done, and doing it again.

use std::time::Duration;

use clap::{Args, Subcommand};
use scanrelay::plugin::printable;

use super::acts::Dead;
use super::admin_client::Access;
use super::output::{ago, cell, json, line, print, state, table};
use super::{Failure, Outcome};
use crate::daemon::{AttemptRow, Clock, Filter, JobRow, Sandboxed};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists jobs, newest first.
    List(List),
    /// Shows one job with its attempts and their logs.
    Show(Show),
    /// Prints the log of a job's attempts.
    Logs(Logs),
    /// Opens a new round of a dead job's delivery, or of all of them. What ended well keeps its outcome.
    Retry(Retry),
    /// Ends a job as dead: a running plugin is stopped, a scanner's vote is an error.
    Cancel(Cancel),
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
pub struct Logs {
    /// The job's id.
    id: i64,
    /// Goes on while the job runs.
    #[arg(long, short)]
    follow: bool,
}

#[derive(Debug, Args)]
pub struct Retry {
    /// The job's id.
    #[arg(required_unless_present = "dead")]
    id: Option<i64>,
    /// All dead jobs instead, up to 1,000 at a time.
    #[arg(long, conflicts_with = "id")]
    dead: bool,
    /// Only those that ended within this time: 6h, 3d.
    #[arg(long, requires = "dead", value_parser = span, value_name = "DURATION")]
    since: Option<Duration>,
    /// Only says which.
    #[arg(long, requires = "dead")]
    dry_run: bool,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub struct Cancel {
    /// The job's id.
    id: i64,
    /// Why, for the audit and for the vote.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) fn span(text: &str) -> Result<Duration, String> {
    crate::daemon::span(text).ok_or_else(|| format!("{text:?} is no duration: write 30m, 6h or 3d"))
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
            let (row, attempts) = found(show.id, access).await?;
            if show.json {
                json(&serde_json::json!({ "job": row, "attempts": attempts }))
            } else {
                print_one(&row, &attempts)
            }
        }
        Command::Logs(logs) => print_logs(&logs, access).await,
        Command::Cancel(cancel) => line(&access.cancel(cancel.id, cancel.reason).await?),
        Command::Retry(Retry { id: Some(id), reason, .. }) => line(&access.retry(id, reason).await?),
        Command::Retry(Retry { since, dry_run, reason, .. }) => {
            let (jobs, words) = access.retry_dead(Dead { since, dry_run }, reason).await?;
            let jobs: Vec<String> = jobs.iter().map(ToString::to_string).collect();
            line(&if jobs.is_empty() { words } else { format!("{words}: {}", jobs.join(", ")) })
        }
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

async fn print_logs(logs: &Logs, access: &Access) -> Outcome {
    let mut printed = 0;
    if logs.follow {
        // Nothing of it is kept here: a log may be long.
        while let Some(more) = access.log(logs.id, printed).await? {
            printed += more.len();
            lines(&String::from_utf8_lossy(&more))?;
        }
    }
    let (_, attempts) = found(logs.id, access).await?;
    match attempts.last() {
        // What was seen while it grew is not shown again; the runner's remarks at the end are new.
        Some(last) if printed > 0 => lines(last.log.as_deref().unwrap_or_default().get(printed..).unwrap_or_default()),
        None if printed == 0 => line("no attempt has ended yet; to see the one that runs: --follow"),
        _ => attempts.iter().try_for_each(|attempt| {
            line(&format!("attempt {}: {}", attempt.attempt, printable(&attempt.result)))?;
            lines(attempt.log.as_deref().unwrap_or_default())
        }),
    }
}

fn lines(text: &str) -> Outcome {
    text.lines().try_for_each(|text| line(&printable(text)))
}

async fn found(id: i64, access: &Access) -> Result<(JobRow, Vec<AttemptRow>), Failure> {
    let found = access.job(id).await?;
    let found = found.ok_or_else(|| Failure::Failed(format!("there is no job {id}: see scanrelay jobs list")))?;
    let unreadable = |_| Failure::Failed("the daemon's answer is not readable: is it of another version?".to_owned());
    let row = serde_json::from_value(found["job"].clone()).map_err(unreadable)?;
    let attempts = serde_json::from_value(found["attempts"].clone()).map_err(unreadable)?;
    Ok((row, attempts))
}

/// What a scanner or an action said, else what the last attempt came to.
fn last_word(row: &JobRow) -> String {
    let said = row.outcome.as_ref().map(|outcome| &outcome["conclusion"]);
    let word = said.and_then(|said| said["verdict"].as_str().or(said["status"].as_str()));
    match (word, said.and_then(|said| said["summary"].as_str())) {
        (Some(word), Some(summary)) => format!("{word}: {summary}"),
        (Some(word), None) => word.to_owned(),
        // What was skipped had no attempt, and has a reason.
        (None, _) => row.result.clone().or_else(|| reason(row)).unwrap_or_default(),
    }
}

fn reason(row: &JobRow) -> Option<String> {
    Some(row.outcome.as_ref()?["reason"].as_str()?.to_owned())
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
    if let Some(sandboxed) = row.outcome.as_ref().and_then(|outcome| outcome.get("sandboxed")) {
        let sandboxed = serde_json::from_value::<Sandboxed>(sandboxed.clone());
        facts.extend(sandboxed.ok().map(|sandboxed| ("sandboxed", sandboxed.to_string())));
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
