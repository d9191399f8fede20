//! The Generic Webhook Trigger plugin's endpoint, where 200 is not yet triggered.

use serde_json::{Value, json};

use crate::plant::{JOB, Plant};

const TOKEN: &str = "the job's token";
const KEY: &str = "gwt-secret";

/// Called with the job's token alone.
async fn hooked(how: Value) -> Plant {
    let mut how = how;
    how["token"] = json!(TOKEN);
    let plant = Plant::new(how).await.without("job").without("user").with("trigger = \"generic-webhook\"");
    plant.site.write("hook", TOKEN, 0o600);
    plant.site.write("key", KEY, 0o600);
    plant.secrets("{ JENKINS_WEBHOOK_TOKEN = { file = \"hook\" } }")
}

async fn check(how: Value, status: &str, words: &str, triggered: u64) {
    let plant = hooked(how).await;
    let (said, summary) = plant.summary("fraud");
    assert!(said == status && summary.contains(words), "{said}: {summary}");
    assert_eq!(plant.triggered().await, triggered);
}

#[tokio::test]
async fn it_is_complete_when_it_was_triggered() {
    let plant = hooked(json!({})).await.with("forward = { url = \"https://models.example.com/{model}\" }");
    let said = plant.tried("fraud");
    assert_eq!(said["conclusion"]["status"], "complete", "{said}");
    assert_eq!(said["conclusion"]["url"], "https://models.example.com/fraud");
    assert_eq!(plant.builds(1).await[0]["parameters"]["MODEL"], "fraud");
}

#[tokio::test]
async fn well_received_is_not_triggered() {
    check(json!({ "filtered": true }), "failed", &format!("did not trigger {JOB}: its filter"), 0).await;
    check(json!({ "silent": true }), "failed", "turn off silentResponse", 1).await;
    let plant = hooked(json!({})).await;
    plant.job(json!({ "token": "another one" })).await;
    let (status, summary) = plant.summary("fraud");
    assert!(status == "failed" && summary.contains("no job has the token of JENKINS_WEBHOOK_TOKEN (404)"), "{summary}");
}

#[tokio::test]
async fn a_signature_is_checked() {
    let plant = hooked(json!({ "hmac_key": KEY })).await;
    let (status, summary) = plant.summary("fraud");
    assert!(status == "failed" && summary.contains("turned us away (403): check JENKINS_WEBHOOK_KEY"), "{summary}");
    let plant =
        plant.secrets("{ JENKINS_WEBHOOK_TOKEN = { file = \"hook\" }, JENKINS_WEBHOOK_KEY = { file = \"key\" } }");
    assert_eq!(plant.summary("fraud").0, "complete");
}

#[tokio::test]
async fn a_job_that_is_named_is_followed_and_found_again() {
    let both = "{ JENKINS_WEBHOOK_TOKEN = { file = \"hook\" }, JENKINS_TOKEN = { file = \"token\" } }";
    let plant = hooked(json!({ "hold_build": true })).await.secrets(both);
    let plant = plant.with(&format!("job = \"{JOB}\"")).with("user = \"bot\"");
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    Plant::step(&daemon, "building").await;
    daemon.kill();
    let daemon = plant.start();
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    assert_eq!(plant.told(&version).await["status"], "complete");
    assert_eq!(plant.triggered().await, 1);

    // What says nothing is found by the run's id.
    plant.job(json!({ "token": TOKEN, "silent": true })).await;
    plant.registry.webhook(&daemon).await;
    let (_, version) = plant.registry.version("churn").await;
    plant.registry.promote(&version).await;
    assert_eq!(plant.told(&version).await["status"], "complete");
    assert_eq!(plant.triggered().await, 2);
}
