//! What a run has said so far.

use std::time::Duration;

use scanrelay::plugin::{Conclusion, Finding, PluginKind, Severity, Taken, Transcript};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::cell::Refusal;
use super::checkpoint::Checkpoint;
use super::log::Log;
use super::mask::Mask;
use super::workdir::Workdir;
use super::{Note, Output, Spec};

/// Takes a run's lines: those of the contract into the transcript, the rest into the log.
pub(super) struct Record {
    kind: PluginKind,
    fail_on: Severity,
    /// `None`: the exit code speaks, and all lines are log.
    transcript: Option<Transcript>,
    /// Whether stdout gave lines that count.
    spoke: bool,
    /// What makes all that was said worthless.
    refused: Option<String>,
    /// What its report comes to.
    reported: Option<Conclusion>,
    /// What begins a line of the launcher's, which is none of the plugin's.
    marker: String,
    /// Why the launcher did not become the plugin.
    not_started: Option<Refusal>,
    checkpoint: Option<Checkpoint>,
    /// `None`: whoever listened does not answer any more.
    notes: Option<mpsc::Sender<Note>>,
    mask: Mask,
    log: Log,
}

impl Record {
    pub(super) fn new(spec: &Spec, marker: String, mask: Mask, notes: mpsc::Sender<Note>) -> Self {
        let transcript = match spec.output {
            Output::Jsonl => Some(Transcript::new(spec.kind, spec.fail_on)),
            Output::ExitCodes(_) | Output::Report(..) => None,
        };
        Self {
            kind: spec.kind,
            fail_on: spec.fail_on,
            transcript,
            spoke: false,
            refused: None,
            reported: None,
            marker,
            not_started: None,
            checkpoint: None,
            notes: Some(notes),
            mask,
            log: Log::new(spec.log_cap, spec.log.clone()),
        }
    }

    /// A line that is log whatever it says.
    pub(super) fn log(&mut self, line: &[u8], lost: u64) {
        self.log.line(&self.mask, line, lost);
    }

    /// A line of stderr: the launcher's, or else log.
    pub(super) fn complain(&mut self, line: &[u8], lost: u64) {
        match line.strip_prefix(self.marker.as_bytes()).map(serde_json::from_slice) {
            Some(Ok(refusal)) if lost == 0 => self.not_started = Some(refusal),
            _ => self.log(line, lost),
        }
    }

    /// Why the launcher did not become the plugin, if that is so.
    pub(super) fn not_started(&mut self) -> Option<Refusal> {
        self.not_started.take()
    }

    /// A word of the runner's for the end of the log.
    pub(super) fn remark(&mut self, remark: String) {
        self.log.remark(remark);
    }

    /// A line of which `lost` bytes were cut off. After a checkpoint, [`settle`](Self::settle) comes before the next line.
    pub(super) fn take(&mut self, line: &[u8], lost: u64) {
        let Some(transcript) = &mut self.transcript else { return self.log(line, lost) };
        match transcript.take(line) {
            Taken::Progress { message, percent } => {
                let message = self.mask.hide_text(message);
                let _ = self.notes.as_ref().map(|notes| notes.try_send(Note::Progress { message, percent }));
            }
            Taken::Checkpoint(data) => self.checkpoint = Some(Checkpoint::Untold(data)),
            Taken::Kept => self.spoke = true,
            Taken::Fault => {
                self.spoke = true;
                // What broke the contract is worth seeing.
                self.log(line, lost);
            }
            _ => self.log(line, lost),
        }
    }

    /// Whether a checkpoint is on its way.
    pub(super) fn unsettled(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// One step towards settling the checkpoint. Losing the future loses nothing.
    pub(super) async fn settle(&mut self, workdir: &Workdir) {
        let Some(checkpoint) = &mut self.checkpoint else { return };
        let Some(settled) = checkpoint.step(self.notes.as_ref(), workdir).await else { return };
        self.checkpoint = None;
        if let Err(reason) = settled {
            self.log(format!("scanrelay: a checkpoint was not kept: {reason}").as_bytes(), 0);
        }
    }

    /// Settles the checkpoint, but not for ever.
    pub(super) async fn settle_within(&mut self, workdir: &Workdir, wait: Duration) {
        let settled = timeout(wait, async {
            while self.unsettled() {
                self.settle(workdir).await;
            }
        });
        if settled.await.is_err() {
            self.give_up();
        }
    }

    /// Nobody commits in time: neither this checkpoint nor a later one is waited for.
    pub(super) fn give_up(&mut self) {
        self.notes = None;
        if self.checkpoint.take().is_some() {
            self.remark("a checkpoint was not kept: it was not committed in time".to_owned());
        }
    }

    /// Begins again: what stdout said does not count.
    pub(super) fn discard(&mut self) {
        self.transcript = Some(Transcript::new(self.kind, self.fail_on));
        if self.spoke {
            self.remark("the result lines on stdout do not count, since $SCANRELAY_RESULT was written".to_owned());
        }
    }

    /// Whatever was said, it does not count.
    pub(super) fn refuse(&mut self, reason: String) {
        self.refused.get_or_insert(reason);
    }

    /// What its report comes to, or why it is none.
    pub(super) fn report(&mut self, conclusion: Result<Conclusion, String>) {
        match conclusion {
            Ok(conclusion) => self.reported = Some(conclusion),
            Err(reason) => self.refuse(reason),
        }
    }

    /// What was said, the log, and how much of it is missing.
    pub(super) fn end(self) -> (Result<Conclusion, String>, Vec<u8>, u64) {
        let said = match (self.refused, self.reported, self.transcript) {
            (Some(reason), ..) => Err(self.mask.hide_text(reason)),
            (None, Some(conclusion), _) => Ok(hide(&self.mask, conclusion)),
            (None, None, Some(transcript)) => {
                transcript.end().map(|said| hide(&self.mask, said)).map_err(|fault| fault.to_string())
            }
            (None, None, None) => Err("its exit code speaks, not its lines".to_owned()),
        };
        let (log, dropped) = self.log.end(&self.mask);
        (said, log, dropped)
    }
}

/// The conclusion without the plugin's secrets.
fn hide(mask: &Mask, conclusion: Conclusion) -> Conclusion {
    let text = |text: String| mask.hide_text(text);
    match conclusion {
        Conclusion::Scan { verdict, summary, url, version, findings, more_findings } => Conclusion::Scan {
            verdict,
            summary: summary.map(text),
            url: url.map(text),
            version: version.map(text),
            findings: findings
                .into_iter()
                .map(|found| {
                    let mut hidden = Finding::new(text(found.id), found.severity, text(found.message));
                    hidden.location = found.location.map(text);
                    hidden
                })
                .collect(),
            more_findings,
        },
        Conclusion::Action { status, summary, url } => {
            Conclusion::Action { status, summary: summary.map(text), url: url.map(text) }
        }
        other => other,
    }
}
