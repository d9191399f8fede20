//! What must hold: at the start of any work, when a registry takes something, and when everything has ended.

use std::collections::{BTreeMap, BTreeSet};

use scanrelay::registry::Outcome as Told;
use serde_json::{Value, json};

use super::world::{End, World, lane};
use super::{ACTIONS, SCHEDULE};
use crate::daemon::job::{Job, Phase};
use crate::daemon::store::{DeliveryRow, Filter, JobRow, Store};

impl World {
    /// The job is ours, it has not ended before, and nothing that is done is done again. Gives the delivery's round.
    pub(super) async fn may_begin(&self, job: &Job) -> i64 {
        let store = self.memory().store.clone();
        let Some(store) = store else { return 0 };
        let row = store.job(job.id).await.unwrap().unwrap();
        let cancelled = self.memory().cancelled.contains(&job.id);
        assert!(row.state == "running" || cancelled, "job {} is worked on while it is {}", job.id, row.state);
        if job.phase == Phase::Run {
            let fresh = self.memory().fresh.get(&job.delivery).copied().unwrap_or(1);
            let jobs = store.jobs(Filter { delivery: Some(job.delivery), limit: Some(1000), ..Filter::default() });
            for other in jobs.await.unwrap() {
                let same = other.phase == row.phase && other.name == row.name && other.id != row.id;
                assert!(
                    !(same && other.round >= fresh && is_finished(&other)),
                    "{} is done again: {other:?}",
                    job.name
                );
            }
        }
        row.round
    }

    /// A registry takes what it is told.
    pub(super) fn takes(&self, job: &Job, told: &Told) {
        let lane = lane(job);
        let mut memory = self.memory();
        let ends = memory.ends.entry(lane.clone()).or_default();
        if told.is_final() {
            let newest = ends.iter().map(|end| end.job).max().unwrap_or_default();
            assert!(job.id >= newest, "{lane}: job {} is told after job {newest}", job.id);
            ends.push(End { job: job.id, delivery: job.delivery, told: json!(told) });
        } else {
            let ended = ends.iter().find(|end| end.delivery == job.delivery && end.job > job.id);
            assert!(ended.is_none(), "{lane}: progress of {} after its end: {ended:?}", job.delivery);
        }
    }

    /// Everything has ended, and nothing fails any more.
    pub(super) async fn check(&self, store: &Store) {
        let rows = all_deliveries(store).await;
        let stored: BTreeSet<i64> = rows.iter().map(|row| row.id).collect();
        assert_eq!(stored, self.memory().accepted, "what was accepted is stored, and nothing else");
        // By lane: the newest report, which follows from the newest verdict.
        let mut newest: BTreeMap<String, JobRow> = BTreeMap::new();
        for row in &rows {
            assert!(["done", "ignored", "dead"].contains(&row.state.as_str()), "delivery {} is {}", row.id, row.state);
            check_verdicts(store, row).await;
            self.check_overtaken(row, store).await;
            let jobs = store.jobs(Filter { delivery: Some(row.id), limit: Some(1000), ..Filter::default() });
            for job in jobs.await.unwrap() {
                self.check_end(&job);
                if job.phase == "report" {
                    let lane = format!("{} of {}", row.subject, row.registry);
                    let known = newest.entry(lane).or_insert_with(|| job.clone());
                    if known.id < job.id {
                        *known = job;
                    }
                }
            }
        }
        for (lane, report) in newest {
            assert_ne!(report.state, "superseded", "{lane}: the newest report gave way to nothing: {report:?}");
            // One that is dead was told in vain for days, or cancelled by hand: what stands is what stood before.
            if report.state == "done" {
                let ends = self.memory().ends.get(&lane).cloned().unwrap_or_default();
                let stands = ends.last().unwrap_or_else(|| panic!("{lane}: {report:?} was never taken"));
                assert_eq!(
                    (stands.job, Some(&stands.told)),
                    (report.id, report.tell.as_ref()),
                    "{lane}: the last verdict stored stands"
                );
            }
        }
        self.check_order_of_actions();
    }

    /// Who gave way did so to a newer one, before it acted, and nobody was told of an end.
    async fn check_overtaken(&self, row: &DeliveryRow, store: &Store) {
        let Some(rest) = row.reason.as_deref().and_then(|reason| reason.strip_prefix("superseded: delivery ")) else {
            return;
        };
        let newer: i64 = rest.split(' ').next().unwrap().parse().unwrap();
        assert!(newer > row.id && self.memory().accepted.contains(&newer), "{} gave way to {newer}", row.id);
        self.memory().overtaken.insert(row.id);
        let jobs = store.jobs(Filter { delivery: Some(row.id), limit: Some(1000), ..Filter::default() }).await.unwrap();
        let last = jobs.iter().map(|job| job.round).max().unwrap_or_default();
        for job in jobs.iter().filter(|job| job.round == last) {
            assert_ne!(job.phase, "report", "{}: an end was to be told: {job:?}", row.id);
            let acted = job.phase == "run" && ACTIONS.contains(&job.name.as_str());
            assert!(!acted || job.attempts == 0, "{}: it had begun: {job:?}", row.id);
        }
    }

    /// Dead only when the rules allow no other try, or a person said so.
    fn check_end(&self, job: &JobRow) {
        if job.state != "dead" || self.memory().cancelled.contains(&job.id) {
            return;
        }
        let spent = match job.phase.as_str() {
            "run" => job.attempts >= SCHEDULE.plugin_attempts || SCHEDULE.wait(job.deferrals + 1).is_none(),
            "ask" | "confirm" | "report" => {
                SCHEDULE.wait(job.attempts.saturating_sub(1)).is_none() || SCHEDULE.wait(job.attempts).is_none()
            }
            _ => false,
        };
        assert!(spent, "dead before its time: {job:?}");
    }

    /// In each lane one round after the other, and first rounds in the order of acceptance.
    fn check_order_of_actions(&self) {
        for (lane, acted) in &self.memory().acted {
            let mut rounds = acted.clone();
            rounds.dedup();
            let distinct: BTreeSet<&(i64, i64)> = rounds.iter().collect();
            assert_eq!(
                distinct.len(),
                rounds.len(),
                "{lane}: actions of one delivery between those of another: {rounds:?}"
            );
            let first: Vec<i64> =
                rounds.iter().filter(|(_, round)| *round == 1).map(|(delivery, _)| *delivery).collect();
            assert!(first.is_sorted(), "{lane}: actions ran in the order {first:?}");
        }
    }
}

/// A scan with its verdict, an action that completed: never done again.
fn is_finished(job: &JobRow) -> bool {
    let conclusion = job.outcome.as_ref().map_or(&Value::Null, |outcome| &outcome["conclusion"]);
    job.state == "done" && (!ACTIONS.contains(&job.name.as_str()) || conclusion["status"] == "complete")
}

/// Safe when all who vote say so, and nothing else is.
async fn check_verdicts(store: &Store, row: &DeliveryRow) {
    for verdict in store.verdicts(row.id).await.unwrap() {
        let mut votes = verdict.votes.as_array().unwrap().iter().filter(|vote| vote["advisory"] == false);
        let all_safe = votes.all(|vote| vote["verdict"] == "safe");
        assert_eq!(verdict.verdict == "safe", all_safe, "delivery {}: {}", row.id, verdict.votes);
    }
}

async fn all_deliveries(store: &Store) -> Vec<DeliveryRow> {
    let mut all: Vec<DeliveryRow> = Vec::new();
    loop {
        let before = all.last().map(|row| row.id);
        let page = store.deliveries(Filter { before, limit: Some(1000), ..Filter::default() }).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
