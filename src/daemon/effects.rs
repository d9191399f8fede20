//! What a job does to the world outside: the one seam of the daemon. The live side joins runner and write-back; the
//! simulation has the other.

mod artifact;
pub mod cell;
mod demand;
mod image;
pub mod live;
mod program;
mod survey;
mod tell;
mod webhook;

use std::future::Future;

use scanrelay::event::Fact;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use super::runner::Kernel;

use super::digest::Digest;
use super::job::{Job, Outcome};
use super::running::Tail;
use super::stop::Stop;
use super::verdict::{Demand, Evidence};

pub use survey::Unsurveyed;
pub use tell::LONGEST_TELL;
pub use webhook::{Managed, Seen};

/// What came of an attempt, with the run's log.
#[derive(Debug)]
pub struct Effect {
    pub outcome: Outcome,
    pub log: Option<Vec<u8>>,
    /// What a plugin was given, whatever it made of it.
    pub evidence: Option<Box<Evidence>>,
}

impl From<Outcome> for Effect {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, log: None, evidence: None }
    }
}

/// What a run needs of the store while it goes on.
#[derive(Debug)]
pub enum Need {
    /// Something that a plugin saved is to be kept; `committed` says whether it is.
    Save { data: Value, committed: oneshot::Sender<bool> },
    /// Which image the tag of the delivery's build is: what was found before, or else what is found now, from now on.
    Image { found: Option<Digest>, answer: oneshot::Sender<Option<Digest>> },
    /// Whether enough was said of those files to act on them, and else why not.
    Verdict { digest: Digest, demand: Demand, answer: oneshot::Sender<Result<(), String>> },
}

/// What a request is about to make so in the registry; `committed` says whether the ledger has it, so that it may be sent.
#[derive(Debug)]
pub struct Intent {
    pub facts: Vec<Fact>,
    pub committed: oneshot::Sender<bool>,
}

/// The world outside. `stop` means: end now.
pub trait Effects: Send + Sync + 'static {
    /// Runs a plugin. What it prints can be seen in `log` while it grows.
    fn run(&self, job: &Job, needs: mpsc::Sender<Need>, log: Tail, stop: Stop) -> impl Future<Output = Effect> + Send;

    /// Asks or tells the registry. What it makes so is said in `intents` before.
    fn tell(
        &self,
        job: &Job,
        intents: mpsc::Sender<Intent>,
        stop: CancellationToken,
    ) -> impl Future<Output = Effect> + Send;
}
