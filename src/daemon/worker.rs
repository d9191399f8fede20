//! The worker: claims what is due for the slots that are free, lets it be done, and stores what came of it.
//!
//! It never polls: it sleeps until the next due job, a wake, the end of a job, or the shutdown.

mod attempt;
mod breaker;
mod slots;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::breakers::Breakers;
use super::clock::Clock;
use super::current::View;
use super::effects::Effects;
use super::job::Schedule;
use super::metrics::Metrics;
use super::running::Running;
use super::store::{Claimed, Store};
use super::trace::Spans;
use super::wake::Wake;
use attempt::Work;
use slots::Slots;
pub use slots::{Limits, PluginLimit};

/// After a write that failed, for instance on a full disk, the store is left alone for this long.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Everything that a worker works with.
pub struct Worker<E> {
    pub store: Store,
    pub clock: Clock,
    /// Told when something new is due.
    pub wake: Wake,
    /// Told when somebody had old jobs done again: they may be of queues that were forgotten.
    pub acted: Arc<Notify>,
    /// What is being worked on, for whoever cancels it or looks on.
    pub running: Running,
    /// Which plugins are not fed, for whoever looks on.
    pub breakers: Breakers,
    /// Goes up at every turn of the loop, for whoever asks whether it still turns.
    pub turns: watch::Sender<u64>,
    pub metrics: Metrics,
    pub spans: Spans,
    pub terms: View<Terms<E>>,
}

/// What jobs are worked on by. A reload makes others, and wakes the worker: they are for the jobs that are claimed then.
pub struct Terms<E> {
    pub effects: Arc<E>,
    pub schedule: Schedule,
    pub limits: Limits,
    /// How long running jobs may go on after the shutdown began.
    pub shutdown_grace: Duration,
}

impl<E: Effects> Worker<E> {
    /// Works until `shutdown`, then waits for running jobs, then stops them.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut terms = self.terms.now();
        let mut slots = Slots::new(&terms.limits, terms.schedule, Vec::new());
        // Queues that no setting knows any more are looked for in all jobs; those that are known do not wait for it.
        let mut looking = pin!(self.known_queues());
        let mut looked = false;
        let mut running: JoinSet<()> = JoinSet::new();
        let (over, mut freed) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        while !shutdown.is_cancelled() {
            let in_force = self.terms.now();
            if !Arc::ptr_eq(&in_force, &terms) {
                slots.apply(&in_force.limits, in_force.schedule);
                terms = in_force;
            }
            let now = self.clock.now();
            self.wake.listen(true);
            let pause = match self.store.claim(slots.wants(now), slots.free_runs(), now).await {
                Ok(Claimed { looked, jobs, next_due, new_queues, more }) => {
                    self.wake.listen(looked);
                    // Nobody has looked into a new queue yet.
                    let look_again = more || !new_queues.is_empty();
                    slots.learn(new_queues);
                    for job in jobs {
                        let stopped = slots.stopped(&job, now);
                        slots.take(&job);
                        let work = Work {
                            store: self.store.clone(),
                            effects: Arc::clone(&terms.effects),
                            clock: self.clock,
                            metrics: self.metrics.clone(),
                            spans: self.spans.clone(),
                            schedule: terms.schedule,
                            in_hand: self.running.begin(job.id, &stop),
                            wake: self.wake.clone(),
                            stopped,
                            over: over.clone(),
                        };
                        // On the heap from the start: it is large, and each hand would copy it.
                        running.spawn(Box::pin(work.carry_out(job)));
                    }
                    let next = next_due.into_iter().chain(slots.next_wanted(now)).min();
                    if look_again { Some(Duration::ZERO) } else { next.map(|at| self.clock.until(at)) }
                }
                Err(error) => {
                    error!(%error, "nothing could be claimed");
                    Some(STORE_PAUSE)
                }
            };
            self.turns.send_modify(|turns| *turns += 1);
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.wake.woken() => {}
                known = &mut looking, if !looked => {
                    slots.learn(known);
                    looked = true;
                }
                () = self.acted.notified() => {
                    slots.learn(self.known_queues().await);
                    slots.probe_now();
                }
                Some(ended) = freed.recv() => slots.release(&ended, self.clock.now()),
                () = sleep(pause) => {}
            }
            while let Ok(ended) = freed.try_recv() {
                slots.release(&ended, self.clock.now());
            }
            self.show_breakers(&slots);
            while let Some(ended) = running.try_join_next() {
                look_at(ended);
            }
        }
        self.drain(running, &stop).await;
    }

    /// Who looks on sees which plugins are not fed.
    fn show_breakers(&self, slots: &Slots) {
        let (open, shown) = (slots.open_breakers(), self.breakers.open());
        if open != shown {
            for row in &shown {
                self.metrics.breaker(&row.plugin, false);
            }
            for row in &open {
                self.metrics.breaker(&row.plugin, true);
            }
            self.breakers.set(open);
        }
    }

    async fn known_queues(&self) -> Vec<String> {
        loop {
            match self.store.queues().await {
                Ok(queues) => return queues,
                Err(error) => {
                    error!(%error, "the queues could not be read");
                    time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    async fn drain(&self, mut running: JoinSet<()>, stop: &CancellationToken) {
        let grace = self.terms.now().shutdown_grace;
        if !running.is_empty() {
            info!(running = running.len(), ?grace, "waiting for running jobs");
        }
        let all_ended = async { while running.join_next().await.is_some() {} };
        if time::timeout(grace, all_ended).await.is_err() {
            warn!(
                running = running.len(),
                "stopping jobs that did not end in time; they are due again at the next start"
            );
            stop.cancel();
            while running.join_next().await.is_some() {}
        }
    }
}

fn look_at(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a job's task broke");
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
