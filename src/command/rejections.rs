//! `scanrelay rejections`: what was refused of late, and why.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use scanrelay::plugin::printable;

use super::admin_client::Access;
use super::output::{ago, cell, json, line, print, table};
use super::{Failure, Outcome};
use crate::daemon::{Act, Clock, RejectionRow};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    act: Option<Command>,
    /// Only those of this registry.
    #[arg(long)]
    registry: Option<String>,
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a refused request into a new file (0600) that scanrelay verify reads. Needs webhook.probe = true.
    Save(Save),
}

#[derive(Debug, Args)]
pub struct Save {
    /// The rejection's id, as the 401 named it.
    id: String,
    /// The file, which must not be there yet.
    file: PathBuf,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

pub async fn run(arguments: Arguments, access: &Access) -> Outcome {
    match arguments.act {
        Some(Command::Save(save)) => save_one(save, access).await,
        None => {
            let rows = access.rejections(arguments.registry.as_deref()).await?;
            if arguments.json { json(&rows) } else { print_list(&rows) }
        }
    }
}

fn print_list(rows: &[RejectionRow]) -> Outcome {
    let now = Clock::system().wall();
    let mut table = table(&["ID", "AGE", "REGISTRY", "FROM", "STATUS", "BYTES", "REASON", "HEADERS"]);
    for row in rows {
        table.add_row([
            cell(&row.id),
            cell(&ago(row.at, now)),
            cell(&row.registry),
            cell(&row.peer.map(|peer| peer.to_string()).unwrap_or_default()),
            cell(&row.status.to_string()),
            cell(&row.length.map(|length| length.to_string()).unwrap_or_default()),
            cell(&row.reason),
            cell(&row.headers.join(" ")),
        ]);
    }
    print(&table)?;
    for row in rows {
        if let Some(finding) = &row.finding {
            let cure =
                row.setting.as_ref().map(|setting| format!("; set registries.{}.webhook: {setting}", row.registry));
            line(&printable(&format!("{}: {finding}{}", row.id, cure.unwrap_or_default())))?;
        }
    }
    Ok(())
}

async fn save_one(save: Save, access: &Access) -> Outcome {
    let shown = save.file.display();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&save.file).map_err(|error| {
        let cure = if error.kind() == std::io::ErrorKind::AlreadyExists { ": name a new one" } else { "" };
        Failure::Failed(format!("{shown}: {error}{cure}"))
    })?;
    let act = Act { reason: save.reason, ..Act::default() };
    let saved = match access.save_rejection(&save.id, &act).await {
        Ok(request) => file.write_all(&request).and_then(|()| file.sync_all()).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = saved {
        // Nothing half written stays.
        let _ = fs::remove_file(&save.file);
        return Err(failure);
    }
    line(&format!("saved, and it may hold secrets: scanrelay verify {shown}"))
}
