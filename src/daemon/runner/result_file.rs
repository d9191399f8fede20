//! Files that a plugin writes: `$SCANRELAY_RESULT`, in which a wrapper of a noisy tool writes the contract's lines, and
//! `{report}`, a scanner's own report.

use std::fs::File;
use std::io::{self, Read as _};
use std::time::Duration;

use rustix::io::Errno;
use scanrelay::plugin::{Conclusion, Report, Severity};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::pipe::Pipe;
use super::record::Record;
use super::workdir::Workdir;

/// Room for a thousand findings of 8 KiB, and for many more that are only counted.
const MAX: u64 = 64 * 1024 * 1024;
/// A report's text is in memory as a whole.
const MAX_REPORT: u64 = 16 * 1024 * 1024;
/// Whose report is read.
static TURN: Semaphore = Semaphore::const_new(1);
/// How long a checkpoint of the file may take to be committed.
const COMMIT: Duration = Duration::from_secs(3);

/// Reads the file after the plugin's end. When it is there, stdout was only log.
pub(super) async fn take(record: &mut Record, workdir: &Workdir) {
    let file = match open(workdir, "result", MAX) {
        Ok(None) => return,
        Ok(Some(file)) => file,
        Err(reason) => return record.refuse(reason),
    };
    record.discard();
    let mut lines = Pipe::new(tokio::fs::File::from_std(file).take(MAX));
    while !lines.spent() {
        while let Some((line, lost)) = lines.line() {
            record.take(line, lost);
        }
        if lines.open() {
            lines.read().await;
        }
    }
    record.settle_within(workdir, COMMIT).await;
}

/// Reads the report after the scanner's end, away from the runtime's threads, and no other at the same time: one takes a second
/// of processor time and its own size of memory.
pub(super) async fn report(record: &mut Record, workdir: &Workdir, report: &Report, fail_on: Severity) {
    record.report(conclude(workdir, report.clone(), fail_on).await);
}

async fn conclude(workdir: &Workdir, report: Report, fail_on: Severity) -> Result<Conclusion, String> {
    let file = open(workdir, "report", MAX_REPORT)?.ok_or("it wrote no report")?;
    let unread = |error: &dyn std::fmt::Display| format!("its report cannot be read: {error}");
    let turn = TURN.acquire().await.map_err(|error| unread(&error))?;
    let concluded = spawn_blocking(move || {
        // Held by the work itself, which goes on when nobody waits for it any more.
        let _turn = turn;
        let mut text = Vec::new();
        file.take(MAX_REPORT).read_to_end(&mut text).map_err(|error| unread(&error))?;
        report.conclude(&text, fail_on).map_err(|error| error.to_string())
    });
    concluded.await.map_err(|error| unread(&error))?
}

fn open(workdir: &Workdir, name: &str, most: u64) -> Result<Option<File>, String> {
    let refused = |why: &str| Err(format!("its {name} file was refused: it {why}"));
    let opened = workdir
        .open_written(name)
        .and_then(|file| file.map(|file| file.metadata().map(|metadata| (file, metadata))).transpose());
    match opened {
        Ok(None) => Ok(None),
        Ok(Some((_, metadata))) if !metadata.is_file() => refused("is not a regular file"),
        Ok(Some((_, metadata))) if metadata.len() > most => {
            refused(&format!("is larger than {} MiB", most / (1024 * 1024)))
        }
        Ok(Some((file, _))) => Ok(Some(file)),
        Err(error) if is(&error, Errno::LOOP) => refused("is a symbolic link"),
        Err(error) if is(&error, Errno::NXIO) => refused("is not a regular file"),
        Err(error) => refused(&format!("cannot be read: {error}")),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use scanrelay::plugin::{Format, Pointers, Verdict};
    use tokio::select;

    use super::*;

    #[tokio::test]
    async fn a_report_waits_for_the_one_before_it_and_holds_up_nobody() {
        let root = tempfile::tempdir().unwrap();
        let workdir = Workdir::create(root.path(), "r", 1, b"{}", b"").unwrap();
        workdir.keep("report", br#"{"issues":[]}"#).unwrap();
        let before = TURN.acquire().await.unwrap();
        let mut reading =
            pin!(conclude(&workdir, Report::new(Format::Json(Pointers::to_findings("/issues"))), Severity::High));
        select! {
            biased;
            concluded = &mut reading => panic!("{concluded:?}"),
            () = std::future::ready(()) => drop(before),
        }
        assert!(matches!(reading.await, Ok(Conclusion::Scan { verdict: Verdict::Safe, .. })));
    }
}
