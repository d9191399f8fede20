//! Wiring: from a checked configuration and bound listeners to a daemon at work.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use scanrelay::{Event, Receiver};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::admin::{self, Admin};
use super::clock::Clock;
use super::config::Config;
use super::effects::{LONGEST_TELL, live::Live};
use super::job::{Schedule, plugin_queue, registry_queue};
use super::listeners::Listeners;
use super::metrics::Metrics;
use super::rejections::Rejections;
use super::running::Running;
use super::server::{self, Front, IntakeLimits};
use super::service::{Manager, Pulse};
use super::store::{Bounds, Retention, Store};
use super::worker::{Limits, Worker};
use super::{Daemon, retention, route, runner};

/// A lease outlives what it is for by this much: the time to store the outcome.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// Opens the store, ends what a killed predecessor left, and starts worker and servers.
pub async fn start(config: Config, listeners: Listeners) -> Result<Daemon> {
    let config = Arc::new(config);
    make_folders(&config)?;
    let clock = Clock::system();
    let store = Store::open(&config.store.path, config.limits.queue as usize).await?;
    end_leftovers(&config, &store).await?;
    let metrics = Metrics::new(store.counts(), clock.wall());
    know(&metrics, &config, &store).await?;
    let wake = Arc::new(Notify::new());
    let running = Running::default();
    let turns = watch::Sender::default();
    let pulse =
        Pulse { store: store.clone(), running: running.clone(), wake: Arc::clone(&wake), turns: turns.subscribe() };
    let worker = Worker {
        store: store.clone(),
        effects: Arc::new(Live::new(&config, clock)?),
        clock,
        wake: Arc::clone(&wake),
        running: running.clone(),
        turns,
        metrics: metrics.clone(),
        schedule: schedule(&config),
        limits: slots(&config),
        shutdown_grace: config.limits.shutdown_grace,
    };
    let stop_working = CancellationToken::new();
    let keep = Retention { done: config.retention.done, dead: config.retention.dead };
    tokio::spawn(retention::run(store.clone(), clock, keep, stop_working.clone()));
    let front = front(&config, store, clock, wake, metrics);
    let admin = admin(&config, &front, running);
    let socket = bind_socket(&config.store.socket)
        .with_context(|| format!("the admin socket {} could not be made", config.store.socket.display()))?;
    Ok(Daemon {
        socket: admin::serve_socket(&admin, socket)?.into(),
        admin: admin::serve(&admin, listeners.admin)?.into(),
        intake: server::serve(&front, listeners.intake)?.into(),
        socket_path: config.store.socket.clone(),
        worker: tokio::spawn(worker.run(stop_working.clone())),
        stop_working,
        pulse,
        manager: Manager::default(),
    })
}

/// The store's folder and that of the working directories, for this user alone.
fn make_folders(config: &Config) -> Result<()> {
    for folder in config.store.path.parent().into_iter().chain([config.store.work.as_path()]) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
            format!("store.url: {} cannot be made: give this user the folder above it", folder.display())
        })?;
    }
    Ok(())
}

/// The series of what is configured are there from the start.
async fn know(metrics: &Metrics, config: &Config, store: &Store) -> Result<()> {
    metrics.know(config.registries.keys().map(String::as_str), config.plugins.keys().map(String::as_str));
    for (registry, at) in store.last_accepted().await? {
        if config.registries.contains_key(&registry) {
            metrics.intake(&registry).accepted_at(at);
        }
    }
    Ok(())
}

async fn end_leftovers(config: &Config, store: &Store) -> Result<()> {
    let (work, id) = (config.store.work.clone(), store.id().to_owned());
    let left = tokio::task::spawn_blocking(move || runner::end_leftovers(&work, &id)).await?;
    for leftover in left {
        warn!("left by a daemon that died: {leftover}");
    }
    Ok(())
}

/// Whoever holds the store's lock owns the socket beside it: one that is still there is nobody's.
fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
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

fn slots(config: &Config) -> Limits {
    let plugins = config.plugins.values().map(|plugin| {
        let fetch = if plugin.artifact { config.fetch.timeout } else { Duration::ZERO };
        let lease = fetch + plugin.timeout + config.limits.kill_grace + LEASE_MARGIN;
        (plugin.name.clone(), (plugin.concurrency, lease))
    });
    let registries = config.registries.values().map(|peer| {
        let lease = peer.timeout * LONGEST_TELL + LEASE_MARGIN;
        (peer.name.clone(), (config.limits.writes_per_registry, lease))
    });
    Limits {
        runs: config.limits.concurrency,
        plugins: plugins.collect::<BTreeMap<_, _>>(),
        registries: registries.collect::<BTreeMap<_, _>>(),
        probe_after: config.limits.probe_after,
    }
}

fn admin(config: &Config, front: &Front, running: Running) -> Admin {
    let plugins = config.plugins.keys().map(|name| plugin_queue(name));
    Admin {
        store: front.store.clone(),
        clock: front.clock,
        wake: Arc::clone(&front.wake),
        running,
        queues: plugins.chain(config.registries.keys().map(|name| registry_queue(name))).collect(),
        route: Arc::clone(&front.route),
        rejections: front.rejections.clone(),
        metrics: front.metrics.clone(),
        token: config.admin.token.clone(),
    }
}

fn front(config: &Arc<Config>, store: Store, clock: Clock, wake: Arc<Notify>, metrics: Metrics) -> Front {
    let receivers = config
        .registries
        .values()
        .map(|peer| Arc::new(Receiver::new(&peer.name, peer.registry.clone(), peer.verifier.clone())));
    let probed = config.registries.values().filter(|peer| peer.probe).map(|peer| peer.name.clone());
    let routed = Arc::clone(config);
    let server = &config.server;
    Front {
        store,
        clock,
        wake,
        bounds: Bounds { pending: config.limits.pending, pending_per_registry: config.limits.pending_per_registry },
        receivers: receivers.collect(),
        route: Arc::new(move |event: &Event| route::plan(&routed, event)),
        rejections: Rejections::new(clock.wall(), probed),
        metrics,
        limits: IntakeLimits {
            max_body: server.max_body,
            max_connections: server.max_connections as usize,
            header_timeout: server.header_timeout,
            read_timeout: server.read_timeout,
            keep_alive: server.keep_alive,
        },
    }
}
