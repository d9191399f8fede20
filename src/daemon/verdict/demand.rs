//! Whether what was said of some bytes is enough to act on them.

use std::time::Duration;

use scanrelay::Timestamp;
use scanrelay::plugin::Verdict;

use super::Standings;

/// What somebody demands before they act: a verdict `safe`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Scanners that have to have said so, whatever the others said.
    pub from: Vec<String>,
    /// How old it may be.
    pub max_age: Option<Duration>,
}

impl Demand {
    /// Whether it is enough; else why not.
    ///
    /// The newest one counts, and of each scanner that is named the newest vote: what was said later takes back what was
    /// said before. What was said is as old as the scans that it rests on.
    pub fn is_met(&self, said: &Standings, now: Timestamp) -> Result<(), String> {
        let Some(newest) = said.newest() else { return Err("nothing was ever scanned".to_owned()) };
        let (word, delivery) = (said.word(newest, now), newest.delivery);
        if word != Verdict::Safe {
            let why = match (newest.verdict, newest.verdict_now(&said.waivers, now)) {
                (Verdict::Safe, Verdict::Safe) => ": not enough of those who said safe looked at this",
                (Verdict::Safe, _) => ": a waiver that it rests on has ended",
                _ => "",
            };
            return Err(format!("the last verdict is {word} (delivery {delivery}){why}"));
        }
        self.is_fresh(newest.rests_on(), now)
            .map_err(|age| format!("the last verdict is {age} (delivery {delivery})"))?;
        for scanner in &self.from {
            let Some((standing, vote)) = said.last_vote(scanner) else {
                return Err(format!("{scanner} has never looked at it"));
            };
            let delivery = standing.delivery;
            let word = vote.verdict_now(&said.waivers, now);
            if word != Verdict::Safe {
                return Err(format!("{scanner} says {word} (delivery {delivery})"));
            }
            self.is_fresh(standing.said_at(vote), now)
                .map_err(|age| format!("the last vote of {scanner} is {age} (delivery {delivery})"))?;
        }
        Ok(())
    }

    fn is_fresh(&self, said_at: Timestamp, now: Timestamp) -> Result<(), String> {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let age = now.as_millis().saturating_sub(said_at.as_millis());
        if u64::try_from(age).is_ok_and(|age| Duration::from_millis(age) <= max_age) {
            return Ok(());
        }
        Err(format!("{} s old, and {} s are allowed", age / 1000, max_age.as_secs()))
    }
}
