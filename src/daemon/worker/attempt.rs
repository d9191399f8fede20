//! One attempt of one job, from the claim to the stored outcome.

use std::sync::Arc;

use scanrelay::plugin::{Conclusion, Status};
use scanrelay::{Timestamp, TraceParent};
use tokio::sync::mpsc;
use tokio::time;
use tracing::{error, info, warn};

use super::STORE_PAUSE;
use super::breaker::Went;
use crate::daemon::clock::Clock;
use crate::daemon::effects::{Effect, Effects, Intent, Need};
use crate::daemon::job::{self, Ending, Job, Next, Outcome, Phase, Schedule};
use crate::daemon::metrics::Metrics;
use crate::daemon::running::InHand;
use crate::daemon::store::{Attempt, Settled, Store, StoreError, Subject};
use crate::daemon::trace::{self, Span, Spans};
use crate::daemon::wake::Wake;

/// What an attempt is carried out with.
pub(super) struct Work<E> {
    pub(super) store: Store,
    pub(super) effects: Arc<E>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) spans: Spans,
    pub(super) schedule: Schedule,
    pub(super) in_hand: InHand,
    pub(super) wake: Wake,
    /// Why it is not run but ended.
    pub(super) stopped: Option<String>,
    /// Hears of the effect's end. What follows, the outcome's way to the disk, takes no slot: the next job can be claimed
    /// meanwhile, and both share a commit.
    pub(super) over: mpsc::UnboundedSender<Over>,
}

/// An effect that is over, so that its slot is free.
pub(super) struct Over {
    pub(super) queue: String,
    pub(super) phase: Phase,
    pub(super) went: Went,
    /// The registry wants to be asked nothing before.
    pub(super) left_alone: Option<Timestamp>,
}

impl<E: Effects> Work<E> {
    pub(super) async fn carry_out(self, mut job: Job) {
        // What the plugin and the registry hear of the trace is this attempt.
        let parent = self.spans.received(job.delivery, job.trace);
        job.trace = parent.map(|trace| trace.child(trace::span()));
        let started = time::Instant::now();
        let ended = job::overdrawn(&job, &self.schedule).or_else(|| self.stopped.clone());
        let ran = ended.is_none();
        let effect = match ended {
            Some(reason) => Outcome::Refused(reason).into(),
            None => self.effect(&job).await,
        };
        let took = started.elapsed();
        let Effect { outcome, log, evidence } = effect;
        let went = went(job.phase, &outcome);
        let left_alone = match &outcome {
            Outcome::Unreachable { retry_after, .. } => retry_after.map(|wait| self.clock.now().after(wait)),
            _ => None,
        };
        let written = match &outcome {
            Outcome::Told(written) => written.clone(),
            _ => Vec::new(),
        };
        let next = job::next(&job, outcome, self.clock.now(), &self.schedule).about(evidence);
        tell_log(&job, &next, took);
        let attempt = Attempt { result: in_words(&next), log, written };
        let stored = self.store.settle(&job, next.clone(), attempt.clone(), self.clock.now());
        // The claim for the free slot comes after the outcome in the writer's queue, and finds what follows from it.
        // Nobody listens any more in a drain.
        let _ = self.over.send(Over { queue: job.queue.clone(), phase: job.phase, went, left_alone });
        if self.settle(&job, &next, attempt, stored.await).await {
            self.metrics.settled(&job, &next, ran.then_some(took));
            self.tell_span(&job, parent, &next, took);
        }
    }

    fn tell_span(&self, job: &Job, parent: Option<TraceParent>, next: &Next, took: std::time::Duration) {
        let Some(own) = job.trace else { return };
        let failure = match next {
            Next::Retry { reason, .. } | Next::End(Ending::Dead { reason, .. }) => Some(reason.as_str()),
            Next::Release | Next::End(_) => None,
        };
        self.spans.ended(Span {
            name: job.phase.word(),
            own,
            parent,
            took,
            delivery: job.delivery,
            registry: &job.event.registry,
            plugin: (job.phase == Phase::Run).then_some(&job.name),
            failure,
        });
    }

    /// Lets it be done, and commits what the plugin saves meanwhile.
    async fn effect(&self, job: &Job) -> Effect {
        // What the registry hears is on disk, so that it never knows an outcome that a power cut could take from us.
        if job.phase == Phase::Report
            && let Err(error) = self.store.flushed().await
        {
            error!(job = job.id, %error, "nothing is reported that is not on disk");
            return Outcome::Drained.into();
        }
        if job.phase != Phase::Run {
            return self.tell(job).await;
        }
        if job.on_waivers
            && let Some(outcome) = self.taken_back(job).await
        {
            return outcome.into();
        }
        let (needs, mut needed) = mpsc::channel::<Need>(1);
        let run = self.effects.run(job, needs, self.in_hand.log.clone(), self.in_hand.stop.clone());
        tokio::pin!(run);
        loop {
            tokio::select! {
                effect = &mut run => return effect,
                Some(need) = needed.recv() => self.serve(job, need).await,
            }
        }
    }

    /// What becomes of an action whose verdict was safe when it was made, and is so no more.
    async fn taken_back(&self, job: &Job) -> Option<Outcome> {
        match self.store.taken_back(job.delivery, self.clock.now()).await {
            Ok(None) => None,
            Ok(Some(reason)) => {
                let summary = Some(format!("not run: {reason}"));
                let conclusion = Conclusion::Action { status: Status::Failed, summary, url: None };
                Some(Outcome::Concluded { conclusion, evidence: Box::default() })
            }
            Err(error) => {
                warn!(job = job.id, %error, "the verdict was not read");
                let reason = "the store could not say what the verdict is now".to_owned();
                Some(Outcome::Unreachable { reason, retry_after: None })
            }
        }
    }

    async fn serve(&self, job: &Job, need: Need) {
        match need {
            Need::Save { data, committed } => {
                let stored = self.store.checkpoint(job.id, job.token, data.to_string()).await;
                if let Err(error) = &stored {
                    warn!(job = job.id, %error, "a checkpoint was not stored");
                }
                // The plugin may have ended without waiting for the answer.
                let _ = committed.send(stored.unwrap_or(false));
            }
            Need::Image { found, answer } => match self.store.image(job.delivery, found).await {
                Ok(kept) => {
                    let _ = answer.send(kept);
                }
                Err(error) => warn!(job = job.id, %error, "the image was not stored"),
            },
            Need::Verdict { digest, demand, answer } => match self.store.standings(Subject::Digest(digest)).await {
                Ok(standings) => {
                    let _ = answer.send(demand.is_met(&standings, self.clock.now()));
                }
                Err(error) => warn!(job = job.id, %error, "the verdicts were not read"),
            },
        }
    }

    /// Lets the registry be told, and commits before each request what it makes so.
    async fn tell(&self, job: &Job) -> Effect {
        let (intents, mut intended) = mpsc::channel::<Intent>(1);
        let tell = self.effects.tell(job, intents, self.in_hand.stop.token().clone());
        tokio::pin!(tell);
        loop {
            tokio::select! {
                effect = &mut tell => return effect,
                Some(Intent { facts, committed }) = intended.recv() => {
                    let stored = self.store.intend(job, facts, self.clock.now()).await;
                    if let Err(error) = &stored {
                        error!(job = job.id, %error, "nothing is written into a registry that the ledger does not have");
                    }
                    let _ = committed.send(stored.unwrap_or(false));
                }
            }
        }
    }

    /// An outcome is worth waiting for the disk: what is not stored would be done again. Whether it is stored.
    async fn settle(&self, job: &Job, next: &Next, attempt: Attempt, stored: Result<Settled, StoreError>) -> bool {
        let mut stored = stored;
        loop {
            match stored {
                Ok(Settled::Yes) => return true,
                Ok(Settled::Lost) => {
                    warn!(job = job.id, delivery = job.delivery, "the lease was lost, the outcome is dropped");
                    return false;
                }
                Err(error @ StoreError::Unreadable(_)) => {
                    error!(job = job.id, %error, "the outcome could not be stored");
                    return false;
                }
                Err(error) => error!(job = job.id, %error, "the outcome could not be stored, trying again"),
            }
            tokio::select! {
                () = time::sleep(STORE_PAUSE) => {}
                () = self.in_hand.stop.token().cancelled() => return false,
            }
            stored = self.store.settle(job, next.clone(), attempt.clone(), self.clock.now()).await;
            // The claim for its slot is long past.
            self.wake.changed();
        }
    }
}

/// What it says about the plugin or the registry.
fn went(phase: Phase, outcome: &Outcome) -> Went {
    match (phase, outcome) {
        (Phase::Run, Outcome::Concluded { .. }) => Went::Well,
        (Phase::Run, Outcome::Failed(reason)) => Went::Failed(reason.clone()),
        (Phase::Run, _) => Went::Neither,
        (_, Outcome::Unreachable { reason, .. }) => Went::Failed(reason.clone()),
        _ => Went::Well,
    }
}

fn in_words(next: &Next) -> String {
    match next {
        Next::Release => "stopped by the shutdown, due again".to_owned(),
        Next::Retry { reason, counted: true, .. } => format!("failed: {reason}"),
        Next::Retry { reason, .. } => format!("try later: {reason}"),
        Next::End(Ending::Concluded { .. }) => "result".to_owned(),
        Next::End(Ending::Confirmed) => "confirmed".to_owned(),
        Next::End(Ending::NotConfirmed { reason }) => format!("not confirmed: {reason}"),
        Next::End(Ending::Told) => "told".to_owned(),
        Next::End(Ending::Dead { reason, .. }) => format!("dead: {reason}"),
        Next::End(Ending::Superseded { .. }) => "superseded".to_owned(),
        Next::End(Ending::Skipped { reason }) => format!("skipped: {reason}"),
    }
}

/// One line for the attempt.
fn tell_log(job: &Job, next: &Next, took: std::time::Duration) {
    let (delivery, id, phase, attempt) = (job.delivery, job.id, job.phase.word(), job.attempts);
    let (registry, plugin) = (job.event.registry.as_str(), (job.phase == Phase::Run).then_some(job.name.as_str()));
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let trace_id = job.trace.map(|trace| trace.trace_id());
    let (trace_id, result) = (trace_id.as_deref(), in_words(next));
    match next {
        Next::End(Ending::Dead { .. }) => {
            error!(
                delivery,
                job = id,
                registry,
                plugin,
                phase,
                attempt,
                duration_ms,
                trace_id,
                "{result}; after mending: scanrelay jobs retry {id}"
            );
        }
        Next::Retry { at, .. } => {
            warn!(
                delivery,
                job = id,
                registry,
                plugin,
                phase,
                attempt,
                duration_ms,
                trace_id,
                due_at = at.as_millis(),
                "{result}"
            );
        }
        _ => info!(delivery, job = id, registry, plugin, phase, attempt, duration_ms, trace_id, "{result}"),
    }
}
