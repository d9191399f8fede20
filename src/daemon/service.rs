//! What the daemon says to systemd: that it is ready, how things stand, that it is alive, that it stops.
//!
//! Started by hand, nobody listens and nothing is said: no socket, no task, no timer. The status line follows the
//! worker's turns, so an idle daemon says nothing. With a watchdog, and only then, there is a timer: each tick asks the
//! worker for a turn of its loop and the store's writer for a commit, and `WATCHDOG=1` is sent when both have answered.
//! A store that answers with an error has answered: a full disk or a locked file is not cured by a restart. A disk that has
//! refused a write is.

mod manager;
mod watchdog;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::breakers::Breakers;
use super::running::Running;
use super::store::{Store, StoreError};
use super::wake::Wake;
pub use manager::Manager;
use watchdog::{Answers, sign_of_life};

/// The status line follows what happens, at most this often.
const STATUS_PAUSE: Duration = Duration::from_secs(5);
/// A full queue of writes is asked again after this long, within a tick.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What is asked for a sign of life.
#[derive(Clone)]
pub struct Pulse {
    pub store: Store,
    pub running: Running,
    pub breakers: Breakers,
    /// Wakes the worker.
    pub wake: Wake,
    /// Goes up at every turn of the worker's loop.
    pub turns: watch::Receiver<u64>,
    /// What else a person has to know.
    pub notice: watch::Receiver<Option<String>>,
}

impl Pulse {
    /// The line that `systemctl status` shows.
    pub async fn status(&self) -> Option<String> {
        let tally = time::timeout(STATUS_PAUSE, self.store.tally()).await.ok()?.ok()?;
        let (open, running, dead) = (tally.open, self.running.count(), tally.dead);
        let notice = self.notice.borrow().as_ref().map_or_else(String::new, |notice| format!("; {notice}"));
        let stopped: Vec<String> = self.breakers.open().into_iter().map(|row| row.plugin).collect();
        let stopped = if stopped.is_empty() {
            String::new()
        } else {
            format!("; stopped by their breakers: {}", stopped.join(", "))
        };
        Some(format!("{open} deliveries open, {running} jobs running, {dead} jobs dead{stopped}{notice}"))
    }

    /// Tells the manager how things stand, and that we are alive, until it is dropped. From `draining` on there is no
    /// worker loop to be asked, and the status is the drain's.
    pub async fn attend(self, manager: Manager, draining: CancellationToken) {
        let watched = async {
            match manager.tick() {
                Some(period) => self.clone().keep_alive(&manager, period, &draining).await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(self.clone().tell_status(&manager, &draining), watched);
    }

    async fn tell_status(mut self, manager: &Manager, draining: &CancellationToken) {
        let mut told = String::new();
        loop {
            let turned = async {
                time::sleep(STATUS_PAUSE).await;
                self.turns.changed().await
            };
            tokio::select! {
                () = draining.cancelled() => return,
                Ok(()) = turned => {}
                else => return,
            }
            let Some(status) = self.status().await else { continue };
            if status != told && !draining.is_cancelled() {
                manager.status(&status);
                told = status;
            }
        }
    }

    async fn keep_alive(mut self, manager: &Manager, period: Duration, draining: &CancellationToken) {
        let mut ticks = time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            ticks.tick().await;
            let answers = self.ask(period, draining).await;
            match sign_of_life(answers) {
                Ok(()) => {
                    manager.alive();
                    if std::mem::take(&mut silent) && !draining.is_cancelled() {
                        manager.status(&self.status().await.unwrap_or_default());
                    }
                }
                Err(reason) => {
                    error!(reason, "the watchdog is told nothing");
                    manager.status(&format!("no sign of life for the watchdog: {reason}"));
                    silent = true;
                }
            }
        }
    }

    async fn ask(&mut self, patience: Duration, draining: &CancellationToken) -> Answers {
        let (store, turns, wake) = (&self.store, &mut self.turns, &self.wake);
        let worker = async {
            tokio::select! {
                () = draining.cancelled() => true,
                turned = time::timeout(patience, turn(turns, wake)) => turned.is_ok_and(|turned| turned),
            }
        };
        let store = async { time::timeout(patience, commit(store)).await.is_ok_and(|answered| answered) };
        let (worker, store) = tokio::join!(worker, store);
        Answers { worker, store }
    }
}

/// Whether the worker's loop went round once more.
async fn turn(turns: &mut watch::Receiver<u64>, wake: &Wake) -> bool {
    turns.mark_unchanged();
    wake.changed();
    turns.changed().await.is_ok()
}

/// Whether the writer took a member into a batch and answered it.
async fn commit(store: &Store) -> bool {
    loop {
        match store.is_writable().await {
            Err(StoreError::Busy(_)) => time::sleep(BUSY_PAUSE).await,
            Err(StoreError::Closed | StoreError::Refused(_)) => return false,
            Ok(()) | Err(_) => return true,
        }
    }
}
