//! A registry that fails for a while: every result arrives, no scan runs twice for it, and the newest verdict stands.

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, until};

async fn weather(answers: &str) {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.plugin("scan", "echo ran >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    let (_, version) = registry.version("fraud").await;
    let mut builds = Vec::new();
    for _ in 0..5 {
        builds.push(registry.build(&version).await);
    }
    for build in &builds {
        registry.request_scan(*build).await;
    }
    registry.misbehave(answers).await;
    let tried = || async { daemon.get("/api/v1/jobs?limit=1000").await.1 };
    let all_tried = |rows: &Value| {
        let reports: Vec<&Value> = rows.as_array().unwrap().iter().filter(|row| row["phase"] == "report").collect();
        reports.len() == builds.len()
            && reports.iter().all(|row| row["state"] == "done" || row["attempts"].as_u64() > Some(1))
    };
    until("a second try of each report", tried, all_tried).await;
    registry.misbehave("none").await;
    for build in &builds {
        let scan = until("the result", || registry.scan(*build), |scan| scan["scan_status"] == "scanned").await;
        assert_eq!(scan["safety_status"], "safe");
    }
    assert_eq!(site.lines("runs").len(), builds.len(), "one run for each scan, whatever the registry did");
    let open = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |rows: &Value| rows.as_array().unwrap().iter().all(|row| row["state"] == "done");
    until("the end of all deliveries", open, ended).await;
}

#[tokio::test]
async fn a_registry_that_answers_503_for_a_while() {
    weather("503").await;
}

#[tokio::test]
async fn a_registry_that_refuses_our_key_for_a_while() {
    weather("401").await;
}

#[tokio::test]
async fn a_registry_that_answers_garbage_for_a_while() {
    weather("garbage").await;
}

#[tokio::test]
async fn the_newest_verdict_of_a_build_is_the_one_that_stands() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    registry.misbehave("503").await;
    let verdicts = || async { daemon.get("/api/v1/jobs?limit=1000").await.1 };
    for (round, verdict) in ["unsafe", "safe", "unsafe"].into_iter().enumerate() {
        site.plugin("scan", &format!("echo '{{\"type\":\"result\",\"verdict\":\"{verdict}\"}}'"));
        registry.misbehave("none").await;
        registry.request_scan(build).await;
        registry.misbehave("503").await;
        let told =
            |rows: &Value| rows.as_array().unwrap().iter().filter(|row| row["phase"] == "report").count() == round + 1;
        until("the verdict", verdicts, told).await;
    }
    registry.misbehave("none").await;
    let all = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |rows: &Value| rows.as_array().unwrap().iter().all(|row| row["state"] == "done");
    until("the end of all deliveries", all, ended).await;
    assert_eq!(registry.scan(build).await["safety_status"], "unsafe");
}
