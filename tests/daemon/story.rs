//! From the registry's webhook to the registry's record, with both as processes.

use serde_json::{Value, json};

use crate::harness::{Daemon, Registry, Site, until};

#[tokio::test]
async fn a_scan_and_a_promotion_arrive_once_and_their_outcomes_stand_in_the_registry() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.pipe("go");
    site.plugin("scan", "cat > /dev/null; read word < $SITE/go; echo \"$SCANRELAY_RUN_ID\" >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\",\"url\":\"https://scans.example.com/1\"}'");
    let daemon = Daemon::start(&site);
    let webhook = registry.webhook(&daemon).await;

    let body = json!({ "webhook_id": webhook });
    let (status, answer) =
        registry.call("admin@example.com", "POST", "/api/v1/uac-proxy/events/triggerTest", body).await;
    assert_eq!((status, answer["status_code"].as_str()), (200, Some("202")), "{answer}");

    let (model, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    registry.request_scan(build).await;
    until("the scan's beginning", || registry.scan(build), |scan| scan["scan_status"] == "scanning").await;
    site.tell("go").await;
    let scan = until("the scan's result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(scan["safety_status"], "safe");
    assert_eq!(scan["scan_external_results"]["url"], "https://scans.example.com/1");
    assert_eq!(site.lines("runs").len(), 1, "one scan, one run");

    // Somebody else's key in the metadata stays.
    let path = format!("/api/v1/registry/registered_models/{model}/model_versions/{version}");
    let (status, answer) =
        registry.call("ada@example.com", "PATCH", &path, json!({ "redirect_metadata": "{\"owner\":\"ada\"}" })).await;
    assert_eq!(status, 200, "{answer}");
    registry.promote(&version).await;
    let read = || registry.model_version(&version);
    let metadata = |version: &Value| version["redirect_metadata"].as_str().unwrap_or_default().to_owned();
    let after = until("the promotion's end", read, |version| metadata(version).contains("complete")).await;
    let redirect: Value = serde_json::from_str(&metadata(&after)).unwrap();
    assert_eq!(redirect, json!({ "owner": "ada", "status": "complete", "url": "https://models.example.com/1" }));

    let writes: Vec<String> = registry.writes().await.iter().map(|write| write["body"].to_string()).collect();
    let at = |word: &str| {
        writes.iter().position(|write| write.contains(word)).unwrap_or_else(|| panic!("{word}: {writes:?}"))
    };
    assert!(at("\"scanning") < at("\"scanned") || at("scanning") < at("scanned"), "{writes:?}");
    assert!(at("in_progress") < at("complete"), "{writes:?}");

    let all = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |rows: &Value| rows.as_array().is_some_and(|rows| rows.iter().all(|row| row["state"] != "open"));
    let rows = until("the end of all deliveries", all, ended).await;
    let kinds: Vec<(&str, &str)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap(), row["state"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds.len(), 3, "each arrived once: {kinds:?}");
    assert_eq!(kinds[0], ("promotion", "done"));
    assert_eq!(kinds[1], ("scan_request", "done"));
    assert_eq!(kinds[2].1, "ignored");
}

#[tokio::test]
async fn an_unsafe_model_is_unsafe_in_the_registry_and_an_error_is_an_error() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 2");
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    let (_, version) = registry.version("fraud").await;

    for (script, status, safety) in [
        (
            "echo '{\"type\":\"finding\",\"id\":\"x\",\"severity\":\"critical\",\"message\":\"m\"}'; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'",
            "scanned",
            "unsafe",
        ),
        ("exit 1", "error", ""),
        ("echo nothing of use", "error", ""),
        ("kill -9 $$", "error", ""),
        ("echo '{\"type\":\"result\",\"verdict\":\"inconclusive\"}'", "error", ""),
    ] {
        site.plugin("scan", script);
        let build = registry.build(&version).await;
        registry.request_scan(build).await;
        let ended = |scan: &Value| ["scanned", "error"].contains(&scan["scan_status"].as_str().unwrap_or_default());
        let scan = until("the scan's end", || registry.scan(build), ended).await;
        assert_eq!(scan["scan_status"], status, "{script}");
        if safety.is_empty() {
            assert_ne!(scan["safety_status"], "safe", "{script}");
        } else {
            assert_eq!(scan["safety_status"], safety, "{script}");
        }
    }
}

#[tokio::test]
async fn scanners_stand_before_actions() {
    let registry = Registry::start();
    let route = "[[routes]]\non = \"promotion\"\nstage = \"production\"\nscanners = [\"scan\"]\nactions = [\"act\"]\n";
    let site = Site::new(&registry.url).routes(route);
    site.plugin("act", "echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"status\":\"complete\"}'");
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;

    site.plugin("scan", "echo '{\"type\":\"result\",\"verdict\":\"unsafe\",\"summary\":\"bad\"}'");
    let (_, bad) = registry.version("bad").await;
    registry.promote(&bad).await;
    let metadata = |version: &Value| version["redirect_metadata"].as_str().unwrap_or_default().to_owned();
    until("the refusal", || registry.model_version(&bad), |version| metadata(version).contains("failed")).await;
    assert_eq!(site.lines("acted"), [""; 0], "no action ran on an unsafe model");

    site.plugin("scan", "echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let (_, good) = registry.version("good").await;
    registry.promote(&good).await;
    until("the promotion", || registry.model_version(&good), |version| metadata(version).contains("complete")).await;
    assert_eq!(site.lines("acted"), ["ran"]);
}

#[tokio::test]
async fn a_promotion_that_was_taken_back_runs_nothing() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.plugin("act", "echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"status\":\"complete\"}'");
    let (model, version) = registry.version("fraud").await;
    let daemon = Daemon::start(&site);
    // Signed and well-formed, but the registry says something else.
    let body = json!({
        "event_uuid": "late", "event_type": "PROMOTE", "timestamp": "1669852800000",
        "new_entity": { "model_version": { "id": version, "registered_model_id": model, "stage": "PRODUCTION" } },
    });
    let (status, answer) = daemon.deliver(body.to_string().as_bytes()).await;
    assert_eq!(status, 202, "{answer}");
    let path = format!("/api/v1/deliveries/{}", answer["delivery"].as_str().unwrap());
    let ask = || async { daemon.get(&path).await.1 };
    let found = until("the end", ask, |found| found["delivery"]["state"] == "ignored").await;
    assert!(found["delivery"]["reason"].as_str().unwrap().starts_with("not confirmed"), "{found}");
    assert_eq!(site.lines("acted"), [""; 0]);
}
