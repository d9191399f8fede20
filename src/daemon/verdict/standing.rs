//! What was said of a thing, as it stands now.

use std::cmp::Reverse;

use scanrelay::Timestamp;
use scanrelay::plugin::Verdict;
use serde::{Deserialize, Serialize};

use super::{Policy, Vote, Waiver};
use crate::daemon::digest::Digest;

/// A verdict that was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub delivery: i64,
    /// Which round of the delivery: a later one takes its place.
    pub round: i64,
    pub registry: String,
    pub subject: String,
    pub verdict: Verdict,
    pub votes: Vec<Vote>,
    pub policy: Policy,
    pub settled_at: Timestamp,
}

/// All that was said of one thing, newest first, and the waivers that it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standings {
    /// The bytes that are asked about; `None`: it is what a registry calls so, whatever bytes that was each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Digest>,
    pub verdicts: Vec<Standing>,
    pub waivers: Vec<Waiver>,
}

impl Standing {
    /// What it says now: a waiver that has ended or was revoked takes its `safe` along.
    pub fn verdict_now(&self, waivers: &[Waiver], now: Timestamp) -> Verdict {
        let lost = self.votes.iter().any(|vote| !vote.advisory && !vote.holds(waivers, now));
        if lost && self.verdict == Verdict::Safe { Verdict::Unsafe } else { self.verdict }
    }

    /// When the scans were made that it rests on: of a `safe` one the first of them, since nothing later was found out by
    /// it; of any other the last of those that made it so. A verdict that was settled again from votes that were kept is as
    /// old as those.
    pub fn rests_on(&self) -> Timestamp {
        let counting = self.votes.iter().filter(|vote| !vote.advisory);
        let at = |vote: &Vote| self.said_at(vote);
        let found = match self.verdict {
            Verdict::Safe => counting.map(at).min(),
            _ => counting.filter(|vote| vote.verdict != Verdict::Safe).map(at).max(),
        };
        found.unwrap_or(self.settled_at)
    }

    /// When a vote of it was given.
    pub fn said_at(&self, vote: &Vote) -> Timestamp {
        vote.said_at.unwrap_or(self.settled_at)
    }

    /// Whether as many as its policy takes looked at these very bytes and said `safe`.
    fn is_of(&self, digest: &Digest) -> bool {
        let looked = |vote: &&Vote| !vote.advisory && vote.verdict == Verdict::Safe && vote.evidence.is_of(digest);
        let needed = match self.policy {
            // All of them have said safe, or it would not be; who was not given these bytes was given none.
            Policy::All => 1,
            Policy::Quorum(needed) => needed.max(1) as usize,
        };
        self.votes.iter().filter(looked).count() >= needed
    }
}

impl Vote {
    /// Whether each waiver that it rests on still holds.
    fn holds(&self, waivers: &[Waiver], now: Timestamp) -> bool {
        let still = |id: i64| waivers.iter().any(|waiver| waiver.id == id && waiver.holds(now));
        self.waived.iter().all(|waived| still(waived.waiver))
    }

    /// What it says now.
    pub fn verdict_now(&self, waivers: &[Waiver], now: Timestamp) -> Verdict {
        if self.verdict == Verdict::Safe && !self.holds(waivers, now) { Verdict::Unsafe } else { self.verdict }
    }
}

impl Standings {
    /// Puts them in order.
    pub fn new(of: Option<Digest>, mut verdicts: Vec<Standing>, waivers: Vec<Waiver>) -> Self {
        // Of the same moment, what is not safe comes first.
        verdicts.sort_by_key(|standing| {
            Reverse((standing.rests_on(), standing.verdict != Verdict::Safe, standing.delivery, standing.round))
        });
        Self { of, verdicts, waivers }
    }

    /// The last word.
    pub fn newest(&self) -> Option<&Standing> {
        self.verdicts.iter().find(|standing| !self.later(standing).any(|_| true))
    }

    /// Those of later rounds of the same delivery.
    fn later(&self, standing: &Standing) -> impl Iterator<Item = &Standing> {
        let (delivery, round) = (standing.delivery, standing.round);
        self.verdicts.iter().filter(move |other| other.delivery == delivery && other.round > round)
    }

    /// What one of them says now of what is asked about. That others were safe, of other bytes or of none, says nothing
    /// of these.
    pub fn word(&self, standing: &Standing, now: Timestamp) -> Verdict {
        match (standing.verdict_now(&self.waivers, now), &self.of) {
            (Verdict::Safe, Some(digest)) if !standing.is_of(digest) => Verdict::Inconclusive,
            (word, _) => word,
        }
    }

    /// The last vote of a scanner about it, whether it counted or was advice.
    pub fn last_vote(&self, scanner: &str) -> Option<(&Standing, &Vote)> {
        let votes = self.verdicts.iter().flat_map(|standing| standing.votes.iter().map(move |vote| (standing, vote)));
        let of_it =
            |vote: &Vote| vote.scanner == scanner && self.of.as_ref().is_none_or(|digest| vote.evidence.is_of(digest));
        // What was kept for a later round may be waived there since.
        let last = votes
            .filter(|(standing, vote)| of_it(vote) && !self.later(standing).any(|later| later.votes.iter().any(of_it)));
        // Of the same moment, what is not safe.
        last.max_by_key(|(standing, vote)| (standing.said_at(vote), vote.verdict != Verdict::Safe))
    }
}
