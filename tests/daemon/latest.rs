//! `latest_only`: of the promotions that wait for one that acts, only the latest is done.

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, until};

const ROUTES: &str =
    "[[routes]]\non = \"promotion\"\nstage = \"production\"\nactions = [\"act\"]\nlatest_only = true\n";
const GATED: &str = "echo $SCANRELAY_RUN_ID >> $SITE/acted; echo up > $SITE/told; read go < $SITE/gate; \
                     echo '{\"type\":\"result\",\"status\":\"complete\",\"url\":\"https://models.example.com/1\"}'";

/// Promotions of one model, each as the registry tells it.
fn promotion(id: &str, model: &str, version: &str) -> Vec<u8> {
    let version = serde_json::json!({ "id": version, "registered_model_id": model, "stage": "PRODUCTION" });
    let entity = serde_json::json!({ "model_version": version });
    serde_json::json!({ "event_uuid": id, "event_type": "PROMOTE", "new_entity": entity }).to_string().into_bytes()
}

async fn delivery(daemon: &Daemon, id: usize) -> Value {
    daemon.get(&format!("/api/v1/deliveries/{id}")).await.1
}

#[tokio::test]
async fn what_waits_behind_a_running_action_gives_way_to_the_latest() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).routes(ROUTES);
    site.pipe("told");
    site.pipe("gate");
    site.plugin("act", GATED);
    let (model, version) = registry.version("fraud").await;
    registry.promote(&version).await;
    let daemon = Daemon::start(&site);
    let promote = async |id: &str| daemon.deliver(&promotion(id, &model, &version)).await.0;
    assert_eq!(promote("one").await, 202);
    site.told("told").await;
    assert_eq!([promote("two").await, promote("three").await], [202, 202]);
    let ended = |found: &Value| found["delivery"]["state"] == "ignored";
    let second = until("the end of the second", || delivery(&daemon, 2), ended).await;
    let reason = "superseded: delivery 3 promotes the same model since (latest_only)";
    assert_eq!(second["delivery"]["reason"], reason);
    assert_eq!(second["jobs"][0]["state"], "superseded");
    assert_eq!(second["jobs"][0]["outcome"]["by"], 3);
    let (code, shown, _) = site.run(&["deliveries", "show", "2"]);
    assert!(code == 0 && shown.contains(reason) && shown.contains("superseded"), "{shown}");

    // The one that acts is left to end, and the latest follows.
    site.tell("gate").await;
    site.told("told").await;
    site.tell("gate").await;
    for id in [1, 3] {
        until("the end", || delivery(&daemon, id), |found| found["delivery"]["state"] == "done").await;
    }
    assert_eq!(site.lines("acted").len(), 2);
    let writes = registry.writes().await;
    assert!(!writes.iter().any(|write| write.to_string().contains("failed")), "{writes:?}");
}
