//! What people do with `comet_ml`, and what they read there afterwards.

use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::{Registry, until};
use crate::site::{Gate, ended, plain_webhook, words};

#[tokio::test]
async fn a_status_that_somebody_sets_is_a_promotion_and_its_outcome_is_read_in_comet_s_client() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "write_back = { status = { complete = \"Approved\" } }");
    let url = "https://models.example.com/1";
    gate.site.plugin("act", &format!("cat > $SITE/input; echo ran >> $SITE/acted; echo '{{\"type\":\"result\",\"status\":\"complete\",\"url\":\"{url}\"}}'"));
    let daemon = gate.start();
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    plain_webhook(&registry, &daemon).await;

    ada.changes("add_tag", "fraud", "tag", "candidate");
    ada.changes("set_status", "fraud", "status", "Production");
    let ask = || std::future::ready(ada.reads("fraud"));
    let read = until("the promotion's end", ask, |read| read["status"] == "Approved").await;
    assert_eq!(read["metadata"]["scanrelay.deployment_status"], "complete");
    assert_eq!(read["metadata"]["scanrelay.deployment_url"], url);
    assert_eq!(read["metadata"]["owner"], "ada", "other people's keys stay");
    assert_eq!(read["comment"], format!("by ada\n[scanrelay promotion] complete {url}"));
    assert_eq!(read["tags"], json!(["candidate"]));

    // The tag, the promotion, and the status that scanrelay set itself.
    let rows = ended(&daemon, 3).await;
    let kinds: Vec<(&str, &str)> = rows.iter().map(words).collect();
    assert_eq!(kinds, [("stage_changed", "ignored"), ("promotion", "done"), ("stage_changed", "ignored")]);
    assert_eq!(gate.acted(), 1);
    let input: Value = serde_json::from_slice(&std::fs::read(gate.site.path("input")).unwrap()).unwrap();
    let event = &input["event"];
    assert_eq!(
        (&event["workspace"], &event["model"]["name"], &event["version"]["name"], &event["change"]["stage_to"]),
        (&json!("acme"), &json!("fraud"), &json!("1.0.0"), &json!("production"))
    );
}
