//! Who stops the run stops what it has started, where the settings say so.

use serde_json::{Value, json};

use crate::harness::{Daemon, until};
use crate::plant::Plant;

async fn stopped(plant: &Plant, daemon: &Daemon) {
    let run = Plant::run_row(daemon).await["id"].to_string();
    let (code, said, stderr) = plant.run(&["jobs", "cancel", &run]);
    assert_eq!(code, 0, "{said}{stderr}");
}

#[tokio::test]
async fn in_the_queue() {
    let plant = Plant::new(json!({ "hold_queue": true })).await.with("cancel = true");
    let daemon = plant.start();
    plant.promoted(&daemon).await;
    Plant::step(&daemon, "queued").await;
    stopped(&plant, &daemon).await;
    until("an empty queue", || plant.triggered(), |count| *count == 0).await;
    assert!(plant.builds(0).await.is_empty());
}

#[tokio::test]
async fn in_the_build() {
    let plant = Plant::new(json!({ "hold_build": true })).await.with("cancel = true");
    let daemon = plant.start();
    plant.promoted(&daemon).await;
    Plant::step(&daemon, "building").await;
    stopped(&plant, &daemon).await;
    let first = || async { plant.builds(1).await[0]["result"].clone() };
    until("the build's end", first, |result| *result == "ABORTED").await;
}

/// It was triggered, and the plugin does not know it yet.
#[tokio::test]
async fn before_the_answer_has_come() {
    let plant = Plant::new(json!({ "hold_queue": true })).await.with("cancel = true");
    plant.server(json!({ "posts": "after" })).await;
    let daemon = plant.start();
    plant.promoted(&daemon).await;
    plant.held(1).await;
    stopped(&plant, &daemon).await;
    until("an empty queue", || plant.triggered(), |count| *count == 0).await;
}

#[tokio::test]
async fn without_the_setting_the_build_goes_on() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    let daemon = plant.start();
    plant.promoted(&daemon).await;
    Plant::step(&daemon, "building").await;
    stopped(&plant, &daemon).await;
    Plant::outcome(&daemon).await;
    assert_eq!(plant.builds(1).await[0]["result"], Value::Null);
}
