//! One verdict of many votes.

use scanrelay::plugin::Verdict;
use serde::{Deserialize, Serialize};

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
    pub findings: usize,
    pub advisory: bool,
    /// The digest of the files that it looked at, where the daemon fetched them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
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
mod tests {
    use scanrelay::plugin::Verdict::{Error, Inconclusive, Safe, Unsafe};

    use super::*;

    fn check(policy: Policy, votes: &[Option<Verdict>], expected: Option<Verdict>) {
        assert_eq!(decide(policy, votes), expected, "{policy:?} {votes:?}");
    }

    #[test]
    fn all_means_every_one() {
        let all = |votes: &[Option<Verdict>], expected| check(Policy::All, votes, expected);
        all(&[Some(Safe)], Some(Safe));
        all(&[Some(Safe), Some(Safe)], Some(Safe));
        all(&[Some(Safe), None], None);
        all(&[Some(Error), None], None);
        all(&[Some(Unsafe), None], Some(Unsafe));
        all(&[Some(Safe), Some(Error)], Some(Error));
        all(&[Some(Safe), Some(Inconclusive)], Some(Inconclusive));
        all(&[Some(Error), Some(Inconclusive)], Some(Error));
        all(&[Some(Error), Some(Unsafe)], Some(Unsafe));
        all(&[], Some(Error));
    }

    #[test]
    fn a_quorum_needs_its_number_and_no_unsafe_vote() {
        let two = |votes: &[Option<Verdict>], expected| check(Policy::Quorum(2), votes, expected);
        two(&[Some(Safe), Some(Safe), Some(Error)], Some(Safe));
        two(&[Some(Safe), Some(Safe), Some(Unsafe)], Some(Unsafe));
        two(&[Some(Safe), Some(Safe), None], None);
        two(&[Some(Safe), Some(Error), Some(Inconclusive)], Some(Error));
        two(&[Some(Safe), Some(Inconclusive), Some(Inconclusive)], Some(Inconclusive));
        check(Policy::Quorum(0), &[Some(Error)], Some(Error));
        check(Policy::Quorum(0), &[], Some(Error));
    }
}
