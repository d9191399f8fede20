//! What people do with MLflow's client, and what they read there afterwards.

use std::time::Duration;

use scanrelay::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::client::{Client, HARMLESS, MALICIOUS};
use crate::gate::{Gate, count, ended};
use crate::harness::until;
use crate::server::Server;

const ALIAS_SET: (&str, &str) = ("MODEL_VERSION_ALIAS", "CREATED");
const TAG_SET: (&str, &str) = ("MODEL_VERSION_TAG", "SET");
const VERSION_CREATED: (&str, &str) = ("MODEL_VERSION", "CREATED");
/// As long as a change is watched for runs that it must not cause.
const WATCHED: Duration = Duration::from_secs(15);

#[tokio::test]
async fn an_alias_is_a_promotion_and_its_outcome_is_read_in_mlflow_s_client() {
    let (server, _turn) = Server::turn().await;
    let gate = Gate::new(&server.url);
    let daemon = gate.start();
    let mut ada = Client::start(&server.url);
    let version = ada.version("promoted", HARMLESS);
    let webhook = server.webhook(&daemon, &[ALIAS_SET, TAG_SET]).await;

    let changed = Instant::now();
    ada.does("set_alias", &json!({ "name": "promoted", "alias": "production", "version": version }));
    let read = || std::future::ready(ada.tags("promoted", &version));
    let tags = until("the promotion's end", read, |tags| tags["scanrelay.deployment_url"].is_string()).await;
    assert_eq!(
        tags,
        json!({ "scanrelay.deployment_status": "complete", "scanrelay.deployment_url": "https://models.example.com/1" })
    );
    // The alias, and what MLflow tells of our own tags: in_progress may have been overtaken by the end.
    let rows = ended(&daemon, 3).await;
    assert_eq!(count(&rows, "promotion", "done"), 1, "{rows:?}");
    sleep_until(changed + WATCHED).await;
    let rows = ended(&daemon, 3).await;
    assert_eq!(count(&rows, "tag_set", "ignored"), rows.len() - 1, "{rows:?}");
    assert_eq!(gate.acted(), 1, "one run for one change");
    server.forget(&webhook).await;
}

#[tokio::test]
async fn a_version_is_scanned_with_its_files_and_the_verdict_is_read_in_mlflow_s_client() {
    let (server, _turn) = Server::turn().await;
    let gate = Gate::new(&server.url);
    let daemon = gate.start();
    let mut ada = Client::start(&server.url);
    let webhook = server.webhook(&daemon, &[VERSION_CREATED, TAG_SET]).await;
    let changed = Instant::now();
    let folder: fn(&mut Client, &str, &[u8]) -> String = Client::version;
    for (model, made, bytes, verdict) in [
        ("harmless", folder, HARMLESS, "safe"),
        ("malicious", folder, MALICIOUS, "unsafe"),
        ("one-file", Client::one_file, MALICIOUS, "unsafe"),
    ] {
        let version = made(&mut ada, model, bytes);
        let read = || std::future::ready(ada.tags(model, &version));
        let settled =
            |tags: &serde_json::Value| tags["scanrelay.verdict"] == verdict && tags["scanrelay.scanned_at"].is_string();
        let tags = until("the verdict", read, settled).await;
        let summary = tags["scanrelay.summary"].as_str().unwrap();
        assert!(summary.starts_with(&format!("pickles: {verdict}")), "{summary}");
        assert!(Timestamp::from_rfc3339(tags["scanrelay.scanned_at"].as_str().unwrap()).is_some(), "{tags}");
    }
    sleep_until(changed + WATCHED).await;
    let rows = ended(&daemon, 12).await;
    assert_eq!(count(&rows, "scan_request", "done"), 3, "{rows:?}");
    assert_eq!(count(&rows, "tag_set", "ignored"), rows.len() - 3, "{rows:?}");
    server.forget(&webhook).await;
}

#[tokio::test]
async fn a_tag_asks_for_a_scan_once() {
    let (server, _turn) = Server::turn().await;
    let gate = Gate::new(&server.url);
    let daemon = gate.start();
    let mut ada = Client::start(&server.url);
    let version = ada.version("asked", HARMLESS);
    let webhook = server.webhook(&daemon, &[TAG_SET]).await;
    let tag = |value: &str| json!({ "name": "asked", "version": version, "key": "scan", "value": value });
    ada.does("set_tag", &tag("later"));
    ada.does("set_tag", &tag("requested"));
    let read = || std::future::ready(ada.tags("asked", &version));
    until("the verdict", read, |tags| tags["scanrelay.verdict"] == "safe").await;
    let rows = ended(&daemon, 5).await;
    assert_eq!((count(&rows, "scan_request", "done"), count(&rows, "tag_set", "ignored")), (1, rows.len() - 1));
    server.forget(&webhook).await;
}

#[tokio::test]
async fn mlflow_s_own_test_starts_nothing_until_there_is_such_a_model() {
    let (server, _turn) = Server::turn().await;
    let gate = Gate::new(&server.url);
    let daemon = gate.start();
    let webhook = server.webhook(&daemon, &[VERSION_CREATED]).await;
    let test = async || {
        let (status, answer) = server.call("POST", &format!("webhooks/{webhook}/test"), &json!({})).await;
        assert_eq!((status, &answer["result"]["response_status"]), (200, &json!(202)), "{answer}");
    };
    test().await;
    let rows = ended(&daemon, 1).await;
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(reason.contains("it is the registry's own test of its webhook"), "{reason}");

    let mut ada = Client::start(&server.url);
    let version = ada.version("example_model", HARMLESS);
    let read = || std::future::ready(ada.tags("example_model", &version));
    until("the verdict", read, |tags| tags["scanrelay.verdict"] == "safe").await;
    let rows = ended(&daemon, 2).await;
    assert_eq!(count(&rows, "scan_request", "done"), 1, "{rows:?}");
    server.forget(&webhook).await;
}
