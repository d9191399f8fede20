//! A registry with faults: whatever it answers, the result stands there in the end, no scan runs twice for it, and others
//! are served meanwhile.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::count::{Count, soak};
use crate::harness::weather::{Weather, Weathered};
use crate::harness::{Daemon, LONG, Registry, Site, scan_request, until};

const LOGIN: &str = "<!doctype html><html><title>Sign in</title><form action=\"/sso\"></form></html>";

/// A daemon, and its registry behind some weather.
struct Case {
    daemon: Daemon,
    site: Site,
    sky: Weathered,
    registry: Registry,
    version: String,
    accepted: BTreeSet<i64>,
}

impl Case {
    async fn new(settings: &[(&str, &str)], site: impl FnOnce(Site) -> Site) -> Self {
        let registry = Registry::start();
        let sky = Weathered::new(&registry.url);
        let site = site(Site::new(&sky.url));
        site.plugin("scan", "echo ran >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
        let (_, version) = registry.version("fraud").await;
        let daemon = Daemon::start_with(&site, settings);
        Self { daemon, site, sky, registry, version, accepted: BTreeSet::new() }
    }

    /// Has that many builds scanned by order of the registry of that name: their ids.
    async fn accept(&mut self, registry: &str, many: usize) -> Vec<u64> {
        let mut builds = Vec::new();
        for _ in 0..many {
            let build = self.registry.build(&self.version).await;
            let (status, answer) = self.daemon.deliver_to(registry, &scan_request(&format!("{build}"), build)).await;
            assert_eq!(status, 202, "{answer}");
            self.accepted.insert(answer["delivery"].as_str().unwrap().parse().unwrap());
            builds.push(build);
        }
        builds
    }

    async fn told(&self, builds: &[u64]) {
        for build in builds {
            let scan =
                until("the result", || self.registry.scan(*build), |scan| scan["scan_status"] == "scanned").await;
            assert_eq!(scan["safety_status"], "safe");
        }
    }

    async fn reports(&self) -> Vec<Value> {
        let jobs = self.daemon.get("/api/v1/jobs?limit=1000").await.1;
        jobs.as_array().unwrap().iter().filter(|job| job["phase"] == "report").cloned().collect()
    }

    /// The count that every case ends with.
    async fn check(&self, what: &str) {
        let count = Count::of_all_ended(&self.daemon, LONG).await;
        count.check(what, &self.accepted);
        assert_eq!(count.state("done"), self.accepted.len(), "{count}");
        assert_eq!(
            self.site.lines("runs").len(),
            self.accepted.len(),
            "one run for each scan, whatever the registry did"
        );
    }
}

/// In that weather every report is tried twice at least, and then all is well.
async fn weather(what: &str, weather: Weather, says: &str) {
    let mut case = Case::new(&[], |site| site).await;
    case.sky.turns(weather);
    let builds = case.accept("verta", 5).await;
    let tried = |reports: &Vec<Value>| {
        reports.len() == builds.len() && reports.iter().all(|report| report["attempts"].as_u64() > Some(1))
    };
    let reports = until("a second try of each report", || case.reports(), tried).await;
    let result = reports[0]["result"].as_str().unwrap();
    assert!(result.contains(says), "{result:?} does not say {says:?}");
    assert!(!result.contains('<') && !result.contains('\n'), "{result:?} holds the answer");
    case.sky.turns(Weather::Fine);
    case.told(&builds).await;
    case.check(what).await;
}

#[tokio::test]
async fn it_is_down() {
    weather("down", Weather::Down, "").await;
}

#[tokio::test]
async fn it_answers_garbage() {
    weather("garbage", Weather::Says(200, "Content-Type: application/json\r\n", "{\"scan_sta\u{1}"), "").await;
}

#[tokio::test]
async fn a_login_page_answers_in_its_place() {
    weather("login page", Weather::Says(200, "Content-Type: text/html\r\n", LOGIN), "").await;
}

#[tokio::test]
async fn it_sends_us_to_a_login_page() {
    let headers = "Location: https://sso.example.com/login\r\n";
    let mut case = Case::new(&[], |site| site).await;
    case.sky.turns(Weather::Says(302, headers, ""));
    case.accept("verta", 1).await;
    let count = Count::of_all_ended(&case.daemon, LONG).await;
    assert_eq!(count.state("dead"), 1, "a redirect is not followed, and not waited out: {count}");
    count.check("redirect", &case.accepted);
}

#[tokio::test]
async fn it_resets_connections_in_the_middle_of_its_answer() {
    let mut case = Case::new(&[], |site| site).await;
    case.sky.turns(Weather::BreaksOff);
    let builds = case.accept("verta", 5).await;
    // It has taken the result each time, and nobody heard of it.
    let tried = |reports: &Vec<Value>| {
        reports.len() == builds.len() && reports.iter().all(|report| report["attempts"].as_u64() > Some(1))
    };
    until("a second try of each report", || case.reports(), tried).await;
    case.sky.turns(Weather::Fine);
    case.told(&builds).await;
    case.check("resets").await;
}

#[tokio::test]
async fn it_refuses_our_key_for_a_while() {
    let refusal = Weather::Says(401, "Content-Type: application/json\r\n", "{\"code\":16,\"message\":\"no\"}");
    weather("401", refusal, "401").await;
}

#[tokio::test]
async fn retry_after_is_honoured_and_the_registry_not_hammered() {
    let (wait, header, many) = if soak() { (20, "Retry-After: 20\r\n", 200) } else { (3, "Retry-After: 3\r\n", 30) };
    let mut case = Case::new(&[], |site| site).await;
    case.sky.turns(Weather::Says(429, header, "{}"));
    let builds = case.accept("verta", many).await;
    until("the reports", || case.reports(), |reports| reports.len() == many).await;
    until("a refusal", || async { case.sky.asked().len() }, |asked| *asked > 0).await;
    // So many waits, and each time only who was on the way already asks in vain: four at once, of 60.
    let waits = 2;
    let begun = case.sky.asked()[0].0;
    let again = || async { case.sky.asked().last().unwrap().0.duration_since(begun) };
    until("another try", again, |since| *since > Duration::from_secs(wait * waits)).await;
    let asked = case.sky.asked();
    let within = asked.iter().filter(|(at, _)| at.duration_since(begun) < Duration::from_secs(wait * waits)).count();
    assert!(within <= 12, "{within} requests, though it asked twice to be left alone: {asked:?}");
    // From the first request of each time to the first of the next: a busy machine takes long over those at once.
    let mut times: Vec<Instant> = Vec::new();
    for (at, _) in &asked {
        if times.last().is_none_or(|first| at.duration_since(*first) > Duration::from_millis(wait * 900)) {
            times.push(*at);
        }
    }
    assert!(times.len() > 2, "it was not left alone for {wait} s: {asked:?}");
    case.sky.turns(Weather::Fine);
    case.told(&builds).await;
    case.check("429").await;
}

#[tokio::test]
async fn retry_after_counts_up_to_an_hour() {
    let mut case = Case::new(&[], |site| site).await;
    let scan = "while [ ! -e $SITE/go ]; do sleep 0.05; done; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";
    case.site.plugin("scan", scan);
    let builds = case.accept("verta", 1).await;
    until("the progress", || case.registry.scan(builds[0]), |scan| scan["scan_status"] == "scanning").await;
    case.sky.turns(Weather::Says(429, "Retry-After: 999999\r\n", "{}"));
    case.site.write("go", "", 0o600);
    let put_off =
        |reports: &Vec<Value>| reports.iter().any(|report| report["attempts"] == 1 && report["state"] == "due");
    let reports = until("the refusal", || case.reports(), put_off).await;
    let waits = reports[0]["due_at"].as_i64().unwrap() - reports[0]["created_at"].as_i64().unwrap();
    assert!((3_590_000..3_660_000).contains(&waits), "it waits for {waits} ms");
}

#[tokio::test]
async fn it_is_slower_than_we_wait_and_others_are_served_meanwhile() {
    let slow = Duration::from_secs(if soak() { 30 } else { 4 });
    let registry = Registry::start();
    let url = registry.url.clone();
    let mut case = Case::new(&[("SCANRELAY__REGISTRIES__VERTA__TIMEOUT", "1s")], |site| site.and("other", &url)).await;
    case.sky.turns(Weather::Slow(slow));
    let slow_builds = case.accept("verta", 8).await;
    until("a first try", || async { case.sky.asked().len() }, |asked| *asked > 0).await;
    // The other registry is another process: its builds are its own.
    let (_, version) = registry.version("fraud").await;
    let began = Instant::now();
    for _ in 0..8 {
        let build = registry.build(&version).await;
        let (status, answer) = case.daemon.deliver_to("other", &scan_request(&format!("{build}"), build)).await;
        assert_eq!(status, 202, "{answer}");
        case.accepted.insert(answer["delivery"].as_str().unwrap().parse().unwrap());
        until("the other's result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    }
    println!("eight of the other registry, one after the other: {:?}", began.elapsed());
    let told = case.registry.told().await;
    let tried = |reports: &Vec<Value>| reports.iter().any(|report| report["attempts"].as_u64() > Some(1));
    let reports = until("a second try", || case.reports(), tried).await;
    assert!(reports.iter().any(|report| report["result"].as_str().unwrap_or_default().contains("no answer in time")));
    case.sky.turns(Weather::Fine);
    case.told(&slow_builds).await;
    println!("told before it became fast: {}", told.len());
    case.check("slower than the timeout").await;
}

#[tokio::test]
async fn it_is_slow_and_we_wait() {
    let slow = Duration::from_secs(if soak() { 30 } else { 2 });
    let mut case = Case::new(&[("SCANRELAY__REGISTRIES__VERTA__TIMEOUT", "50s")], |site| site).await;
    case.sky.turns(Weather::Slow(slow));
    let builds = case.accept("verta", 4).await;
    case.told(&builds).await;
    let told = || async { case.reports().await.iter().filter(|report| report["state"] == "done").count() };
    until("the answers", told, |told| *told == builds.len()).await;
    assert!(case.reports().await.iter().all(|report| report["attempts"] == 1), "nothing was told twice");
    case.check("slower than anybody likes").await;
}
