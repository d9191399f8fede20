//! Jobs, and every decision about retrying them: one pure function.

use std::fmt;
use std::time::Duration;

use scanrelay::plugin::Conclusion;
use scanrelay::{Event, Timestamp, TraceParent, registry};
use serde::{Deserialize, Serialize};

use super::verdict::Evidence;

pub mod plan;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Asks the registry whether an event that is a hint is so, before scanners run.
    Ask,
    /// Asks the registry whether the promotion still stands.
    Confirm,
    /// Runs a plugin.
    Run,
    /// Tells the registry that work has begun. Tried once.
    Progress,
    /// Tells the registry the outcome.
    Report,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To be claimed when its time comes; a claimed job is due when its lease ends.
    Due,
    /// Behind another job of its lane.
    Waiting,
    /// Not before the verdict.
    Held,
    /// Ended with its outcome.
    Done,
    /// Ended without: a person can retry it.
    Dead,
    /// A newer report, or a newer delivery, took its place.
    Superseded,
    /// Not needed any more.
    Skipped,
}

impl State {
    /// Whether nothing more will happen to the job.
    pub fn ended(self) -> bool {
        !matches!(self, Self::Due | Self::Waiting | Self::Held)
    }
}

/// How a job ended, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum Ending {
    /// The plugin's result stands.
    Concluded {
        conclusion: Conclusion,
        /// What it was about.
        #[serde(flatten)]
        evidence: Box<Evidence>,
    },
    /// The promotion stands.
    Confirmed,
    /// The promotion does not stand any more.
    NotConfirmed { reason: String },
    /// The registry knows.
    Told,
    /// No more attempts, or no use in any.
    Dead {
        reason: String,
        /// What the last attempt was about, where it came so far.
        #[serde(flatten)]
        evidence: Box<Evidence>,
    },
    /// A newer report took its place; or, with its number, a newer delivery that wants the same of another version.
    Superseded {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<i64>,
    },
    /// Not needed any more.
    Skipped { reason: String },
}

impl Ending {
    pub fn state(&self) -> State {
        match self {
            Self::Concluded { .. } | Self::Confirmed | Self::NotConfirmed { .. } | Self::Told => State::Done,
            Self::Dead { .. } => State::Dead,
            Self::Superseded { .. } => State::Superseded,
            Self::Skipped { .. } => State::Skipped,
        }
    }
}

/// A claimed job: what it is, and the token that says that it is ours.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i64,
    pub delivery: i64,
    pub phase: Phase,
    /// The plugin, or the registry.
    pub name: String,
    pub queue: String,
    /// Bumped by every claim; an outcome under an older token is dropped.
    pub token: i64,
    /// Claims that counted, this one included.
    pub attempts: u32,
    /// Attempts that ended with "try again later".
    pub deferrals: u32,
    /// The same on every attempt, and on no other run of any daemon.
    pub run_id: String,
    pub checkpoint: Option<serde_json::Value>,
    /// What to tell, for progress and reports.
    pub tell: Option<registry::Outcome>,
    pub event: Event,
    pub body: bytes::Bytes,
    /// The trace that its delivery belongs to.
    pub trace: Option<TraceParent>,
    /// It is an action that follows a verdict, and that one rests on waivers, which may have ended since.
    pub on_waivers: bool,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The plugin said its result.
    Concluded { conclusion: Conclusion, evidence: Box<Evidence> },
    /// The registry confirmed the promotion.
    Confirmed,
    /// The registry says that the promotion does not stand.
    NotConfirmed(String),
    /// The registry knows what it was told.
    Told(Vec<Written>),
    /// The plugin asked for another attempt later.
    TryLater(String),
    /// The plugin failed.
    Failed(String),
    /// The registry could not be asked or told, or the model's files not be fetched.
    Unreachable { reason: String, retry_after: Option<Duration> },
    /// Another attempt would end the same.
    Refused(String),
    /// The daemon is going down and stopped it.
    Drained,
}

/// Something we wrote into a registry: a row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub key: String,
    pub value: String,
}

/// What becomes of the job.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    End(Ending),
    /// Due again then. `counted: false`: the attempt was a deferral.
    Retry {
        at: Timestamp,
        reason: String,
        counted: bool,
    },
    /// Due again at once, as if it had not been claimed.
    Release,
}

impl Next {
    /// The same, of an attempt that was about this. What was looked at without a result is known, too.
    pub fn about(mut self, of: Option<Box<Evidence>>) -> Self {
        if let (Self::End(Ending::Dead { evidence, .. }), Some(of)) = (&mut self, of) {
            *evidence = of;
        }
        self
    }
}

/// How long and how often to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The first wait.
    pub first: Duration,
    /// Waits double up to this one.
    pub longest: Duration,
    /// The waits together reach at most this.
    pub give_up: Duration,
    /// Attempts of a plugin that fails.
    pub plugin_attempts: u32,
}

impl Schedule {
    /// The wait after the `tries`th try; `None`: there is no other.
    pub fn wait(&self, tries: u32) -> Option<Duration> {
        let doubled = |nth: u32| self.first.saturating_mul(1 << nth.min(31)).min(self.longest);
        let mut waited = Duration::ZERO;
        for nth in 0..tries {
            waited += doubled(nth);
            if waited > self.give_up {
                return None;
            }
        }
        Some(doubled(tries.saturating_sub(1)))
    }
}

/// What becomes of a job after an attempt: the only place that decides about retrying.
pub fn next(job: &Job, outcome: Outcome, now: Timestamp, schedule: &Schedule) -> Next {
    match (job.phase, outcome) {
        (_, Outcome::Drained) => Next::Release,
        (_, Outcome::Concluded { conclusion, evidence }) => Next::End(Ending::Concluded { conclusion, evidence }),
        (_, Outcome::Confirmed) => Next::End(Ending::Confirmed),
        (_, Outcome::NotConfirmed(reason)) => Next::End(Ending::NotConfirmed { reason }),
        (_, Outcome::Told(_)) => Next::End(Ending::Told),
        (Phase::Progress, Outcome::Unreachable { reason, .. } | Outcome::Refused(reason)) => {
            Next::End(Ending::Skipped { reason: format!("progress is told once: {reason}") })
        }
        (_, Outcome::Refused(reason)) => dead(reason),
        (_, Outcome::TryLater(reason)) => match schedule.wait(job.deferrals + 1) {
            Some(wait) => Next::Retry { at: now.after(wait), reason, counted: false },
            None => dead(format!("it asked to be tried later for too long: {reason}")),
        },
        (_, Outcome::Failed(reason)) if job.attempts >= schedule.plugin_attempts => {
            dead(format!("{reason} (attempt {} of {})", job.attempts, schedule.plugin_attempts))
        }
        (_, Outcome::Failed(reason)) => match schedule.wait(job.attempts) {
            Some(wait) => Next::Retry { at: now.after(wait), reason, counted: true },
            None => dead(reason),
        },
        // The files could not be fetched: the plugin has not been run, so this costs none of its attempts.
        (Phase::Run, Outcome::Unreachable { reason, retry_after }) => match schedule.wait(job.deferrals + 1) {
            Some(wait) => {
                Next::Retry { at: now.after(retry_after.unwrap_or_default().max(wait)), reason, counted: false }
            }
            None => dead(format!("{reason} (put off {} times)", job.deferrals + 1)),
        },
        (_, Outcome::Unreachable { reason, retry_after }) => match schedule.wait(job.attempts) {
            Some(wait) => {
                Next::Retry { at: now.after(retry_after.unwrap_or_default().max(wait)), reason, counted: true }
            }
            None => dead(format!("{reason} (tried {} times)", job.attempts)),
        },
    }
}

/// Why a job that was just claimed must not be worked on: a daemon died in each of its attempts.
pub fn overdrawn(job: &Job, schedule: &Schedule) -> Option<String> {
    let spent = match job.phase {
        Phase::Run => job.attempts > schedule.plugin_attempts,
        Phase::Progress => job.attempts > 1,
        Phase::Ask | Phase::Confirm | Phase::Report => schedule.wait(job.attempts.saturating_sub(1)).is_none(),
    };
    spent.then(|| format!("the daemon stopped in the middle of its last attempt ({})", job.attempts - 1))
}

fn dead(reason: String) -> Next {
    Next::End(Ending::Dead { reason, evidence: Box::default() })
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Confirm => "confirm",
            Self::Run => "run",
            Self::Progress => "progress",
            Self::Report => "report",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ask, Self::Confirm, Self::Run, Self::Progress, Self::Report]
            .into_iter()
            .find(|phase| phase.word() == word)
    }
}

impl State {
    pub const ALL: [Self; 7] =
        [Self::Due, Self::Waiting, Self::Held, Self::Done, Self::Dead, Self::Superseded, Self::Skipped];

    pub fn word(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Superseded => "superseded",
            Self::Skipped => "skipped",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The queue of a plugin's runs.
pub fn plugin_queue(plugin: &str) -> String {
    ["plugin:", plugin].concat()
}

/// The queue of the requests to a registry.
pub fn registry_queue(registry: &str) -> String {
    ["registry:", registry].concat()
}

#[cfg(test)]
mod tests;
