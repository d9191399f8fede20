//! What is being worked on right now: to be cancelled, and to be listened to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::stop::Stop;

/// The attempts in hand, by job. Clones share them.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<BTreeMap<i64, Attempt>>>);

#[derive(Clone)]
struct Attempt {
    stop: Stop,
    log: Tail,
}

/// What a run has printed so far, secrets hidden, up to the cap.
pub type Tail = watch::Sender<Vec<u8>>;

/// An attempt in hand. When it is dropped the attempt is over.
pub struct InHand {
    running: Running,
    job: i64,
    /// Says when this attempt, or everything, has to stop.
    pub stop: Stop,
    pub log: Tail,
}

impl Running {
    /// Takes up an attempt that ends with `stop` at the latest.
    pub fn begin(&self, job: i64, stop: &CancellationToken) -> InHand {
        let attempt = Attempt { stop: Stop::before(stop), log: Tail::new(Vec::new()) };
        self.lock().insert(job, attempt.clone());
        InHand { running: self.clone(), job, stop: attempt.stop, log: attempt.log }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Stops the attempt at that job, if there is one.
    pub fn cancel(&self, job: i64) {
        if let Some(attempt) = self.lock().get(&job) {
            attempt.stop.cancel();
        }
    }

    /// The log from that byte on, once there is more. `None`: nobody is at the job (any more).
    pub async fn more(&self, job: i64, from: usize) -> Option<Vec<u8>> {
        // Without the sender, so that the end of the attempt is the end of the wait.
        let mut log = self.lock().get(&job)?.log.subscribe();
        let more = log.wait_for(|log| log.len() > from).await.ok()?;
        Some(more[from..].to_vec())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.running.lock().remove(&self.job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_is_followed_to_the_end_of_the_attempt() {
        let running = Running::default();
        assert_eq!(running.more(1, 0).await, None);
        let attempt = running.begin(1, &CancellationToken::new());
        attempt.log.send_modify(|log| log.extend(b"one\n"));
        assert_eq!(running.more(1, 0).await.unwrap(), b"one\n");
        let waits = running.clone();
        let follows = tokio::spawn(async move { (waits.more(1, 4).await, waits.more(1, 8).await) });
        attempt.log.send_modify(|log| log.extend(b"two\n"));
        while running.lock().get(&1).unwrap().log.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        drop(attempt);
        let (second, end) = follows.await.unwrap();
        assert_eq!((second.as_deref(), end), (Some(&b"two\n"[..]), None));
    }

    #[test]
    fn a_cancel_stops_one_attempt_and_a_shutdown_all() {
        let (running, all) = (Running::default(), CancellationToken::new());
        let (one, two) = (running.begin(1, &all), running.begin(2, &all));
        running.cancel(1);
        assert!(one.stop.token().is_cancelled() && !two.stop.token().is_cancelled());
        running.cancel(3);
        all.cancel();
        assert!(two.stop.token().is_cancelled());
    }
}
