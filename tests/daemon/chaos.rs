//! 1,000 deliveries while the daemon is killed with -9 and started again, 20 times, at random.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::harness::{Daemon, Registry, Site, client, scan_request, sign, until};

const DELIVERIES: usize = 1000;
const KILLS: usize = 20;
const SLOTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_deliveries_survive_twenty_kills() {
    let registry = Registry::start();
    let limits = format!("concurrency = {SLOTS}\nplugin_attempts = 20");
    let site = Site::new(&registry.url).limits(&limits);
    site.plugin(
        "scan",
        "cat > /dev/null; echo \"$SCANRELAY_RUN_ID\" >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'",
    );
    let (_, version) = registry.version("fraud").await;
    let mut builds = Vec::new();
    for _ in 0..DELIVERIES {
        builds.push(registry.build(&version).await);
    }

    let mut daemon = Daemon::start(&site);
    let (address, intake) = watch::channel(daemon.intake.clone());
    let (progress, mut sent) = watch::channel(0);
    let sending = tokio::spawn(send(intake, builds.clone(), progress));
    let random = RandomState::new();
    for kill in 0..KILLS {
        let within = usize::try_from(random.hash_one(kill) % (DELIVERIES / (KILLS + 1)) as u64).unwrap();
        let threshold = kill * DELIVERIES / (KILLS + 1) + within;
        sent.wait_for(|sent| *sent > threshold).await.unwrap();
        // In the middle of whatever it is doing then.
        tokio::time::sleep(Duration::from_micros(random.hash_one(("moment", kill)) % 30_000)).await;
        daemon.kill();
        daemon = Daemon::start(&site);
        address.send(daemon.intake.clone()).unwrap();
    }
    sending.await.unwrap();
    let open = || async { daemon.get("/api/v1/deliveries?state=open&limit=1").await.1 };
    until("the end of all deliveries", open, |rows| rows.as_array().is_some_and(Vec::is_empty)).await;

    let mut told: BTreeMap<u64, usize> = BTreeMap::new();
    for write in registry.writes().await {
        let path = write["path"].as_str().unwrap();
        if write["body"].to_string().contains("scanned") {
            *told.entry(path.split('/').rev().nth(1).unwrap().parse().unwrap()).or_default() += 1;
        }
    }
    let missing: Vec<&u64> = builds.iter().filter(|build| !told.contains_key(build)).collect();
    assert_eq!(missing, Vec::<&u64>::new(), "every 202 ends in the registry");
    for build in &builds {
        assert_eq!(registry.scan(*build).await["safety_status"], "safe", "build {build}");
    }

    let runs = site.lines("runs");
    let distinct: BTreeSet<&String> = runs.iter().collect();
    let extra = runs.len() - distinct.len();
    assert_eq!(distinct.len(), DELIVERIES, "one run id for each delivery");
    assert!(extra <= KILLS * SLOTS, "{extra} extra runs in {KILLS} kills with {SLOTS} slots");
    assert_eq!(daemon.get("/api/v1/jobs?state=dead").await.1, Value::Array(Vec::new()));
    println!("accepted {DELIVERIES}, told {}, runs {}, extra runs {extra}", told.len(), runs.len());
}

/// Posts each build's scan request until it is answered: as a sender does that was not.
async fn send(mut intake: watch::Receiver<String>, builds: Vec<u64>, progress: watch::Sender<usize>) {
    let client = client();
    for (nth, build) in builds.into_iter().enumerate() {
        let body = scan_request(&format!("build-{build}"), build);
        loop {
            let address = intake.borrow_and_update().clone();
            let request =
                client.post(format!("http://{address}/hooks/verta")).header("Content-Type", "application/json");
            let request = sign(&body).into_iter().fold(request, |request, (name, value)| request.header(name, value));
            match request.body(body.clone()).send().await {
                // 200: it was stored, and the daemon died before it could say so.
                Ok(answer) if [200, 202].contains(&answer.status().as_u16()) => break,
                Ok(answer) => panic!("answered {}", answer.status()),
                Err(_) => intake.changed().await.unwrap(),
            }
        }
        progress.send(nth + 1).unwrap();
    }
}
