//! How things go on by themselves: what waits starts, what runs ends, and what has left the queue is forgotten. Looked at whenever
//! somebody asks, so that nothing happens that nobody could see.

use std::time::Duration;

use super::state::{Build, Item, Jenkins, Outcome, Parameters, Phase, Place};
use crate::emulator::date;

/// As long an item is kept that has left the queue.
const REMEMBERED: u64 = 5 * 60 * 1000;

impl Jenkins {
    pub fn go_on(&mut self, build_time: Duration) {
        let now = date::now().0;
        let held = |item: &&Item| self.jobs.get(&item.job).is_none_or(|job| job.how.hold_queue);
        let ready: Vec<u64> = self.waiting(None).filter(|item| !held(item)).map(|item| item.id).collect();
        for id in ready {
            self.start(id);
        }
        let took = u64::try_from(build_time.as_millis()).unwrap_or(u64::MAX);
        for job in self.jobs.values_mut().filter(|job| !job.how.hold_build) {
            let result = job.how.result;
            let over = |build: &&mut Build| build.building() && now.saturating_sub(build.started) >= took;
            job.builds.values_mut().filter(over).for_each(|build| build.end(result));
        }
        self.items.retain(|_, item| match item.place {
            Place::Waiting => true,
            Place::Left { at, .. } | Place::Cancelled { at } => now.saturating_sub(at) < REMEMBERED,
        });
    }

    /// What is in the queue, of one job or of all.
    pub fn waiting<'a>(&'a self, job: Option<&'a str>) -> impl Iterator<Item = &'a Item> {
        let waits = move |item: &&Item| item.place == Place::Waiting && job.is_none_or(|job| item.job == job);
        self.items.values().filter(waits)
    }

    /// Puts it into the queue: its item, and whether it is a new one. What is there with the same parameters is not queued twice.
    pub fn queue(&mut self, job: &str, parameters: Parameters) -> (u64, bool) {
        if let Some(same) = self.waiting(Some(job)).find(|item| item.parameters == parameters) {
            return (same.id, false);
        }
        let id = self.next_item;
        self.next_item += 1;
        let item = Item { id, job: job.to_owned(), parameters, since: date::now().0, place: Place::Waiting };
        self.items.insert(id, item);
        (id, true)
    }

    /// Makes a build of an item that waits.
    pub fn start(&mut self, id: u64) {
        let Some(item) = self.items.get_mut(&id).filter(|item| item.place == Place::Waiting) else { return };
        let Some(job) = self.jobs.get_mut(&item.job) else { return };
        job.given += 1;
        let number = job.given;
        let now = date::now().0;
        item.place = Place::Left { build: number, at: now };
        let (parameters, console) = (item.parameters.clone(), "Started by user unknown or anonymous\n".to_owned());
        job.builds.insert(number, Build { number, queue: id, parameters, started: now, phase: Phase::Runs, console });
    }

    /// Takes an item out of the queue, if it waits there.
    pub fn cancel(&mut self, id: u64) -> bool {
        let item = self.items.get_mut(&id).filter(|item| item.place == Place::Waiting);
        item.map(|item| item.place = Place::Cancelled { at: date::now().0 }).is_some()
    }

    /// Whether somebody stopped a build that ran.
    pub fn stop(&mut self, job: &str, number: u64) -> bool {
        let build = self.jobs.get_mut(job).and_then(|job| job.builds.get_mut(&number));
        build.map(|build| build.end(Outcome::Aborted)).is_some()
    }
}
