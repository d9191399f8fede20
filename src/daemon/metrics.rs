//! Figures for Prometheus: what was counted since the start, and, at each look, how deep the queues are.
//!
//! Labels come from the configuration or are words of a closed list, never from a payload. Every series whose labels are
//! known is there from the start, at 0, so that `rate()` sees the first of a thing, too.

mod intake;
mod process;
mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text::{self, CONTENT_TYPE};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use scanrelay::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::error;

use super::job::{Ending, Job, Next, Phase};
use super::store::{Counts, Depth, Depths, Store};
pub use intake::{Intake, Result};
use stored::Stored;

/// What a scrape is sent as.
pub const MEDIA_TYPE: &str = CONTENT_TYPE;

/// Upper bounds of how long runs take, in seconds.
const RUNS: [f64; 13] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0];
/// How runs end.
const ENDS: [&str; 5] = ["concluded", "failed", "later", "dead", "stopped"];
/// What came of a request to tell a registry something.
const TOLD: [&str; 4] = ["told", "retried", "dead", "skipped"];
/// What came of asking a registry whether a promotion stands.
const CONFIRMED: [&str; 4] = ["confirmed", "not_confirmed", "retried", "dead"];

/// A look at the queues is used again for so many times as long as it took: looking costs a twentieth of a core at most.
const REUSED: u32 = 20;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges<N = i64, A = std::sync::atomic::AtomicI64> = Family<Labels, Gauge<N, A>>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// The figures. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    deliveries: Counters,
    rejected: Counters,
    last_accepted: Gauges<f64, AtomicU64>,
    runs: Histograms,
    writebacks: Counters,
    confirmations: Counters,
    surveys: Counters,
    breakers: Gauges,
    updates: Counters,
    updated_at: Gauges<f64, AtomicU64>,
    jobs: Gauges,
    oldest: Gauges<f64, AtomicU64>,
    dead: Gauge,
    /// The last look at the queues, and until when it is good enough.
    seen: Mutex<Option<(Depths, Instant)>>,
}

impl Metrics {
    /// `counts` are the store's; the process is young.
    pub fn new(counts: Arc<Counts>, started: Timestamp) -> Self {
        let mut inner = Inner {
            registry: Registry::default(),
            deliveries: Family::default(),
            rejected: Family::default(),
            last_accepted: Family::default(),
            runs: Family::new_with_constructor(|| Histogram::new(RUNS)),
            writebacks: Family::default(),
            confirmations: Family::default(),
            surveys: Family::default(),
            breakers: Family::default(),
            updates: Family::default(),
            updated_at: Family::default(),
            jobs: Family::default(),
            oldest: Family::default(),
            dead: Gauge::default(),
            seen: Mutex::default(),
        };
        inner.register(counts, started);
        Self(Arc::new(inner))
    }

    /// These registries and plugins are configured: their series are there from now on.
    pub fn know<'a>(&self, registries: impl Iterator<Item = &'a str>, plugins: impl Iterator<Item = &'a str>) {
        for registry in registries {
            self.intake(registry);
            for result in TOLD {
                drop(self.0.writebacks.get_or_create(&labels("registry", registry, "result", result)));
            }
            for result in ["done", "failed"] {
                drop(self.0.surveys.get_or_create(&labels("registry", registry, "result", result)));
            }
            for result in CONFIRMED {
                drop(self.0.confirmations.get_or_create(&labels("registry", registry, "result", result)));
            }
        }
        for plugin in plugins {
            let of = vec![("plugin", plugin.to_owned())];
            drop(self.0.breakers.get_or_create(&of));
            drop(self.0.updated_at.get_or_create(&of));
            for result in ["done", "failed"] {
                drop(self.0.updates.get_or_create(&labels("plugin", plugin, "result", result)));
            }
            for end in ENDS {
                drop(self.0.runs.get_or_create(&labels("plugin", plugin, "end", end)));
            }
        }
    }

    /// What is counted of that registry's requests.
    pub fn intake(&self, registry: &str) -> Intake {
        Intake::new(&self.0.deliveries, &self.0.rejected, &self.0.last_accepted, registry)
    }

    /// An attempt's outcome is stored. What is configured no more is counted no more.
    pub fn settled(&self, job: &Job, next: &Next, took: Option<Duration>) {
        let word = word(job.phase, next);
        let family = match job.phase {
            Phase::Run => {
                // Nothing ran when a daemon died in each of its attempts.
                if let (Some(took), Some(runs)) = (took, self.0.runs.get(&labels("plugin", &job.name, "end", word))) {
                    runs.observe(took.as_secs_f64());
                }
                return;
            }
            Phase::Ask | Phase::Confirm => &self.0.confirmations,
            Phase::Progress | Phase::Report => &self.0.writebacks,
        };
        if let Some(counter) = family.get(&labels("registry", &job.name, "result", word)) {
            counter.inc();
        }
    }

    /// A plugin's breaker has opened or closed.
    pub fn breaker(&self, plugin: &str, open: bool) {
        self.0.breakers.get_or_create(&vec![("plugin", plugin.to_owned())]).set(i64::from(open));
    }

    /// A plugin's cache was brought up to date, or was not.
    pub fn updated(&self, plugin: &str, done: bool) {
        let result = if done { "done" } else { "failed" };
        self.0.updates.get_or_create(&labels("plugin", plugin, "result", result)).inc();
    }

    /// When that was last done; `None`: it never was.
    pub fn updated_at(&self, plugin: &str, at: Option<Timestamp>) {
        self.0.updated_at.get_or_create(&vec![("plugin", plugin.to_owned())]).set(at.map_or(0.0, seconds));
    }

    /// A registry was asked how things stand, and has said so or has not.
    pub fn surveyed(&self, registry: &str, done: bool) {
        let result = if done { "done" } else { "failed" };
        self.0.surveys.get_or_create(&labels("registry", registry, "result", result)).inc();
    }

    /// Everything, as text. `queues` are those that are configured; `now` is job time.
    pub async fn scrape(&self, store: &Store, queues: &[String], now: Timestamp) -> String {
        // One look at a time: the gauges are set anew by each.
        let mut seen = self.0.seen.lock().await;
        let fresh = seen.take().filter(|(_, until)| Instant::now() < *until);
        *seen = match fresh {
            Some(fresh) => Some(fresh),
            None => look(store).await,
        };
        self.show(seen.as_ref().map(|(depths, _)| depths), queues, now);
        let mut text = String::new();
        // A String takes everything.
        let _ = prometheus_text::encode(&mut text, &self.0.registry);
        text
    }

    /// Without a look, nothing is said of the queues: an old word would hide that the store cannot be read.
    fn show(&self, depths: Option<&Depths>, queues: &[String], now: Timestamp) {
        self.0.jobs.clear();
        self.0.oldest.clear();
        let Some(depths) = depths else { return };
        let configured = queues.iter().map(|queue| (queue, Depth::default()));
        let all: BTreeMap<&String, Depth> =
            configured.chain(depths.iter().map(|(queue, depth)| (queue, *depth))).collect();
        let mut dead: u32 = 0;
        for (queue, depth) in all {
            let Depth { due, running, waiting, held, .. } = depth;
            let states =
                [("due", due), ("running", running), ("waiting", waiting), ("held", held), ("dead", depth.dead)];
            for (state, jobs) in states {
                self.0.jobs.get_or_create(&labels("queue", queue, "state", state)).set(i64::from(jobs));
            }
            let oldest = depth.oldest.map_or(0.0, |made| now.since(made).as_secs_f64());
            self.0.oldest.get_or_create(&vec![("queue", queue.clone())]).set(oldest);
            dead += depth.dead;
        }
        self.0.dead.set(i64::from(dead));
    }
}

impl Inner {
    fn register(&mut self, counts: Arc<Counts>, started: Timestamp) {
        let registry = &mut self.registry;
        registry.register(
            "scanrelay_deliveries",
            "Verified requests of a registry, by what became of them",
            self.deliveries.clone(),
        );
        registry.register(
            "scanrelay_rejected",
            "Requests of a registry that were no delivery, by the reason",
            self.rejected.clone(),
        );
        registry.register(
            "scanrelay_last_accepted_timestamp_seconds",
            "When a delivery of the registry was accepted last; 0: none that is known",
            self.last_accepted.clone(),
        );
        registry.register(
            "scanrelay_run_duration_seconds",
            "How long runs of a plugin took, by how they ended",
            self.runs.clone(),
        );
        registry.register(
            "scanrelay_writebacks",
            "Attempts to tell a registry something, by what came of them",
            self.writebacks.clone(),
        );
        registry.register(
            "scanrelay_confirmations",
            "Attempts to ask a registry whether a promotion stands, by what came of them",
            self.confirmations.clone(),
        );
        registry.register(
            "scanrelay_surveys",
            "Times that a registry was asked how things stand, by what came of it",
            self.surveys.clone(),
        );
        registry.register(
            "scanrelay_breaker_open",
            "Whether a plugin is not fed, since it failed too often in a row: 1, or 0",
            self.breakers.clone(),
        );
        registry.register(
            "scanrelay_cache_updates",
            "Times that a plugin's cache was to be brought up to date, by what came of it",
            self.updates.clone(),
        );
        registry.register(
            "scanrelay_cache_updated_timestamp_seconds",
            "When a plugin's cache was brought up to date last; 0: never",
            self.updated_at.clone(),
        );
        registry.register("scanrelay_jobs", "Jobs of a queue, by their state", self.jobs.clone());
        registry.register(
            "scanrelay_queue_oldest_seconds",
            "Age of the oldest job of a queue that has not ended; 0: there is none",
            self.oldest.clone(),
        );
        registry.register(
            "scanrelay_jobs_dead",
            "Dead jobs of all queues: a person has to look at them",
            self.dead.clone(),
        );
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("scanrelay_build", "The version of this scanrelay", build);
        registry.register_collector(Box::new(Stored(counts)));
        registry.register_collector(Box::new(process::Process { started }));
    }
}

/// `None`: the store cannot be read.
async fn look(store: &Store) -> Option<(Depths, Instant)> {
    let began = Instant::now();
    let depths = store.depths().await.inspect_err(|error| error!(%error, "the queues could not be counted")).ok()?;
    Some((depths, Instant::now() + began.elapsed() * REUSED))
}

fn word(phase: Phase, next: &Next) -> &'static str {
    match next {
        Next::End(Ending::Concluded { .. }) => "concluded",
        Next::End(Ending::Confirmed) => "confirmed",
        Next::End(Ending::NotConfirmed { .. }) => "not_confirmed",
        Next::End(Ending::Told) => "told",
        Next::End(Ending::Dead { .. }) => "dead",
        Next::End(Ending::Superseded { .. } | Ending::Skipped { .. }) => "skipped",
        Next::Retry { .. } if phase != Phase::Run => "retried",
        Next::Retry { counted: false, .. } => "later",
        Next::Retry { .. } => "failed",
        Next::Release => "stopped",
    }
}

fn labels(name: &'static str, value: &str, other: &'static str, word: &str) -> Labels {
    vec![(name, value.to_owned()), (other, word.to_owned())]
}

/// Since 1970.
fn seconds(at: Timestamp) -> f64 {
    at.since(Timestamp::default()).as_secs_f64()
}

#[cfg(test)]
mod tests;
