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
    let (code, _, stderr) = site.run(&["prove", "--since", "1d"]);
    assert!(code == 1 && stderr.contains("no registry can be asked how things stand"), "{stderr}");
}
