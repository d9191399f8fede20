//! How a build ends, and what that is for the promotion.

use serde_json::json;

use crate::harness::until;
use crate::plant::{JOB, Plant};

const BUILD: &str = "/jenkins/job/models/job/deploy%20model/1/";

#[tokio::test]
async fn a_build_that_succeeds_completes_the_promotion_with_its_address() {
    // Jenkins calls itself by a name from inside, which nobody follows.
    let plant = Plant::new(json!({ "hold_queue": true, "hold_build": true })).await;
    plant.server(json!({ "inner": "http://jenkins.internal.example.com:8080" })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    plant.queued().await;
    Plant::step(&daemon, "queued").await;
    plant.steer(json!({ "start": true, "say": ["+ deploy fraud", "{\"type\":\"result\",\"status\":\"failed\"}", "half way"] })).await;
    until("the console in the run's log", || Plant::log(&daemon), |log| log.contains("console: half way")).await;
    // What comes after the build proper may still fail it.
    plant.steer(json!({ "post_production": "SUCCESS" })).await;
    Plant::step(&daemon, "building").await;
    plant.steer(json!({ "say": ["archiving"], "finish": "SUCCESS" })).await;

    let told = plant.told(&version).await;
    assert_eq!(
        told,
        json!({
            "status": "complete", "summary": "build #1 ended SUCCESS", "url": format!("{}{BUILD}", plant.registry.url),
        })
    );
    let builds = plant.builds(1).await;
    let given = &builds[0]["parameters"];
    let model = crate::harness::text(&plant.registry.model_version(&version).await["registered_model_id"]);
    assert_eq!((&given["MODEL"], &given["VERSION"]), (&json!(model), &json!(version)));
    assert!(given["SCANRELAY_RUN_ID"].as_str().is_some_and(|id| !id.is_empty()), "{given}");
}

#[tokio::test]
async fn every_outcome_has_its_meaning() {
    let plant = Plant::new(json!({})).await;
    for (result, status) in [
        ("SUCCESS", "complete"),
        ("UNSTABLE", "failed"),
        ("FAILURE", "failed"),
        ("NOT_BUILT", "failed"),
        ("ABORTED", "failed"),
    ] {
        plant.job(json!({ "result": result })).await;
        let (said, summary) = plant.summary("fraud");
        assert_eq!(said, status, "{result}: {summary}");
        assert!(summary.ends_with(&format!("ended {result}")), "{summary}");
    }
    plant.job(json!({ "result": "UNSTABLE" })).await;
    let plant = plant.with("unstable = \"complete\"");
    assert_eq!(plant.summary("fraud").0, "complete");
}

#[tokio::test]
async fn a_build_that_somebody_aborts_fails_the_promotion() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    Plant::step(&daemon, "building").await;
    plant.steer(json!({ "finish": "ABORTED" })).await;
    assert_eq!(plant.told(&version).await["status"], "failed");
    let outcome = Plant::outcome(&daemon).await["outcome"].to_string();
    assert!(outcome.contains("build #1 ended ABORTED"), "{outcome}");
}

#[tokio::test]
async fn what_is_in_the_queue_already_is_followed_and_not_asked_for_again() {
    let plant = Plant::new(json!({})).await;
    plant.server(json!({ "coalesce": true })).await;
    let said = plant.tried("fraud");
    assert_eq!(said["conclusion"]["status"], "complete", "{said}");
    assert_eq!(plant.triggered().await, 1);
}

#[tokio::test]
async fn an_item_that_jenkins_has_forgotten_is_found_by_its_build() {
    let plant = Plant::new(json!({ "hold_queue": true, "hold_build": true })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    Plant::step(&daemon, "queued").await;
    // In one step, so that nobody sees where it went.
    plant.steer(json!({ "start": true, "forget": true })).await;
    Plant::step(&daemon, "building").await;
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    assert_eq!(plant.told(&version).await["status"], "complete");
    assert_eq!(plant.triggered().await, 1);

    // And where it came to nothing, that is what is told.
    let (_, version) = plant.registry.version("churn").await;
    plant.registry.promote(&version).await;
    plant.queued().await;
    let queued = || async { daemon.get("/api/v1/jobs").await.1.to_string() };
    until("its step", queued, |jobs| jobs.contains("\"queued\"")).await;
    plant.steer(json!({ "start": true, "forget": true, "delete": true })).await;
    let told = plant.told(&version).await;
    assert_eq!(told["status"], "failed", "{told}");
    assert_eq!(plant.triggered().await, 2, "nothing was triggered in its place");
}

#[tokio::test]
async fn the_address_is_an_artifact_s_or_a_template_s() {
    let artifacts = json!({ "out/url.txt": "https://models.example.com/fraud/7\n", "words": "two words", "long": "x".repeat(5000),
                            "evil": "javascript:alert(1)" });
    let plant = Plant::new(json!({ "artifacts": artifacts })).await;
    let check = |plant: &Plant, status: &str, words: &str| {
        let said = plant.tried("fraud")["conclusion"].clone();
        assert!(said["status"] == status && said.to_string().contains(words), "{words}: {said}");
    };
    let plant = plant.with("forward = { artifact = \"out/url.txt\" }");
    check(&plant, "complete", "\"url\":\"https://models.example.com/fraud/7\"");
    let plant = plant.with("forward = { artifact = \"words\" }");
    check(&plant, "failed", "its artifact words does not hold one address and nothing else");
    let plant = plant.with("forward = { artifact = \"long\" }");
    check(&plant, "failed", "is longer than an address");
    let plant = plant.with("forward = { artifact = \"none\" }");
    check(&plant, "failed", "build #4 ended SUCCESS, but it has no artifact none: archive it");
    let plant = plant.with("forward = { artifact = \"evil\" }");
    check(&plant, "failed", "its address is none that can be told");
    let plant = plant.with("forward = { url = \"https://models.example.com/{model}/{version}/{result.number}\" }");
    check(&plant, "complete", "\"url\":\"https://models.example.com/fraud/7/6\"");
    assert_eq!(plant.jenkins().await["jobs"][JOB]["given"], 6);
}
