//! One verdict of many votes, what it was about, and whether it is enough for who asks.

mod demand;
mod evidence;
mod sandboxed;
mod standing;
mod waiver;

use scanrelay::Timestamp;
use scanrelay::plugin::Verdict;
use serde::{Deserialize, Serialize};

pub use demand::Demand;
pub use evidence::{Evidence, about};
pub use sandboxed::Sandboxed;
pub use standing::{Standing, Standings};
pub use waiver::{NewWaiver, Waived, Waiver, waived};

/// How votes become a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Safe when every voting scanner says safe.
    All,
    /// Safe with so many safe votes and no unsafe one.
    Quorum(u32),
}

/// One scanner's word, with what a stranger needs to believe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub scanner: String,
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The scanner's version and that of what it knows, by its own account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub findings: usize,
    pub advisory: bool,
    /// When its run ended. `None`: an older daemon did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Timestamp>,
    /// What it looked at.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// What it found and somebody has answered for: it said `unsafe`, and counts as `safe` while these hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
}

/// The verdict, once the votes settle it. `None` among the votes is a scanner that has not ended yet.
///
/// Any unsafe vote is final, whatever the others will say. Nothing else is final before the last vote: a scanner that is
/// still running may say unsafe. Without any vote the verdict is `error`, never `safe`.
pub fn decide(policy: Policy, votes: &[Option<Verdict>]) -> Option<Verdict> {
    let count = |verdict| votes.iter().filter(|vote| **vote == Some(verdict)).count();
    if count(Verdict::Unsafe) > 0 {
        return Some(Verdict::Unsafe);
    }
    if votes.iter().any(Option::is_none) {
        return None;
    }
    let safe = match policy {
        Policy::All => !votes.is_empty() && count(Verdict::Safe) == votes.len(),
        Policy::Quorum(needed) => needed > 0 && count(Verdict::Safe) >= needed as usize,
    };
    Some(match safe {
        true => Verdict::Safe,
        false if votes.is_empty() || count(Verdict::Error) > 0 => Verdict::Error,
        false => Verdict::Inconclusive,
    })
}

#[cfg(test)]
mod tests;
