//! Keeps the caches of plugins up to date: each at its start where that was never done or is long ago, then every
//! `update_every`. One at a time for each plugin. What goes wrong is said and tried again; runs go on with what there is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use scanrelay::Timestamp;
use tokio::task::{self, JoinSet};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::cache::{Cache, CacheRow, Caches};
use super::clock::Clock;
use super::config::Config;
use super::current::View;
use super::effects::{Kernel, live::Live};
use super::metrics::Metrics;

/// What a reload brought is seen within this time.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// After a failure it is tried again so soon; each pause is twice the one before, up to `update_every`.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// What it works by.
pub struct Terms {
    pub effects: Arc<Live>,
    pub plugins: BTreeMap<String, Kept>,
}

/// A cache that is kept up to date.
#[derive(Clone, Debug)]
pub struct Kept {
    pub cache: Cache,
    pub every: Duration,
}

/// The task.
#[derive(Clone)]
pub struct Updates {
    /// Runs' ids begin with it.
    pub store: Arc<str>,
    pub clock: Clock,
    pub metrics: Metrics,
    pub caches: Caches,
    pub terms: View<Terms>,
}

/// How it stands with one plugin.
struct Turn {
    at: Instant,
    failures: u32,
    under_way: bool,
}

impl Updates {
    /// Until the shutdown, which also stops what is under way.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut turns: BTreeMap<String, Turn> = BTreeMap::new();
        let mut under_way: JoinSet<bool> = JoinSet::new();
        let mut names: HashMap<task::Id, String> = HashMap::new();
        loop {
            let (now, terms) = (Instant::now(), self.terms.now());
            self.caches.keep(|plugin| terms.plugins.contains_key(plugin));
            turns.retain(|plugin, turn| turn.under_way || terms.plugins.contains_key(plugin));
            let mut next = now + LOOK_AGAIN;
            for (name, kept) in &terms.plugins {
                let turn = turns.entry(name.clone()).or_insert_with(|| self.first_turn(name, kept, now));
                if turn.under_way {
                    continue;
                }
                if turn.at > now {
                    next = next.min(turn.at);
                    continue;
                }
                turn.under_way = true;
                let update =
                    self.clone().update(name.clone(), kept.cache.clone(), Arc::clone(&terms), shutdown.clone());
                names.insert(under_way.spawn(update).id(), name.clone());
            }
            tokio::select! {
                Some(ended) = under_way.join_next_with_id() => {
                    let (id, done) = match ended {
                        Ok((id, done)) => (id, done),
                        Err(broke) => {
                            warn!(%broke, "an update broke");
                            (broke.id(), false)
                        }
                    };
                    let name = names.remove(&id).unwrap_or_default();
                    let every = terms.plugins.get(&name).map_or(LOOK_AGAIN, |kept| kept.every);
                    if let Some(turn) = turns.get_mut(&name) {
                        turn.failures = if done { 0 } else { turn.failures.saturating_add(1) };
                        (turn.at, turn.under_way) = (Instant::now() + wait(turn.failures, every), false);
                    }
                }
                () = time::sleep_until(next) => {}
                () = shutdown.cancelled() => break,
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Now, unless it was done lately.
    fn first_turn(&self, name: &str, kept: &Kept, now: Instant) -> Turn {
        let updated_at = self.show(name, &kept.cache, None);
        let age = updated_at.map(|at| self.clock.wall().since(at));
        let at = age.map_or(now, |age| now + kept.every.saturating_sub(age));
        Turn { at, failures: 0, under_way: false }
    }

    async fn update(self, name: String, cache: Cache, terms: Arc<Terms>, stop: CancellationToken) -> bool {
        let began = Instant::now();
        let run = format!("{}-update-{name}-{}", self.store, self.clock.now().as_millis());
        let updated = terms.effects.update(&name, run, stop.clone()).await;
        // A shutdown is no failure.
        if stop.is_cancelled() {
            return updated.is_ok();
        }
        self.metrics.updated(&name, updated.is_ok());
        let (plugin, duration_ms) = (name.as_str(), u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        let updated_at = self.show(plugin, &cache, updated.as_ref().err().cloned());
        match (&updated, updated_at) {
            (Ok(()), _) => info!(plugin, duration_ms, "the cache is up to date"),
            (Err(reason), Some(_)) => warn!(plugin, duration_ms, "the cache stays as it was: {reason}"),
            (Err(reason), None) => {
                warn!(plugin, duration_ms, "the cache was never filled, and {plugin} is not run until it is: {reason}");
            }
        }
        updated.is_ok()
    }

    /// Shows how it stands: when it was brought up to date.
    fn show(&self, plugin: &str, cache: &Cache, failure: Option<String>) -> Option<Timestamp> {
        let since = |at: std::time::SystemTime| at.duration_since(std::time::UNIX_EPOCH).ok();
        let updated_at = cache.updated_at().and_then(since).map(|since| Timestamp::default().after(since));
        self.metrics.updated_at(plugin, updated_at);
        self.caches.show(CacheRow { plugin: plugin.to_owned(), updated_at, failure });
        updated_at
    }
}

/// Brings one plugin's cache up to date now, beside the daemon or without one.
pub async fn update_cache(
    config: &Config,
    plugin: &str,
    kernel: Kernel,
    stop: CancellationToken,
) -> Result<(), String> {
    let clock = Clock::system();
    let live = Live::new(config, clock, kernel).map_err(|error| error.to_string())?;
    let run = format!("byhand-update-{plugin}-{}", clock.now().as_millis());
    live.update(plugin, run, stop).await
}

/// Until the next turn, after so many failures in a row.
fn wait(failures: u32, every: Duration) -> Duration {
    match failures {
        0 => every,
        failures => AFTER_FAILURE.saturating_mul(1 << (failures - 1).min(31)).min(every),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_tried_again_soon_and_then_less_often() {
        let every = Duration::from_hours(6);
        let minutes = |failures| wait(failures, every).as_secs() / 60;
        assert_eq!([0, 1, 2, 3, 9, 10, 99].map(minutes), [360, 1, 2, 4, 256, 360, 360]);
        assert_eq!(wait(1, Duration::from_secs(5)), Duration::from_secs(5));
    }
}
