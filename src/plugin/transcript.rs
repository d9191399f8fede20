//! What all lines of a run come to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::line::begins_object;
use super::{Finding, Line, LineError, MAX_FINDINGS, MAX_LINE, PluginKind, Severity, Status, Verdict};

/// Takes a run's lines one by one and, when the plugin has exited with 0, says what they come to.
///
/// Exactly one result, of the plugin's kind; a finding that reaches `fail_on` makes `safe` into `unsafe`; anything else is
/// a [`Fault`], and a fault is never `safe`.
///
/// ```
/// use scanrelay::plugin::{Conclusion, PluginKind, Severity, Transcript, Verdict};
///
/// let mut transcript = Transcript::new(PluginKind::Scanner, Severity::High);
/// transcript.take(br#"{"type":"finding","id":"os.system","severity":"critical","message":"runs a command"}"#);
/// transcript.take(br#"{"type":"result","verdict":"safe"}"#);
/// let Conclusion::Scan { verdict, .. } = transcript.end().unwrap() else { unreachable!() };
/// assert_eq!(verdict, Verdict::Unsafe);
/// ```
#[derive(Clone, Debug)]
pub struct Transcript {
    kind: PluginKind,
    fail_on: Severity,
    findings: Vec<Finding>,
    uncounted: usize,
    failing: bool,
    result: Option<Line>,
    fault: Option<Fault>,
}

/// What a line was.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Taken {
    /// Not a line of the contract.
    Log,
    /// How far it is.
    Progress {
        /// In words.
        message: String,
        /// Of 100.
        percent: Option<f64>,
    },
    /// To be kept at once and given back on a retry.
    Checkpoint(Value),
    /// A finding or a result: kept in the transcript.
    Kept,
    /// It broke the contract; the run has failed whatever follows.
    Fault,
}

/// How a run broke the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It ended without a result.
    #[error("it ended without a result line")]
    NoResult,
    /// It ended without a result, of which half may have been printed.
    #[error("it ended without a result line, and a line that begins like one of the contract's is no JSON")]
    HalfResult,
    /// It gave a second result.
    #[error("it gave more than one result")]
    SecondResult,
    /// A scanner gave a status, or an action a verdict.
    #[error("it gave the result of another kind: it is configured as {0}")]
    ForeignResult(PluginKind),
    /// A JSON line too long to read.
    #[error("it printed a JSON line of more than {MAX_LINE} bytes")]
    LongLine,
    /// A line without the contract's form.
    #[error(transparent)]
    Line(#[from] LineError),
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Conclusion {
    /// A scanner's.
    Scan {
        /// Its verdict, `fail_on` applied.
        verdict: Verdict,
        /// In one sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
        /// Where to read more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// What has looked, in its own words: its version, and that of what it knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// What it found, at most 1,000.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
        /// How many more it found.
        #[serde(default)]
        more_findings: usize,
    },
    /// An action's.
    Action {
        /// How it ended.
        status: Status,
        /// In one sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
        /// The forwarding address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
}

impl Conclusion {
    /// A scanner's, the word alone.
    ///
    /// ```
    /// use scanrelay::plugin::{Conclusion, Verdict};
    ///
    /// assert!(matches!(Conclusion::of_scan(Verdict::Safe), Conclusion::Scan { verdict: Verdict::Safe, summary: None, .. }));
    /// ```
    pub fn of_scan(verdict: Verdict) -> Self {
        Self::Scan { verdict, summary: None, url: None, version: None, findings: Vec::new(), more_findings: 0 }
    }

    /// An action's, the word alone.
    pub fn of_action(status: Status) -> Self {
        Self::Action { status, summary: None, url: None }
    }
}

impl Transcript {
    /// The transcript of a run that has said nothing yet.
    pub fn new(kind: PluginKind, fail_on: Severity) -> Self {
        Self { kind, fail_on, findings: Vec::new(), uncounted: 0, failing: false, result: None, fault: None }
    }

    /// Takes one line, without its line feed. A line of more than [`MAX_LINE`] bytes may be cut behind that length.
    pub fn take(&mut self, line: &[u8]) -> Taken {
        if line.len() > MAX_LINE {
            return if begins_object(line) { self.broken(Fault::LongLine) } else { Taken::Log };
        }
        match Line::parse(line) {
            None => Taken::Log,
            Some(Err(error)) => self.broken(error.into()),
            Some(Ok(Line::Progress { message, percent })) => Taken::Progress { message, percent },
            Some(Ok(Line::Checkpoint { data })) => Taken::Checkpoint(data),
            Some(Ok(Line::Finding(finding))) => {
                if self.count(finding.severity) {
                    self.keep(finding);
                }
                Taken::Kept
            }
            Some(Ok(result @ Line::Result { verdict, .. })) => {
                let kind = if verdict.is_some() { PluginKind::Scanner } else { PluginKind::Action };
                if kind != self.kind {
                    return self.broken(Fault::ForeignResult(self.kind));
                }
                if self.result.replace(result).is_some() {
                    return self.broken(Fault::SecondResult);
                }
                Taken::Kept
            }
        }
    }

    /// Counts a finding. Whether there is room to keep it.
    pub(super) fn count(&mut self, severity: Severity) -> bool {
        self.failing |= severity.reaches(self.fail_on);
        let has_room = self.findings.len() < MAX_FINDINGS;
        self.uncounted += usize::from(!has_room);
        has_room
    }

    /// Keeps one that was counted and has room.
    pub(super) fn keep(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Whether a finding so far reaches `fail_on`.
    pub(super) fn fails(&self) -> bool {
        self.failing
    }

    /// What it comes to. The first fault is the one that is told.
    pub fn end(self) -> Result<Conclusion, Fault> {
        match self.fault {
            Some(Fault::Line(LineError::NoJson)) if self.result.is_none() => return Err(Fault::HalfResult),
            Some(fault) => return Err(fault),
            None => {}
        }
        match self.result {
            Some(Line::Result { verdict: Some(verdict), summary, url, version, .. }) => Ok(Conclusion::Scan {
                verdict: if verdict == Verdict::Safe && self.failing { Verdict::Unsafe } else { verdict },
                summary,
                url,
                version,
                findings: self.findings,
                more_findings: self.uncounted,
            }),
            Some(Line::Result { status: Some(status), summary, url, .. }) => {
                Ok(Conclusion::Action { status, summary, url })
            }
            _ => Err(Fault::NoResult),
        }
    }

    fn broken(&mut self, fault: Fault) -> Taken {
        self.fault.get_or_insert(fault);
        Taken::Fault
    }
}
