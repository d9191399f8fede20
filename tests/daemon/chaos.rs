//! `kill -9` under load at random moments, again and again: 20 times, and 200 times where there is time.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::harness::count::{Chance, Count, soak};
use crate::harness::senders::Senders;
use crate::harness::{Daemon, Registry, Site};

const SENDERS: usize = 8;
const SLOTS: usize = 4;
/// So many requests may be on their way to the registry: `limits.writes_per_registry`.
const WRITES: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_whatever_moment_it_is_killed_at() {
    let kills = if soak() { 200 } else { 20 };
    let mut chance = Chance::new();
    let registry = Arc::new(Registry::start());
    // So few may be open that senders are turned away, too.
    let limits = format!("concurrency = {SLOTS}\nplugin_attempts = 50\npending = 100");
    let site = Site::new(&registry.url).limits(&limits).plugin_keys("concurrency = 4");
    site.plugin(
        "scan",
        "cat > /dev/null; echo \"$SCANRELAY_RUN_ID\" >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'",
    );
    let (_, version) = registry.version("fraud").await;
    let mut daemon = Daemon::start(&site);
    let mut senders = Senders::start(SENDERS, &registry, &version, &daemon);
    senders.accepted(20).await;
    for kill in 1..=kills {
        let moment = Duration::from_micros(chance.below(800_000));
        println!("kill {kill}: {moment:?} after it was ready");
        tokio::time::sleep(moment).await;
        daemon.kill();
        if chance.below(4) == 0 {
            let moment = Duration::from_micros(chance.below(60_000));
            println!("kill {kill}: and once more {moment:?} after it was started");
            let mut serve = site.command(&["serve"]);
            let mut early = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(moment).await;
            early.kill().unwrap();
            early.wait().unwrap();
        }
        daemon = Daemon::start(&site);
        senders.moved(&daemon);
    }
    let sent = senders.stop().await;
    let count = Count::of_all_ended(&daemon, Duration::from_mins(3)).await;
    count.check(&format!("{kills} kills"), &sent.accepted.keys().copied().collect());
    assert_eq!(count.state("done"), sent.accepted.len(), "{count}");
    assert_eq!(daemon.get("/api/v1/jobs?state=dead").await.1, Value::Array(Vec::new()));

    let told = registry.told().await;
    let untold: Vec<&u64> = sent.accepted.values().filter(|build| !told.contains_key(build)).collect();
    assert_eq!(untold, Vec::<&u64>::new(), "every 202 ends in the registry");
    assert!(told.values().flatten().all(|word| word == "safe"));
    let told_again = told.values().map(Vec::len).sum::<usize>() - told.len();
    let runs = site.lines("runs");
    let distinct: BTreeSet<&String> = runs.iter().collect();
    let run_again = runs.len() - distinct.len();
    println!(
        "told {}, told again {told_again}; runs {}, run again {run_again}; unanswered {}, answered 503 {}",
        told.len(),
        distinct.len(),
        sent.unanswered,
        sent.full
    );
    assert_eq!(distinct.len(), sent.accepted.len(), "one run id for each delivery");
    // The contract: at least once. What a kill meets in the middle is done again, and nothing else.
    assert!(run_again <= kills * SLOTS, "{run_again} runs were done again");
    assert!(told_again <= kills * WRITES, "{told_again} results were told again");
}
