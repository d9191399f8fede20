//! `kill -9` of the daemon at every step: the same build is followed, and never a second one started.

use serde_json::json;

use crate::harness::Daemon;
use crate::plant::Plant;

/// Kills it and starts the next, which ends what the plugin of the first still does before it claims anything.
fn reborn(plant: &Plant, daemon: Daemon) -> Daemon {
    daemon.kill();
    plant.start()
}

/// One build, and it is that of the promotion.
async fn once(plant: &Plant, version: &str) {
    let told = plant.told(version).await;
    assert_eq!(told["status"], "complete", "{told}");
    assert_eq!(plant.triggered().await, 1, "{}", plant.jenkins().await);
    assert_eq!(plant.builds(1).await[0]["result"], "SUCCESS");
}

#[tokio::test]
async fn before_the_request_has_come_to_jenkins() {
    let plant = Plant::new(json!({})).await;
    plant.server(json!({ "posts": "before" })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    plant.held(1).await;
    Plant::step(&daemon, "intent").await;
    let _daemon = reborn(&plant, daemon);
    // The first request never comes to anything.
    plant.server(json!({ "posts": "drop" })).await;
    plant.held(0).await;
    plant.server(json!({ "posts": "pass" })).await;
    once(&plant, &version).await;
}

#[tokio::test]
async fn after_the_request_and_before_its_answer() {
    let plant = Plant::new(json!({ "hold_queue": true })).await;
    plant.server(json!({ "posts": "after" })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    plant.held(1).await;
    plant.queued().await;
    let daemon = reborn(&plant, daemon);
    // The intent alone is known, and the queue has it.
    Plant::step(&daemon, "queued").await;
    plant.server(json!({ "posts": "pass" })).await;
    plant.job(json!({})).await;
    once(&plant, &version).await;
}

#[tokio::test]
async fn after_the_request_and_the_build_runs_already() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    plant.server(json!({ "posts": "after" })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    plant.held(1).await;
    plant.builds(1).await;
    let daemon = reborn(&plant, daemon);
    Plant::step(&daemon, "building").await;
    plant.server(json!({ "posts": "pass" })).await;
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    once(&plant, &version).await;
}

#[tokio::test]
async fn in_the_queue_and_again_in_the_build() {
    let plant = Plant::new(json!({ "hold_queue": true, "hold_build": true })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    Plant::step(&daemon, "queued").await;
    let daemon = reborn(&plant, daemon);
    plant.steer(json!({ "start": true })).await;
    Plant::step(&daemon, "building").await;
    let daemon = reborn(&plant, daemon);
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    once(&plant, &version).await;
    assert_eq!(Plant::outcome(&daemon).await["attempts"], 3);
}

#[tokio::test]
async fn it_leaves_the_queue_and_ends_while_nobody_looks() {
    let plant = Plant::new(json!({ "hold_queue": true })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    Plant::step(&daemon, "queued").await;
    daemon.kill();
    plant.steer(json!({ "start": true, "forget": true })).await;
    let _daemon = plant.start();
    once(&plant, &version).await;
}

#[tokio::test]
async fn where_nobody_can_tell_it_is_not_triggered_again() {
    let plant = Plant::new(json!({})).await;
    plant.server(json!({ "posts": "after" })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    plant.held(1).await;
    plant.builds(1).await;
    daemon.kill();
    plant.steer(json!({ "finish": "SUCCESS", "forget": true, "delete": true })).await;
    plant.server(json!({ "posts": "pass" })).await;
    let daemon = plant.start();
    assert_eq!(plant.told(&version).await["status"], "failed");
    let outcome = Plant::outcome(&daemon).await["outcome"].to_string();
    assert!(outcome.contains("cannot be told, since builds from #1 on were deleted"), "{outcome}");
    assert_eq!(plant.triggered().await, 1);
}

/// Not killed but told to stop: a run that is followed belongs to the next daemon.
#[tokio::test]
async fn a_restart_in_good_order_follows_the_same_build() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    Plant::step(&daemon, "building").await;
    daemon.signal("TERM");
    // It waits for what runs; the second signal means now.
    let log = daemon.log_of();
    crate::harness::until("the shutdown", || async { log() }, |log| log.contains("shutting down")).await;
    daemon.signal("TERM");
    daemon.ended().await;
    let _daemon = plant.start();
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    once(&plant, &version).await;
}
