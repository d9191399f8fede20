//! What people do: through the daemon, or, with it stopped, in its store under the same lock.

use std::time::Duration;

use serde_json::Value;

use super::Failure;
use super::admin_client::{Access, failed};
use crate::daemon::{Act, By, Cancelled, Clock, Keep, Replayed, did, in_words, would};
use scanrelay::Timestamp;

/// Which jobs to retry: all the dead of late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dead {
    pub(super) since: Option<Duration>,
    pub(super) dry_run: bool,
}

impl Access {
    /// What became of the retry, in words.
    pub(super) async fn retry(&self, id: i64, reason: Option<String>) -> Result<String, Failure> {
        let Self::Stopped { store } = self else {
            return words(self.post(&format!("/api/v1/jobs/{id}/retry"), &act(reason)).await);
        };
        let retried = store.retry(id, by(reason), now()).await.map_err(failed)?;
        outcome(retried.is_round(), retried.in_words(id))
    }

    /// The jobs, and what became of them.
    pub(super) async fn retry_dead(&self, dead: Dead, reason: Option<String>) -> Result<(Vec<i64>, String), Failure> {
        let since = dead.since.map_or(Timestamp::default(), |span| before(now(), span));
        match self {
            Self::Daemon { .. } => {
                let act = Act { since: Some(since), dry_run: dead.dry_run, ..act(reason) };
                let answer = self.post("/api/v1/retry", &act).await?;
                let jobs = answer["jobs"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
                Ok((jobs, words(Ok(answer))?))
            }
            Self::Stopped { store } if dead.dry_run => {
                let jobs = store.dead(since).await.map_err(failed)?;
                let words = would(jobs.len());
                Ok((jobs, words))
            }
            Self::Stopped { store } => {
                let retried = store.retry_dead(since, by(reason), now()).await.map_err(failed)?;
                let jobs: Vec<i64> = retried.iter().filter(|(_, each)| each.is_round()).map(|(job, _)| *job).collect();
                let words = did(jobs.len());
                Ok((jobs, words))
            }
        }
    }

    pub(super) async fn cancel(&self, id: i64, reason: Option<String>) -> Result<String, Failure> {
        let Self::Stopped { store } = self else {
            return words(self.post(&format!("/api/v1/jobs/{id}/cancel"), &act(reason)).await);
        };
        let cancelled = store.cancel(id, by(reason), now()).await.map_err(failed)?;
        outcome(cancelled == Cancelled::Yes, cancelled.in_words(id))
    }

    pub(super) async fn replay(&self, id: i64, all: bool, reason: Option<String>) -> Result<String, Failure> {
        let Self::Stopped { store } = self else {
            let act = Act { all, ..act(reason) };
            return words(self.post(&format!("/api/v1/deliveries/{id}/replay"), &act).await);
        };
        let keep = if all { Keep::Nothing } else { Keep::Outcomes };
        let route =
            |_: &scanrelay::Event| Err("routes are known to a running daemon only: start scanrelay serve".to_owned());
        let replayed = store.replay(id, keep, by(reason), now(), route).await.map_err(failed)?;
        outcome(matches!(replayed, Replayed::Round(_)), replayed.in_words(id))
    }

    pub(super) async fn pause(&self, queue: &str, reason: Option<String>) -> Result<String, Failure> {
        let Self::Stopped { store } = self else {
            return words(self.post("/api/v1/pause", &Act { queue: Some(queue.to_owned()), ..act(reason) }).await);
        };
        let paused = store.pause(queue.to_owned(), by(reason), now()).await.map_err(failed)?;
        Ok(in_words(queue, if paused { "is paused" } else { "was paused already" }))
    }

    pub(super) async fn resume(&self, queue: &str, reason: Option<String>) -> Result<String, Failure> {
        let Self::Stopped { store } = self else {
            return words(self.post("/api/v1/resume", &Act { queue: Some(queue.to_owned()), ..act(reason) }).await);
        };
        let resumed = store.resume(queue.to_owned(), by(reason), now()).await.map_err(failed)?;
        outcome(resumed, in_words(queue, if resumed { "goes on" } else { "is not paused" }))
    }
}

pub(super) fn act(reason: Option<String>) -> Act {
    Act { reason, ..Act::default() }
}

pub(super) fn by(reason: Option<String>) -> By {
    By { uid: Some(rustix::process::getuid().as_raw()), reason }
}

pub(super) fn now() -> Timestamp {
    Clock::system().now()
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(span))
}

fn words(answer: Result<Value, Failure>) -> Result<String, Failure> {
    let answer = answer?;
    let words = answer["words"].as_str().map(str::to_owned);
    words.ok_or_else(unreadable)
}

pub(super) fn unreadable() -> Failure {
    Failure::Failed("the daemon's answer is not readable: is it of another version?".to_owned())
}

fn outcome(done: bool, words: String) -> Result<String, Failure> {
    if done { Ok(words) } else { Err(Failure::Failed(words)) }
}
