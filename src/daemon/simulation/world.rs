//! The scripted world: plugins and a registry that fail at random, and a memory of everything that was done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use actix_web::test::TestRequest;
use scanrelay::plugin::{Conclusion, Line, PluginKind, Severity, Status, Transcript, Verdict};
use scanrelay::registry::Outcome as Told;
use scanrelay::{Receiver, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{RUNS, RUNS_PER_PLUGIN};
use crate::daemon::effects::{Effect, Effects, Saved};
use crate::daemon::job::{Job, Outcome, Phase, Written};
use crate::daemon::running::Tail;
use crate::daemon::store::{Filter, Store};

pub(super) struct World {
    memory: Mutex<Memory>,
}

struct Memory {
    random: u64,
    store: Option<Store>,
    healed: bool,
    sent: Vec<String>,
    accepted: BTreeSet<i64>,
    /// By run: what the plugin saved and was told to be stored.
    saved: BTreeMap<String, Value>,
    /// What runs at this moment, by plugin.
    running: BTreeMap<String, u32>,
    /// Lanes in use at this moment: the subject of a report, the model of an action.
    lanes: BTreeSet<String>,
    /// By subject: every end that the registry took, with the delivery.
    told: BTreeMap<String, Vec<(i64, Told)>>,
    /// By model: deliveries whose actions ran, in order.
    acted: BTreeMap<String, Vec<i64>>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let memory = Memory {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            store: None,
            healed: false,
            sent: Vec::new(),
            accepted: BTreeSet::new(),
            saved: BTreeMap::new(),
            running: BTreeMap::new(),
            lanes: BTreeSet::new(),
            told: BTreeMap::new(),
            acted: BTreeMap::new(),
        };
        Self { memory: Mutex::new(memory) }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn starts(&self, store: &Store) {
        self.memory().store = Some(store.clone());
    }

    /// The daemon is gone, and with it everything that ran.
    pub(super) fn dies(&self) {
        let mut memory = self.memory();
        memory.store = None;
        memory.running.clear();
        memory.lanes.clear();
    }

    /// From now on everything works, so that everything ends.
    pub(super) fn heal(&self) {
        self.memory().healed = true;
    }

    /// A number below `below` (xorshift64*; any generator would do).
    pub(super) fn roll(&self, below: u64) -> u64 {
        let mut memory = self.memory();
        let mut x = memory.random;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        memory.random = x;
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below.max(1)
    }

    fn fails(&self, percent: u64) -> bool {
        self.roll(100) < percent && !self.memory().healed
    }

    pub(super) fn next_webhook(&self, receiver: &Receiver, now: Timestamp) -> TestRequest {
        let body = if self.roll(4) == 0 && !self.memory().sent.is_empty() {
            let count = self.memory().sent.len() as u64;
            let nth = self.roll(count);
            self.memory().sent[usize::try_from(nth).unwrap()].clone()
        } else {
            self.new_body(now)
        };
        let headers = receiver.verifier().sign(None, now, body.as_bytes()).unwrap();
        let request = TestRequest::post().uri("/hooks/verta").insert_header(("Content-Type", "application/json"));
        headers.into_iter().fold(request, actix_web::test::TestRequest::insert_header).set_payload(body)
    }

    fn new_body(&self, now: Timestamp) -> String {
        let nth = self.memory().sent.len();
        let entity = if self.roll(2) == 0 {
            json!({ "scan_request": { "buildId": (5000 + self.roll(4)).to_string() } })
        } else {
            let model = 1 + self.roll(3);
            json!({ "model_version": { "id": (10 * model + self.roll(3)).to_string(), "registered_model_id": model.to_string(), "stage": "PRODUCTION" } })
        };
        let kind = if entity.get("scan_request").is_some() { "REQUEST_SCAN" } else { "PROMOTE" };
        let event = json!({ "event_uuid": format!("event-{nth}"), "event_type": kind, "timestamp": now.as_millis().to_string(), "new_entity": entity });
        let body = event.to_string();
        self.memory().sent.push(body.clone());
        body
    }

    pub(super) fn answered(&self, status: u16, body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap();
        let id: i64 = answer["delivery"].as_str().unwrap_or_default().parse().unwrap_or_default();
        match status {
            202 => assert!(self.memory().accepted.insert(id), "delivery {id} was accepted twice"),
            200 => assert!(self.memory().accepted.contains(&id), "a duplicate of {id}, which was never accepted"),
            status => panic!("answered {status}: {answer}"),
        }
    }

    /// What must hold at the start of any work: the job is ours, and it has not ended before.
    async fn is_ours(&self, job: &Job) {
        let store = self.memory().store.clone();
        if let Some(store) = store {
            let row = store.job(job.id).await.unwrap().unwrap();
            assert_eq!(row.state, "running", "job {} is worked on while it is {}", job.id, row.state);
        }
    }

    pub(super) async fn check(&self, store: &Store) {
        let rows = store.deliveries(Filter { limit: Some(1000), ..Filter::default() }).await.unwrap();
        let stored: BTreeSet<i64> = rows.iter().map(|row| row.id).collect();
        assert_eq!(stored, self.memory().accepted, "what was accepted is stored, and nothing else");
        let mut last: BTreeMap<String, (Timestamp, i64)> = BTreeMap::new();
        for row in &rows {
            assert!(["done", "ignored", "dead"].contains(&row.state.as_str()), "delivery {} is {}", row.id, row.state);
            for verdict in store.verdicts(row.id).await.unwrap() {
                let newest = last.entry(row.subject.clone()).or_insert((verdict.settled_at, row.id));
                *newest = (*newest).max((verdict.settled_at, row.id));
                let votes = verdict.votes.as_array().unwrap().iter().filter(|vote| vote["advisory"] == false);
                let all_safe = votes.clone().all(|vote| vote["verdict"] == "safe");
                assert_eq!(verdict.verdict == "safe", all_safe, "delivery {}: {}", row.id, verdict.votes);
            }
        }
        let told = self.memory().told.clone();
        for (subject, ends) in &told {
            let Some((_, newest)) = last.get(subject).filter(|_| subject.starts_with("build:")) else { continue };
            assert_eq!(
                ends.last().map(|(delivery, _)| delivery),
                Some(newest),
                "{subject}: the last verdict stored stands"
            );
        }
        for (model, acted) in &self.memory().acted {
            assert!(acted.is_sorted(), "{model}: actions ran in the order {acted:?}");
        }
        assert!(!self.memory().accepted.is_empty());
    }
}

/// Gives the place back when the work ends, however it ends.
struct Place<'a>(&'a World, String, bool);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut memory = self.0.memory();
        if self.2 {
            memory.lanes.remove(&self.1);
        } else if let Some(running) = memory.running.get_mut(&self.1) {
            *running = running.saturating_sub(1);
        }
    }
}

impl World {
    fn run_place(&self, job: &Job) -> Place<'_> {
        let mut memory = self.memory();
        let running = memory.running.entry(job.name.clone()).or_default();
        *running += 1;
        assert!(*running <= RUNS_PER_PLUGIN, "{} runs of {}", running, job.name);
        assert!(memory.running.values().sum::<u32>() <= RUNS, "more runs than allowed");
        Place(self, job.name.clone(), false)
    }

    fn lane_place(&self, lane: String) -> Place<'_> {
        assert!(self.memory().lanes.insert(lane.clone()), "two at a time in {lane}");
        Place(self, lane, true)
    }

    async fn some_time(&self, longest: u64, stop: &CancellationToken) -> bool {
        let wait = Duration::from_millis(self.roll(longest));
        tokio::select! {
            () = time::sleep(wait) => true,
            () = stop.cancelled() => false,
        }
    }
}

impl Effects for World {
    async fn run(&self, job: &Job, saves: mpsc::Sender<Saved>, _log: Tail, stop: CancellationToken) -> Effect {
        self.is_ours(job).await;
        let action = ["deploy", "notify"].contains(&job.name.as_str());
        let _place = self.run_place(job);
        let model = job.event.model.id.clone().unwrap_or_default();
        let _lane = action.then(|| self.lane_place(format!("model {model}")));
        if action && job.name == "deploy" {
            self.memory().acted.entry(model).or_default().push(job.delivery);
        }
        assert_eq!(self.memory().saved.get(&job.run_id), job.checkpoint.as_ref(), "a stored checkpoint is given back");
        if self.roll(3) == 0 {
            let data = json!({ "step": self.roll(1000) });
            let (committed, answer) = oneshot::channel();
            // Stored when the daemon says so; a crash in between leaves the one before or this one.
            let before = self.memory().saved.insert(job.run_id.clone(), data.clone());
            if saves.send(Saved { data, committed }).await.is_err() || !answer.await.unwrap_or(false) {
                match before {
                    Some(before) => self.memory().saved.insert(job.run_id.clone(), before),
                    None => self.memory().saved.remove(&job.run_id),
                };
            }
        }
        if !self.some_time(600_000, &stop).await {
            return Outcome::Drained.into();
        }
        if self.fails(15) {
            return Outcome::Failed("exited with 3".to_owned()).into();
        }
        if self.fails(10) {
            return Outcome::TryLater("busy".to_owned()).into();
        }
        let kind = if action { PluginKind::Action } else { PluginKind::Scanner };
        let mut transcript = Transcript::new(kind, Severity::High);
        let line = match self.roll(4) {
            0 if action => Line::result_of_action(Status::Failed),
            _ if action => Line::result_of_action(Status::Complete),
            0 => Line::result_of_scan(Verdict::Unsafe),
            1 if !self.memory().healed => Line::result_of_scan(Verdict::Inconclusive),
            _ => Line::result_of_scan(Verdict::Safe),
        };
        transcript.take(line.to_string().as_bytes());
        let conclusion: Conclusion = transcript.end().unwrap();
        Outcome::Concluded { conclusion, artifact: None }.into()
    }

    async fn tell(&self, job: &Job, stop: CancellationToken) -> Effect {
        self.is_ours(job).await;
        let lane = match job.phase {
            Phase::Confirm => format!("model {}", job.event.model.id.clone().unwrap_or_default()),
            _ => format!("subject {}", job.event.subject()),
        };
        let _lane = self.lane_place(lane);
        if !self.some_time(20_000, &stop).await {
            return Outcome::Drained.into();
        }
        if self.fails(25) {
            return Outcome::Unreachable { reason: "503".to_owned(), retry_after: None }.into();
        }
        match (&job.phase, &job.tell) {
            (Phase::Confirm, _) if self.fails(10) => Outcome::NotConfirmed("moved on".to_owned()).into(),
            (Phase::Confirm, _) => Outcome::Confirmed.into(),
            (_, Some(told)) => {
                let subject = job.event.subject();
                let mut memory = self.memory();
                let ends = memory.told.entry(subject).or_default();
                if told.is_final() {
                    ends.push((job.delivery, told.clone()));
                } else {
                    assert!(ends.iter().all(|(delivery, _)| *delivery != job.delivery), "progress after the end");
                }
                Outcome::Told(vec![Written { key: "told".to_owned(), value: "value".to_owned() }]).into()
            }
            (phase, None) => panic!("{phase} with nothing to tell"),
        }
    }
}
