//! `scanrelay status`: how things stand, on one screen; and the standing still of queues.

use std::time::Duration;

use clap::Args;
use scanrelay::Timestamp;
use scanrelay::plugin::printable;

use super::admin_client::Access;
use super::output::{ago, cell, json, line, print, state, table};
use super::{Failure, Outcome};
use crate::daemon::{ALL, Clock};

#[derive(Debug, Args)]
pub struct Arguments {
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Queue {
    /// A plugin or a registry; where both have the name, plugin:NAME or registry:NAME. Without it, everything.
    name: Option<String>,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

pub async fn run(arguments: &Arguments, access: &Access) -> Outcome {
    let overview = access.status().await?;
    if arguments.json {
        return json(&overview);
    }
    let status = &overview.status;
    let now = Clock::system().now();
    match status.oldest {
        Some(oldest) if status.open == 1 => line(&format!("1 delivery is open, for {}", ago(oldest, now)))?,
        Some(oldest) => line(&format!("{} deliveries are open, the oldest for {}", status.open, ago(oldest, now)))?,
        None => line("no delivery is open")?,
    }
    let mut rows = table(&["QUEUE", "WAITING", "RUNNING", "DEAD", "LAST", "AGE"]);
    for row in &status.queues {
        rows.add_row([
            cell(&row.queue),
            cell(&row.waiting.to_string()),
            cell(&row.running.to_string()),
            cell(&row.dead.to_string()),
            state(row.last.as_deref().unwrap_or("")),
            cell(&row.last_at.map(|at: Timestamp| ago(at, now)).unwrap_or_default()),
        ]);
    }
    print(&rows)?;
    for open in &overview.breakers {
        let (plugin, reason) = (&open.plugin, printable(&open.reason));
        let probe = match open.probe_at.since(now) {
            Duration::ZERO => "the next job probes it".to_owned(),
            _ => format!("one job probes it in {}", ago(now, open.probe_at)),
        };
        line(&format!(
            "{plugin} is stopped by its breaker for {}, after {} failures in a row, the last: {reason}; {probe}",
            ago(open.since, now),
            open.failures
        ))?;
    }
    for cache in &overview.caches {
        let plugin = &cache.plugin;
        let state = match cache.updated_at {
            Some(at) => format!("the cache of {plugin} is {} old", ago(at, now)),
            None => format!("the cache of {plugin} was never filled, and {plugin} is not run until it is"),
        };
        let failure = cache.failure.as_ref().map(|reason| format!("; its update failed: {}", printable(reason)));
        line(&(state + &failure.unwrap_or_default()))?;
    }
    for paused in &status.paused {
        let name = if paused.queue == ALL { "everything" } else { &paused.queue };
        let reason = paused.reason.as_ref().map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
        line(&format!("{name} is paused for {}{reason}; to go on: scanrelay resume", ago(paused.since, now)))?;
    }
    for survey in &status.surveys {
        let name = printable(&survey.registry);
        line(&match (&survey.failure, survey.ended_at) {
            (Some(failure), _) => format!("the catch-up could not ask {name}: {}", printable(failure)),
            (None, Some(at)) => format!(
                "the catch-up asked {name} {} ago: {} changes known, {} deliveries made",
                ago(at, now),
                survey.seen,
                survey.made
            ),
            (None, None) => format!("the catch-up is asking {name}, for {}", ago(survey.begun_at, now)),
        })?;
    }
    if status.queues.iter().any(|row| row.dead > 0) {
        line("dead jobs: scanrelay jobs list --state dead; after mending: scanrelay jobs retry --dead")?;
    }
    if matches!(access, Access::Stopped { .. }) {
        line("the daemon is stopped")?;
    }
    Ok(())
}

pub async fn pause(queue: Queue, access: &Access) -> Outcome {
    let name = named(queue.name, access).await?;
    line(&access.pause(&name, queue.reason).await?)
}

pub async fn resume(queue: Queue, access: &Access) -> Outcome {
    let name = named(queue.name, access).await?;
    line(&access.resume(&name, queue.reason).await?)
}

/// The queue of that name. Which there are is asked only where one is named: a full store takes its time to say.
async fn named(name: Option<String>, access: &Access) -> Result<String, Failure> {
    let Some(name) = name else { return Ok(ALL.to_owned()) };
    let status = access.status().await?.status;
    let whole = [name.clone(), format!("plugin:{name}"), format!("registry:{name}")];
    let known = status.queues.iter().map(|row| &row.queue).chain(status.paused.iter().map(|row| &row.queue));
    let mut found: Vec<&String> = known.filter(|queue| whole.contains(queue)).collect();
    found.dedup();
    match found[..] {
        [queue] => Ok(queue.clone()),
        [] => Err(Failure::Wrong(format!("there is no plugin or registry {name}: see scanrelay status"))),
        _ => Err(Failure::Wrong(format!(
            "both a plugin and a registry are called {name}: say plugin:{name} or registry:{name}"
        ))),
    }
}
