//! `scanrelay store`: what the store takes, whether it is sound, and its way out and in.

mod backup;
mod look;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::output::{json, line, size};
use super::{Failure, Outcome, access, store_at};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows what the store takes and holds: file, payloads, logs, rows by table. The daemon may run.
    Stats(Look),
    /// Looks whether the store is sound: its pages, what refers to what, what must hold of its rows. Exits 1 when it is not.
    /// The daemon may run.
    Check(Look),
    /// Gives empty pages back to the file system, in small steps beside everything else. A file of an older version is written
    /// anew once: that needs as much room again, and deliveries wait meanwhile.
    Vacuum(Vacuum),
    /// Writes everything as JSON lines, as it is at this moment. The daemon may run. With payloads and logs: keep it as safe as
    /// the store.
    Export(Export),
    /// Makes a store of an export, where there is none or an empty one. The daemon must not run. A bad file leaves nothing.
    Import(Import),
}

#[derive(Debug, Args)]
pub struct Look {
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Vacuum {
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    /// A file that is not there yet; without it, stdout.
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Import {
    /// What `scanrelay store export` has written; - is stdin.
    file: PathBuf,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

pub async fn run(config: &Path, command: Command) -> Outcome {
    match command {
        Command::Stats(look) => look::stats(&store_at(config)?.path, look.json),
        Command::Check(look) => look::check(&store_at(config)?.path, look.json),
        Command::Vacuum(arguments) => vacuum(config, arguments).await,
        Command::Export(export) => backup::export(&store_at(config)?.path, export.file.as_deref()),
        Command::Import(import) => backup::import(&store_at(config)?.path, &import.file, import.reason),
    }
}

async fn vacuum(config: &Path, arguments: Vacuum) -> Outcome {
    let mut progress = Progress::default();
    let vacuumed = access(config)
        .await?
        .vacuum(arguments.reason, |far| {
            progress.tell(&format!("{} given back, {} left", size(far.freed), size(far.left)));
        })
        .await;
    progress.end();
    let vacuumed = vacuumed?;
    if arguments.json {
        return json(&vacuumed);
    }
    line(&format!("{} given back", size(vacuumed.freed)))
}

/// Long work tells a person how far it is, and nobody else.
#[derive(Default)]
struct Progress {
    told: bool,
}

impl Progress {
    fn tell(&mut self, words: &str) {
        if io::stderr().is_terminal() {
            self.told = write!(io::stderr(), "\r\x1b[K{words}").is_ok();
        }
    }

    fn rows(&mut self, rows: u64) {
        if rows.is_multiple_of(10_000) {
            self.tell(&format!("{rows} rows"));
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.told) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// What went well after something that may have gone wrong half-way.
fn failed(error: &crate::daemon::StoreError) -> Failure {
    Failure::Failed(error.to_string())
}
