//! What a Jenkins knows: jobs with their builds, the queue, and who is logged in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::gate::Gate;
use crate::emulator::date;

/// Milliseconds since 1970.
pub type Millis = u64;

/// Far from builds' numbers, so that none is taken for another.
const FIRST_ITEM: u64 = 25;

pub struct Jenkins {
    /// By full name, the folders before it.
    pub jobs: BTreeMap<String, Job>,
    /// What is in the queue, and what has left it not long ago.
    pub items: BTreeMap<u64, Item>,
    pub next_item: u64,
    pub gate: Gate,
    pub weather: Weather,
    /// Crumbs, each with its session.
    pub sessions: BTreeSet<(String, String)>,
    pub sessions_given: u64,
    /// Requests that have come so far.
    pub asked: u64,
}

/// How the server as a whole behaves.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, which a test throws by its name")]
pub struct Weather {
    pub shutting_down: bool,
    /// Its protection against forged requests is turned off.
    pub no_crumbs: bool,
    /// Everybody is answered with that.
    pub refuse: Option<u16>,
    /// The same by a proxy before it, which does not say that it is a Jenkins.
    pub proxy: Option<u16>,
    /// Who wants to change something, or a crumb for that, is shown a page to log in at.
    pub login_pages: bool,
    /// Items are listed, and not shown one by one.
    pub hide_items: bool,
    /// What is asked for is in the queue already, whoever put it there.
    pub coalesce: bool,
    /// The address that it has inside, which `Location` names.
    pub inner: Option<String>,
}

#[derive(Default)]
pub struct Job {
    pub how: How,
    pub builds: BTreeMap<u64, Build>,
    /// The last number that was given: none is given twice.
    pub given: u64,
}

/// How a job is made, and what becomes of its builds.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, which a test throws by its name")]
pub struct How {
    pub parameters: Vec<String>,
    /// What some of them offer.
    pub choices: BTreeMap<String, Vec<String>>,
    /// It cannot be triggered, by a fault of its own.
    pub broken: bool,
    pub disabled: bool,
    /// Nobody is shown that it is there.
    pub hidden: bool,
    /// The user may not build it.
    pub forbidden: bool,
    /// Its items stay in the queue until they are told to start.
    pub hold_queue: bool,
    /// Its builds run until they are told to end.
    pub hold_build: bool,
    /// How builds end that nobody holds.
    pub result: Outcome,
    /// What they archive, by path.
    pub artifacts: BTreeMap<String, String>,
    /// Of its webhook trigger: the token, the variables if not all are taken, the key of signatures, whether the filter keeps
    /// everything out, and whether it says nothing.
    pub token: Option<String>,
    pub mapped: Option<Vec<String>>,
    pub hmac_key: Option<String>,
    pub filtered: bool,
    pub silent: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    #[default]
    Success,
    Unstable,
    Failure,
    NotBuilt,
    Aborted,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Unstable => "UNSTABLE",
            Self::Failure => "FAILURE",
            Self::NotBuilt => "NOT_BUILT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// Parameters with their values, in the order of the job.
pub type Parameters = Vec<(String, String)>;

pub struct Item {
    pub id: u64,
    pub job: String,
    pub parameters: Parameters,
    pub since: Millis,
    pub place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Waiting,
    Left { build: u64, at: Millis },
    Cancelled { at: Millis },
}

pub struct Build {
    pub number: u64,
    pub queue: u64,
    pub parameters: Parameters,
    pub started: Millis,
    pub phase: Phase,
    pub console: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Runs,
    /// The build proper has ended, and what comes after it has not.
    PostProduction(Outcome),
    Ended(Outcome, Millis),
}

impl Default for Jenkins {
    fn default() -> Self {
        Self {
            jobs: BTreeMap::new(),
            items: BTreeMap::new(),
            next_item: FIRST_ITEM,
            gate: Gate::default(),
            weather: Weather::default(),
            sessions: BTreeSet::new(),
            sessions_given: 0,
            asked: 0,
        }
    }
}

impl Jenkins {
    /// Loses its queue, as after a crash: numbers of items begin again.
    pub fn lose_queue(&mut self) {
        self.items.clear();
        self.next_item = FIRST_ITEM;
    }
}

impl Build {
    pub fn building(&self) -> bool {
        self.phase == Phase::Runs
    }

    pub fn in_progress(&self) -> bool {
        !matches!(self.phase, Phase::Ended(..))
    }

    pub fn result(&self) -> Option<Outcome> {
        match self.phase {
            Phase::Runs => None,
            Phase::PostProduction(result) | Phase::Ended(result, _) => Some(result),
        }
    }

    pub fn end(&mut self, result: Outcome) {
        if self.in_progress() {
            self.console.push_str("Finished: ");
            self.console.push_str(result.word());
            self.console.push('\n');
            self.phase = Phase::Ended(result, date::now().0);
        }
    }
}
