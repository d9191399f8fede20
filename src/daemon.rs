#![doc = include_str!("daemon/README.md")]

mod address;
mod admin;
mod breakers;
mod cache;
mod catch_up;
mod clock;
mod config;
mod connections;
mod current;
mod descriptors;
mod digest;
mod doctor;
mod effects;
mod fetch;
mod job;
mod listeners;
mod metrics;
mod prove;
mod rejections;
mod reload;
mod retention;
mod route;
mod runner;
mod running;
mod sandbox;
mod server;
mod service;
#[cfg(test)]
mod simulation;
mod snapshot;
mod start;
mod stop;
mod store;
mod sweep;
mod tls;
mod trace;
mod trial;
mod updates;
mod verdict;
mod wake;
mod worker;
mod writeback;

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use anyhow::{Result, anyhow};
use tokio::signal::unix::Signal;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

pub use admin::acts::{Act, did, in_words, would};
pub use admin::verdicts::{Asked, Waive};
pub use admin::{Overview, show_delivery, show_job};
pub use clock::Clock;
pub use config::{Catalog, Config, Found, SAMPLE, StoreAt, span};
pub use digest::Digest;
pub use doctor::{Health, doctor, wanted, webhook};
pub use listeners::{Handed, Listeners, bound};
pub use prove::prove;
pub use rejections::RejectionRow;
pub use route::explain;
pub use runner::{LAUNCH, harden, launch};
pub use sandbox::Enforced;
pub use service::Manager;
pub use start::start;
pub use store::{
    ALL, AttemptRow, By, Cancelled, DeliveryRow, Filter, JobRow, Keep, Moment, Replayed, Revoked, RowCounts, Store,
    StoreError, Vacuumed, VerdictRow,
};
pub use trial::{Trial, Tried};
pub use updates::update_cache;
pub use verdict::Sandboxed;
pub use verdict::{Demand, Standings, Vote, Waiver};

use reload::{Read, Reload};
use service::Pulse;
use trace::Spans;

/// A daemon at work.
pub struct Daemon {
    intake: Serving,
    admin: Serving,
    socket: Serving,
    socket_path: PathBuf,
    worker: JoinHandle<()>,
    /// Stops what brings caches up to date, and ends.
    updating: JoinHandle<()>,
    stop_working: CancellationToken,
    pulse: Pulse,
    spans: Spans,
    manager: Manager,
    reload: Reload,
    asked: Option<(Signal, Arc<Read>)>,
}

impl Daemon {
    /// From now on the service manager is told: that we are ready, how things stand, and, for its watchdog, that we live.
    pub async fn under(mut self, manager: Manager) -> Self {
        if manager.listens() {
            manager.ready(&self.pulse.status().await.unwrap_or_default());
            self.manager = manager;
        }
        self
    }

    /// From now on the configuration is read again whenever `asked` says so.
    pub fn reloading(self, asked: Signal, read: impl Fn() -> Result<Config, String> + Send + Sync + 'static) -> Self {
        Self { asked: Some((asked, Arc::new(read))), ..self }
    }

    /// Works until `shutdown`, then drains: stops accepting, finishes open requests, claims nothing more, and waits for
    /// running jobs as long as `limits.shutdown_grace` allows. An error says which part of it ended on its own.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<()> {
        let attending = self.manager.listens().then(|| {
            let attending = self.pulse.clone().attend(self.manager.clone(), self.stop_working.clone());
            AbortOnDropHandle::new(tokio::spawn(attending))
        });
        let (reload, asked, manager, pulse) = (self.reload, self.asked, self.manager.clone(), self.pulse.clone());
        let reloading = AbortOnDropHandle::new(tokio::spawn(async move {
            match asked {
                Some((asked, read)) => reload.attend(asked, read, manager, pulse).await,
                None => reload.idle().await,
            }
        }));
        let broken = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = &mut self.worker => Some(anyhow!("the worker ended on its own: {ended:?}")),
            ended = &mut self.intake.task => Some(anyhow!("the intake ended on its own: {ended:?}")),
            ended = &mut self.admin.task => Some(anyhow!("the admin side ended on its own: {ended:?}")),
            ended = &mut self.socket.task => Some(anyhow!("the admin socket ended on its own: {ended:?}")),
        };
        self.stop_working.cancel();
        drop(reloading);
        self.manager.stopping();
        let worker_done = async {
            if !self.worker.is_finished() {
                let _ = (&mut self.worker).await;
            }
        };
        let _ = tokio::join!(self.intake.handle.stop(true), worker_done, self.updating);
        info!("drained");
        let spans = self.spans.clone();
        let sent = tokio::task::spawn_blocking(move || spans.close());
        drop(attending);
        // Kept to the end, so that a probe sees the drain.
        let (_, (), ()) = tokio::join!(sent, self.admin.handle.stop(false), self.socket.handle.stop(false));
        if let Err(error) = std::fs::remove_file(&self.socket_path) {
            warn!(path = %self.socket_path.display(), %error, "the admin socket could not be removed");
        }
        broken.map_or(Ok(()), Err)
    }
}

/// A server that was started.
struct Serving {
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl From<Server> for Serving {
    fn from(server: Server) -> Self {
        Self { handle: server.handle(), task: tokio::spawn(server) }
    }
}
