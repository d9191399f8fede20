//! Crumbs, certificates, shutdowns and outages.

use serde_json::json;

use crate::harness::until;
use crate::network::{Authority, Front};
use crate::plant::Plant;

#[tokio::test]
async fn a_password_takes_a_crumb_and_its_session() {
    let plant = Plant::new(json!({})).await.secrets("{ JENKINS_TOKEN = { file = \"password\" } }");
    let (status, summary) = plant.summary("fraud");
    assert!(status == "failed" && summary.contains("Jenkins wants a crumb (403)"), "{summary}");
    assert_eq!(plant.triggered().await, 0);
    let plant = plant.with("login = \"password\"");
    assert_eq!(plant.summary("fraud").0, "complete");
    // Where Jenkins wants none, there is none to ask for.
    plant.server(json!({ "crumbs": false })).await;
    assert_eq!(plant.summary("fraud").0, "complete");
    assert_eq!(plant.triggered().await, 2);
}

#[tokio::test]
async fn a_private_authority_is_believed_where_the_settings_name_it() {
    let plant = Plant::new(json!({})).await;
    let authority = Authority::new();
    let front = Front::start(&plant.registry, &authority.identity()).await;
    let plant = plant.with(&format!("url = \"https://localhost:{}/jenkins\"", front.address.port()));
    // The front works in this runtime.
    let plant = std::sync::Arc::new(plant);
    let tried = async |plant: &std::sync::Arc<Plant>| {
        let plant = std::sync::Arc::clone(plant);
        tokio::task::spawn_blocking(move || plant.tried("fraud")).await.unwrap()
    };
    let said = tried(&plant).await.to_string();
    assert!(said.contains("an authority that is not known here: set settings.ca_file"), "{said}");
    assert_eq!(plant.triggered().await, 0);
    let ca = plant.site.write("ca.pem", &authority.pem(), 0o644).display().to_string();
    let plant = std::sync::Arc::into_inner(plant).unwrap().with(&format!("ca_file = \"{ca}\""));
    let said = tried(&std::sync::Arc::new(plant)).await;
    assert_eq!(said["conclusion"]["status"], "complete", "{said}");
    let url = said["conclusion"]["url"].as_str().unwrap();
    assert!(url.starts_with("https://localhost:"), "{url}");
}

#[tokio::test]
async fn a_jenkins_that_shuts_down_is_asked_again_and_triggered_once() {
    let plant = Plant::new(json!({})).await;
    plant.server(json!({ "shutting_down": true })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    let row = || Plant::run_row(&daemon);
    until("a second try", row, |row| row["deferrals"].as_u64() > Some(1)).await;
    plant.server(json!({ "shutting_down": false })).await;
    assert_eq!(plant.told(&version).await["status"], "complete");
    assert_eq!(plant.triggered().await, 1);
}

#[tokio::test]
async fn an_outage_in_the_middle_of_a_build_is_waited_out() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    let daemon = plant.start();
    let version = plant.promoted(&daemon).await;
    Plant::step(&daemon, "building").await;
    plant.server(json!({ "refuse": 503 })).await;
    until("the outage in the log", || Plant::log(&daemon), |log| log.contains("Jenkins answered 503")).await;
    plant.server(json!({ "refuse": 0 })).await;
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    assert_eq!(plant.told(&version).await["status"], "complete");
    assert_eq!(Plant::outcome(&daemon).await["attempts"], 1);
}
