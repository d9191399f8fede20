//! Only what is of the run's own job, and has its id, is followed: of several such the first.

use serde_json::{Value, json};

use crate::alone::{Alone, RUN, kept};
use crate::harness::client;
use crate::plant::{JOB, Plant};

/// Another job that is given what ours is, whose items wait.
async fn other(plant: &Plant, name: &str) {
    let job =
        json!({ "name": name, "parameters": ["SCANRELAY_RUN_ID", "MODEL"], "hold_queue": true, "hold_build": true });
    plant.dev("PUT", "/jobs", &job).await;
    plant.built(name, &[("SCANRELAY_RUN_ID", RUN), ("MODEL", "fraud")]).await;
}

/// A build of ours, as a person starts one again.
async fn build(plant: &Plant, id: &str) {
    plant.built(JOB, &[("SCANRELAY_RUN_ID", id), ("MODEL", "fraud")]).await;
}

async fn finished(plant: &Plant, alone: Alone, number: u64) {
    assert_eq!(alone.comes_to("building").await["build"], number);
    plant.steer(json!({ "finish": "SUCCESS" })).await;
    let result = alone.ends("complete", &format!("build #{number} ended SUCCESS")).await;
    assert!(result["url"].as_str().unwrap().ends_with(&format!("/{number}/")), "{result}");
}

/// A job that ours has started with its own parameters is neither found nor followed, nor is one of the same name elsewhere.
#[tokio::test]
async fn what_another_job_builds_is_not_ours() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    for name in ["models/notify", "deploy model", "other/models/deploy model"] {
        other(&plant, name).await;
    }
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "intent", "next": 1 })));
    finished(&plant, alone, 1).await;
    assert_eq!(plant.triggered().await, 1);
}

/// A Jenkins that has lost its queue gives the number of our item to others.
#[tokio::test]
async fn an_item_s_number_that_is_another_s_now_is_not_believed() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    let queued = kept(&plant, json!({ "step": "queued", "queue": 25, "next": 1 }));
    build(&plant, "r-0").await;
    Alone::start(&plant, &queued).ends("failed", "no build with its SCANRELAY_RUN_ID was made of it").await;

    // While ours is there under another number.
    build(&plant, RUN).await;
    finished(&plant, Alone::start(&plant, &queued), 2).await;

    // Nor is the same number of another job.
    let plant = Plant::new(json!({ "hold_build": true })).await;
    plant.server(json!({ "lose_queue": true })).await;
    other(&plant, "models/notify").await;
    let queued = kept(&plant, json!({ "step": "queued", "queue": 25, "next": 1 }));
    Alone::start(&plant, &queued).ends("failed", "no build with its SCANRELAY_RUN_ID was made of it").await;
}

/// An item that Jenkins queues anew, as after a restart, is followed under the number that it has now.
#[tokio::test]
async fn an_item_of_ours_is_found_under_its_new_number() {
    let plant = Plant::new(json!({ "hold_queue": true, "hold_build": true })).await;
    build(&plant, RUN).await;
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "queued", "queue": 99, "next": 1 })));
    assert_eq!(alone.comes_to("queued").await["queue"], 25);
    plant.steer(json!({ "start": true })).await;
    finished(&plant, alone, 1).await;
}

#[tokio::test]
async fn a_build_from_before_the_intent_is_not_the_run_s() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    build(&plant, RUN).await;
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "queued", "queue": 25, "next": 2 })));
    alone.ends("failed", "no build with its SCANRELAY_RUN_ID was made of it").await;
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "intent", "next": 2 })));
    finished(&plant, alone, 2).await;
}

/// Whoever builds it again in Jenkins gives it the same parameters.
#[tokio::test]
async fn of_several_builds_the_first_is_followed() {
    let plant = Plant::new(json!({ "hold_build": true })).await;
    for _ in 0..3 {
        build(&plant, RUN).await;
    }
    let intent = kept(&plant, json!({ "step": "intent", "next": 1 }));
    finished(&plant, Alone::start(&plant, &intent), 1).await;
    // Also when the other one waits still.
    plant.job(json!({ "hold_queue": true })).await;
    build(&plant, RUN).await;
    Alone::start(&plant, &intent).ends("complete", "build #1 ended SUCCESS").await;
    assert_eq!(plant.triggered().await, 4);
}

/// A first request that is carried out just before the second one is.
async fn carried_out_late(hold_queue: bool) {
    let how = json!({ "hold_queue": hold_queue, "hold_build": true, "token": "late" });
    let plant = Plant::new(how).await;
    plant.server(json!({ "posts": "before" })).await;
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "intent", "next": 1 })));
    plant.held(1).await;
    // By the webhook, which is not held.
    let url = format!("{}/jenkins/generic-webhook-trigger/invoke", plant.registry.url);
    let body = json!({ "SCANRELAY_RUN_ID": RUN, "MODEL": "fraud" });
    let answer = client().post(url).header("token", "late").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    plant.steer(json!({ "start": true })).await;
    plant.builds(1).await;
    plant.server(json!({ "posts": "pass" })).await;
    assert_eq!(alone.comes_to("building").await["build"], 1);
    alone.says("an earlier request was carried out late; ").await;
    let job = plant.jenkins().await["jobs"][JOB].clone();
    assert_eq!(job["queue"], json!([]), "{job}");
    let second = &job["builds"][1];
    assert_eq!(second["result"], if hold_queue { Value::Null } else { json!("ABORTED") }, "{job}");
    finished(&plant, alone, 1).await;
}

#[tokio::test]
async fn of_two_requests_that_are_carried_out_the_first_is_followed_and_the_second_stopped() {
    carried_out_late(true).await;
    carried_out_late(false).await;
}
