//! The stage flow beside the straight way to production.

use serde_json::{Value, json};

use super::harness::Site;

const STAGE: &str = "/api/v1/registry/stage";

fn path(call: &str) -> String {
    format!("{STAGE}/{call}")
}

#[tokio::test]
async fn one_rejection_outweighs_approvals_until_it_is_taken_back() {
    let site = Site::start();
    let (_, version) = site.version("fraud").await;
    let transition = site.transition(&version, "STAGING").await;
    let (status, code, message) = site.refused("POST", &path("rejectTransition"), transition.clone()).await;
    assert_eq!((status, code), (403, 7), "{message}");
    let vote = async |email: &str, call: &str| {
        let (status, answer) = site.call(email, "POST", &path(call), transition.clone()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let grace = "grace@example.com";
    assert_eq!(vote(grace, "approveTransition").await["activity_state"], "APPROVED");
    let rejected = vote("other@example.com", "rejectTransition").await;
    assert_eq!((&rejected["activity_state"], &rejected["rejection"]), (&json!("REJECTED"), &json!({})));
    assert_eq!(vote(grace, "approveTransition").await["activity_state"], "REJECTED");
    assert_eq!(site.refused("POST", &path("commitTransition"), transition.clone()).await.1, 9);
    assert_eq!(vote("other@example.com", "approveTransition").await["transition"]["state"], "APPROVED");
    let done = site.must("POST", &path("commitTransition"), transition.clone()).await;
    assert_eq!(done["transition"]["source_stage"], "UNASSIGNED");
    assert_eq!(site.refused("POST", &path("rejectTransition"), transition).await.1, 9, "it is committed");
}

#[tokio::test]
async fn a_closed_transition_is_over_and_all_that_was_said_is_found() {
    let site = Site::start();
    let (_, version) = site.version("fraud").await;
    let transition = site.transition(&version, "PRODUCTION").await;
    site.must("POST", &path("closeTransition"), transition.clone()).await;
    for call in ["approveTransition", "commitTransition", "closeTransition"] {
        let (status, code, message) = site.refused("POST", &path(call), transition.clone()).await;
        assert_eq!((status, code), (400, 9), "{message}");
    }
    let comment = json!({ "model_version_id": version["id"], "comment": "not yet" });
    let said = site.must("POST", &path("createComment"), comment).await;
    assert_eq!((&said["comment"], &said["author_id"]), (&json!("not yet"), &json!("ada@example.com")));
    // By number, as Verta's client sends it.
    let update = json!({ "model_version_id": version["id"], "stage": 2, "comment": "try" });
    assert_eq!(site.must("POST", &path("updateStage"), update).await["update"], json!({ "stage": "STAGING" }));
    site.transition(&version, "ARCHIVED").await;

    let of_version = json!({ "model_version_id": version["id"] });
    let found = site.must("POST", &path("findActivities"), of_version.clone()).await["activities"].take();
    let kinds: Vec<Value> = found.as_array().unwrap().iter().map(|found| found["activity_state"].clone()).collect();
    assert_eq!(kinds, [json!("PENDING"), json!("CLOSED"), Value::Null, Value::Null, json!("PENDING")]);
    let of_model = json!({ "registered_model_id": version["registered_model_id"], "state": ["CLOSED"] });
    let closed = site.must("POST", &path("findTransitions"), of_model).await["activities"].take();
    assert_eq!(closed.as_array().unwrap().len(), 1);
    assert_eq!(closed[0]["transition"]["id"], transition["transition_id"]);
    let other = json!({ "model_version_id": "99" });
    assert_eq!(site.must("POST", &path("findActivities"), other).await["activities"], json!([]));
    for (call, body) in [
        ("findActivities", json!({})),
        ("createComment", json!({ "model_version_id": version["id"], "comment": "" })),
        ("updateStage", json!({ "model_version_id": version["id"], "stage": 6 })),
    ] {
        assert_eq!(site.refused("POST", &path(call), body).await.1, 3, "{call}");
    }
}
