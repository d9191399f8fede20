//! Findings that somebody has answered for: of those bytes, until that day.

use std::time::Duration;

use scanrelay::Timestamp;
use scanrelay::plugin::{Finding, MAX_NAME, MAX_TEXT, Verdict};
use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::daemon::digest::Digest;

/// One finding of some bytes that does not count, until it ends or is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    pub id: i64,
    pub digest: Digest,
    /// The finding's id, as the scanner says it.
    pub finding: String,
    pub until: Timestamp,
    pub reason: String,
    pub uid: Option<u32>,
    pub made_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl Waiver {
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.until
    }
}

/// The longest time that somebody can answer for.
const LONGEST: Duration = Duration::from_hours(400 * 24);

/// A waiver to be, within its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewWaiver {
    digest: Digest,
    finding: String,
    until: Timestamp,
    reason: String,
}

impl NewWaiver {
    /// Or what is wrong with it.
    pub fn new(
        digest: Digest,
        finding: String,
        until: Timestamp,
        reason: String,
        now: Timestamp,
    ) -> Result<Self, String> {
        if finding.is_empty() || finding.len() > MAX_NAME {
            return Err(format!("a finding's id has 1 to {MAX_NAME} bytes: see scanrelay jobs show"));
        }
        if reason.trim().is_empty() || reason.len() > MAX_TEXT {
            return Err(format!("a reason has 1 to {MAX_TEXT} bytes: say who answers for it, and why"));
        }
        if until <= now {
            return Err(format!("{} is over: name a later day", until.to_rfc3339()));
        }
        if until > now.after(LONGEST) {
            return Err(format!("a waiver ends within 400 days, {} is later", until.to_rfc3339()));
        }
        Ok(Self { digest, finding, until, reason })
    }

    /// Digest, finding, end and reason.
    pub fn parts(&self) -> (&Digest, &str, Timestamp, &str) {
        (&self.digest, &self.finding, self.until, &self.reason)
    }
}

/// What a verdict says of a finding that was waived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    pub waiver: i64,
    pub finding: String,
    pub until: Timestamp,
    pub reason: String,
}

/// By what an `unsafe` of a scanner becomes `safe`: each of its findings is waived for what it looked at. `None`: it does not.
///
/// It takes a finding that is named: a scanner that says `unsafe` without one, or that found more than are kept, cannot be
/// answered for. Nothing but `unsafe` is ever waived: who came to no result has found nothing that one could know.
pub fn waived(
    verdict: Verdict,
    findings: &[Finding],
    more_findings: usize,
    evidence: &Evidence,
    waivers: &[Waiver],
    now: Timestamp,
) -> Option<Vec<Waived>> {
    if verdict != Verdict::Unsafe || findings.is_empty() || more_findings > 0 {
        return None;
    }
    let mut used: Vec<Waived> = Vec::new();
    for finding in findings {
        let holds =
            |waiver: &&Waiver| waiver.finding == finding.id && waiver.holds(now) && evidence.is_of(&waiver.digest);
        // The one that holds longest.
        let waiver = waivers.iter().filter(holds).max_by_key(|waiver| (waiver.until, waiver.id))?;
        if !used.iter().any(|used| used.waiver == waiver.id) {
            let Waiver { finding, until, reason, .. } = waiver.clone();
            used.push(Waived { waiver: waiver.id, finding, until, reason });
        }
    }
    Some(used)
}
