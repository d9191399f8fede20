//! The scripted world: plugins and registries that fail at random, and a memory of everything that was done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scanrelay::Timestamp;
use scanrelay::plugin::{Conclusion, Line, PluginKind, Severity, Status, Transcript, Verdict};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use super::weather::{Forecast, Weather};
use super::{ACTIONS, REGISTRIES, REQUESTS, RUNS, RUNS_PER_PLUGIN, START};
use crate::daemon::clock::Steps;
use crate::daemon::effects::{Effect, Effects, Intent, Need};
use crate::daemon::job::{Job, Outcome, Phase, Written};
use crate::daemon::running::Tail;
use crate::daemon::stop::Stop;
use crate::daemon::store::Store;

pub(super) struct World {
    memory: Mutex<Memory>,
    began: Instant,
    forecasts: BTreeMap<&'static str, Forecast>,
    steps: Steps,
}

#[derive(Default)]
pub(super) struct Memory {
    random: u64,
    pub(super) store: Option<Store>,
    healed: bool,
    /// Registry and body.
    pub(super) sent: Vec<(String, String)>,
    pub(super) accepted: BTreeSet<i64>,
    /// By what was sent: under which id it was accepted, and when.
    pub(super) taken: BTreeMap<usize, (i64, Timestamp)>,
    pub(super) turned_away: u32,
    pub(super) told_off: u32,
    /// By run: what the plugin saved and was told to be stored.
    saved: BTreeMap<String, Value>,
    /// What runs or asks at this moment, by plugin or registry.
    busy: BTreeMap<String, u32>,
    /// Lanes in use at this moment, and the job that is in it.
    lanes: BTreeMap<String, i64>,
    /// By registry: left alone since then and until then.
    left_alone: BTreeMap<String, (Instant, Instant)>,
    pub(super) cancelled: BTreeSet<i64>,
    /// By delivery: the first round that took nothing over from earlier ones.
    pub(super) fresh: BTreeMap<i64, i64>,
    pub(super) rounds: u32,
    /// Deliveries that gave way to newer ones.
    pub(super) overtaken: BTreeSet<i64>,
    /// By lane: every end that the registry took, in order.
    pub(super) ends: BTreeMap<String, Vec<End>>,
    /// By lane of actions: delivery and round of each that began.
    pub(super) acted: BTreeMap<String, Vec<(i64, i64)>>,
    runs: u32,
    /// An invariant broke in a task of the daemon, which takes no notice.
    broken: bool,
}

/// An end that a registry took: the job that told it, and in which words.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) job: i64,
    pub(super) delivery: i64,
    pub(super) told: Value,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut world = Self {
            memory: Mutex::new(Memory { random, ..Memory::default() }),
            began: Instant::now(),
            forecasts: BTreeMap::new(),
            steps: Steps::new(),
        };
        for name in REGISTRIES {
            let forecast = Forecast::new(&mut |below| world.roll(below));
            world.forecasts.insert(name, forecast);
        }
        world
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true time.
    pub(super) fn now(&self) -> Timestamp {
        START.after(self.began.elapsed())
    }

    /// How far off the daemon's wall clock is.
    pub(super) fn steps(&self) -> Steps {
        self.steps
    }

    pub(super) fn starts(&self, store: &Store) {
        self.memory().store = Some(store.clone());
    }

    /// The daemon is gone, and with it everything that ran.
    pub(super) fn dies(&self) {
        let mut memory = self.memory();
        memory.store = None;
        memory.busy.clear();
        memory.lanes.clear();
        memory.left_alone.clear();
    }

    /// While it is healed everything works, so that everything ends.
    pub(super) fn heals(&self, healed: bool) {
        self.memory().healed = healed;
    }

    pub(super) fn cancels(&self, job: i64) {
        self.memory().cancelled.insert(job);
    }

    /// Somebody is about to have everything done again from that round on.
    pub(super) fn begins_afresh(&self, delivery: i64, round: i64) {
        self.memory().fresh.insert(delivery, round);
    }

    /// Somebody has opened a round.
    pub(super) fn opened(&self) {
        self.memory().rounds += 1;
    }

    #[expect(clippy::print_stdout, reason = "a test says what it saw")]
    pub(super) fn tells(&self, seed: u64) {
        let memory = self.memory();
        println!(
            "seed {seed}: {} days; accepted {}, turned away {}, outdated {}; {} runs, {} ends told, {} rounds by hand, {} gave way",
            self.began.elapsed().as_secs() / 86_400,
            memory.accepted.len(),
            memory.turned_away,
            memory.told_off,
            memory.runs,
            memory.ends.values().map(Vec::len).sum::<usize>(),
            memory.rounds,
            memory.overtaken.len()
        );
    }

    /// No invariant has broken so far.
    pub(super) fn is_intact(&self) {
        assert!(!self.memory().broken, "an invariant broke while the daemon was at work: see above");
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

    fn weather(&self, registry: &str) -> Weather {
        if self.memory().healed { Weather::Fine } else { self.forecasts[registry].at(self.began.elapsed()) }
    }

    /// Takes a place of one that has so many, until the place is dropped.
    fn place(&self, of: &str, most: u32) -> Place<'_> {
        let mut memory = self.memory();
        let busy = memory.busy.entry(of.to_owned()).or_default();
        *busy += 1;
        assert!(*busy <= most, "{busy} at a time of {of}");
        Place { world: self, of: of.to_owned(), lane: None }
    }

    /// A job that was cancelled by hand may not have heard of it yet, whether it is in the lane or about to begin: it
    /// takes no other's place.
    fn lane(&self, lane: &str, job: i64) -> Place<'_> {
        let mut memory = self.memory();
        let other = memory.lanes.get(lane).copied().filter(|other| !memory.cancelled.contains(other));
        if let Some(other) = other {
            assert!(memory.cancelled.contains(&job), "two at a time in {lane}: {other} and {job}");
        } else {
            memory.lanes.insert(lane.to_owned(), job);
        }
        Place { world: self, of: lane.to_owned(), lane: Some(job) }
    }

    async fn some_time(&self, longest: u64, stop: &CancellationToken) -> bool {
        let wait = Duration::from_millis(self.roll(longest));
        tokio::select! {
            () = time::sleep(wait) => true,
            () = stop.cancelled() => false,
        }
    }

    async fn saves(&self, job: &Job, saves: &mpsc::Sender<Need>) {
        let data = json!({ "step": self.roll(1000) });
        let (committed, answer) = oneshot::channel();
        // Stored when the daemon says so; a crash in between leaves the one before or this one.
        let before = self.memory().saved.insert(job.run_id.clone(), data.clone());
        if saves.send(Need::Save { data, committed }).await.is_err() || !answer.await.unwrap_or(false) {
            match before {
                Some(before) => self.memory().saved.insert(job.run_id.clone(), before),
                None => self.memory().saved.remove(&job.run_id),
            };
        }
    }

    /// What a plugin says that has not failed.
    fn says(&self, action: bool) -> Conclusion {
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
        transcript.end().unwrap()
    }
}

/// Takes notice of an invariant that breaks.
struct Watch<'a>(&'a World);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.memory().broken = true;
        }
    }
}

/// Gives the place back when the work ends, however it ends.
struct Place<'a> {
    world: &'a World,
    of: String,
    lane: Option<i64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut memory = self.world.memory();
        if let Some(job) = self.lane {
            if memory.lanes.get(&self.of) == Some(&job) {
                memory.lanes.remove(&self.of);
            }
        } else if let Some(busy) = memory.busy.get_mut(&self.of) {
            *busy = busy.saturating_sub(1);
        }
    }
}

/// The lane of what a job does outside.
pub(super) fn lane(job: &Job) -> String {
    let registry = &job.event.registry;
    match job.phase {
        // Nothing is done outside: it has none.
        Phase::Ask => format!("question {}", job.id),
        Phase::Confirm | Phase::Run => {
            format!("model {} of {registry}", job.event.model.id.as_deref().unwrap_or_default())
        }
        Phase::Progress | Phase::Report => format!("{} of {registry}", job.event.subject()),
    }
}

impl Effects for World {
    async fn run(&self, job: &Job, saves: mpsc::Sender<Need>, _log: Tail, stop: Stop) -> Effect {
        let _watch = Watch(self);
        let action = ACTIONS.contains(&job.name.as_str());
        let round = self.may_begin(job).await;
        let _all = self.place("all runs", RUNS);
        let _place = self.place(&job.name, RUNS_PER_PLUGIN);
        let _lane = action.then(|| self.lane(&lane(job), job.id));
        self.memory().runs += 1;
        if action {
            self.memory().acted.entry(lane(job)).or_default().push((job.delivery, round));
        }
        assert_eq!(self.memory().saved.get(&job.run_id), job.checkpoint.as_ref(), "a stored checkpoint is given back");
        if self.roll(3) == 0 {
            self.saves(job, &saves).await;
        }
        if !self.some_time(600_000, stop.token()).await {
            return Outcome::Drained.into();
        }
        if self.fails(15) {
            return Outcome::Failed("exited with 3".to_owned()).into();
        }
        if self.fails(10) {
            return Outcome::TryLater("busy".to_owned()).into();
        }
        Outcome::Concluded { conclusion: self.says(action), evidence: Box::default() }.into()
    }

    async fn tell(&self, job: &Job, _intents: mpsc::Sender<Intent>, stop: CancellationToken) -> Effect {
        let _watch = Watch(self);
        self.may_begin(job).await;
        let registry = job.event.registry.as_str();
        let begins = Instant::now();
        if let Some((since, until)) = self.memory().left_alone.get(registry) {
            assert!(begins <= *since || begins >= *until, "{registry} asked to be left alone, and is not");
        }
        let _place = self.place(registry, REQUESTS);
        let _lane = self.lane(&lane(job), job.id);
        if !self.some_time(10_000, &stop).await {
            return Outcome::Drained.into();
        }
        let weather = if self.fails(5) { Weather::Down } else { self.weather(registry) };
        let gone = |reason: &str| Outcome::Unreachable { reason: reason.to_owned(), retry_after: None };
        match weather {
            Weather::Down => return gone("503").into(),
            Weather::Refuses => return gone("401").into(),
            Weather::Limits(wait) => {
                let now = Instant::now();
                let until = self.memory().left_alone.get(registry).map_or(now, |(_, until)| *until).max(now + wait);
                self.memory().left_alone.insert(registry.to_owned(), (now, until));
                return Outcome::Unreachable { reason: "429".to_owned(), retry_after: Some(wait) }.into();
            }
            Weather::Mute | Weather::Fine => {}
        }
        let outcome = match (&job.phase, &job.tell) {
            (Phase::Ask | Phase::Confirm, _) if self.fails(10) => Outcome::NotConfirmed("moved on".to_owned()),
            (Phase::Ask | Phase::Confirm, _) => Outcome::Confirmed,
            (_, Some(told)) => {
                self.takes(job, told);
                Outcome::Told(vec![Written { key: "told".to_owned(), value: "value".to_owned() }])
            }
            (phase, None) => panic!("{phase} with nothing to tell"),
        };
        // It has taken it; the answer is on its way, and the daemon may die meanwhile.
        if !self.some_time(10_000, &stop).await {
            return Outcome::Drained.into();
        }
        if weather == Weather::Mute { gone("no answer in time").into() } else { outcome.into() }
    }
}

#[test]
fn who_was_cancelled_before_it_began_takes_no_lane() {
    let world = World::new(1);
    let holder = |lane: &str| world.memory().lanes.get(lane).copied();
    world.cancels(1);
    let next = world.lane("model", 2);
    let late = world.lane("model", 1);
    assert_eq!(holder("model"), Some(2), "the one that was cancelled comes late");
    drop(late);
    assert_eq!(holder("model"), Some(2), "and leaves the lane as it was");
    drop(next);
    assert_eq!(holder("model"), None);
}
