//! Weeks in a second: the real intake, the real store and the real worker on a paused clock, with a scripted world that
//! fails at random, and a daemon that dies at random. What must hold is asserted as invariants, never as a trace.

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, test};
use scanrelay::registry::{Registry, Verta};
use scanrelay::{Event, EventKind, Receiver, Scheme, Secret, Timestamp, Verifier};
use tokio::sync::{Notify, watch};
use tokio::{task, time};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::current::View;
use super::job::Schedule;
use super::job::plan::Plan;
use super::metrics::Metrics;
use super::rejections::Rejections;
use super::running::Running;
use super::server::{self, BodyLimits, Door, Front, IntakeLimits};
use super::store::{Bounds, Filter, Room, Store, StoreError};
use super::trace::Spans;
use super::verdict::Policy;
use super::worker::{Limits, Terms, Worker};
use world::World;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SCHEDULE: Schedule = Schedule {
    first: Duration::from_secs(10),
    longest: Duration::from_hours(1),
    give_up: Duration::from_hours(72),
    plugin_attempts: 4,
};
const RUNS: u32 = 6;
const RUNS_PER_PLUGIN: u32 = 3;
const REQUESTS: u32 = 4;
const LEASE: Duration = Duration::from_mins(30);

fn receiver() -> Receiver {
    let secret = Secret::new("a secret of the simulation").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    Receiver::new("verta", Registry::Verta(Verta::default()), verifier)
}

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
        configuration: "simulated".to_owned(),
    };
    let careful = event.model.id.as_deref() == Some("2");
    match event.kind {
        EventKind::ScanRequest => Ok(plan(&["alpha", "beta"], &["gamma"], &[])),
        EventKind::Promotion if careful => Ok(plan(&["alpha"], &[], &["deploy"])),
        EventKind::Promotion => Ok(plan(&[], &[], &["deploy", "notify"])),
        _ => Err("no route".to_owned()),
    }
}

fn front(store: &Store, clock: Clock, wake: &Arc<Notify>) -> Front {
    let body = BodyLimits { max: 65536, timeout: Duration::from_secs(5) };
    let rejections = Rejections::new(Timestamp::default());
    let metrics = Metrics::new(store.counts(), clock.wall());
    let door = Door::new(receiver(), body, clock, (&rejections, false), &metrics);
    Front {
        store: store.clone(),
        clock,
        wake: Arc::clone(wake),
        terms: View::from(server::Terms {
            doors: [("verta".to_owned(), Arc::new(door))].into(),
            route: Arc::new(route),
            bounds: Bounds { pending: 1000, pending_per_registry: 1000, room: Room { min_free: 0, max_size: None } },
            certificate: None,
        }),
        spans: Spans::of(""),
        limits: IntakeLimits {
            max_connections: 10,
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(5),
        },
    }
}

fn worker(store: &Store, clock: Clock, wake: &Arc<Notify>, world: &Arc<World>) -> Worker<World> {
    let plugins = ["alpha", "beta", "gamma", "deploy", "notify"];
    Worker {
        store: store.clone(),
        clock,
        wake: Arc::clone(wake),
        acted: Arc::new(Notify::new()),
        running: Running::default(),
        turns: watch::Sender::default(),
        metrics: Metrics::new(store.counts(), clock.wall()),
        spans: Spans::of(""),
        terms: View::from(Terms {
            effects: Arc::clone(world),
            schedule: SCHEDULE,
            limits: Limits {
                runs: RUNS,
                plugins: plugins.map(|name| (name.to_owned(), (RUNS_PER_PLUGIN, LEASE))).into(),
                registries: BTreeMap::from([("verta".to_owned(), (REQUESTS, LEASE))]),
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

async fn simulate(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simulated.db");
    let clock = Clock::simulated(START);
    let world = Arc::new(World::new(seed));
    for _ in 0..10 {
        let store = open(&path).await;
        world.starts(&store);
        let wake = Arc::new(Notify::new());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(worker(&store, clock, &wake, &world).run(shutdown.clone()));
        let service = test::init_service(App::new().configure(server::routes(&front(&store, clock, &wake)))).await;
        for _ in 0..world.roll(12) {
            let request = world.next_webhook(&receiver(), clock.wall());
            let answer = test::call_service(&service, request.to_request()).await;
            let status = answer.status().as_u16();
            world.answered(status, &test::read_body(answer).await);
            time::sleep(Duration::from_millis(world.roll(120_000))).await;
        }
        time::sleep(Duration::from_millis(world.roll(3_600_000))).await;
        if world.roll(3) == 0 {
            shutdown.cancel();
            task.await.unwrap();
        } else {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        world.dies();
    }
    let store = open(&path).await;
    world.starts(&store);
    world.heal();
    let shutdown = CancellationToken::new();
    let wake = Arc::new(Notify::new());
    let task = tokio::spawn(worker(&store, clock, &wake, &world).run(shutdown.clone()));
    let mut days = 0;
    let open = || Filter { state: Some("open".to_owned()), limit: Some(1), ..Filter::default() };
    while !store.deliveries(open()).await.unwrap().is_empty() {
        days += 1;
        assert!(days < 60, "a delivery is still open after {days} days");
        time::sleep(Duration::from_hours(24)).await;
    }
    world.check(&store).await;
    shutdown.cancel();
    task.await.unwrap();
}

fn run(seed: u64) {
    // What the daemon said stands beside the seed when an invariant breaks.
    let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::ERROR).try_init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(task::LocalSet::new().run_until(simulate(seed)));
    }));
    if let Err(panic) = outcome {
        let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        panic!("seed {seed}: {}", words.unwrap_or("an invariant is broken"));
    }
}

#[::core::prelude::v1::test]
fn nothing_is_lost_whatever_dies() {
    for seed in 1..=24 {
        run(seed);
    }
}

#[::core::prelude::v1::test]
fn nothing_is_lost_under_a_seed_that_nobody_chose() {
    use std::hash::{BuildHasher, RandomState};
    run(RandomState::new().hash_one(0));
}
