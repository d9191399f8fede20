//! `scanrelay prove`: every promotion and scan request that the registries know of, with its delivery and verdict, or the gap.

use clap::Args;
use scanrelay::Timestamp;
use scanrelay::plugin::printable;

use super::output::{cell, json, line, print, state, table};
use super::{Failure, Outcome, jobs};
use crate::daemon::{self, Clock, Config};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only what happened since then: 2026-01-31T12:00:00Z, or so long ago: 6h, 7d.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Since,
    /// Only of this registry.
    #[arg(long, value_name = "NAME")]
    registry: Option<String>,
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

/// A moment, or so long ago.
#[derive(Clone, Copy, Debug)]
enum Since {
    At(Timestamp),
    Ago(std::time::Duration),
}

fn since(text: &str) -> Result<Since, String> {
    match Timestamp::from_rfc3339(text) {
        Some(at) => Ok(Since::At(at)),
        None => jobs::span(text).map(Since::Ago),
    }
}

pub async fn run(arguments: &Arguments, config: &Config) -> Outcome {
    let now = Clock::system().wall();
    let since = match arguments.since {
        Since::At(at) => at,
        Since::Ago(ago) => Timestamp::from_millis(now.as_millis() - i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
    };
    if let Some(name) = &arguments.registry
        && !config.registries.contains_key(name)
    {
        return Err(Failure::Wrong(format!("there is no registry {name}: see scanrelay check")));
    }
    let rows = daemon::prove(config, since, arguments.registry.as_deref()).await.map_err(Failure::Failed)?;
    if arguments.json {
        json(&rows)?;
    } else {
        let mut shown = table(&["REGISTRY", "KIND", "SUBJECT", "DELIVERY", "STATE", "VERDICT", "GAP"]);
        for row in &rows {
            shown.add_row([
                cell(&row.registry),
                cell(&row.kind),
                cell(&printable(&row.subject)),
                cell(&row.delivery.map(|id| id.to_string()).unwrap_or_default()),
                state(row.state.as_deref().unwrap_or("")),
                state(row.verdict.as_deref().unwrap_or("")),
                cell(&row.gap.as_deref().map(printable).unwrap_or_default()),
            ]);
        }
        print(&shown)?;
    }
    match rows.iter().filter(|row| row.gap.is_some()).count() {
        0 if arguments.json => Ok(()),
        0 => line(&format!("{} found, no gap", rows.len())),
        gaps => Err(Failure::Failed(format!("{gaps} of {} are not seen to", rows.len()))),
    }
}
