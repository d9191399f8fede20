//! A delivery that kills the daemon that works on it: dead after its attempts, with a report, and the rest goes on.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::harness::count::Count;
use crate::harness::{Daemon, LONG, Registry, Site, scan_request, until};

const ATTEMPTS: usize = 3;

/// Starts the daemon again whenever it has died, as a service manager does, until it is told to stop.
struct Supervisor {
    stop: Arc<AtomicBool>,
    /// The daemon that lives, by its number, which is nobody else's until it is reaped.
    alive: Arc<Mutex<Option<u32>>>,
    deaths: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Supervisor {
    fn start(mut serve: Command) -> Self {
        let (stop, deaths, alive) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default(), Arc::<Mutex<_>>::default());
        let (stopped, died, at_work) = (Arc::clone(&stop), Arc::clone(&deaths), Arc::clone(&alive));
        serve.stdout(Stdio::piped()).stderr(Stdio::null());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let mut child = serve.spawn().unwrap();
                *at_work.lock().unwrap() = Some(child.id());
                if stopped.load(Ordering::SeqCst) {
                    child.kill().unwrap();
                }
                // It ends with the process.
                std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
                *at_work.lock().unwrap() = None;
                died.fetch_add(usize::from(!child.wait().unwrap().success()), Ordering::SeqCst);
            }
        });
        Self { stop, alive, deaths, thread: Some(thread) }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(pid) = *self.alive.lock().unwrap() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The first build's scan kills the daemon, for which it may not be in a cell; everything is accepted before anything runs.
struct Case {
    site: Site,
    registry: Registry,
    evil: u64,
    good: Vec<u64>,
    accepted: BTreeSet<i64>,
}

impl Case {
    async fn new(concurrency: usize, good: u64, takes: &str) -> Self {
        let registry = Registry::start();
        let limits = format!("plugin_attempts = {ATTEMPTS}\nconcurrency = {concurrency}");
        let site = Site::new(&registry.url)
            .limits(&limits)
            .plugin_keys(&format!("sandbox = \"off\"\nconcurrency = {concurrency}"));
        let (_, version) = registry.version("fraud").await;
        let evil = registry.build(&version).await;
        let mut case = Self { site, registry, evil, good: Vec::new(), accepted: BTreeSet::new() };
        for _ in 0..good {
            case.good.push(case.registry.build(&version).await);
        }
        case.site.plugin(
            "scan",
            &format!(
                "case $(cat) in
                 *'\"build\":{{\"id\":\"{evil}\"'*) echo $PPID >> $SITE/killed; sleep 0.3; kill -9 $PPID; exec sleep 60 ;;
                 *) echo \"$SCANRELAY_RUN_ID\" >> $SITE/runs; {takes}; echo '{{\"type\":\"result\",\"verdict\":\"safe\"}}' ;;
                 esac"
            ),
        );
        let daemon = Daemon::start(&case.site);
        assert_eq!(case.site.run(&["pause", "scan"]).0, 0);
        for build in std::iter::once(&case.evil).chain(&case.good) {
            let (status, answer) = daemon.deliver(&scan_request(&format!("build-{build}"), *build)).await;
            assert_eq!(status, 202, "{answer}");
            case.accepted.insert(answer["delivery"].as_str().unwrap().parse().unwrap());
        }
        daemon.kill();
        assert_eq!(case.site.run(&["resume", "scan"]).0, 0);
        case
    }

    /// Under a supervisor, until all is told: how often the daemon died.
    async fn told(&self) -> usize {
        let supervisor = Supervisor::start(self.site.command(&["serve"]));
        let told = until("the ends", || self.registry.told(), |told| told.len() == self.accepted.len()).await;
        assert_eq!(told[&self.evil], ["error"]);
        assert!(self.good.iter().all(|build| told[build] == ["safe"]), "{told:?}");
        supervisor.deaths.load(Ordering::Relaxed)
    }

    async fn check(&self, what: &str) {
        let daemon = Daemon::start(&self.site);
        let count = Count::of_all_ended(&daemon, LONG).await;
        count.check(what, &self.accepted);
        assert_eq!((count.state("done"), count.state("dead")), (self.good.len(), 1), "{count}");
        let dead: Value = daemon.get("/api/v1/jobs?state=dead").await.1;
        assert!(dead[0]["result"].as_str().unwrap().contains("stopped in the middle of its last attempt"), "{dead}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_kills_the_daemon_ends_as_an_error_and_the_rest_goes_on() {
    let case = Case::new(1, 10, ":").await;
    let deaths = case.told().await;
    assert_eq!((case.site.lines("killed").len(), deaths), (ATTEMPTS, ATTEMPTS), "it had its attempts and no more");
    assert_eq!(case.site.lines("runs").len(), case.good.len(), "no other ran twice");
    case.check(&format!("{deaths} deaths by a plugin")).await;
}

/// Each of them takes longer than it takes to kill the daemon, and has as many attempts: they must not be spent on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_runs_beside_it_does_not_die_of_it() {
    let case = Case::new(4, 3, "sleep 1").await;
    let deaths = case.told().await;
    assert_eq!(deaths, ATTEMPTS);
    case.check("beside a plugin that kills").await;
}
