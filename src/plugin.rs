//! The plugin contract, version 1, as types: what a plugin is given, what it may say, and what that comes to.
//!
//! The daemon's runner and Rust plugins use the same types. Everybody else prints and reads the same as JSON.

mod invocation;
mod line;
mod report;
mod transcript;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use invocation::{Artifact, ArtifactFile, Image, Invocation, Run};
pub use line::{Finding, Line, LineError, printable};
pub use report::{Format, Pointers, Report, ReportError};
pub use transcript::{Conclusion, Fault, Taken, Transcript};

/// The version of the contract, the `protocol` of the input.
pub const PROTOCOL: u32 = 1;
/// Exit code "try again later" (`EX_TEMPFAIL` of BSD's `sysexits.h`).
pub const EXIT_RETRY: i32 = 75;
/// Findings that are kept of one run. The severity of the others still counts.
pub const MAX_FINDINGS: usize = 1000;
/// Bytes of JSON of a checkpoint's data.
pub const MAX_CHECKPOINT: usize = 64 * 1024;
/// Bytes of a URL.
pub const MAX_URL: usize = 2 * 1024;
/// Bytes of a text; the rest is cut.
pub const MAX_TEXT: usize = 4 * 1024;
/// Bytes of a finding's id and of its location, so that a finding stays within 8 KiB; longer ones are cut.
pub const MAX_NAME: usize = 1024;
/// Bytes of one line of output that is a JSON object.
pub const MAX_LINE: usize = 128 * 1024;

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PluginKind {
    /// Looks at a model and says whether it is safe.
    Scanner,
    /// Does something with a promoted model.
    Action,
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scanner => "scanner",
            Self::Action => "action",
        })
    }
}

/// What came of a scan: of one scanner, or of all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// Scanned, and nothing bad found.
    Safe,
    /// Something bad found.
    Unsafe,
    /// The scanner ran and could not tell, for instance because it does not know the format.
    Inconclusive,
    /// The scanner did not come to a result. Never said by a plugin itself.
    Error,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
        })
    }
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// Done.
    Complete,
    /// Not done, and trying again would not help.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "complete",
            Self::Failed => "failed",
        })
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Not told. Counts as the worst: what nobody rated is not harmless.
    Unknown,
    /// Worth knowing.
    #[serde(alias = "info")]
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// Whether a finding of this severity makes a scan unsafe under `fail_on`. Under [`Severity::Unknown`] every finding
    /// does: a limit that nobody set lets nothing pass.
    ///
    /// ```
    /// use scanrelay::plugin::Severity;
    ///
    /// assert!(Severity::Critical.reaches(Severity::High));
    /// assert!(!Severity::Low.reaches(Severity::High));
    /// assert!(Severity::Unknown.reaches(Severity::Critical));
    /// ```
    pub fn reaches(self, fail_on: Self) -> bool {
        fail_on == Self::Unknown || self.rank() >= fail_on.rank()
    }

    fn rank(self) -> u8 {
        match self {
            Self::Informational => 0,
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Critical => 4,
            Self::Unknown => 5,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests;
