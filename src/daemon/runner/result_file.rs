//! Files that a plugin writes: `$SCANRELAY_RESULT`, in which a wrapper of a noisy tool writes the contract's lines, and
//! `{report}`, a scanner's own report.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::io::Errno;
use scanrelay::plugin::{Report, Severity};
use tokio::io::AsyncReadExt;

use super::pipe::Pipe;
use super::record::Record;
use super::workdir::Workdir;

/// Room for a thousand findings of 8 KiB, and for many more that are only counted.
const MAX: u64 = 64 * 1024 * 1024;
/// A report is read as a whole.
const MAX_REPORT: u64 = 16 * 1024 * 1024;
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

/// Reads the report after the scanner's end.
pub(super) fn report(record: &mut Record, workdir: &Workdir, report: &Report, fail_on: Severity) {
    record.report(read(workdir).and_then(|text| report.conclude(&text, fail_on).map_err(|error| error.to_string())));
}

fn read(workdir: &Workdir) -> Result<Vec<u8>, String> {
    let file = open(workdir, "report", MAX_REPORT)?.ok_or("it wrote no report")?;
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_REPORT), &mut text)
        .map_err(|error| format!("its report cannot be read: {error}"))?;
    Ok(text)
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
