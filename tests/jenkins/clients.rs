//! What the plugin is tested on does for other people's clients as well.

use serde_json::{Value, json};

use crate::client::Client;
use crate::plant::{API_TOKEN, JOB, Plant};

/// Builds, looks, reads, stops and cancels; with a password too, for which the clients ask a crumb.
async fn check(library: &str, secret: &str) {
    let plant = Plant::new(json!({ "hold_queue": true, "hold_build": true })).await;
    let mut ada = Client::start(library, &format!("{}/jenkins/", plant.registry.url), secret);
    assert_eq!(ada.does("who", &json!({})), json!(["ada", "2.541.1"]));
    assert_eq!(ada.does("exists", &json!({ "job": JOB })), true);
    assert_eq!(ada.does("exists", &json!({ "job": "models/none" })), false);

    let given = json!({ "job": JOB, "parameters": { "MODEL": "fraud", "NOT_DECLARED": "x" } });
    let item = ada.does("build", &given);
    if library == "api4jenkins" {
        // The other one follows the redirection to the item, and finds no number there.
        assert_eq!(ada.does("build", &given), item, "what is in the queue is not queued twice");
    }
    assert_eq!(ada.does("queue", &json!({})), json!([item]));
    let waiting = ada.does("item", &json!({ "item": item }));
    assert!(waiting["build"].is_null() && waiting["why"].is_string(), "{waiting}");

    plant.steer(json!({ "start": true, "say": ["+ deploy"] })).await;
    assert_eq!(ada.does("item", &json!({ "item": item }))["build"], 1);
    assert_eq!(ada.does("last", &json!({ "job": JOB })), 1);
    let build = json!({ "job": JOB, "build": 1 });
    let running = ada.does("look", &build);
    assert_eq!((&running["building"], &running["result"]), (&json!(true), &Value::Null));
    assert_eq!(running["given"], json!({ "SCANRELAY_RUN_ID": "", "MODEL": "fraud", "VERSION": "" }));
    assert!(ada.does("console", &build).as_str().unwrap().contains("+ deploy"));
    ada.does("stop", &build);
    let stopped = ada.does("look", &build);
    assert_eq!((&stopped["building"], &stopped["result"]), (&json!(false), &json!("ABORTED")));

    let item = ada.does("build", &given);
    ada.does("cancel", &json!({ "item": item }));
    assert_eq!(ada.does("queue", &json!({})), json!([]));
}

#[tokio::test]
async fn python_jenkins_builds_follows_and_stops() {
    check("python-jenkins", API_TOKEN).await;
    check("python-jenkins", "a password").await;
}

#[tokio::test]
async fn api4jenkins_builds_follows_and_stops() {
    check("api4jenkins", API_TOKEN).await;
    check("api4jenkins", "a password").await;
}
