//! Months in seconds: the real intake, the real store and the real worker on a paused clock, with a scripted world that
//! fails at random, people who interfere at random, and a daemon that dies at random. What must hold is asserted as
//! invariants, never as a trace.

mod check;
mod person;
mod senders;
mod weather;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, test};
use scanrelay::Timestamp;
use scanrelay::{Event, EventKind};
use tokio::sync::{Notify, watch};
use tokio::{task, time};
use tokio_util::sync::CancellationToken;

use super::breakers::Breakers;
use super::clock::Clock;
use super::current::View;
use super::job::Schedule;
use super::job::plan::Plan;
use super::metrics::Metrics;
use super::rejections::Rejections;
use super::running::Running;
use super::server::{self, BodyLimits, Door, Front, IntakeLimits};
use super::store::{ALL, Bounds, By, Filter, Room, Store, StoreError};
use super::trace::Spans;
use super::verdict::Policy;
use super::wake::Wake;
use super::worker::{Limits, PluginLimit, Terms, Worker};
use senders::Sent;
use world::World;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SCHEDULE: Schedule = Schedule {
    first: Duration::from_secs(10),
    longest: Duration::from_hours(1),
    give_up: Duration::from_hours(72),
    plugin_attempts: 4,
};
const REGISTRIES: [&str; 3] = ["verta", "north", "south"];
const PLUGINS: [&str; 5] = ["alpha", "beta", "gamma", "deploy", "notify"];
const ACTIONS: [&str; 2] = ["deploy", "notify"];
const RUNS: u32 = 6;
const RUNS_PER_PLUGIN: u32 = 3;
const REQUESTS: u32 = 4;
const LEASE: Duration = Duration::from_mins(30);
const PLUGIN: PluginLimit = PluginLimit { slots: RUNS_PER_PLUGIN, lease: LEASE, breaker: 3 };
const PENDING: u32 = 40;
const MAX_PENDING: u32 = 20;

fn route(event: &Event) -> Result<Plan, String> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let plan = |scanners, advisory, actions| Plan {
        route: 1,
        scanners: names(scanners),
        advisory: names(advisory),
        policy: Policy::All,
        error_is_unsafe: false,
        actions: names(actions),
        report: true,
        // What the registry north tells is a hint.
        confirm_first: event.registry == "north",
        configuration: "simulated".to_owned(),
        latest_only: false,
    };
    let hasty = event.model.id.as_deref() == Some("3");
    let careful = event.model.id.as_deref() == Some("2");
    match event.kind {
        EventKind::ScanRequest => Ok(plan(&["alpha", "beta"], &["gamma"], &[])),
        EventKind::Promotion if careful => Ok(plan(&["alpha"], &[], &["deploy"])),
        EventKind::Promotion if hasty => {
            Ok(Plan { latest_only: true, ..plan(&["beta"], &["gamma"], &["deploy", "notify"]) })
        }
        EventKind::Promotion => Ok(plan(&[], &[], &["deploy", "notify"])),
        _ => Err("no route".to_owned()),
    }
}

/// One life of the daemon, from its start to its death.
struct Life {
    store: Store,
    clock: Clock,
    wake: Wake,
    running: Running,
    shutdown: CancellationToken,
    worker: task::JoinHandle<()>,
}

impl Life {
    /// Its job time goes on from where its predecessor's stood, whatever the wall says.
    async fn begins(path: &Path, world: &Arc<World>) -> Self {
        let store = open(path).await;
        world.starts(&store);
        let clock = Clock::stepping(world.now(), world.steps()).not_before(store.newest().await.unwrap());
        let (wake, running, shutdown) = (Wake::default(), Running::default(), CancellationToken::new());
        let worker = worker(&store, clock, &wake, &running, world);
        let worker = tokio::spawn(worker.run(shutdown.clone()));
        Self { store, clock, wake, running, shutdown, worker }
    }

    async fn ends(self, orderly: bool) {
        if orderly {
            self.shutdown.cancel();
            self.worker.await.unwrap();
        } else {
            self.worker.abort();
            assert!(self.worker.await.unwrap_err().is_cancelled());
        }
    }
}

fn front(life: &Life) -> Front {
    let (body, bounds) = (
        BodyLimits { max: 65536, timeout: Duration::from_secs(5) },
        Bounds { pending: PENDING, pending_per_registry: MAX_PENDING, room: Room { min_free: 0, max_size: None } },
    );
    let rejections = Rejections::new(Timestamp::default());
    let metrics = Metrics::new(life.store.counts(), life.clock.wall());
    let door =
        |name: &str| Door::new(senders::receiver(name), body, bounds, life.clock, (&rejections, false), &metrics);
    let doors: BTreeMap<String, Arc<Door>> = REGISTRIES.map(|name| (name.to_owned(), Arc::new(door(name)))).into();
    Front {
        store: life.store.clone(),
        clock: life.clock,
        wake: life.wake.clone(),
        terms: View::from(server::Terms { doors, route: Arc::new(route), proxies: Vec::new(), certificate: None }),
        spans: Spans::of(""),
        limits: IntakeLimits {
            max_connections: 10,
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(5),
        },
    }
}

fn worker(store: &Store, clock: Clock, wake: &Wake, running: &Running, world: &Arc<World>) -> Worker<World> {
    Worker {
        store: store.clone(),
        clock,
        wake: wake.clone(),
        acted: Arc::new(Notify::new()),
        running: running.clone(),
        breakers: Breakers::default(),
        turns: watch::Sender::default(),
        metrics: Metrics::new(store.counts(), clock.wall()),
        spans: Spans::of(""),
        terms: View::from(Terms {
            effects: Arc::clone(world),
            schedule: SCHEDULE,
            limits: Limits {
                runs: RUNS,
                plugins: PLUGINS.map(|name| (name.to_owned(), PLUGIN)).into(),
                registries: REGISTRIES.map(|name| (name.to_owned(), (REQUESTS, LEASE))).into(),
                probe_after: 5,
                gone: BTreeSet::new(),
            },
            shutdown_grace: Duration::from_secs(15),
        }),
    }
}

/// The tasks of a daemon that was just killed let go of the file when the runtime next comes to them.
async fn open(path: &Path) -> Store {
    for _ in 0..1000 {
        match Store::open(path, 256).await {
            Err(StoreError::InUse { .. }) => task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
    panic!("the killed daemon never let go of its file");
}

/// Some months: in each the daemon lives a few times, days long, and then all faults end for as long as anything is open.
async fn simulate(seed: u64, months: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simulated.db");
    let world = Arc::new(World::new(seed));
    for _ in 0..months {
        for _ in 0..8 {
            let life = Life::begins(&path, &world).await;
            live(&life, &world).await;
            life.ends(world.roll(3) == 0).await;
            world.dies();
        }
        let life = Life::begins(&path, &world).await;
        world.heals(true);
        life.store.resume(ALL.to_owned(), By::default(), life.clock.now()).await.unwrap();
        life.wake.changed();
        let open = || Filter { state: Some("open".to_owned()), limit: Some(1), ..Filter::default() };
        let mut days = 0;
        while !life.store.deliveries(open()).await.unwrap().is_empty() {
            days += 1;
            assert!(days < 60, "a delivery is still open after {days} days");
            time::sleep(Duration::from_hours(24)).await;
        }
        world.is_intact();
        world.check(&life.store).await;
        life.ends(true).await;
        world.dies();
        world.heals(false);
    }
    world.tells(seed);
}

/// What happens to a daemon in one life.
async fn live(life: &Life, world: &Arc<World>) {
    let service = test::init_service(App::new().configure(server::routes(&front(life)))).await;
    let post = async || {
        let Sent { nth, registry, request } = world.next_webhook();
        let answer = test::call_service(&service, request.to_request()).await;
        let status = answer.status().as_u16();
        world.answered(nth, &registry, status, &test::read_body(answer).await);
    };
    for _ in 0..world.roll(30) {
        match world.roll(10) {
            // The wall is an hour off at most, forward or back, or right again.
            0 => world.steps().to([-3_600_000, 0, 3_600_000][usize::try_from(world.roll(3)).unwrap()]),
            1 | 2 => person::acts(life, world).await,
            3 => {
                life.store.may_grow(false).await.unwrap();
                time::sleep(Duration::from_secs(world.roll(120))).await;
                post().await;
                life.store.may_grow(true).await.unwrap();
            }
            _ => post().await,
        }
        // Mostly in quick succession, now and then with hours of nothing.
        let longest = if world.roll(8) == 0 { 300_000_000 } else { 60_000 };
        time::sleep(Duration::from_millis(world.roll(longest))).await;
        world.is_intact();
    }
}

fn run(seed: u64, months: u32) {
    // What the daemon said stands beside the seed when an invariant breaks.
    let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::ERROR).try_init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(task::LocalSet::new().run_until(simulate(seed, months)));
    }));
    if let Err(panic) = outcome {
        let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        panic!("SCANRELAY_SEED={seed}: {}", words.unwrap_or("an invariant is broken"));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment what to do")]
fn told(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[::core::prelude::v1::test]
fn nothing_is_lost_whatever_dies() {
    match (told("SCANRELAY_SEED"), told("SCANRELAY_SOAK")) {
        (Some(seed), _) => run(seed, 6),
        (None, Some(1)) => (1..=300).for_each(|seed| run(seed, 6)),
        (None, _) => (1..=5).for_each(|seed| run(seed, 2)),
    }
}

#[::core::prelude::v1::test]
fn nothing_is_lost_under_a_seed_that_nobody_chose() {
    use std::hash::{BuildHasher, RandomState};
    run(RandomState::new().hash_one(0), 2);
}
