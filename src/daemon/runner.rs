//! Runs one plugin process by the contract, and knows nothing of jobs, stores and registries.
//!
//! A plugin that fails, hangs, floods or leaves processes behind is a value, [`Run`], never an `Err`. Whatever happens,
//! also when the future of [`run`] is dropped, no process, zombie, descriptor or folder stays behind.
//!
//! The way of a run: [`Workdir`] is made, [`Group`] is started inside of its [`cell`], [`attend`](watch::attend) waits while
//! [`Listener`] reads, [`family`] ends whoever is left, and [`conclude`](conclude::conclude) says what it came to.

mod cell;
mod checkpoint;
mod conclude;
mod family;
mod group;
mod hint;
mod leftovers;
mod lend;
mod listen;
mod log;
mod mark;
mod mask;
mod orphans;
mod pipe;
mod process;
mod record;
mod result_file;
mod spec;
mod usage;
mod watch;
mod watchman;
mod workdir;

use std::io;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, set_dumpable_behavior, umask};
use scanrelay::plugin::Conclusion;
use tokio::sync::{mpsc, oneshot};

pub use cell::{Bounds, Cell, Kernel, LAUNCH, User, launch, probe};
pub use leftovers::end_leftovers;
pub use spec::{Output, RunCache, Spec, Word};

use conclude::{Exit, conclude};
use group::{Group, Leader};
use hint::hint;
use listen::Listener;
use mask::Mask;
use record::Record;
use workdir::Workdir;

use super::stop::Stop;

/// What one attempt came to.
#[derive(Debug)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// What it printed beside the contract's lines, secrets masked, up to the cap; then the runner's own remarks.
    pub log: Vec<u8>,
    /// How many bytes of log were read and not kept.
    pub dropped: u64,
}

/// How an attempt ended.
#[derive(Debug, PartialEq)]
pub enum End {
    /// It kept the contract, and this is its word.
    Concluded(Conclusion),
    /// It asks to be tried again later.
    TryLater,
    /// It broke the contract or said that it failed: why, in one printable line.
    Failed(String),
    /// It ran longer than its timeout and was ended.
    TimedOut,
    /// It was told to stop.
    Cancelled,
    /// It could not be started: why, and the cure, in one printable line.
    NotStarted(String),
}

/// What a plugin says while it runs.
#[derive(Debug)]
pub enum Note {
    /// How far it is. Lost when nobody has room for it: a plugin is never slowed down for the sake of a display.
    Progress { message: String, percent: Option<f64> },
    /// To be committed. The plugin's further lines wait for the answer; a dropped sender means no.
    Checkpoint { data: serde_json::Value, committed: oneshot::Sender<bool> },
}

/// Runs the plugin once. Returns when it and everything it started are gone.
pub async fn run(spec: Spec, stop: Stop, notes: mpsc::Sender<Note>) -> Run {
    if stop.token().is_cancelled() {
        return Run::without_output(End::Cancelled);
    }
    // Declared before the group: locals are dropped in reverse order, and the folder goes after those who write to it.
    let Started { workdir, document, leader, marker } = match start(&spec).await {
        Ok(started) => started,
        Err(reason) => return Run::without_output(End::NotStarted(reason)),
    };
    let (mut group, pipes) = match Group::attend(leader) {
        Ok(attended) => attended,
        Err(error) => return Run::without_output(End::NotStarted(spec.why_not_started(&error))),
    };
    let record = Record::new(&spec, marker, Mask::new(&spec.secrets), notes);
    let mut listener = Listener::new(pipes.stdout, pipes.stderr, record);
    for missing in spec.cell.iter().flat_map(|cell| cell.kernel.missing()) {
        listener.remark(format!("the plugin was confined in part only: {missing}"));
    }
    let cut = watch::attend(&group, pipes.stdin, &document, &mut listener, &workdir, &spec, &stop).await;
    watch::bury(&group, &mut listener, &workdir, cut).await;
    let exit = Exit::of(cut.map(|(cut, _)| cut), group.reap());
    drop(group);
    let mut record = listener.into_record();
    match &spec.output {
        Output::Jsonl => result_file::take(&mut record, &workdir).await,
        Output::Report(report, _) => result_file::report(&mut record, &workdir, report, spec.fail_on).await,
        Output::ExitCodes(_) => {}
    }
    let refusal = record.not_started();
    let (said, log, dropped) = record.end();
    workdir.remove().await;
    if let Some(refusal) = refusal {
        return Run { end: End::NotStarted(spec.why_refused(&refusal)), log, dropped };
    }
    let mut end = conclude(exit, said, &spec.output);
    if let (End::Failed(reason), Exit::Code(_), Some(cell)) = (&mut end, exit, &spec.cell)
        && let Some(hint) = hint(cell, &log)
    {
        reason.push_str("; ");
        reason.push_str(&hint);
    }
    Run { end, log, dropped }
}

/// A plugin that runs. The leader goes before the folder.
struct Started {
    leader: Leader,
    document: Vec<u8>,
    workdir: Workdir,
    marker: String,
}

/// Makes the working directory and starts the program, away from the runtime's threads: the body may be large, the disk
/// slow, and starting blocks.
async fn start(spec: &Spec) -> Result<Started, String> {
    let document =
        serde_json::to_vec(&spec.invocation).map_err(|error| format!("the input has no JSON form: {error}"))?;
    let spec = spec.clone();
    let started = tokio::task::spawn_blocking(move || {
        let run = &spec.invocation.run;
        let mut workdir = Workdir::create(&spec.work_root, &run.id, run.attempt, &document, &spec.body)?;
        if let Some(folder) = &spec.artifact {
            workdir.adopt(folder)?;
        }
        if let Some(user) = spec.cell.as_ref().and_then(|cell| cell.user.as_ref()) {
            workdir.lend(user)?;
            if let Some(cache) = &spec.cache {
                lend::lend(&cache.path, user)?;
            }
        }
        let marker = cell::marker();
        let mut command = spec.command(&workdir, &marker)?;
        let leader =
            Leader::start(&mut command, &run.id, spec.cell.is_some()).map_err(|error| spec.why_not_started(&error))?;
        Ok(Started { leader, document, workdir, marker })
    });
    started.await.unwrap_or_else(|error| Err(format!("the plugin was not started: {error}")))
}

impl Run {
    fn without_output(end: End) -> Self {
        Self { end, log: Vec::new(), dropped: 0 }
    }
}

/// Keeps other users out of the daemon's memory and files: not dumpable (no core files, no ptrace, no `/proc/PID/environ`),
/// umask 077. Adopts the orphans of plugins. Called once, by main.
pub fn harden() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    umask(Mode::RWXG | Mode::RWXO);
    orphans::adopt()
}

#[cfg(test)]
pub mod tests;
