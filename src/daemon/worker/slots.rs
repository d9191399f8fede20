//! Who may start how much: slots per plugin, per registry, and for all runs together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scanrelay::Timestamp;
use tracing::{error, info, warn};

use super::attempt::Over;
use super::breaker::{Breaker, Feed, Turned, Went};
use crate::daemon::breakers::BreakerRow;
use crate::daemon::job::{Job, Phase, Schedule, plugin_queue, registry_queue};
use crate::daemon::store::Want;

/// Slots and leases of the configured queues.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Runs of all plugins together.
    pub runs: u32,
    pub plugins: BTreeMap<String, PluginLimit>,
    /// By registry: requests at a time, and the lease of one.
    pub registries: BTreeMap<String, (u32, Duration)>,
    /// After so many failures in a row a registry is probed by one job at a time.
    pub probe_after: u32,
    /// Queues that reloads took out of the configuration: what may still come for them is ended.
    pub gone: BTreeSet<String>,
}

/// What one plugin may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginLimit {
    /// Runs at a time.
    pub slots: u32,
    /// How long one may hold its lease.
    pub lease: Duration,
    /// So many failures in a row stop what it is fed with; 0: never.
    pub breaker: u32,
}

pub(super) struct Slots {
    queues: BTreeMap<String, Queue>,
    schedule: Schedule,
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
    /// A plugin's.
    breaker: Breaker,
}

/// The lease of a job whose plugin or registry is not configured (any more): it is ended, not worked on.
const ORPHAN_LEASE: Duration = Duration::from_secs(30);

impl Queue {
    /// One that no setting knows: a slot in which its jobs are ended.
    fn orphan() -> Self {
        Self { slots: 1, taken: 0, lease: ORPHAN_LEASE, failures: 0, left_alone: None, breaker: Breaker::default() }
    }
}

impl Slots {
    /// The configured queues, and those that only old jobs know.
    pub(super) fn new(limits: &Limits, schedule: Schedule, known: Vec<String>) -> Self {
        let mut slots = Self { queues: BTreeMap::new(), schedule, runs: 0, running: 0, probe_after: 0 };
        slots.learn(known);
        slots.apply(limits, schedule);
        slots
    }

    /// There are jobs of these queues, whoever knows them.
    pub(super) fn learn(&mut self, known: impl IntoIterator<Item = String>) {
        for name in known {
            self.queues.entry(name).or_insert_with(Queue::orphan);
        }
    }

    /// Other limits. What is taken stays taken, also where that is more than there is now.
    pub(super) fn apply(&mut self, limits: &Limits, schedule: Schedule) {
        let plugins = limits.plugins.iter().map(|(name, limit)| (plugin_queue(name), *limit));
        let registries = limits.registries.iter().map(|(name, (slots, lease))| {
            (registry_queue(name), PluginLimit { slots: *slots, lease: *lease, breaker: 0 })
        });
        let configured: BTreeMap<String, PluginLimit> = plugins.chain(registries).collect();
        self.learn(limits.gone.iter().chain(configured.keys()).cloned());
        for (name, queue) in &mut self.queues {
            // Where nothing is configured any more, what still runs does not keep the rest from being ended.
            let orphan = PluginLimit { slots: queue.taken + 1, lease: ORPHAN_LEASE, breaker: 0 };
            let limit = configured.get(name).unwrap_or(&orphan);
            (queue.slots, queue.lease) = (limit.slots, limit.lease);
            queue.breaker.set(limit.breaker);
        }
        (self.runs, self.probe_after, self.schedule) = (limits.runs, limits.probe_after, schedule);
    }

    /// Somebody has done something by hand, and may have mended a plugin.
    pub(super) fn probe_now(&mut self) {
        self.queues.values_mut().for_each(|queue| queue.breaker.probe_now());
    }

    /// Which plugins are not fed.
    pub(super) fn open_breakers(&self) -> Vec<BreakerRow> {
        let open = self.queues.iter().filter_map(|(name, queue)| Some((name, queue.breaker.open()?)));
        open.map(|(name, open)| BreakerRow {
            plugin: name.strip_prefix("plugin:").unwrap_or(name).to_owned(),
            since: open.since,
            failures: open.failures,
            reason: open.reason.clone(),
            probe_at: open.probe_at,
        })
        .collect()
    }

    /// Every queue with a free slot.
    pub(super) fn wants(&self, now: Timestamp) -> Vec<Want> {
        let free = |queue: &Queue| {
            if queue.left_alone.is_some_and(|until| until > now) {
                return 0;
            }
            let probed = queue.failures >= self.probe_after || self.feed(queue, now) == Feed::Probe;
            let slots = if probed { queue.slots.min(1) } else { queue.slots };
            slots.saturating_sub(queue.taken)
        };
        let wants = self.queues.iter().map(|(name, queue)| {
            let waited = match self.feed(queue, now) {
                Feed::Nothing { waited } => waited,
                Feed::Everything | Feed::Probe => Duration::ZERO,
            };
            Want { queue: name.clone(), slots: free(queue), lease: queue.lease, waited }
        });
        wants.filter(|want| want.slots > 0).collect()
    }

    fn feed(&self, queue: &Queue, now: Timestamp) -> Feed {
        queue.breaker.feed(now, &self.schedule)
    }

    /// When the next queue is not left alone any more, or the next plugin to be probed.
    pub(super) fn next_wanted(&self, now: Timestamp) -> Option<Timestamp> {
        let probes = self.queues.values().filter_map(|queue| Some(queue.breaker.open()?.probe_at));
        self.queues.values().filter_map(|queue| queue.left_alone).chain(probes).filter(|at| *at > now).min()
    }

    /// Why a job that was just claimed is ended and not run: its plugin is not fed, and it has waited for too long.
    pub(super) fn stopped(&self, job: &Job, now: Timestamp) -> Option<String> {
        let queue = self.queues.get(&job.queue)?;
        let (Feed::Nothing { waited }, Some(open)) = (self.feed(queue, now), queue.breaker.open()) else { return None };
        Some(format!(
            "not run within {waited:?}: the breaker of {} is open after {} failures in a row, the last: {}",
            job.name, open.failures, open.reason
        ))
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
    pub(super) fn release(&mut self, over: &Over, now: Timestamp) {
        self.running = self.running.saturating_sub(u32::from(over.phase == Phase::Run));
        let Some(queue) = self.queues.get_mut(&over.queue) else { return };
        queue.taken = queue.taken.saturating_sub(1);
        if over.phase == Phase::Run {
            let turned = queue.breaker.learn(&over.went, now, &self.schedule);
            return tell(over, queue, turned);
        }
        queue.left_alone = queue.left_alone.max(over.left_alone);
        queue.failures = if matches!(over.went, Went::Failed(_)) { queue.failures.saturating_add(1) } else { 0 };
        if queue.failures == self.probe_after {
            warn!(
                registry = over.queue.strip_prefix("registry:"),
                failures = queue.failures,
                "the registry keeps failing: probing it with one job at a time"
            );
        }
    }
}

/// Says so where a breaker has opened or closed.
fn tell(over: &Over, queue: &Queue, turned: Option<Turned>) {
    let plugin = over.queue.strip_prefix("plugin:").unwrap_or(&over.queue);
    match (turned, queue.breaker.open()) {
        (Some(Turned::Open), Some(open)) => error!(
            plugin,
            failures = open.failures,
            "the breaker has opened: {plugin} fails again and again ({}); its jobs wait, and one at a time probes it; \
             after mending: scanrelay jobs retry, or a reload, probes it at once",
            open.reason
        ),
        (Some(Turned::Closed), _) => info!(plugin, "the breaker has closed: {plugin} works again"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn limits(runs: u32, plugins: &[(&str, u32)], gone: &[&str]) -> Limits {
        let plugin = |(name, slots): &(&str, u32)| {
            ((*name).to_owned(), PluginLimit { slots: *slots, lease: Duration::from_mins(5), breaker: 2 })
        };
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
        ends(slots, name, Went::Well, 0);
    }

    fn ends(slots: &mut Slots, name: &str, went: Went, at: u64) {
        let over = Over { queue: plugin_queue(name), phase: Phase::Run, went, left_alone: None };
        slots.release(&over, NOW.after(Duration::from_secs(at)));
    }

    #[test]
    fn what_is_taken_stays_taken_when_limits_change() {
        let mut slots = Slots::new(&limits(4, &[("a", 2), ("b", 1)], &[]), SCHEDULE, Vec::new());
        take(&mut slots, "a");
        take(&mut slots, "a");
        check(&slots, &[("b", 1)], 2);
        slots.apply(&limits(8, &[("a", 3), ("b", 1)], &[]), SCHEDULE);
        check(&slots, &[("a", 1), ("b", 1)], 6);
        slots.apply(&limits(1, &[("a", 1), ("b", 1)], &[]), SCHEDULE);
        check(&slots, &[("b", 1)], 0);
        release(&mut slots, "a");
        check(&slots, &[("b", 1)], 0);
        release(&mut slots, "a");
        check(&slots, &[("a", 1), ("b", 1)], 1);
    }

    #[test]
    fn queues_that_nothing_configures_have_a_slot_to_end_their_jobs_in() {
        let mut slots = Slots::new(&limits(4, &[("a", 1)], &[]), SCHEDULE, vec![plugin_queue("old")]);
        check(&slots, &[("a", 1), ("old", 1)], 4);
        take(&mut slots, "a");
        slots.apply(&limits(4, &[("b", 2)], &["a"]), SCHEDULE);
        check(&slots, &[("a", 1), ("b", 2), ("old", 1)], 3);
        assert!(slots.wants(NOW).iter().all(|want| (want.lease == ORPHAN_LEASE) != (want.queue == plugin_queue("b"))));
        // One that came and went between two looks.
        slots.apply(&limits(4, &[("a", 1)], &["between"]), SCHEDULE);
        check(&slots, &[("b", 1), ("between", 1), ("old", 1)], 3);
        slots.learn([plugin_queue("retried"), plugin_queue("a")]);
        check(&slots, &[("b", 1), ("between", 1), ("old", 1), ("retried", 1)], 3);
    }

    #[test]
    fn a_registry_that_asks_for_it_is_left_alone() {
        let registries = [("north", (4, LEASE)), ("south", (4, LEASE))].map(|(name, limit)| (name.to_owned(), limit));
        let mut slots =
            Slots::new(&Limits { registries: registries.into(), ..limits(4, &[], &[]) }, SCHEDULE, Vec::new());
        let wanted = |slots: &Slots, after: u64| {
            let wants = slots.wants(NOW.after(Duration::from_secs(after)));
            wants.into_iter().map(|want| (want.queue, want.slots)).collect::<Vec<_>>()
        };
        let (north, south) = (registry_queue("north"), registry_queue("south"));
        let over = |went, wait: Option<u64>| Over {
            queue: registry_queue("north"),
            phase: Phase::Report,
            went,
            left_alone: wait.map(|wait| NOW.after(Duration::from_secs(wait))),
        };
        slots.release(&over(Went::Failed(String::new()), Some(60)), NOW);
        slots.release(&over(Went::Failed(String::new()), Some(10)), NOW);
        assert_eq!(wanted(&slots, 59), [(south.clone(), 4)], "the longer wait holds");
        assert_eq!(slots.next_wanted(NOW), Some(NOW.after(Duration::from_mins(1))));
        // Who was on the way already may be answered well meanwhile.
        slots.release(&over(Went::Well, None), NOW);
        assert_eq!(wanted(&slots, 59), [(south.clone(), 4)]);
        assert_eq!(wanted(&slots, 60), [(north, 4), (south, 4)]);
        assert_eq!(slots.next_wanted(NOW.after(Duration::from_mins(1))), None);
    }

    #[test]
    fn a_plugin_that_fails_in_a_row_is_fed_one_job_now_and_then_and_its_neighbour_as_before() {
        let mut slots = Slots::new(&limits(9, &[("a", 4), ("b", 2)], &[]), SCHEDULE, Vec::new());
        let fails = || Went::Failed("exited with 3".to_owned());
        let wanted = |slots: &Slots, after: u64| {
            let wants = slots.wants(NOW.after(Duration::from_secs(after)));
            wants.into_iter().map(|want| (want.slots, want.waited)).collect::<Vec<_>>()
        };
        let nothing = SCHEDULE.give_up;
        (0..3).for_each(|_| take(&mut slots, "a"));
        ends(&mut slots, "a", fails(), 0);
        assert_eq!(wanted(&slots, 0), [(2, Duration::ZERO), (2, Duration::ZERO)]);
        ends(&mut slots, "a", fails(), 0);
        assert_eq!(wanted(&slots, 9), [(3, nothing), (2, Duration::ZERO)], "only what has waited for too long");
        assert_eq!(slots.next_wanted(NOW), Some(NOW.after(SCHEDULE.first)));
        assert_eq!(wanted(&slots, 10), [(2, Duration::ZERO)], "the third one is still at it, and is the probe");
        assert_eq!(slots.open_breakers().len(), 1);
        ends(&mut slots, "a", Went::Neither, 10);
        assert_eq!(wanted(&slots, 10), [(1, Duration::ZERO), (2, Duration::ZERO)]);
        take(&mut slots, "a");
        assert_eq!(wanted(&slots, 11), [(2, Duration::ZERO)], "one at a time");
        ends(&mut slots, "a", fails(), 11);
        assert_eq!(wanted(&slots, 30), [(4, nothing), (2, Duration::ZERO)]);
        slots.probe_now();
        assert_eq!(wanted(&slots, 12), [(1, Duration::ZERO), (2, Duration::ZERO)]);
        take(&mut slots, "a");
        ends(&mut slots, "a", Went::Well, 12);
        assert_eq!(wanted(&slots, 12), [(4, Duration::ZERO), (2, Duration::ZERO)]);
        assert!(slots.open_breakers().is_empty());
    }

    const LEASE: Duration = Duration::from_mins(5);
    const SCHEDULE: Schedule = Schedule {
        first: Duration::from_secs(10),
        longest: Duration::from_hours(1),
        give_up: Duration::from_hours(72),
        plugin_attempts: 5,
    };
}
