//! Steps of the wall clock, an hour forward and back, under the daemon alone: only signatures notice.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use scanrelay::{Scheme, Secret, Timestamp, signature};
use serde_json::Value;

use crate::harness::count::Count;
use crate::harness::weather::{Weather, Weathered};
use crate::harness::{Daemon, LONG, Registry, Site, scan_request, until};

const SIGNED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The wall clock of one daemon. Monotonic time goes on as it does.
struct Wall {
    file: PathBuf,
    library: String,
}

impl Wall {
    fn new(site: &Site) -> Self {
        let machine = std::env::consts::ARCH;
        let library = format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1");
        assert!(fs::exists(&library).unwrap(), "{library} is missing: tests/install");
        let wall = Self { file: site.path("wall"), library };
        wall.is_off_by("+0");
        wall
    }

    /// By so many seconds from now on. The file is replaced whole: it is read at every look at the clock.
    fn is_off_by(&self, seconds: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds}\n")).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    fn environment(&self) -> [(&str, &str); 4] {
        [
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ]
    }
}

/// A registry whose deliveries are signed with their time, beside the one that is told.
fn site(registry: &str) -> Site {
    let webhook = "{ scheme = \"standard-webhooks\", secrets = [{ file = \"dated-secret\" }] }";
    let site = Site::new(registry).and_signed("dated", registry, webhook);
    site.write("dated-secret", SIGNED, 0o600);
    site
}

fn signed_now(id: &str, body: &[u8]) -> Vec<(String, String)> {
    let secret = Secret::new(SIGNED).unwrap();
    let now = Timestamp::from(SystemTime::now());
    signature::sign(&Scheme::standard_webhooks(), &secret, Some(id), now, body).unwrap()
}

async fn deliver_dated(daemon: &Daemon, id: &str, body: &[u8]) -> (u16, Value) {
    let signed = signed_now(id, body);
    let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    daemon.post("/hooks/dated", &headers, body).await
}

/// The clock steps while a scan runs and while a report waits for its next try.
async fn step(seconds: &str) {
    let registry = Registry::start();
    let sky = Weathered::new(&registry.url);
    let site = site(&sky.url);
    let site = site.plugin_keys("concurrency = 4");
    // All but the first wait until they may go on.
    site.plugin(
        "scan",
        "echo run >> $SITE/runs
         case $(cat) in *'\"id\":\"waits\"'*) ;; *) while [ ! -e $SITE/go ]; do sleep 0.05; done ;; esac
         echo '{\"type\":\"result\",\"verdict\":\"safe\"}'",
    );
    let running_are = async |many: usize| {
        until("the runs", || async { site.lines("runs").len() }, |runs| *runs == many).await;
    };
    let wall = Wall::new(&site);
    let (_, version) = registry.version("fraud").await;
    let (waiting, running, late) =
        (registry.build(&version).await, registry.build(&version).await, registry.build(&version).await);
    let mut settings = wall.environment().to_vec();
    settings.extend([("SCANRELAY__LIMITS__RETRY_FIRST", "2s"), ("SCANRELAY__LIMITS__RETRY_MAX", "2s")]);
    let daemon = Daemon::start_with(&site, &settings);
    let mut accepted = 0;
    let mut taken = |(status, answer): (u16, Value)| {
        accepted += 1;
        assert_eq!(status, 202, "{answer}");
        assert_eq!(answer["delivery"], accepted.to_string());
    };
    sky.turns(Weather::Down);
    taken(deliver_dated(&daemon, "waits", &scan_request("waits", waiting)).await);
    // Of its build: the progress, then every try of the report.
    let tries = || async {
        let of_it = |(_, line): &(Instant, String)| line.contains(&format!("/builds/{waiting}/"));
        sky.asked().into_iter().filter(of_it).map(|(at, _)| at).collect::<Vec<_>>()
    };
    taken(deliver_dated(&daemon, "runs", &scan_request("runs", running)).await);
    running_are(2).await;
    let first = until("the report's first try", tries, |tries| tries.len() == 2).await[1];

    wall.is_off_by(seconds);
    let off = scan_request("off", late);
    let (status, answer) = deliver_dated(&daemon, "off", &off).await;
    assert_eq!((status, answer["error"].as_str()), (401, Some("unverified")), "the time is off: {answer}");
    assert_eq!(daemon.deliver(&scan_request("undated", late)).await.0, 202, "a scheme without a time does not notice");
    running_are(3).await;
    let tries = until("the report's next try", tries, |tries| tries.len() > 2).await;
    let waited = tries[2].duration_since(first);
    assert!(waited > Duration::from_millis(1500) && waited < Duration::from_secs(20), "tried again after {waited:?}");
    sky.turns(Weather::Fine);
    until("the result", || registry.scan(waiting), |scan| scan["scan_status"] == "scanned").await;
    running_are(3).await;

    wall.is_off_by("+0");
    let (status, answer) = deliver_dated(&daemon, "off", &off).await;
    assert_eq!(status, 202, "it is right again: {answer}");
    running_are(4).await;
    site.write("go", "", 0o600);
    let count = Count::of_all_ended(&daemon, LONG).await;
    count.check(&format!("the clock steps by {seconds} s"), &(1..=4).collect());
    assert_eq!((count.state("done"), site.lines("runs").len()), (4, 4), "{count}");
    // In job time everything lies between its beginning and now, whatever the wall said meanwhile.
    let rows = daemon.get("/api/v1/deliveries").await.1;
    for row in rows.as_array().unwrap() {
        let took = row["ended_at"].as_i64().unwrap() - row["received_at"].as_i64().unwrap();
        assert!((0..60_000).contains(&took), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_steps_forward_by_an_hour() {
    step("+3600").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_steps_back_by_an_hour() {
    step("-3600").await;
}

/// A machine whose clock is not set yet, or was set back while the daemon was down: what was due is due.
#[tokio::test]
async fn the_clock_is_back_by_an_hour_at_the_next_start() {
    let registry = Registry::start();
    let site = site(&registry.url);
    let wall = Wall::new(&site);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start_with(&site, &wall.environment());
    assert_eq!(site.run(&["pause", "scan"]).0, 0);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    until("the progress", || registry.scan(build), |scan| scan["scan_status"] == "scanning").await;
    daemon.kill();
    assert_eq!(site.run(&["resume", "scan"]).0, 0);

    wall.is_off_by("-3600");
    let daemon = Daemon::start_with(&site, &wall.environment());
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    let count = Count::of_all_ended(&daemon, LONG).await;
    count.check("an hour back at the start", &[1].into());
}
