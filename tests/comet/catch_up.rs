//! What happens while nobody listens: the daemon asks Comet how things stand.

use serde_json::{Value, json};

use crate::client::{Client, WORKSPACE};
use crate::harness::{Registry, until};
use crate::site::{Gate, call, ended, plain_webhook, words};

const ACT: &str = "cat > /dev/null; echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"status\":\"complete\"}'";
const SCAN: &str = "cat > /dev/null; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";

fn proof(gate: &Gate) -> (i32, Vec<Value>) {
    let (code, out, err) = gate.run(&["prove", "--since", "1h", "--json"]);
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")))
}

#[tokio::test]
async fn what_came_while_the_daemon_was_down_is_found_once_and_what_stood_before_starts_nothing() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "");
    gate.site.plugin("act", ACT);
    gate.site.plugin("scan", SCAN);
    let mut ada = Client::start(&registry.url);
    ada.registers("settled");
    ada.changes("set_status", "settled", "status", "Production");
    let daemon = gate.start();
    let first = daemon.surveyed(0).await;
    assert_eq!(daemon.get("/api/v1/deliveries").await.1, json!([]), "first sight starts nothing");
    daemon.kill();

    ada.registers("missed");
    ada.changes("add_tag", "missed", "tag", "Production");
    let (code, rows) = proof(&gate);
    let gaps =
        rows.iter().filter(|row| row["gap"].as_str().is_some_and(|gap| gap.starts_with("nobody has told of it")));
    assert_eq!((code, gaps.count()), (1, 2), "{rows:?}");
    let daemon = gate.start();
    let second = daemon.surveyed(first).await;
    let rows = ended(&daemon, 2).await;
    let mut kinds: Vec<(&str, &str)> = rows.iter().map(words).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("promotion", "done"), ("scan_request", "done")]);
    assert!(rows.iter().all(|row| row["verified_by"] == "catch-up"), "{rows:?}");
    assert_eq!((ada.reads("missed")["metadata"]["scanrelay.verdict"].as_str(), gate.acted()), (Some("safe"), 1));
    let (_, rows) = proof(&gate);
    let missed = rows.iter().filter(|row| row["subject"].as_str().unwrap().contains("missed"));
    assert_eq!(missed.filter(|row| row["gap"].is_null() && row["state"] == "done").count(), 2, "{rows:?}");
    daemon.kill();

    let daemon = gate.start();
    daemon.surveyed(second).await;
    assert_eq!(ended(&daemon, 2).await.len(), 2, "found once");
    assert_eq!(gate.acted(), 1);
}

#[tokio::test]
async fn webhook_and_catch_up_make_one_delivery_and_a_stage_that_comes_back_is_found_again() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "reconcile_every = \"1s\"");
    gate.site.plugin("act", ACT);
    gate.site.plugin("scan", SCAN);
    let daemon = gate.start();
    let mut at = daemon.surveyed(0).await;
    let mut ada = Client::start(&registry.url);
    plain_webhook(&registry, &daemon).await;
    ada.registers("raced");
    ada.changes("add_tag", "raced", "tag", "Production");
    at = daemon.surveyed(daemon.surveyed(at).await).await;
    let done = |rows: &[Value], kind: &str| rows.iter().filter(|row| words(row) == (kind, "done")).count();
    let rows = || async { daemon.get("/api/v1/deliveries").await.1.as_array().unwrap().clone() };
    let rows = until("the promotion", rows, |rows: &Vec<Value>| done(rows, "promotion") == 1).await;
    assert_eq!((gate.acted(), done(&rows, "scan_request")), (1, 1), "{rows:?}");

    // Nobody posts it any more, and the daemon sees it go and come.
    let none = json!({ "webhookConfigs": [{ "workspaceName": WORKSPACE, "webhookUrls": [] }] });
    assert_eq!(call(&registry, "POST", "webhooks/config", &none).await.0, 200);
    ada.changes("delete_tag", "raced", "tag", "Production");
    daemon.surveyed(daemon.surveyed(at).await).await;
    ada.changes("add_tag", "raced", "tag", "Production");
    let acted = || std::future::ready(gate.acted());
    until("the second promotion", acted, |acted| *acted == 2).await;
}
