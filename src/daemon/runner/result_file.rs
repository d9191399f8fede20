//! The file `$SCANRELAY_RESULT`, in which a wrapper of a noisy tool writes the contract's lines.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::AsyncReadExt;

use super::pipe::Pipe;
use super::record::Record;
use super::workdir::Workdir;

/// Room for a thousand findings of 8 KiB, and for many more that are only counted.
const MAX: u64 = 64 * 1024 * 1024;
/// How long a checkpoint of the file may take to be committed.
const COMMIT: Duration = Duration::from_secs(3);

/// Reads the file after the plugin's end. When it is there, stdout was only log.
pub(super) async fn take(record: &mut Record, workdir: &Workdir) {
    let file = match open(workdir) {
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

fn open(workdir: &Workdir) -> Result<Option<File>, String> {
    let refused = |why: &str| Err(format!("its result file was refused: it {why}"));
    let opened = workdir
        .open_result()
        .and_then(|file| file.map(|file| file.metadata().map(|metadata| (file, metadata))).transpose());
    match opened {
        Ok(None) => Ok(None),
        Ok(Some((_, metadata))) if !metadata.is_file() => refused("is not a regular file"),
        Ok(Some((_, metadata))) if metadata.len() > MAX => refused("is larger than 64 MiB"),
        Ok(Some((file, _))) => Ok(Some(file)),
        Err(error) if is(&error, Errno::LOOP) => refused("is a symbolic link"),
        Err(error) if is(&error, Errno::NXIO) => refused("is not a regular file"),
        Err(error) => refused(&format!("cannot be read: {error}")),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}
