//! Crumbs, certificates, shutdowns and outages.

use serde_json::{Value, json};

use crate::alone::{Alone, RUN, kept};
use crate::harness::until;
use crate::network::{Authority, Front};
use crate::plant::{JOB, Plant};

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
    // What stands before Jenkins may want a login of its own.
    plant.server(json!({ "login_pages": true })).await;
    let cure = "the crumb's answer is no JSON, likely a login page: make JENKINS_TOKEN an API token";
    Alone::start(&plant, &Value::Null).ends("failed", cure).await;
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

/// What stands before Jenkins answers in its place, and does not know what is there.
#[tokio::test]
async fn a_proxy_s_404_is_an_outage() {
    let plant = Plant::new(json!({ "hold_queue": true, "hold_build": true })).await;
    plant.server(json!({ "proxy": 404 })).await;
    let intent = kept(&plant, json!({ "step": "intent", "next": 1 }));
    Alone::start(&plant, &intent).puts_off("404, and not from Jenkins").await;
    plant.server(json!({ "proxy": 0 })).await;
    let alone = Alone::start(&plant, &intent);
    alone.comes_to("queued").await;
    plant.server(json!({ "proxy": 404 })).await;
    alone.says("in Jenkins' queue; 404, and not from Jenkins").await;
    plant.server(json!({ "proxy": 0 })).await;
    plant.steer(json!({ "start": true })).await;
    alone.comes_to("building").await;
    plant.server(json!({ "proxy": 404 })).await;
    // Longer than a build is believed to be there that Jenkins does not show.
    let seen = async || alone.all().matches("\n404, and not from Jenkins").count();
    until("the outage in the log", seen, |seen| *seen > 10).await;
    plant.server(json!({ "proxy": 0 })).await;
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    alone.ends("complete", "build #1 ended SUCCESS").await;
    assert_eq!(plant.triggered().await, 1);
}

/// Nobody can tell whether it was triggered, and somebody can change that.
#[tokio::test]
async fn a_search_that_is_refused_is_put_off_with_the_cure() {
    let plant = Plant::new(json!({})).await;
    let intent = kept(&plant, json!({ "step": "intent", "next": 1 }));
    for (status, words) in [
        (401, "Jenkins does not know the user, or the token is not theirs (401): check user and JENKINS_TOKEN"),
        (403, "Jenkins does not let the user do that (403): check JENKINS_TOKEN"),
        (503, "Jenkins answered 503"),
    ] {
        plant.server(json!({ "refuse": status })).await;
        Alone::start(&plant, &intent).puts_off(words).await;
    }
    plant.server(json!({ "refuse": 0 })).await;
    plant.job(json!({ "hidden": true })).await;
    Alone::start(&plant, &intent).puts_off("Jenkins has no models/deploy model, or does not show it to the user").await;
    plant.job(json!({})).await;
    Alone::start(&plant, &intent).ends("complete", "build #1 ended SUCCESS").await;
}

/// Listed, and not shown: it is asked for again as seldom as anything.
#[tokio::test]
async fn an_item_that_jenkins_does_not_show_is_waited_for_in_peace() {
    let plant = Plant::new(json!({ "hold_queue": true })).await;
    plant.built(JOB, &[("SCANRELAY_RUN_ID", RUN)]).await;
    plant.server(json!({ "hide_items": true })).await;
    let before = plant.jenkins().await["asked"].as_u64().unwrap();
    let plant = plant.with("poll_first = \"1h\"");
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "queued", "queue": 25, "next": 1 })));
    alone.says("in Jenkins' queue: waiting").await;
    let asked = plant.jenkins().await["asked"].as_u64().unwrap() - before;
    // The item, the queue, and the builds.
    assert_eq!(asked, 3);
}

/// Jenkins says no more than 500 about a job that cannot be triggered.
#[tokio::test]
async fn a_fault_of_jenkins_own_is_tried_twice() {
    let plant = Plant::new(json!({ "broken": true })).await;
    let alone = Alone::start(&plant, &Value::Null);
    let intent = alone.comes_to("intent").await;
    alone.puts_off("Jenkins answered 500").await;
    Alone::start(&plant, &intent).ends("failed", "and nothing came of it: see Jenkins' log for the cause").await;
    plant.job(json!({})).await;
    Alone::start(&plant, &intent).ends("complete", "build #1 ended SUCCESS").await;
}
