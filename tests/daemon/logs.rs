//! What the log says, where to, and how often.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Daemon, Ready, Registry, Site, scan_request, sign, until};

/// The lines of the log with this message.
fn said(log: &str, message: &str) -> Vec<Value> {
    let all = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    all.filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn one_line_for_a_thing_with_the_names_that_one_looks_for() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (_, version) = registry.version("logged").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    // It ended before its beginning would have been told.
    let told = || async { said(&daemon.log(), "told") };
    let told = until("the report", told, |lines| lines.len() == 1).await;
    let log = daemon.log();
    let accepted = said(&log, "accepted");
    let runs = said(&log, "result");
    assert_eq!((accepted.len(), runs.len()), (1, 1), "{log}");
    for line in accepted.iter().chain(&runs).chain(&told) {
        assert_eq!((line["delivery"].as_i64(), line["registry"].as_str()), (Some(1), Some("verta")), "{line}");
        assert!(line["duration_ms"].is_u64(), "{line}");
        assert_eq!(line["plugin"].as_str(), (line["phase"] == "run").then_some("scan"), "{line}");
    }
}

#[tokio::test]
async fn a_flood_of_refused_requests_is_counted_and_does_not_fill_the_log() {
    let site = Site::new("http://127.0.0.1:1");
    let daemon = Daemon::start(&site);
    let wrong = format!("sha256={}", "0".repeat(64));
    for at in 0..40 {
        let body = scan_request(&at.to_string(), at);
        assert_eq!(daemon.post("/hooks/verta", &[("X-Hub-Signature-256", &wrong)], &body).await.0, 401);
    }
    let refused = || async { said(&daemon.log(), "refused").len() };
    until("the lines that are said", refused, |lines| *lines == 5).await;
    assert_eq!(daemon.get("/api/v1/rejections").await.1.as_array().unwrap().len(), 40, "none is forgotten");
    let counted = "scanrelay_rejected_total{registry=\"verta\",reason=\"mismatch\"} 40";
    assert!(crate::metrics::scrape(&daemon).await.contains(counted));
    // Another error is said.
    assert_eq!(daemon.post("/hooks/verta", &[], b"{}").await.0, 401);
    until("another line", refused, |lines| *lines == 6).await;
    // The pause ends in half a minute, without another request.
    let repeated = || async { daemon.log().lines().filter(|line| line.contains("repeated: refused")).count() };
    until("the count", repeated, |lines| *lines == 1).await;
    assert!(daemon.log().contains("\"repeated\":35"), "{}", daemon.log());
}

#[tokio::test]
async fn the_last_words_are_written_before_the_end() {
    let site = Site::new("http://127.0.0.1:1");
    let daemon = Daemon::start(&site);
    let log = daemon.log_of();
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.code(), Some(0));
    let drained = || async { log() };
    until("the last words", drained, |log| said(log, "drained").len() == 1).await;
}

/// `tests/daemon/journal` is the journal; it prints each entry as a line of JSON where the daemon's stderr would be.
#[tokio::test]
async fn the_journal_gets_fields() {
    let site = Site::new("http://127.0.0.1:1");
    let serve = site.command(&["serve"]);
    let mut journal = Command::new("unshare");
    journal.args(["--map-root-user", "--mount", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/journal")]);
    let daemon = Ready::start(journal.arg(serve.get_program()).args(serve.get_args()));
    let body = scan_request("one", 1);
    let request = crate::harness::client().post(format!("http://{}/hooks/verta", daemon.address("intake")));
    let request = request.header("Content-Type", "application/json");
    let request = sign(&body).iter().fold(request, |request, (name, value)| request.header(name, value));
    assert_eq!(request.body(body).send().await.unwrap().status(), 202);
    let entries = || async { said_in_journal(&daemon.log(), "result") };
    let run = until("the run", entries, |entries| entries.len() == 1).await.remove(0);
    for (field, value) in [("DELIVERY", "1"), ("REGISTRY", "verta"), ("PLUGIN", "scan"), ("PRIORITY", "6")] {
        assert_eq!(run[field], value, "{run}");
    }
    assert!(run["DURATION_MS"].as_str().unwrap().parse::<u64>().is_ok(), "{run}");
    let accepted = said_in_journal(&daemon.log(), "accepted").remove(0);
    assert_eq!((&accepted["REGISTRY"], &accepted["DELIVERY"]), (&"verta".into(), &"1".into()), "{accepted}");
    // A registry that cannot be reached is a warning.
    let warned = || async { daemon.log().lines().any(|line| line.contains("\"PRIORITY\": \"4\"")) };
    until("a warning", warned, |warned| *warned).await;
}

fn said_in_journal(log: &str, message: &str) -> Vec<Value> {
    let all =
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no entry: {line}")));
    all.filter(|entry| entry["MESSAGE"] == message).collect()
}
