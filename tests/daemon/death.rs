//! `kill -9` in the middle of things, and two daemons on one file.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, scan_request, until};

/// Tells that it runs, and waits to be told to go on.
const GATED: &str = "echo \"$SCANRELAY_RUN_ID $SCANRELAY_ATTEMPT\" >> $SITE/runs; echo up > $SITE/told; read go < $SITE/gate; \
                     echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";

/// A dead process whose parent is gone may wait for somebody to reap it.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn killed_in_mid_scan_the_scan_runs_again_and_the_stray_is_ended() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.pipe("told");
    site.pipe("gate");
    site.plugin("scan", &format!("echo $$ >> $SITE/pids; {GATED}"));
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;

    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    site.told("told").await;
    daemon.kill();
    let stray = site.lines("pids")[0].clone();
    assert!(runs(&stray), "the plugin outlives its daemon");

    let daemon = Daemon::start(&site);
    assert!(!runs(&stray), "the next daemon ends it before it claims anything");
    site.told("told").await;
    site.tell("gate").await;
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    let runs = site.lines("runs");
    let ids: Vec<&str> = runs.iter().map(|run| run.split(' ').next().unwrap()).collect();
    assert_eq!((runs.len(), ids[0]), (2, ids[1]), "one more run, under the same id: {runs:?}");
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 200, "the delivery is known");
    assert_eq!(fs::read_dir(site.path("state/work")).unwrap().count(), 0, "no working directory is left");
}

#[tokio::test]
async fn killed_in_mid_write_back_the_outcome_is_told_and_the_scan_not_run_again() {
    // A registry that takes a request and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = Site::new(&format!("http://{}", silent.local_addr().unwrap()));
    site.plugin("scan", "echo ran >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let daemon = Daemon::start(&site);
    let registry = Registry::start();
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    let reported = tokio::task::spawn_blocking(move || {
        let mut held = Vec::new();
        loop {
            let (mut connection, _) = silent.accept().unwrap();
            let mut head = [0; 4096];
            let mut text = String::new();
            // What is asked without a body ends with its head.
            while !(text.contains('}') || text.starts_with("GET") && text.ends_with("\r\n\r\n")) {
                let read = connection.read(&mut head).unwrap();
                text.push_str(&String::from_utf8_lossy(&head[..read]));
            }
            if text.contains("\"scanned\"") {
                return held;
            }
            // Progress is answered, so that the report follows.
            connection
                .write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\nConnection: close\r\n\r\n{\"scan_status\":\"scanning\"}",
                )
                .unwrap();
            held.push(connection);
        }
    });
    tokio::time::timeout(crate::harness::LONG, reported).await.expect("the outcome was never sent").unwrap();
    daemon.kill();

    site.moved(&registry.url);
    let _daemon = Daemon::start(&site);
    let scan = until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(scan["safety_status"], "safe");
    assert_eq!(site.lines("runs"), ["ran"], "its outcome was stored, so it does not run again");
}

#[tokio::test]
async fn a_checkpoint_is_given_back_after_death() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.pipe("told");
    site.plugin(
        "scan",
        "input=$(cat); case $input in
         *'\"checkpoint\":{\"queue\":25}'*) echo '{\"type\":\"result\",\"verdict\":\"safe\",\"summary\":\"resumed\"}' ;;
         *) echo '{\"type\":\"checkpoint\",\"data\":{\"queue\":25}}'
            until [ -e checkpoint.json ]; do :; done
            echo saved > $SITE/told; exec sleep 60 ;;
         esac",
    );
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    site.told("told").await;
    daemon.kill();
    let _daemon = Daemon::start(&site);
    until("the resumed result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
}

#[tokio::test]
async fn a_second_daemon_on_one_file_refuses_and_the_first_goes_on() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    let (code, stdout, stderr) = site.run(&["serve"]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("scanrelay.db is in use by another scanrelay"), "{stderr}");
    let answer = daemon.deliver(&scan_request("one", 1)).await;
    assert_eq!(answer.0, 202, "{}", answer.1);
}

#[tokio::test]
async fn a_poison_delivery_is_dead_after_its_attempts_and_the_rest_goes_on() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 2\nconcurrency = 1");
    site.pipe("told");
    site.plugin(
        "scan",
        "input=$(cat); case $input in
         *'\"build\":{\"id\":\"666\"'*) echo up > $SITE/told; exec sleep 60 ;;
         *) echo '{\"type\":\"result\",\"verdict\":\"safe\"}' ;;
         esac",
    );
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("poison", 666)).await.0, 202);
    assert_eq!(daemon.deliver(&scan_request("good", build)).await.0, 202);
    site.told("told").await;
    daemon.kill();
    let daemon = Daemon::start(&site);
    site.told("told").await;
    daemon.kill();
    let daemon = Daemon::start(&site);
    until("the good one's result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    let dead = || async { daemon.get("/api/v1/jobs?state=dead").await.1 };
    let rows = until("the poison's end", dead, |rows| rows.as_array().is_some_and(|rows| !rows.is_empty())).await;
    let run: &Value = rows.as_array().unwrap().iter().find(|row| row["phase"] == "run").unwrap();
    assert!(run["result"].as_str().unwrap().contains("stopped in the middle of its last attempt"), "{run}");
}
