//! Whether what was said of some bytes is enough to act on them.

use std::time::Duration;

use scanrelay::Timestamp;
use scanrelay::plugin::Verdict;
use serde::{Deserialize, Serialize};

use super::{Vote, Waiver};

/// What somebody demands before they act: a verdict `safe`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Scanners that have to have said so, whatever the others said.
    pub from: Vec<String>,
    /// How old it may be.
    pub max_age: Option<Duration>,
}

/// A verdict that was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub delivery: i64,
    pub registry: String,
    pub subject: String,
    pub verdict: Verdict,
    pub votes: Vec<Vote>,
    pub settled_at: Timestamp,
}

/// All that was said of one thing, newest first, and the waivers that it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standings {
    pub verdicts: Vec<Standing>,
    pub waivers: Vec<Waiver>,
}

impl Standing {
    /// What it says now: a waiver that has ended or was revoked takes its `safe` along.
    pub fn verdict_now(&self, waivers: &[Waiver], now: Timestamp) -> Verdict {
        let lost = self.votes.iter().any(|vote| !vote.advisory && !vote.holds(waivers, now));
        if lost && self.verdict == Verdict::Safe { Verdict::Unsafe } else { self.verdict }
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

impl Demand {
    /// Whether it is enough; else why not.
    ///
    /// The newest one counts, and of each scanner that is named the newest vote: what was said later takes back what was
    /// said before.
    pub fn is_met(&self, said: &Standings, now: Timestamp) -> Result<(), String> {
        let Standings { verdicts, waivers } = said;
        let Some(newest) = verdicts.first() else { return Err("nothing was ever scanned".to_owned()) };
        let word = newest.verdict_now(waivers, now);
        if word != Verdict::Safe {
            let why = if newest.verdict == Verdict::Safe { ": a waiver that it rests on has ended" } else { "" };
            return Err(format!("the last verdict is {word} (delivery {}){why}", newest.delivery));
        }
        self.is_fresh(newest, now)
            .map_err(|age| format!("the last verdict is {age} (delivery {})", newest.delivery))?;
        for scanner in &self.from {
            let vote = verdicts.iter().find_map(|standing| {
                let vote = standing.votes.iter().find(|vote| vote.scanner == *scanner)?;
                Some((standing, vote))
            });
            let Some((standing, vote)) = vote else { return Err(format!("{scanner} has never looked at it")) };
            let word = vote.verdict_now(waivers, now);
            if word != Verdict::Safe {
                return Err(format!("{scanner} says {word} (delivery {})", standing.delivery));
            }
            self.is_fresh(standing, now)
                .map_err(|age| format!("the last vote of {scanner} is {age} (delivery {})", standing.delivery))?;
        }
        Ok(())
    }

    fn is_fresh(&self, standing: &Standing, now: Timestamp) -> Result<(), String> {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let age = now.as_millis().saturating_sub(standing.settled_at.as_millis());
        if u64::try_from(age).is_ok_and(|age| Duration::from_millis(age) <= max_age) {
            return Ok(());
        }
        Err(format!("{} s old, and {} s are allowed", age / 1000, max_age.as_secs()))
    }
}
