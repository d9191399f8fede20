//! The Generic Webhook Trigger plugin's endpoint, where 200 is not yet triggered.

use serde_json::{Value, json};

use crate::alone::{Alone, RUN, kept};
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

/// With a job that is followed.
async fn followed(how: Value) -> Plant {
    let both = "{ JENKINS_WEBHOOK_TOKEN = { file = \"hook\" }, JENKINS_TOKEN = { file = \"token\" } }";
    let plant = hooked(how).await.secrets(both);
    plant.with(&format!("job = \"{JOB}\"")).with("user = \"bot\"")
}

#[tokio::test]
async fn a_job_that_is_named_is_followed_and_found_again() {
    let plant = followed(json!({ "hold_build": true })).await;
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

/// A parameter that no variable fills has its default, and nobody could find the build by it.
#[tokio::test]
async fn a_run_s_id_that_no_variable_takes_is_told_and_nothing_is_called_twice() {
    let cure = "add [key: 'SCANRELAY_RUN_ID', value: '$.SCANRELAY_RUN_ID'] to the genericVariables";
    let plant = followed(json!({ "mapped": ["MODEL", "VERSION"] })).await;
    let alone = Alone::start(&plant, &Value::Null);
    let triggered = alone.comes_to("triggered").await;
    alone.ends("failed", cure).await;
    // Also when the daemon has not heard of it.
    Alone::start(&plant, &triggered).ends("failed", cure).await;
    // And when the first attempt has not heard the answer.
    let intent = kept(&plant, json!({ "step": "intent", "next": 1 }));
    Alone::start(&plant, &intent).ends("failed", cure).await;
    assert_eq!(plant.triggered().await, 1);
    plant.job(json!({ "token": TOKEN, "mapped": ["MODEL", "VERSION"], "hold_queue": true })).await;
    plant.built(JOB, &[("MODEL", "fraud")]).await;
    let intent = kept(&plant, json!({ "step": "intent", "next": 2 }));
    Alone::start(&plant, &intent).ends("failed", cure).await;
    assert_eq!(plant.triggered().await, 2);

    // What has an id of its own is none of the run's.
    let plant = followed(json!({ "hold_build": true })).await;
    plant.built(JOB, &[("SCANRELAY_RUN_ID", "r-0")]).await;
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "intent", "next": 1 })));
    alone.comes_to("building").await;
    assert_eq!(plant.builds(2).await[1]["parameters"]["SCANRELAY_RUN_ID"], RUN);
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    alone.ends("complete", "build #2 ended SUCCESS").await;
}
