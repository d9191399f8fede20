//! A plugin that fails again and again is not fed with what waits for it: one job at a time probes whether it works again.
//! What waits keeps its attempts meanwhile, and ends when it has waited for as long as a job is ever tried again.

use std::time::Duration;

use scanrelay::Timestamp;

use crate::daemon::job::Schedule;

/// A plugin that was mended is found so within this time.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What became of a run, as far as it says something about its plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Went {
    Well,
    Failed(String),
    /// It was not run, or stopped, or asked to be tried later: that says nothing.
    Neither,
}

/// What a plugin is fed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    Everything,
    /// One job, to see whether it works again.
    Probe,
    /// Nothing. What has been due for so long is ended.
    Nothing {
        waited: Duration,
    },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    /// How many failures in a row open it; 0: none do.
    after: u32,
    failures: u32,
    open: Option<Open>,
}

/// A breaker is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) since: Timestamp,
    pub(super) failures: u32,
    /// Why the last run failed.
    pub(super) reason: String,
    pub(super) probe_at: Timestamp,
    /// So many times in vain.
    probes: u32,
}

/// What a run did to its plugin's breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    Open,
    Closed,
}

impl Breaker {
    /// Another bound. Who changes it may have mended the plugin, too: it is probed at once.
    pub(super) fn set(&mut self, after: u32) {
        self.after = after;
        if after == 0 {
            self.open = None;
        }
        self.probe_now();
    }

    pub(super) fn probe_now(&mut self) {
        if let Some(open) = &mut self.open {
            (open.probe_at, open.probes) = (Timestamp::default(), 0);
        }
    }

    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    pub(super) fn feed(&self, now: Timestamp, schedule: &Schedule) -> Feed {
        match &self.open {
            None => Feed::Everything,
            Some(open) if open.probe_at <= now => Feed::Probe,
            Some(_) => Feed::Nothing { waited: schedule.give_up },
        }
    }

    /// A run has ended. Whether that opens or closes the breaker.
    pub(super) fn learn(&mut self, went: &Went, now: Timestamp, schedule: &Schedule) -> Option<Turned> {
        match went {
            Went::Neither => None,
            Went::Well => {
                self.failures = 0;
                self.open.take().map(|_| Turned::Closed)
            }
            Went::Failed(reason) => {
                self.failures = self.failures.saturating_add(1);
                if self.after == 0 || self.failures < self.after {
                    return None;
                }
                let (failures, reason) = (self.failures, reason.clone());
                match &mut self.open {
                    None => {
                        let probe_at = now.after(pause(schedule, 0));
                        self.open = Some(Open { since: now, failures, reason, probe_at, probes: 0 });
                        return Some(Turned::Open);
                    }
                    // One that was at it already when it opened is no probe.
                    Some(open) if now < open.probe_at => (open.failures, open.reason) = (failures, reason),
                    Some(open) => {
                        (open.failures, open.reason, open.probes) = (failures, reason, open.probes + 1);
                        open.probe_at = now.after(pause(schedule, open.probes));
                    }
                }
                None
            }
        }
    }
}

/// After so many probes in vain.
fn pause(schedule: &Schedule, probes: u32) -> Duration {
    schedule.first.saturating_mul(1 << probes.min(31)).min(schedule.longest).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const SCHEDULE: Schedule = Schedule {
        first: Duration::from_secs(10),
        longest: Duration::from_hours(1),
        give_up: Duration::from_hours(72),
        plugin_attempts: 5,
    };
    const NOTHING: Feed = Feed::Nothing { waited: SCHEDULE.give_up };

    fn breaker(after: u32) -> Breaker {
        let mut breaker = Breaker::default();
        breaker.set(after);
        breaker
    }

    fn fails(breaker: &mut Breaker, at: u64) -> Option<Turned> {
        breaker.learn(&Went::Failed("exited with 3".to_owned()), later(at), &SCHEDULE)
    }

    fn later(seconds: u64) -> Timestamp {
        NOW.after(Duration::from_secs(seconds))
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_closes_it() {
        let mut breaker = breaker(3);
        assert_eq!(fails(&mut breaker, 0), None);
        assert_eq!(fails(&mut breaker, 0), None);
        assert_eq!(breaker.learn(&Went::Well, NOW, &SCHEDULE), None, "it never was open");
        assert_eq!([fails(&mut breaker, 1), fails(&mut breaker, 1)], [None, None]);
        assert_eq!(breaker.learn(&Went::Neither, NOW, &SCHEDULE), None, "which says nothing, and ends no row");
        assert_eq!(breaker.feed(later(1), &SCHEDULE), Feed::Everything);
        assert_eq!(fails(&mut breaker, 1), Some(Turned::Open));
        assert_eq!(breaker.feed(later(1), &SCHEDULE), NOTHING);
        assert_eq!(breaker.learn(&Went::Neither, later(2), &SCHEDULE), None);
        assert_eq!(breaker.learn(&Went::Well, later(12), &SCHEDULE), Some(Turned::Closed));
        assert_eq!((breaker.feed(later(12), &SCHEDULE), breaker.open()), (Feed::Everything, None));
    }

    #[test]
    fn it_is_probed_after_pauses_that_double_up_to_some_minutes() {
        let mut breaker = breaker(1);
        let (mut at, mut pauses) = (0, Vec::new());
        for _ in 0..7 {
            fails(&mut breaker, at);
            let probe_at = breaker.open().unwrap().probe_at;
            let pause = probe_at.since(later(at)).as_secs();
            assert_eq!(breaker.feed(later(at + pause - 1), &SCHEDULE), NOTHING);
            assert_eq!(breaker.feed(later(at + pause), &SCHEDULE), Feed::Probe);
            (at, pauses) = (at + pause, [pauses, vec![pause]].concat());
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
        let open = breaker.open().unwrap();
        assert_eq!((open.since, open.failures, open.reason.as_str()), (NOW, 7, "exited with 3"));
    }

    #[test]
    fn one_that_was_under_way_puts_off_no_probe() {
        let mut breaker = breaker(1);
        fails(&mut breaker, 0);
        fails(&mut breaker, 9);
        let open = breaker.open().unwrap();
        assert_eq!((open.failures, open.probe_at), (2, later(10)));
    }

    #[test]
    fn who_acts_by_hand_has_it_probed_at_once() {
        let mut breaker = breaker(1);
        for at in [0, 10, 30, 70] {
            fails(&mut breaker, at);
        }
        breaker.probe_now();
        assert_eq!(breaker.feed(later(71), &SCHEDULE), Feed::Probe);
        fails(&mut breaker, 71);
        assert_eq!(breaker.open().unwrap().probe_at, later(71 + 20), "the pauses begin anew");
        breaker.set(0);
        assert_eq!(breaker.feed(later(5), &SCHEDULE), Feed::Everything, "without a bound there is none");
        assert_eq!([fails(&mut breaker, 6), fails(&mut breaker, 6)], [None, None]);
    }
}
