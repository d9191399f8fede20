//! `scanrelay deliveries`: what came, and what became of it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_client::Access;
use super::output::{ago, cell, json as print_json, line, print, state, table};
use super::{Failure, Outcome, jobs, matrix};
use crate::daemon::{Clock, DeliveryRow, Filter, JobRow, VerdictRow, Vote};
use scanrelay::plugin::printable;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists deliveries, newest first.
    List(List),
    /// Shows one delivery: its event, its verdicts, its jobs.
    Show(Show),
    /// Does a delivery again, however it ended: a new round, confirmed again. What is finished keeps its outcome.
    Replay(Replay),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only those in this state: open, done, ignored, dead.
    #[arg(long)]
    state: Option<String>,
    /// Only those of this registry.
    #[arg(long)]
    registry: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The delivery's id, as it was answered.
    id: i64,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Replay {
    /// The delivery's id.
    id: i64,
    /// All of it again: no outcome, run id or checkpoint is kept.
    #[arg(long)]
    all: bool,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

pub async fn run(command: Command, access: &Access) -> Outcome {
    match command {
        Command::List(list) => {
            let filter =
                Filter { state: list.state, registry: list.registry, limit: Some(list.limit), ..Filter::default() };
            let rows = access.deliveries(filter).await?;
            if list.json { print_json(&rows) } else { print_list(&rows) }
        }
        Command::Replay(replay) => line(&access.replay(replay.id, replay.all, replay.reason).await?),
        Command::Show(show) => {
            let found = access.delivery(show.id).await?;
            let found = found.ok_or_else(|| {
                Failure::Failed(format!("there is no delivery {}: see scanrelay deliveries list", show.id))
            })?;
            if show.json { print_json(&found) } else { print_one(&found) }
        }
    }
}

fn print_list(rows: &[DeliveryRow]) -> Outcome {
    let now = Clock::system().now();
    let mut table = table(&["ID", "AGE", "REGISTRY", "EVENT", "SUBJECT", "STATE", "REASON"]);
    for row in rows {
        table.add_row([
            cell(&row.id.to_string()),
            cell(&ago(row.received_at, now)),
            cell(&row.registry),
            cell(&row.kind),
            cell(&row.subject),
            state(&row.state),
            cell(row.reason.as_deref().unwrap_or(if row.conflict { "conflict" } else { "" })),
        ]);
    }
    print(&table)
}

fn print_one(found: &Value) -> Outcome {
    let delivery: DeliveryRow = read(found, "delivery")?;
    let verdicts: Vec<VerdictRow> = read(found, "verdicts")?;
    let rows: Vec<JobRow> = read(found, "jobs")?;
    let now = Clock::system().now();
    let mut facts = vec![
        ("delivery", delivery.id.to_string()),
        ("registry", delivery.registry.clone()),
        ("event", delivery.kind.clone()),
        ("subject", delivery.subject.clone()),
        (
            "state",
            format!("{}{}", delivery.state, delivery.reason.map(|reason| format!(": {reason}")).unwrap_or_default()),
        ),
        ("received", format!("{} ago", ago(delivery.received_at, now))),
        ("verified by", delivery.verified_by.clone()),
        ("round", delivery.round.to_string()),
    ];
    if delivery.payload == 0 {
        facts.push(("payload", "removed (retention.bodies): it cannot be replayed".to_owned()));
    }
    if delivery.conflict {
        facts.push(("conflict", "another body came under the same key before".to_owned()));
    }
    for verdict in &verdicts {
        facts.push((
            "verdict",
            format!("{} (round {}, {} ago)", verdict.verdict, verdict.round, ago(verdict.settled_at, now)),
        ));
    }
    for (name, value) in facts {
        line(&format!("{name:<12} {}", printable(&value)))?;
    }
    line("")?;
    for verdict in &verdicts {
        let votes: Vec<Vote> = read(&json!({ "votes": verdict.votes }), "votes")?;
        print(&matrix::matrix(&votes))?;
        line("")?;
        matrix::details(&votes).iter().try_for_each(|detail| line(&printable(detail)))?;
        line("")?;
    }
    jobs::print_list(&rows)
}

fn read<T: serde::de::DeserializeOwned>(found: &Value, key: &str) -> Result<T, Failure> {
    serde_json::from_value(found[key].clone())
        .map_err(|_| Failure::Failed(format!("the daemon's answer has no readable {key}: is it of another version?")))
}
