//! Wiring: from a checked configuration and bound listeners to a daemon at work.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::admin::{self, Admin};
use super::breakers::Breakers;
use super::cache::Caches;
use super::catch_up::CatchUp;
use super::clock::Clock;
use super::config::Config;
use super::current::Current;
use super::effects::Kernel;
use super::listeners::Listeners;
use super::metrics::Metrics;
use super::rejections::Rejections;
use super::reload::{Reload, Retaining};
use super::running::Running;
use super::server::{self, Front, IntakeLimits};
use super::service::{Manager, Pulse};
use super::snapshot::{Lasting, Snapshot};
use super::store::Store;
use super::trace::Spans;
use super::updates::Updates;
use super::wake::Wake;
use super::worker::Worker;
use super::{Daemon, descriptors, runner};

/// Opens the store, ends what a killed predecessor left, and starts worker and servers.
///
/// `kernel`: what of the plugins' cells it was seen to enforce.
pub async fn start(config: Config, listeners: Listeners, kernel: Kernel) -> Result<Daemon> {
    make_folders(&config)?;
    let store = Store::open(&config.store.path, config.limits.queue as usize).await?;
    let clock = going_on(&store).await?;
    end_leftovers(&config, &store).await?;
    let metrics = Metrics::new(store.counts(), clock.wall());
    know(&metrics, &config, &store).await?;
    let lasting = Lasting { clock, rejections: Rejections::new(clock.wall()), metrics: metrics.clone(), kernel };
    let snapshot = Snapshot::new(config, &lasting)?;
    let (config, keep) = (Arc::clone(&snapshot.config), snapshot.keep);
    let current = Current::new(snapshot);
    let spans = Spans::of(store.id());
    let (wake, acted) = (Wake::default(), Arc::new(Notify::new()));
    let caches = Caches::default();
    let (running, breakers) = (Running::default(), Breakers::default());
    let turns = watch::Sender::default();
    let notice = watch::Sender::default();
    let pulse = Pulse {
        store: store.clone(),
        running: running.clone(),
        breakers: breakers.clone(),
        wake: wake.clone(),
        turns: turns.subscribe(),
        notice: notice.subscribe(),
    };
    let worker = Worker {
        store: store.clone(),
        clock,
        wake: wake.clone(),
        acted: Arc::clone(&acted),
        running: running.clone(),
        breakers: breakers.clone(),
        turns,
        metrics: metrics.clone(),
        spans: spans.clone(),
        terms: current.view(|snapshot| &snapshot.work),
    };
    let front = Front {
        store: store.clone(),
        clock,
        wake: wake.clone(),
        spans: spans.clone(),
        terms: current.view(|snapshot| &snapshot.intake),
        limits: IntakeLimits {
            max_connections: descriptors::for_connections(config.server.max_connections, config.limits.concurrency)
                as usize,
            header_timeout: config.server.header_timeout,
            keep_alive: config.server.keep_alive,
            drain_timeout: config.server.read_timeout,
        },
    };
    let admin = Admin {
        store: store.clone(),
        clock,
        wake: wake.clone(),
        acted,
        running,
        breakers,
        caches: caches.clone(),
        rejections: lasting.rejections.clone(),
        metrics,
        terms: current.view(|snapshot| &snapshot.admin),
    };
    let stop_working = CancellationToken::new();
    let catch_up = CatchUp {
        store: store.clone(),
        clock,
        wake: wake.clone(),
        metrics: lasting.metrics.clone(),
        terms: current.view(|snapshot| &snapshot.catch_up),
    };
    tokio::spawn(catch_up.run(stop_working.clone()));
    let updates = Updates {
        store: store.id().into(),
        clock,
        metrics: lasting.metrics.clone(),
        caches,
        terms: current.view(|snapshot| &snapshot.updates),
    };
    let updating = tokio::spawn(updates.run(stop_working.clone()));
    let retaining = Retaining::begin(store, clock, keep, stop_working.clone());
    let socket = bind_socket(&config.store.socket)
        .with_context(|| format!("the admin socket {} could not be made", config.store.socket.display()))?;
    Ok(Daemon {
        socket: admin::serve_socket(&admin, socket)?.into(),
        admin: admin::serve(&admin, listeners.admin)?.into(),
        intake: server::serve(&front, listeners.intake)?.into(),
        socket_path: config.store.socket.clone(),
        worker: tokio::spawn(worker.run(stop_working.clone())),
        updating,
        stop_working,
        pulse,
        spans,
        manager: Manager::default(),
        reload: Reload { current, lasting, wake, notice, retaining },
        asked: None,
    })
}

/// Job time goes on from where it stood: a clock that is behind, because it was set back or is not set yet, would leave what
/// is due undone until it has caught up.
async fn going_on(store: &Store) -> Result<Clock> {
    let stood = store.newest().await?;
    let clock = Clock::system();
    let behind = stood.since(clock.now());
    if behind > Duration::ZERO {
        warn!(?behind, "the clock is behind what is in the store: jobs go on from there, signatures go by the clock");
    }
    Ok(clock.not_before(stood))
}

/// The store's folder and those of the working directories and the caches, for this user alone.
///
/// Where a plugin runs as another user, that one has to pass through them; what is in them stays our own.
fn make_folders(config: &Config) -> Result<()> {
    let mode = if config.plugins.values().any(|plugin| plugin.cell.user.is_some()) { 0o711 } else { 0o700 };
    for folder in config.store.path.parent().into_iter().chain([config.store.work.as_path(), &config.store.caches]) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
            format!("store.url: {} cannot be made: give this user the folder above it", folder.display())
        })?;
        if mode != 0o700 {
            fs::set_permissions(folder, Permissions::from_mode(mode))
                .with_context(|| format!("{} cannot be opened for plugins with run_as", folder.display()))?;
        }
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
