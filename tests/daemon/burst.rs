//! More than can be done at once: the queue is bounded, who is turned away hears so, and all that was accepted is done.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use tokio::task::JoinSet;

use crate::harness::count::{Count, soak};
use crate::harness::{Daemon, LONG, Registry, Site, answered, client, scan_request, sign, until};

/// Slow until the file is there.
const SLOW: &str = "cat > /dev/null; echo \"$SCANRELAY_RUN_ID\" >> $SITE/runs; [ -e $SITE/fast ] || sleep 1; \
                    echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";

const SENDERS: usize = 32;

/// What one sender heard.
#[derive(Default)]
struct Heard {
    accepted: BTreeSet<i64>,
    full: usize,
    slowest: Duration,
}

/// Posts until it is answered: a connection that was made and not used for some seconds is let go, then another is taken.
async fn post(client: &Client, daemon: &Daemon, registry: &str, body: &[u8]) -> Response {
    loop {
        let request = client.post(format!("http://{}/hooks/{registry}", daemon.intake));
        let request = request.header("Content-Type", "application/json");
        let request = sign(body).into_iter().fold(request, |request, (name, value)| request.header(name, value));
        if let Ok(answer) = request.body(body.to_vec()).send().await {
            return answer;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_with_a_slow_plugin_is_bounded_and_all_that_was_accepted_is_done() {
    let (burst, pending): (u64, u64) = if soak() { (50_000, 10_000) } else { (5_000, 500) };
    let registry = Registry::start();
    // Nobody is told, so that the registry need not have so many builds.
    let site = Site::new(&registry.url)
        .limits(&format!("pending = {pending}\nplugin_attempts = 1"))
        .routes("[[routes]]\non = \"scan_request\"\nscanners = [\"scan\"]\n");
    site.plugin("scan", SLOW);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Arc::new(Daemon::start(&site));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for sender in 0..SENDERS as u64 {
        let daemon = Arc::clone(&daemon);
        tasks.spawn(async move {
            let (client, mut heard) = (client(), Heard::default());
            for nth in (sender..burst).step_by(SENDERS) {
                let body = scan_request(&format!("burst-{nth}"), build);
                let asked = Instant::now();
                let answer = post(&client, &daemon, "verta", &body).await;
                heard.slowest = heard.slowest.max(asked.elapsed());
                if answer.status() == 503 {
                    let after: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                    assert!((1..=60).contains(&after), "Retry-After: {after}");
                    heard.full += 1;
                } else {
                    assert!([200, 202].contains(&answer.status().as_u16()), "{answer:?}");
                    let answer: serde_json::Value = answer.json().await.unwrap();
                    heard.accepted.insert(answer["delivery"].as_str().unwrap().parse().unwrap());
                }
            }
            heard
        });
    }
    let mut all = Heard::default();
    while let Some(heard) = tasks.join_next().await {
        let heard = heard.unwrap();
        all.accepted.extend(heard.accepted);
        all.full += heard.full;
        all.slowest = all.slowest.max(heard.slowest);
    }
    println!(
        "{burst} in {:?}: accepted {}, answered 503 {}, slowest answer {:?}",
        began.elapsed(),
        all.accepted.len(),
        all.full,
        all.slowest
    );
    assert_eq!(all.accepted.len() + all.full, usize::try_from(burst).unwrap(), "each was answered");
    assert!(
        all.full > 0 && all.accepted.len() as u64 >= pending,
        "{} accepted of {pending} that may be open",
        all.accepted.len()
    );
    assert!(all.slowest < LONG, "an answer took {:?}", all.slowest);
    let open = daemon.get("/api/v1/status").await.1["open"].as_u64();
    assert!(open.is_none_or(|open| open <= pending), "{open:?} are open");
    fs::write(site.path("fast"), "").unwrap();
    let count = Count::of_all_ended(&daemon, Duration::from_mins(20)).await;
    count.check("a burst", &all.accepted);
    assert_eq!(count.state("done"), all.accepted.len(), "{count}");
    let runs = site.lines("runs");
    assert_eq!(
        (runs.len(), runs.iter().collect::<BTreeSet<_>>().len()),
        (all.accepted.len(), all.accepted.len()),
        "each ran once"
    );
    assert_eq!(registry.scan(build).await["safety_status"], "safe", "and the last one stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_floods_takes_no_room_from_another() {
    let flood = if soak() { 20_000 } else { 1_000 };
    let registry = Registry::start();
    let site = Site::new(&registry.url).and("other", &registry.url).plugin_keys("concurrency = 2").routes(
        "[plugins.fast]\nkind = \"scanner\"\ncommand = [\"/bin/sh\", \"-c\", \"cat > /dev/null; echo '{\\\"type\\\":\\\"result\\\",\\\"verdict\\\":\\\"safe\\\"}'\"]\n\
         [[routes]]\non = \"scan_request\"\nregistries = [\"verta\"]\nscanners = [\"scan\"]\n\
         [[routes]]\non = \"scan_request\"\nregistries = [\"other\"]\nscanners = [\"fast\"]\n",
    );
    site.plugin("scan", SLOW);
    let (_, version) = registry.version("fraud").await;
    let (flooded, build) = (registry.build(&version).await, registry.build(&version).await);
    let daemon = Arc::new(Daemon::start_with(&site, &[("SCANRELAY__REGISTRIES__VERTA__MAX_PENDING", "50")]));
    let flooding = tokio::spawn({
        let daemon = Arc::clone(&daemon);
        async move {
            let (client, mut heard) = (client(), Heard::default());
            for nth in 0..flood {
                let body = scan_request(&format!("flood-{nth}"), flooded);
                match answered(post(&client, &daemon, "verta", &body).await).await {
                    (200 | 202, answer) => {
                        heard.accepted.insert(answer["delivery"].as_str().unwrap().parse().unwrap());
                    }
                    (503, answer) => {
                        assert_eq!(answer["error"], "full");
                        heard.full += 1;
                    }
                    (status, answer) => panic!("{status}: {answer}"),
                }
            }
            heard
        }
    });
    let full = || async {
        daemon.get("/api/v1/deliveries?state=open&registry=verta&limit=1000").await.1.as_array().unwrap().len()
    };
    until("a full queue", full, |open| *open >= 50).await;
    let (mut slowest, mut accepted) = (Duration::ZERO, BTreeSet::new());
    for nth in 0..20 {
        let build = if nth == 0 { build } else { registry.build(&version).await };
        let began = Instant::now();
        let (status, answer) = daemon.deliver_to("other", &scan_request(&format!("other-{nth}"), build)).await;
        assert_eq!(status, 202, "the other registry has room: {answer}");
        accepted.insert(answer["delivery"].as_str().unwrap().parse().unwrap());
        until("its result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
        slowest = slowest.max(began.elapsed());
    }
    let heard = flooding.await.unwrap();
    println!(
        "flood: accepted {}, answered 503 {}; of the other: 20, the slowest result after {slowest:?}",
        heard.accepted.len(),
        heard.full
    );
    assert!(heard.full > 0, "the flood was bounded");
    fs::write(site.path("fast"), "").unwrap();
    accepted.extend(&heard.accepted);
    let count = Count::of_all_ended(&daemon, Duration::from_mins(5)).await;
    count.check("a flood", &accepted);
    assert_eq!(count.state("done"), accepted.len(), "{count}");
}
