//! A reload: the configuration is read and checked whole, with its secrets and plugins, and then put in force with one swap. A
//! fault in it changes nothing and is said. What is under way goes on by what it began with.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info, warn};

use super::clock::Clock;
use super::config::Config;
use super::current::Current;
use super::retention;
use super::service::{Manager, Pulse};
use super::snapshot::{Lasting, Snapshot};
use super::store::{Retention, Store};
use super::wake::Wake;

/// Reads and checks the configuration, or says what is wrong with it.
pub type Read = dyn Fn() -> Result<Config, String> + Send + Sync;

/// What makes a configuration the one in force.
pub struct Reload {
    pub current: Current<Snapshot>,
    pub lasting: Lasting,
    /// The worker's.
    pub wake: Wake,
    /// What the status line says of the last reload.
    pub notice: watch::Sender<Option<String>>,
    pub retaining: Retaining,
}

/// What a reload came to.
struct Reloaded {
    snapshot: Snapshot,
    /// Keys that have changed, and that a daemon keeps to until it ends.
    kept: Vec<&'static str>,
}

impl Reload {
    /// Reloads as often as it is asked to, and says so to the manager. What is asked while a reload is under way is asked
    /// once more after it.
    pub async fn attend(mut self, mut asked: Signal, read: Arc<Read>, manager: Manager, pulse: Pulse) {
        while asked.recv().await.is_some() {
            manager.reloading();
            match self.read(Arc::clone(&read)).await {
                Ok(reloaded) => self.put_in_force(reloaded),
                Err(cause) => self.refuse(&cause),
            }
            manager.ready(&pulse.status().await.unwrap_or_default());
        }
    }

    /// Nobody will ask: what was begun goes on.
    pub async fn idle(self) {
        std::future::pending::<()>().await;
    }

    /// Files and certificates are read away from the runtime's threads.
    async fn read(&self, read: Arc<Read>) -> Result<Reloaded, String> {
        let (former, lasting) = (self.current.now(), self.lasting.clone());
        let read = tokio::task::spawn_blocking(move || {
            let (config, kept) = read()?.keeping(&former.config)?;
            let snapshot = former.next(config, &lasting).map_err(|error| error.to_string())?;
            Ok(Reloaded { snapshot, kept })
        });
        read.await.unwrap_or_else(|broke| Err(format!("the reading broke: {broke}")))
    }

    fn put_in_force(&mut self, reloaded: Reloaded) {
        let Reloaded { snapshot, kept } = reloaded;
        let (config, keep) = (Arc::clone(&snapshot.config), snapshot.keep);
        let (registries, plugins) = (config.registries.keys(), config.plugins.keys());
        self.lasting.metrics.know(registries.map(String::as_str), plugins.map(String::as_str));
        self.current.swap(snapshot);
        self.wake.changed();
        self.retaining.keep(keep);
        for warning in &config.warnings {
            warn!("{warning}");
        }
        for key in &kept {
            warn!(key, "{key} has changed, and takes effect with a restart only: systemctl restart scanrelay");
        }
        let (registries, plugins, routes) = (config.registries.len(), config.plugins.len(), config.routes.len());
        info!(registries, plugins, routes, "the configuration was reloaded");
        let notice = (!kept.is_empty()).then(|| format!("a restart is needed for {}", kept.join(", ")));
        self.notice.send_replace(notice);
    }

    fn refuse(&self, cause: &str) {
        error!("not reloaded, and what was in force stays in force: {cause}");
        self.notice.send_replace(Some(format!("not reloaded: {cause}")));
    }
}

/// The task that removes what ended long ago.
pub struct Retaining {
    store: Store,
    clock: Clock,
    shutdown: CancellationToken,
    keep: Retention,
    _task: DropGuard,
}

impl Retaining {
    /// From now on, until the shutdown or until this is dropped.
    pub fn begin(store: Store, clock: Clock, keep: Retention, shutdown: CancellationToken) -> Self {
        let task = shutdown.child_token();
        tokio::spawn(retention::run(store.clone(), clock, keep, task.clone()));
        Self { store, clock, shutdown, keep, _task: task.drop_guard() }
    }

    /// Other times.
    fn keep(&mut self, keep: Retention) {
        if keep != self.keep {
            *self = Self::begin(self.store.clone(), self.clock, keep, self.shutdown.clone());
        }
    }
}
