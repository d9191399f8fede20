//! MLflow's own client and the real daemon, with the development registry between them.

use serde_json::{Value, json};

use crate::client::{Client, HARMLESS, MALICIOUS};
use crate::gate::{Gate, count, ended};
use crate::harness::{Daemon, Registry, until};
use crate::server::SECRET;
use crate::webhooks::makes_tries_and_deletes;

const EVENTS: [&str; 3] = ["model_version.created", "model_version_tag.set", "model_version_alias.created"];

/// How many tags were set, by the registry's own account.
async fn tags_written(registry: &Registry) -> usize {
    registry.writes().await.len()
}

fn webhook(ada: &mut Client, daemon: &Daemon) -> Value {
    let url = format!("http://{}/hooks/mlflow", daemon.intake);
    ada.does("webhook", &json!({ "url": url, "events": EVENTS, "secret": SECRET }))
}

#[tokio::test]
async fn a_model_is_uploaded_scanned_and_promoted_and_no_tag_of_ours_comes_back() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url);
    let daemon = gate.start();
    daemon.surveyed(0).await;
    let mut ada = Client::start(&registry.url);
    let webhook = webhook(&mut ada, &daemon);
    assert_eq!(ada.does("tested", &json!({ "webhook": webhook })), json!({ "success": true, "status": 202 }));

    for (model, bytes, verdict) in [("harmless", HARMLESS, "safe"), ("malicious", MALICIOUS, "unsafe")] {
        let version = ada.uploaded(model, bytes);
        let read = || std::future::ready(ada.tags(model, &version));
        let settled = |tags: &Value| tags["scanrelay.verdict"] == verdict && tags["scanrelay.scanned_at"].is_string();
        let tags = until("the verdict", read, settled).await;
        assert!(tags["scanrelay.summary"].as_str().unwrap().starts_with(&format!("pickles: {verdict}")), "{tags}");
        let files = ada.does("downloaded", &json!({ "name": model, "version": version }));
        assert_eq!(files, json!({ "weights/model.pkl": base16ct::lower::encode_string(bytes) }));
        assert_eq!(ada.does("versions", &json!({ "name": model })), json!([version]));
    }
    assert_eq!(ada.does("models", &json!({})), json!(["harmless", "malicious"]));

    ada.does("set_alias", &json!({ "name": "harmless", "alias": "production", "version": "1" }));
    let read = || std::future::ready(ada.tags("harmless", "1"));
    let tags = until("the promotion's end", read, |tags| tags["scanrelay.deployment_url"].is_string()).await;
    assert_eq!(tags["scanrelay.deployment_status"], "complete");
    assert_eq!(ada.does("aliased", &json!({ "name": "harmless", "alias": "production" })), "1");

    // MLflow's test, two versions and an alias; and one for each tag, all of them ours. When all have ended nothing is left
    // that could start anything.
    ended(&daemon, 4).await;
    let told = tags_written(&registry).await;
    let rows = ended(&daemon, 4 + told).await;
    assert_eq!(rows.len(), 4 + told, "{rows:?}");
    assert_eq!(count(&rows, "tag_set", "ignored"), told, "{rows:?}");
    assert_eq!((count(&rows, "scan_request", "done"), count(&rows, "promotion", "done")), (2, 1), "{rows:?}");
    assert_eq!((tags_written(&registry).await, gate.acted()), (told, 1), "one run for one change");

    assert_eq!(ada.does("webhooks", &json!({})), json!([webhook]));
    ada.does("delete_webhook", &json!({ "webhook": webhook }));
    assert_eq!(ada.does("webhooks", &json!({})), json!([]));
}

#[tokio::test]
async fn what_came_while_the_daemon_was_down_is_found_there() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url);
    let mut ada = Client::start(&registry.url);
    let daemon = gate.start();
    daemon.surveyed(0).await;
    daemon.kill();
    let version = ada.uploaded("missed", MALICIOUS);
    ada.does("set_alias", &json!({ "name": "missed", "alias": "production", "version": version }));
    let daemon = gate.start();
    let read = || std::future::ready(ada.tags("missed", &version));
    let told = |tags: &Value| tags["scanrelay.deployment_url"].is_string() && tags["scanrelay.verdict"] == "unsafe";
    until("both outcomes", read, told).await;
    let rows = ended(&daemon, 2).await;
    assert_eq!((count(&rows, "promotion", "done"), count(&rows, "scan_request", "done"), rows.len()), (1, 1, 2));
    assert!(rows.iter().all(|row| row["verified_by"] == "catch-up"), "{rows:?}");
}

#[tokio::test]
async fn the_command_makes_its_webhook_tries_and_deletes_it() {
    let registry = Registry::start();
    makes_tries_and_deletes(&Gate::new(&registry.url)).await;
}
