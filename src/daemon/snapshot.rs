//! All that is made of one configuration, and changes with it: what each room works by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use scanrelay::{Event, Receiver};

use super::cache::Cache;
use super::clock::Clock;
use super::config::{Config, Peer};
use super::effects::{Kernel, LONGEST_TELL, live::Live};
use super::job::{Schedule, plugin_queue, registry_queue};
use super::metrics::Metrics;
use super::rejections::Rejections;
use super::server::{self, BodyLimits, Door, RouteOf};
use super::store::{Bounds, Retention, Room};
use super::writeback::BadTarget;
use super::{admin, catch_up, route, updates, worker};

/// A lease outlives what it is for by this much: the time to store the outcome.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// What goes on over all reloads.
#[derive(Clone)]
pub struct Lasting {
    pub clock: Clock,
    pub rejections: Rejections,
    pub metrics: Metrics,
    /// What of the plugins' cells is enforced.
    pub kernel: Kernel,
}

/// What is in force.
pub struct Snapshot {
    pub config: Arc<Config>,
    pub intake: Arc<server::Terms>,
    pub admin: Arc<admin::Terms>,
    pub work: Arc<worker::Terms<Live>>,
    pub catch_up: Arc<catch_up::Terms>,
    pub updates: Arc<updates::Terms>,
    pub keep: Retention,
    /// Queues that were in force before and are not any more.
    gone: BTreeSet<String>,
}

impl Snapshot {
    /// The first.
    pub fn new(config: Config, lasting: &Lasting) -> Result<Self, BadTarget> {
        Self::of(config, lasting, BTreeSet::new())
    }

    /// The one that takes this one's place.
    pub fn next(&self, config: Config, lasting: &Lasting) -> Result<Self, BadTarget> {
        let mut gone = self.gone.clone();
        gone.extend(queues(&self.config));
        for queue in queues(&config) {
            gone.remove(&queue);
        }
        Self::of(config, lasting, gone)
    }

    fn of(config: Config, lasting: &Lasting, gone: BTreeSet<String>) -> Result<Self, BadTarget> {
        let config = Arc::new(config);
        let routed = Arc::clone(&config);
        let route: Arc<RouteOf> = Arc::new(move |event: &Event| route::plan(&routed, event));
        let work = worker::Terms {
            effects: Arc::new(Live::new(&config, lasting.clock, lasting.kernel)?),
            schedule: schedule(&config),
            limits: slots(&config, gone.clone()),
            shutdown_grace: config.limits.shutdown_grace,
        };
        let posts = config.registries.values().filter(|peer| peer.url.is_some() && peer.registry.can_be_surveyed());
        let posts = posts.map(|peer| {
            let post = catch_up::Post {
                receiver: receiver(peer),
                effects: Arc::clone(&work.effects),
                route: Arc::clone(&route),
                bounds: bounds(peer, &config),
                every: peer.reconcile_every,
                from: peer.catch_up_from,
            };
            (peer.name.clone(), Arc::new(post))
        });
        let catch_up = catch_up::Terms { registries: posts.collect() };
        let updates = updates::Terms { effects: Arc::clone(&work.effects), plugins: kept_up_to_date(&config) };
        let doors = config.registries.values().map(|peer| (peer.name.clone(), Arc::new(door(peer, &config, lasting))));
        let intake = server::Terms {
            doors: doors.collect(),
            route: Arc::clone(&route),
            proxies: config.server.trusted_proxies.clone(),
            certificate: config.server.tls.as_ref().map(|tls| Arc::clone(&tls.certified)),
        };
        let admin = admin::Terms {
            queues: queues(&config).collect(),
            route,
            token: config.admin.token.clone(),
            room: room(&config),
            certificate: config.admin.tls.as_ref().map(|tls| Arc::clone(&tls.certified)),
        };
        Ok(Self {
            intake: Arc::new(intake),
            admin: Arc::new(admin),
            work: Arc::new(work),
            catch_up: Arc::new(catch_up),
            updates: Arc::new(updates),
            keep: keep(&config),
            gone,
            config,
        })
    }
}

fn queues(config: &Config) -> impl Iterator<Item = String> {
    let plugins = config.plugins.keys().map(|name| plugin_queue(name));
    plugins.chain(config.registries.keys().map(|name| registry_queue(name)))
}

fn door(peer: &Peer, config: &Config, lasting: &Lasting) -> Door {
    let body = BodyLimits { max: config.server.max_body, timeout: config.server.read_timeout };
    Door::new(
        receiver(peer),
        body,
        bounds(peer, config),
        lasting.clock,
        (&lasting.rejections, peer.probe),
        &lasting.metrics,
    )
}

fn receiver(peer: &Peer) -> Receiver {
    Receiver::new(&peer.name, peer.registry.clone(), peer.verifier.clone()).with_rules(peer.rules.clone())
}

fn bounds(peer: &Peer, config: &Config) -> Bounds {
    Bounds { pending: config.limits.pending, pending_per_registry: peer.max_pending, room: room(config) }
}

fn room(config: &Config) -> Room {
    Room { min_free: config.limits.min_free, max_size: config.store.max_size }
}

fn keep(config: &Config) -> Retention {
    let keep = config.retention;
    Retention { done: keep.done, dead: keep.dead, bodies: keep.bodies, logs: keep.logs, verdicts: keep.verdicts }
}

fn schedule(config: &Config) -> Schedule {
    let limits = &config.limits;
    Schedule {
        first: limits.retry_first,
        longest: limits.retry_max,
        give_up: limits.retry_for,
        plugin_attempts: limits.plugin_attempts,
    }
}

fn kept_up_to_date(config: &Config) -> BTreeMap<String, updates::Kept> {
    let updated = config.plugins.values().filter_map(|plugin| Some((&plugin.name, plugin.update.as_ref()?)));
    let kept = |name: &str, every| updates::Kept { cache: Cache::of(&config.store.caches, name), every };
    updated.map(|(name, update)| (name.clone(), kept(name, update.every))).collect()
}

fn slots(config: &Config, gone: BTreeSet<String>) -> worker::Limits {
    let plugins = config.plugins.values().map(|plugin| {
        let fetch = if plugin.artifact { config.fetch.timeout } else { Duration::ZERO };
        let lease = fetch + plugin.timeout + config.limits.kill_grace + LEASE_MARGIN;
        (
            plugin.name.clone(),
            worker::PluginLimit {
                slots: plugin.concurrency,
                lease,
                breaker: plugin.breaker.unwrap_or(config.limits.breaker),
            },
        )
    });
    let registries = config.registries.values().map(|peer| {
        let lease = peer.timeout * LONGEST_TELL + LEASE_MARGIN;
        (peer.name.clone(), (config.limits.writes_per_registry, lease))
    });
    worker::Limits {
        runs: config.limits.concurrency,
        plugins: plugins.collect::<BTreeMap<_, _>>(),
        registries: registries.collect::<BTreeMap<_, _>>(),
        probe_after: config.limits.probe_after,
        gone,
    }
}
