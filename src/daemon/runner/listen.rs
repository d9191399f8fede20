//! Both ends of a plugin's output, read as they come.

use tokio::process::{ChildStderr, ChildStdout};
use tokio::select;

use super::pipe::Pipe;
use super::record::Record;
use super::workdir::Workdir;

/// Reads stdout and stderr into the record, line by line.
pub(super) struct Listener {
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
    record: Record,
}

impl Listener {
    pub(super) fn new(stdout: ChildStdout, stderr: ChildStderr, record: Record) -> Self {
        Self { stdout: Pipe::new(stdout), stderr: Pipe::new(stderr), record }
    }

    /// One step: settles a checkpoint, or takes the lines that are there, or reads once. Says how many bytes were read.
    ///
    /// While a checkpoint is on its way nothing is read, and the plugin waits when its pipes are full; whoever commits it
    /// does not wait for the plugin, so this is no deadlock. Losing the future loses nothing.
    pub(super) async fn listen(&mut self, workdir: &Workdir) -> usize {
        if self.record.unsettled() {
            self.record.settle(workdir).await;
            return 0;
        }
        while let Some((line, lost)) = self.stderr.line() {
            self.record.complain(line, lost);
        }
        while let Some((line, lost)) = self.stdout.line() {
            self.record.take(line, lost);
            if self.record.unsettled() {
                return 0;
            }
        }
        if !self.stdout.open() && !self.stderr.open() {
            return 0;
        }
        select! {
            read = self.stdout.read() => read,
            read = self.stderr.read() => read,
        }
    }

    /// Whether the next step waits for somebody else than the plugin.
    pub(super) fn waits_for_commit(&self) -> bool {
        self.record.unsettled()
    }

    /// Whether all has been read and taken.
    pub(super) fn spent(&self) -> bool {
        self.stdout.spent() && self.stderr.spent() && !self.record.unsettled()
    }

    /// Waits for no commit any more.
    pub(super) fn give_up(&mut self) {
        self.record.give_up();
    }

    /// Reads no more. What has been read is still taken.
    pub(super) fn close(&mut self) {
        self.stdout.close();
        self.stderr.close();
    }

    pub(super) fn remark(&mut self, remark: String) {
        self.record.remark(remark);
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }
}
