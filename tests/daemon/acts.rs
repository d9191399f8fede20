//! What people do to a running daemon: status, logs, cancel, pause, replay, retry of many.

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, scan_request, until};

const GATED: &str =
    "echo looking; echo up > $SITE/told; read go < $SITE/gate; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";

fn ok(site: &Site, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = site.run(arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}: {stdout}");
    stdout
}

async fn the_run(daemon: &Daemon) -> String {
    let jobs = || async { daemon.get("/api/v1/jobs").await.1 };
    let is_there = |jobs: &Value| jobs.as_array().is_some_and(|jobs| jobs.iter().any(|job| job["phase"] == "run"));
    let jobs = until("the run", jobs, is_there).await;
    jobs.as_array().unwrap().iter().find(|job| job["phase"] == "run").unwrap()["id"].to_string()
}

async fn ended(daemon: &Daemon, state: &str) {
    let first = || async { daemon.get("/api/v1/deliveries/1").await.1 };
    until(state, first, |found| found["delivery"]["state"] == state).await;
}

fn gated(registry: &Registry) -> Site {
    let site = Site::new(&registry.url).limits("plugin_attempts = 1");
    site.pipe("told");
    site.pipe("gate");
    site.plugin("scan", GATED);
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_scan_is_followed_to_its_end() {
    let registry = Registry::start();
    let site = gated(&registry);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    site.told("told").await;
    let run = the_run(&daemon).await;
    let mut follow = site.command(&["jobs", "logs", "--follow", &run]);
    let following = tokio::task::spawn_blocking(move || crate::harness::ended(&mut follow));
    site.tell("gate").await;
    let (code, seen, stderr) = following.await.unwrap();
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(seen.contains("looking\n"), "{seen}");
    ended(&daemon, "done").await;
    assert!(ok(&site, &["jobs", "logs", &run]).contains("attempt 1: result\nlooking\n"));
}

#[tokio::test]
async fn a_cancelled_scan_is_stopped_and_told_as_an_error() {
    let registry = Registry::start();
    let site = gated(&registry);
    site.plugin("scan", "echo $$ >> $SITE/pids; echo up > $SITE/told; exec sleep 1000");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    site.told("told").await;
    let run = the_run(&daemon).await;
    let said = ok(&site, &["jobs", "cancel", &run, "--reason", "it hangs"]);
    assert_eq!(said, format!("job {run} is cancelled; to do it after all: scanrelay jobs retry {run}\n"));
    until("the error", || registry.scan(build), |scan| scan["scan_status"] == "error").await;
    let pid = site.lines("pids")[0].clone();
    let gone = || async { !std::path::Path::new(&format!("/proc/{pid}")).exists() };
    until("the plugin's end", gone, |gone| *gone).await;
    ended(&daemon, "dead").await;
    let (code, _, stderr) = site.run(&["jobs", "cancel", &run]);
    assert!(code == 1 && stderr.contains("is dead already"), "{stderr}");

    // Mended, all that is dead is done again.
    site.plugin("scan", "echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let would = ok(&site, &["jobs", "retry", "--dead", "--since", "1h", "--dry-run"]);
    assert_eq!(would, format!("1 dead job would be retried: {run}\n"));
    assert_eq!(ok(&site, &["jobs", "retry", "--dead", "--since", "1h"]), format!("1 dead job is retried: {run}\n"));
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(ok(&site, &["jobs", "retry", "--dead"]), "0 dead jobs are retried\n");
}

#[tokio::test]
async fn a_paused_plugin_waits_and_the_status_says_so() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    let (code, _, stderr) = site.run(&["pause", "scam"]);
    assert!(code == 2 && stderr.contains("there is no plugin or registry scam"), "{stderr}");
    assert_eq!(ok(&site, &["pause", "scan", "--reason", "new rules"]), "plugin:scan is paused\n");
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    until("the progress", || registry.scan(build), |scan| scan["scan_status"] == "scanning").await;
    let status = ok(&site, &["status"]);
    assert!(status.contains("1 delivery is open") && status.contains("plugin:scan is paused"), "{status}");
    assert!(status.contains("new rules"), "{status}");
    let seen: Value = serde_json::from_str(&ok(&site, &["status", "--json"])).unwrap();
    let scan = seen["queues"].as_array().unwrap().iter().find(|row| row["queue"] == "plugin:scan").unwrap();
    assert_eq!((&scan["waiting"], &scan["running"]), (&1.into(), &0.into()));
    assert_eq!(ok(&site, &["resume", "scan"]), "plugin:scan goes on\n");
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    ended(&daemon, "done").await;
    assert!(ok(&site, &["status"]).contains("no delivery is open"));
    daemon.kill();
    assert!(ok(&site, &["status"]).contains("the daemon is stopped"));
}

#[tokio::test]
async fn a_replayed_delivery_tells_again_and_scans_again_only_when_asked_to() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.plugin("scan", "echo ran >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    ended(&daemon, "done").await;
    let told =
        || async { registry.writes().await.iter().filter(|write| write["body"]["scan_status"] == "scanned").count() };
    assert_eq!(told().await, 1);

    assert_eq!(ok(&site, &["deliveries", "replay", "1"]), "delivery 1 is open again, round 2\n");
    until("the second report", told, |told| *told == 2).await;
    ended(&daemon, "done").await;
    assert_eq!(site.lines("runs").len(), 1);
    ok(&site, &["deliveries", "replay", "1", "--all", "--reason", "new rules"]);
    until("the third report", told, |told| *told == 3).await;
    assert_eq!(site.lines("runs").len(), 2);
    let (code, _, stderr) = site.run(&["deliveries", "replay", "7"]);
    assert!(code == 1 && stderr.contains("there is no delivery 7"), "{stderr}");
}

#[tokio::test]
async fn a_replay_for_a_plugin_that_left_the_configuration_ends_and_says_so() {
    let registry = Registry::start();
    let more = "[plugins.extra]\nkind = \"scanner\"\noutput = \"exit-code\"\nexit_codes = { safe = [0], unsafe = [1] }\ncommand = [\"/bin/sh\", \"-c\", \"cat > /dev/null\"]\n\
                [[routes]]\non = \"scan_request\"\nscanners = [\"extra\"]\n";
    let site = Site::new(&registry.url).routes(more);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    ended(&daemon, "done").await;
    daemon.kill();

    let site = site.routes("[[routes]]\non = \"scan_request\"\nscanners = [\"scan\"]\n");
    let daemon = Daemon::start(&site);
    ok(&site, &["deliveries", "replay", "1", "--all"]);
    ended(&daemon, "dead").await;
    let shown = ok(&site, &["deliveries", "show", "1"]);
    assert!(shown.contains("plugin extra left the configuration"), "{shown}");
    until("the error", || registry.scan(build), |scan| scan["scan_status"] == "error").await;
}

#[tokio::test]
async fn what_follows_for_a_plugin_that_left_the_configuration_ends_and_says_so() {
    let registry = Registry::start();
    let more = "[plugins.extra]\nkind = \"action\"\ncommand = [\"/bin/true\"]\n\
                [[routes]]\non = \"promotion\"\nactions = [\"extra\"]\n";
    let site = Site::new(&registry.url).routes(more);
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    let (_, version) = registry.version("fraud").await;
    registry.misbehave("503").await;
    registry.promote(&version).await;
    let jobs = || async { daemon.get("/api/v1/jobs").await.1 };
    until("the question", jobs, |jobs| jobs[0]["phase"] == "confirm" && jobs[0]["attempts"].as_u64() > Some(0)).await;
    daemon.kill();

    let site = site.routes("[[routes]]\non = \"scan_request\"\nscanners = [\"scan\"]\n");
    let daemon = Daemon::start(&site);
    registry.misbehave("none").await;
    ended(&daemon, "dead").await;
    let shown = ok(&site, &["deliveries", "show", "1"]);
    assert!(shown.contains("plugin extra left the configuration"), "{shown}");
    let metadata = |version: &Value| version["redirect_metadata"].as_str().unwrap_or_default().to_owned();
    until("the failure", || registry.model_version(&version), |version| metadata(version).contains("failed")).await;
}
