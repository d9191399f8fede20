//! The store's contract, on real files. Time is an argument, so nothing here waits.

mod acts;
mod backup;
mod batches;
mod claiming;
mod claims;
mod figures;
mod file;
mod intake;
mod lanes;
mod ledger;
mod migration;
mod overtaking;
mod retention;
mod rolls;
mod rounds;
mod settling;
mod unfolding;

use std::path::PathBuf;
use std::time::Duration;

use scanrelay::plugin::{Conclusion, Status, Verdict};
use scanrelay::registry::{Registry, Verta};
use scanrelay::{Caller, Delivery, Receiver, Scheme, Secret, Timestamp, Verifier};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::daemon::job::plan::{Plan, SCANNING_AFTER};
use crate::daemon::job::{Ending, Job, Next, Phase, Written};
use crate::daemon::verdict::Policy;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LEASE: Duration = Duration::from_mins(30);
const ROOM: Room = Room { min_free: 0, max_size: None };
const BOUNDS: Bounds = Bounds { pending: 1000, pending_per_registry: 1000, room: ROOM };

fn by(reason: &str) -> By {
    By { uid: Some(1000), reason: Some(reason.to_owned()) }
}

/// A store in a folder of its own.
struct Bench {
    folder: TempDir,
    store: Store,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), 256).await.unwrap();
        Self { folder, store }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// The daemon ends without a word, and another one starts.
    async fn reopen(self) -> Self {
        let Self { folder, store } = self;
        drop(store);
        let store = Store::open(&folder.path().join("store.db"), 256).await.unwrap();
        Self { folder, store }
    }

    async fn insert(&self, delivery: Delivery, plan: &Plan) -> Inserted {
        self.store.insert(Intake { delivery, plan: Ok(plan.clone()) }, BOUNDS, NOW).await.unwrap()
    }

    /// Stores a new delivery and gives its id.
    async fn accept(&self, body: Value, plan: &Plan) -> i64 {
        match self.insert(delivery("verta", &body), plan).await {
            Inserted::New(id) | Inserted::Conflict(id) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn claim_at(&self, queue: &str, slots: u32, now: Timestamp) -> Claimed {
        self.store.claim(vec![want(queue, slots)], 100, now).await.unwrap()
    }

    /// Claims the one job that is due in this queue.
    async fn claim(&self, queue: &str) -> Job {
        // A registry hears that a scan has begun when it has not ended by then.
        let now = if queue.starts_with("registry:") { NOW.after(SCANNING_AFTER) } else { NOW };
        let mut jobs = self.claim_at(queue, 100, now).await.jobs;
        assert_eq!(jobs.len(), 1, "{queue}: {jobs:?}");
        jobs.remove(0)
    }

    async fn settle(&self, job: &Job, next: Next) {
        let settled = self.store.settle(job, next, attempt("settled"), NOW).await.unwrap();
        assert_eq!(settled, Settled::Yes);
    }

    /// Claims the one job that is due in this queue and ends it.
    async fn end(&self, queue: &str, next: Next) -> Job {
        let job = self.claim(queue).await;
        self.settle(&job, next).await;
        job
    }

    /// The delivery's state, and its jobs in order: `run alpha due`; of later rounds: `2 run alpha due`.
    async fn standing(&self, delivery: i64) -> (String, Vec<String>) {
        let filter = Filter { delivery: Some(delivery), limit: Some(1000), ..Filter::default() };
        let mut jobs = self.store.jobs(filter).await.unwrap();
        jobs.reverse();
        let words = jobs.iter().map(|job| {
            let round = if job.round > 1 { format!("{} ", job.round) } else { String::new() };
            format!("{round}{} {} {}", job.phase, job.name, job.state)
        });
        (self.store.delivery(delivery).await.unwrap().unwrap().state, words.collect())
    }

    async fn check(&self, delivery: i64, state: &str, jobs: &[&str]) {
        let (found, standing) = self.standing(delivery).await;
        assert_eq!((found.as_str(), standing.iter().map(String::as_str).collect::<Vec<_>>()), (state, jobs.to_vec()));
    }

    async fn row(&self, job: i64) -> JobRow {
        self.store.job(job).await.unwrap().unwrap()
    }

    /// One number that a query counts.
    async fn count(&self, query: &'static str) -> i64 {
        self.store
            .read_unfolded(move |connection| Ok(connection.query_row(query, [], |row| row.get(0))?))
            .await
            .unwrap()
    }
}

fn receiver(registry: &str) -> Receiver {
    let secret = Secret::new("a secret of the store's tests").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    Receiver::new(registry, Registry::Verta(Verta::default()), verifier)
}

fn delivery(registry: &str, body: &Value) -> Delivery {
    let receiver = receiver(registry);
    let body = body.to_string();
    let headers = receiver.verifier().sign(None, NOW, body.as_bytes()).unwrap();
    let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    receiver.verify_at(&caller, body.clone().into(), NOW).unwrap()
}

fn scan(id: &str, build: &str) -> Value {
    json!({ "event_uuid": id, "event_type": "REQUEST_SCAN", "new_entity": { "scan_request": { "buildId": build } } })
}

fn promotion(id: &str, model: &str, version: &str) -> Value {
    json!({
        "event_uuid": id,
        "event_type": "PROMOTE",
        "new_entity": { "model_version": { "id": version, "registered_model_id": model, "stage": "PRODUCTION" } },
    })
}

fn plan(scanners: &[&str], actions: &[&str]) -> Plan {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Plan {
        route: 1,
        scanners: names(scanners),
        advisory: Vec::new(),
        policy: Policy::All,
        error_is_unsafe: false,
        actions: names(actions),
        report: true,
        latest_only: false,
        confirm_first: false,
        configuration: "tested".to_owned(),
    }
}

fn want(queue: &str, slots: u32) -> Want {
    Want { queue: queue.to_owned(), slots, lease: LEASE, waited: Duration::ZERO }
}

fn attempt(result: &str) -> Attempt {
    Attempt { result: result.to_owned(), log: None, written: Vec::new() }
}

fn voted(verdict: Verdict) -> Next {
    let conclusion = Conclusion::of_scan(verdict);
    Next::End(Ending::Concluded { conclusion, evidence: Box::default() })
}

fn acted(status: Status) -> Next {
    Next::End(Ending::Concluded {
        conclusion: Conclusion::Action { status, summary: None, url: None },
        evidence: Box::default(),
    })
}

fn told() -> Next {
    Next::End(Ending::Told)
}

fn confirmed() -> Next {
    Next::End(Ending::Confirmed)
}

fn dead(reason: &str) -> Next {
    Next::End(Ending::Dead { reason: reason.to_owned(), evidence: Box::default() })
}

fn again_after(wait: Duration, counted: bool) -> Next {
    Next::Retry { at: NOW.after(wait), reason: "not now".to_owned(), counted }
}
