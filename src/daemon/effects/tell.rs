//! Asking and telling a registry: its own steps, sent one by one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scanrelay::Registry;
use scanrelay::registry::{ArtifactSource, ArtifactStep, Exchange, Request, Step};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Intent;
use crate::daemon::job::{Job, Outcome, Phase, Written};
use crate::daemon::writeback::{Answer, Writeback};

/// More steps than any registry needs: Comet takes nine, where it has to read again whatever it wrote.
pub const LONGEST_TELL: u32 = 10;
/// How the development registry calls itself.
const DEVELOPMENT: &str = "scanrelay-development-registry";

/// A registry that can be asked and told.
pub(super) struct Peer {
    pub(super) registry: Registry,
    pub(super) writeback: Writeback,
    /// Whether promotions are confirmed before an action runs.
    confirm: bool,
    warned: AtomicBool,
}

impl Peer {
    pub(super) fn new(registry: Registry, writeback: Writeback, confirm: bool) -> Self {
        Self { registry, writeback, confirm, warned: AtomicBool::new(false) }
    }

    pub(super) async fn tell(&self, job: &Job, intents: &mpsc::Sender<Intent>, stop: &CancellationToken) -> Outcome {
        let confirms = matches!(job.phase, Phase::Ask | Phase::Confirm);
        if confirms && !self.confirm {
            return Outcome::Confirmed;
        }
        let mut seen: Vec<Exchange> = Vec::new();
        let mut retry_after: Option<Duration> = None;
        for _ in 0..LONGEST_TELL {
            let step = match &job.tell {
                _ if confirms => self.registry.confirm(&job.event, &seen),
                Some(outcome) => self.registry.next(&job.event, outcome, &seen),
                None => return Outcome::Refused("the job does not say what to tell".to_owned()),
            };
            match step {
                Step::Send(request) => {
                    // The registry may tell of the change before it answers.
                    if !request.writes.is_empty() && !is_known(&request, intents).await {
                        return Outcome::Drained;
                    }
                    let answer = tokio::select! {
                        answer = self.ask(job, &request) => answer,
                        () = stop.cancelled() => return Outcome::Drained,
                    };
                    match answer {
                        Ok(answer) => {
                            retry_after = answer.retry_after;
                            seen.push(answer.exchange);
                        }
                        Err(outcome) => return outcome,
                    }
                }
                Step::Done if confirms => return Outcome::Confirmed,
                Step::Done => return Outcome::Told(written(&seen)),
                Step::Retry(reason) => return Outcome::Unreachable { reason, retry_after },
                Step::Refused(reason) if confirms => return Outcome::NotConfirmed(reason),
                Step::Refused(reason) => return Outcome::Refused(reason),
                _ => break,
            }
        }
        Outcome::Refused(format!("telling the registry took more than {LONGEST_TELL} requests"))
    }

    /// The files of the version that the job is about, found with so many requests at most.
    pub(super) async fn sources(&self, job: &Job, most: usize) -> Result<Vec<ArtifactSource>, Outcome> {
        let mut seen: Vec<Exchange> = Vec::new();
        let mut retry_after: Option<Duration> = None;
        loop {
            match self.registry.artifacts(&job.event, &seen) {
                ArtifactStep::Send(request) if seen.len() < most => {
                    let answer = self.ask(job, &request).await?;
                    retry_after = answer.retry_after;
                    seen.push(answer.exchange);
                }
                ArtifactStep::Found(sources) => return Ok(sources),
                ArtifactStep::Retry(reason) => return Err(Outcome::Unreachable { reason, retry_after }),
                ArtifactStep::Refused(reason) => return Err(Outcome::Refused(reason)),
                _ => return Err(Outcome::Refused("the artifact has too many files: raise fetch.max_files".to_owned())),
            }
        }
    }

    async fn ask(&self, job: &Job, request: &Request) -> Result<Answer, Outcome> {
        let answer = self.writeback.send(request, job.trace).await;
        let answer = answer
            .map_err(|unreachable| Outcome::Unreachable { reason: unreachable.to_string(), retry_after: None })?;
        self.look_at(job, &answer);
        Ok(answer)
    }

    /// What an operator has to know whatever comes of the step.
    fn look_at(&self, job: &Job, answer: &Answer) {
        let registry = job.event.registry.as_str();
        if matches!(answer.exchange.status, 401 | 403) {
            let status = answer.exchange.status;
            error!(
                registry,
                job = job.id,
                status,
                "the registry does not accept our credentials: check registries.{registry}.credentials"
            );
        }
        let development = answer.server.as_deref().is_some_and(|server| server.starts_with(DEVELOPMENT));
        if development && !self.warned.swap(true, Ordering::Relaxed) {
            warn!(
                registry,
                "this registry is a development registry: it keeps everything in memory and believes any key"
            );
        }
    }
}

/// Whether the ledger has what the request is about to make so.
async fn is_known(request: &Request, intents: &mpsc::Sender<Intent>) -> bool {
    let (committed, answer) = oneshot::channel();
    let intent = Intent { facts: request.writes.clone(), committed };
    intents.send(intent).await.is_ok() && answer.await.unwrap_or(false)
}

/// The rows of the ledger: what was sent and taken, where it did not have it before.
fn written(seen: &[Exchange]) -> Vec<Written> {
    let untold = |request: &Request| request.method != "GET" && request.writes.is_empty();
    let changed = seen.iter().filter(|exchange| untold(&exchange.request));
    changed
        .map(|exchange| Written {
            key: exchange.request.to_string(),
            value: exchange.request.body.clone().unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
