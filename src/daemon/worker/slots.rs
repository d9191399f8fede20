//! Who may start how much: slots per plugin, per registry, and for all runs together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scanrelay::Timestamp;
use tracing::warn;

use super::attempt::Over;
use crate::daemon::job::{Job, Phase, plugin_queue, registry_queue};
use crate::daemon::store::Want;

/// Slots and leases of the configured queues.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Runs of all plugins together.
    pub runs: u32,
    /// By plugin: runs at a time, and how long one may hold its lease.
    pub plugins: BTreeMap<String, (u32, Duration)>,
    /// By registry: requests at a time, and the lease of one.
    pub registries: BTreeMap<String, (u32, Duration)>,
    /// After so many failures in a row a registry is probed by one job at a time.
    pub probe_after: u32,
    /// Queues that reloads took out of the configuration: what may still come for them is ended.
    pub gone: BTreeSet<String>,
}

pub(super) struct Slots {
    queues: BTreeMap<String, Queue>,
    runs: u32,
    running: u32,
    probe_after: u32,
}

struct Queue {
    slots: u32,
    taken: u32,
    lease: Duration,
    failures: u32,
    /// The registry asked for it: nobody asks it anything before.
    left_alone: Option<Timestamp>,
}

/// The lease of a job whose plugin or registry is not configured (any more): it is ended, not worked on.
const ORPHAN_LEASE: Duration = Duration::from_secs(30);

impl Queue {
    /// One that no setting knows: a slot in which its jobs are ended.
    fn orphan() -> Self {
        Self { slots: 1, taken: 0, lease: ORPHAN_LEASE, failures: 0, left_alone: None }
    }
}

impl Slots {
    /// The configured queues, and those that only old jobs know.
    pub(super) fn new(limits: &Limits, known: Vec<String>) -> Self {
        let mut slots = Self { queues: BTreeMap::new(), runs: 0, running: 0, probe_after: 0 };
        slots.learn(known);
        slots.apply(limits);
        slots
    }

    /// There are jobs of these queues, whoever knows them.
    pub(super) fn learn(&mut self, known: impl IntoIterator<Item = String>) {
        for name in known {
            self.queues.entry(name).or_insert_with(Queue::orphan);
        }
    }

    /// Other limits. What is taken stays taken, also where that is more than there is now.
    pub(super) fn apply(&mut self, limits: &Limits) {
        for queue in self.queues.values_mut() {
            // What still runs does not keep the rest from being ended.
            (queue.slots, queue.lease) = (queue.taken + 1, ORPHAN_LEASE);
        }
        self.learn(limits.gone.iter().cloned());
        let plugins = limits.plugins.iter().map(|(name, limit)| (plugin_queue(name), *limit));
        let registries = limits.registries.iter().map(|(name, limit)| (registry_queue(name), *limit));
        for (name, (slots, lease)) in plugins.chain(registries) {
            let queue = self.queues.entry(name).or_insert_with(Queue::orphan);
            (queue.slots, queue.lease) = (slots, lease);
        }
        (self.runs, self.probe_after) = (limits.runs, limits.probe_after);
    }

    /// Every queue with a free slot.
    pub(super) fn wants(&self, now: Timestamp) -> Vec<Want> {
        let free = |queue: &Queue| {
            if queue.left_alone.is_some_and(|until| until > now) {
                return 0;
            }
            let slots = if queue.failures >= self.probe_after { queue.slots.min(1) } else { queue.slots };
            slots.saturating_sub(queue.taken)
        };
        let wants = self.queues.iter().map(|(name, queue)| Want {
            queue: name.clone(),
            slots: free(queue),
            lease: queue.lease,
        });
        wants.filter(|want| want.slots > 0).collect()
    }

    /// When the next queue is not left alone any more.
    pub(super) fn next_wanted(&self, now: Timestamp) -> Option<Timestamp> {
        self.queues.values().filter_map(|queue| queue.left_alone).filter(|until| *until > now).min()
    }

    pub(super) fn free_runs(&self) -> u32 {
        self.runs.saturating_sub(self.running)
    }

    pub(super) fn take(&mut self, job: &Job) {
        if let Some(queue) = self.queues.get_mut(&job.queue) {
            queue.taken += 1;
        }
        self.running += u32::from(job.phase == Phase::Run);
    }

    /// A job's task that breaks releases nothing: its lease will end and give the job back; its slot stays taken, so that it
    /// cannot take the others along.
    pub(super) fn release(&mut self, over: &Over) {
        self.running = self.running.saturating_sub(u32::from(over.phase == Phase::Run));
        let Some(queue) = self.queues.get_mut(&over.queue) else { return };
        queue.taken = queue.taken.saturating_sub(1);
        if over.phase == Phase::Run {
            return;
        }
        queue.left_alone = queue.left_alone.max(over.left_alone);
        queue.failures = if over.unreachable { queue.failures.saturating_add(1) } else { 0 };
        if queue.failures == self.probe_after {
            warn!(
                registry = over.queue.strip_prefix("registry:"),
                failures = queue.failures,
                "the registry keeps failing: probing it with one job at a time"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn limits(runs: u32, plugins: &[(&str, u32)], gone: &[&str]) -> Limits {
        let plugin = |(name, slots): &(&str, u32)| ((*name).to_owned(), (*slots, Duration::from_mins(5)));
        Limits {
            runs,
            plugins: plugins.iter().map(plugin).collect(),
            registries: BTreeMap::new(),
            probe_after: 5,
            gone: gone.iter().map(|name| plugin_queue(name)).collect(),
        }
    }

    /// The free slots of each queue, and those for runs of all.
    fn check(slots: &Slots, expected: &[(&str, u32)], runs: u32) {
        let free: Vec<(String, u32)> = slots.wants(NOW).into_iter().map(|want| (want.queue, want.slots)).collect();
        let expected: Vec<(String, u32)> = expected.iter().map(|(name, slots)| (plugin_queue(name), *slots)).collect();
        assert_eq!((free, slots.free_runs()), (expected, runs));
    }

    fn take(slots: &mut Slots, name: &str) {
        slots.queues.get_mut(&plugin_queue(name)).unwrap().taken += 1;
        slots.running += 1;
    }

    fn release(slots: &mut Slots, name: &str) {
        slots.release(&Over { queue: plugin_queue(name), phase: Phase::Run, unreachable: false, left_alone: None });
    }

    #[test]
    fn what_is_taken_stays_taken_when_limits_change() {
        let mut slots = Slots::new(&limits(4, &[("a", 2), ("b", 1)], &[]), Vec::new());
        take(&mut slots, "a");
        take(&mut slots, "a");
        check(&slots, &[("b", 1)], 2);
        slots.apply(&limits(8, &[("a", 3), ("b", 1)], &[]));
        check(&slots, &[("a", 1), ("b", 1)], 6);
        slots.apply(&limits(1, &[("a", 1), ("b", 1)], &[]));
        check(&slots, &[("b", 1)], 0);
        release(&mut slots, "a");
        check(&slots, &[("b", 1)], 0);
        release(&mut slots, "a");
        check(&slots, &[("a", 1), ("b", 1)], 1);
    }

    #[test]
    fn queues_that_nothing_configures_have_a_slot_to_end_their_jobs_in() {
        let mut slots = Slots::new(&limits(4, &[("a", 1)], &[]), vec![plugin_queue("old")]);
        check(&slots, &[("a", 1), ("old", 1)], 4);
        take(&mut slots, "a");
        slots.apply(&limits(4, &[("b", 2)], &["a"]));
        check(&slots, &[("a", 1), ("b", 2), ("old", 1)], 3);
        assert!(slots.wants(NOW).iter().all(|want| (want.lease == ORPHAN_LEASE) != (want.queue == plugin_queue("b"))));
        // One that came and went between two looks.
        slots.apply(&limits(4, &[("a", 1)], &["between"]));
        check(&slots, &[("b", 1), ("between", 1), ("old", 1)], 3);
        slots.learn([plugin_queue("retried"), plugin_queue("a")]);
        check(&slots, &[("b", 1), ("between", 1), ("old", 1), ("retried", 1)], 3);
    }

    #[test]
    fn a_registry_that_asks_for_it_is_left_alone() {
        let registries = [("north", (4, LEASE)), ("south", (4, LEASE))].map(|(name, limit)| (name.to_owned(), limit));
        let mut slots = Slots::new(&Limits { registries: registries.into(), ..limits(4, &[], &[]) }, Vec::new());
        let wanted = |slots: &Slots, after: u64| {
            let wants = slots.wants(NOW.after(Duration::from_secs(after)));
            wants.into_iter().map(|want| (want.queue, want.slots)).collect::<Vec<_>>()
        };
        let (north, south) = (registry_queue("north"), registry_queue("south"));
        let over = |unreachable, wait: Option<u64>| Over {
            queue: registry_queue("north"),
            phase: Phase::Report,
            unreachable,
            left_alone: wait.map(|wait| NOW.after(Duration::from_secs(wait))),
        };
        slots.release(&over(true, Some(60)));
        slots.release(&over(true, Some(10)));
        assert_eq!(wanted(&slots, 59), [(south.clone(), 4)], "the longer wait holds");
        assert_eq!(slots.next_wanted(NOW), Some(NOW.after(Duration::from_mins(1))));
        // Who was on the way already may be answered well meanwhile.
        slots.release(&over(false, None));
        assert_eq!(wanted(&slots, 59), [(south.clone(), 4)]);
        assert_eq!(wanted(&slots, 60), [(north, 4), (south, 4)]);
        assert_eq!(slots.next_wanted(NOW.after(Duration::from_mins(1))), None);
    }

    const LEASE: Duration = Duration::from_mins(5);
}
