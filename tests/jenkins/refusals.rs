//! What is refused, with the cure, and without a build.

use serde_json::json;

use crate::plant::Plant;

async fn check(plant: &Plant, model: &str, words: &[&str]) {
    let (status, summary) = plant.summary(model);
    assert_eq!(status, "failed", "{summary}");
    for word in words {
        assert!(summary.contains(word), "{word}: {summary}");
    }
    assert_eq!(plant.triggered().await, 0, "{summary}");
}

#[tokio::test]
async fn a_job_that_cannot_take_it_says_why() {
    let plant = Plant::new(json!({})).await;
    plant.job(json!({ "parameters": ["SCANRELAY_RUN_ID", "MODEL"] })).await;
    check(&plant, "fraud", &["does not declare VERSION, and Jenkins drops", "string(name:"]).await;
    plant.job(json!({ "parameters": ["MODEL", "VERSION"] })).await;
    check(&plant, "fraud", &["does not declare SCANRELAY_RUN_ID"]).await;
    plant.job(json!({ "parameters": [] })).await;
    check(&plant, "fraud", &["takes no parameters (400)"]).await;
    plant.job(json!({ "choices": { "MODEL": ["churn", "spam"] } })).await;
    check(&plant, "fraud", &["MODEL of models/deploy model does not offer that value", "add it to the choices"]).await;
    plant.job(json!({ "disabled": true })).await;
    check(&plant, "fraud", &["is disabled (409): enable it"]).await;
    plant.job(json!({ "forbidden": true })).await;
    check(&plant, "fraud", &["does not let the user do that (403)", "Job/Build"]).await;
    plant.job(json!({ "hidden": true })).await;
    check(&plant, "fraud", &["Jenkins has no models/deploy model, or does not show it to the user (404)"]).await;
    plant.job(json!({})).await;
    plant.server(json!({ "refuse": 401 })).await;
    check(&plant, "fraud", &["Jenkins does not know the user", "JENKINS_TOKEN"]).await;
    plant.server(json!({ "refuse": 0 })).await;
    let plant = plant.with("job = \"models\"");
    check(&plant, "fraud", &["models is no job that can be built, but a folder"]).await;
}

/// What was in order when it was looked at, and is not when it is triggered.
#[tokio::test]
async fn a_refusal_of_the_trigger_itself_is_told_too() {
    for (how, words) in [
        (json!({ "disabled": true }), "is disabled (409)"),
        (json!({ "parameters": [] }), "takes no parameters (400)"),
        (json!({ "hidden": true }), "does not show it to the user (404)"),
    ] {
        let plant = Plant::new(json!({})).await;
        plant.server(json!({ "posts": "before" })).await;
        let plant = std::sync::Arc::new(plant);
        let trying = tokio::task::spawn_blocking({
            let plant = std::sync::Arc::clone(&plant);
            move || plant.summary("fraud")
        });
        plant.held(1).await;
        plant.job(how).await;
        plant.server(json!({ "posts": "pass" })).await;
        let (status, summary) = trying.await.unwrap();
        assert!(status == "failed" && summary.contains(words), "{status} {summary}");
    }
}

#[tokio::test]
async fn a_value_that_could_be_more_than_a_word_triggers_nothing() {
    let plant = Plant::new(json!({})).await;
    for model in ["fraud; rm -rf /", "$(id)", "`id`", "a\nb", "'", "\"", ""] {
        let (status, summary) = plant.summary(model);
        assert_eq!(status, "failed", "{model:?}: {summary}");
        assert!(
            summary.starts_with("settings.parameters.MODEL: model is not what [A-Za-z0-9._:/@-]{1,256} takes"),
            "{summary}"
        );
        assert!(model.len() < 2 || !summary.contains(model), "the payload is not repeated: {summary}");
    }
    let plant = plant.with(
        "parameters = { MODEL = { from = \"model.name\", pattern = \"[a-z]{1,3} [a-z]+\" }, VERSION = \"version.id\" }",
    );
    check(&plant, "fraud", &["is not what [a-z]{1,3} [a-z]+ takes"]).await;
    assert_eq!(plant.summary("two words").0, "complete");
    assert_eq!(plant.builds(1).await[0]["parameters"]["MODEL"], "two words");
}

#[tokio::test]
async fn settings_are_read_strictly() {
    let plant = Plant::new(json!({})).await.with("jbo = \"x\"");
    check(&plant, "fraud", &["unknown field `jbo`"]).await;
    let plant = plant.without("jbo").with("parameters = { MODEL = \"modle.name\" }");
    check(&plant, "fraud", &["settings.parameters.MODEL: \"modle.name\" is no fact of an event"]).await;
    let plant = plant.with("parameters = { SCANRELAY_RUN_ID = \"model.name\" }");
    check(&plant, "fraud", &["settings.run_parameter: it is a parameter of its own"]).await;
    let plant = plant.with("parameters = {}").with("job = \"models/../x\"");
    check(&plant, "fraud", &["settings.job: \"models/../x\" is no path"]).await;
    let plant = plant.with("job = \"x\"").with("url = \"http://jenkins.example.com\"");
    check(&plant, "fraud", &["settings.url: the login would leave this machine in clear", "insecure_http = true"])
        .await;
    let url = format!("url = \"{}/jenkins\"", plant.registry.url);
    let plant = plant.with(&url).with("poll_first = \"10\"");
    // The plant's own poll_first stands before; a key that is there twice is no TOML.
    let (code, _, stderr) = plant.run(&["check"]);
    assert!(code == 2 && stderr.contains("poll_first"), "{code} {stderr}");
    let plant = plant.without("poll_first").secrets("{}");
    check(&plant, "fraud", &["settings.user: its JENKINS_TOKEN is missing"]).await;
}
