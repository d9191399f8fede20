//! What happened while the daemon was down: the registry could not deliver it, and is asked for it again.

use serde_json::{Value, json};

use crate::harness::{Daemon, Registry, Site, until};

#[tokio::test]
async fn a_promotion_while_the_daemon_was_down_is_asked_for_and_acted_upon_once() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.plugin("act", "echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"status\":\"complete\"}'");
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    let address = daemon.intake.clone();
    daemon.kill();

    let (_, version) = registry.version("fraud").await;
    registry.promote(&version).await;
    let calls = || async {
        let path = "/api/v1/uac-proxy/events/findWebhookCall";
        registry.call("admin@example.com", "POST", path, json!({ "status": ["FAILURE"] })).await.1
    };
    let failed = |calls: &Value| calls["calls"].as_array().is_some_and(|calls| calls.len() == 1);
    until("the failure of the webhook", calls, failed).await;

    // Where it was, so that the registry's webhook finds it.
    let configuration = site.configuration().replacen("bind = \"127.0.0.1:0\"", &format!("bind = \"{address}\""), 1);
    let daemon = Daemon::start_as(&site, &configuration);
    let rows = || async { daemon.get("/api/v1/deliveries").await.1 };
    let is_done = |rows: &Value| rows.as_array().is_some_and(|rows| !rows.is_empty() && rows[0]["state"] == "done");
    let rows = until("the promotion", rows, is_done).await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["kind"]), (1, &json!("promotion")));
    assert_eq!(site.lines("acted").len(), 1);
    let (code, out, err) = site.run(&["prove", "--since", "1d", "--json"]);
    let proof: Vec<Value> = serde_json::from_str(&out).unwrap();
    let [row] = &proof[..] else { panic!("{out}") };
    assert_eq!((code, &row["kind"], &row["gap"]), (0, &json!("promotion"), &Value::Null), "{err}{out}");
    assert_eq!((&row["state"], &row["delivery"]), (&json!("done"), &rows[0]["id"]));
}

#[tokio::test]
async fn what_nobody_ever_tried_to_deliver_is_found_once_and_what_stood_before_starts_nothing() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.plugin("act", "echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"status\":\"complete\"}'");
    let (_, old) = registry.version("old").await;
    registry.promote(&old).await;
    let scanned = registry.build(&old).await;
    registry.request_scan(scanned).await;
    let path = format!("/api/v1/deployment/workspace/acme/builds/{scanned}/scan");
    let result = json!({ "scan_status": "scanned", "scan_external_results": { "safety_status": "safe" } });
    assert_eq!(registry.call("ada@example.com", "PUT", &path, result).await.0, 200);
    let daemon = Daemon::start(&site);
    let first = daemon.surveyed(0).await;
    assert_eq!(daemon.get("/api/v1/deliveries").await.1, json!([]), "first sight starts nothing");
    daemon.kill();

    // Nobody has told the registry of any webhook.
    let (_, version) = registry.version("fraud").await;
    registry.promote(&version).await;
    let build = registry.build(&version).await;
    registry.request_scan(build).await;
    let daemon = Daemon::start(&site);
    let second = daemon.surveyed(first).await;
    let rows = || async { daemon.get("/api/v1/deliveries").await.1 };
    let is_done = |rows: &Value| {
        rows.as_array().is_some_and(|rows| rows.len() == 2 && rows.iter().all(|row| row["state"] == "done"))
    };
    let rows = until("both deliveries", rows, is_done).await;
    assert!(rows.as_array().unwrap().iter().all(|row| row["verified_by"] == "catch-up"), "{rows}");
    assert_eq!(registry.scan(build).await["safety_status"], "safe");
    assert_eq!(site.lines("acted").len(), 1);
    let (code, out, _) = site.run(&["prove", "--since", "1d", "--json"]);
    let proof: Vec<Value> = serde_json::from_str(&out).unwrap();
    let gaps: Vec<(&str, &str)> =
        proof.iter().filter_map(|row| Some((row["subject"].as_str()?, row["gap"].as_str()?))).collect();
    assert_eq!((code, proof.len(), gaps.len()), (1, 4, 2), "{out}");
    let gap = |subject: &str| gaps.iter().find(|(of, _)| *of == subject).expect(subject).1;
    assert!(gap(&format!("build:{scanned}")).starts_with("a result stands that came of no delivery"), "{out}");
    let stood = gaps.iter().find(|(of, _)| of.starts_with("version:")).unwrap().1;
    assert!(stood.starts_with("it stood so when the registry was first asked"), "{out}");
    daemon.kill();

    let daemon = Daemon::start(&site);
    daemon.surveyed(second).await;
    assert_eq!(daemon.get("/api/v1/deliveries").await.1.as_array().unwrap().len(), 2, "found once");
}
