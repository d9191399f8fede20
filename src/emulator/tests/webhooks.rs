//! What is delivered, to whom, and what is said about it.

use std::time::Duration;

use scanrelay::EventKind;
use serde_json::{Value, json};

use super::super::Options;
use super::harness::{Hook, SECRET, Site};

#[tokio::test]
async fn a_webhook_is_answered_as_on_verta_and_its_name_is_unique() {
    let site = Site::start();
    let path = "/api/v1/uac-proxy/events/createWebhook";
    let asked = json!({
        "name": "unique", "location": "https://hooks.example.com/verta", "mutual_secret": SECRET,
        "event_types": ["CREATE", "READ"], "all_events": false,
    });
    let made = site.must("POST", path, asked.clone()).await;
    let mut expected = asked.clone();
    expected["id"] = json!("1");
    assert_eq!(made, expected);
    let (status, code, message) = site.refused("POST", path, asked.clone()).await;
    assert_eq!((status, code), (409, 6), "{message}");

    // In a workspace the name is free; one that nobody named is not there.
    let models = "/api/v1/registry/workspaces/acme/registered_models";
    let model = site.must("POST", models, json!({ "name": "fraud" })).await;
    let mut of_workspace = asked.clone();
    of_workspace["workspace_id"] = model["registered_model"]["workspace_id"].clone();
    assert_eq!(site.must("POST", path, of_workspace).await["workspace_id"], model["registered_model"]["workspace_id"]);
    let mut of_nobody = asked.clone();
    of_nobody["workspace_id"] = json!(99);
    assert_eq!(site.refused("POST", path, of_nobody).await.0, 404);

    for (key, value) in [
        ("name", json!("")),
        ("location", json!("ftp://hooks.example.com")),
        ("location", json!("/hooks")),
        ("event_types", json!(["PROMOTED"])),
    ] {
        let mut bad = asked.clone();
        bad["name"] = json!("other");
        bad[key] = value;
        let (status, code, message) = site.refused("POST", path, bad).await;
        assert_eq!((status, code), (400, 3), "{message}");
    }
}

#[tokio::test]
async fn a_promotion_is_delivered_signed_after_approval_by_somebody_else() {
    let (site, hook) = (Site::start(), Hook::start());
    site.webhook(&hook.location, &["PROMOTE"]).await;
    let (_, version) = site.version("fraud").await;
    let stage = |call: &str| format!("/api/v1/registry/stage/{call}Transition");

    let transition = site.transition(&version, "PRODUCTION").await;
    let (status, code, _) = site.refused("POST", &stage("commit"), transition.clone()).await;
    assert_eq!((status, code), (400, 9), "nobody approved it");
    let (status, code, _) = site.refused("POST", &stage("approve"), transition.clone()).await;
    assert_eq!((status, code), (403, 7), "the author cannot approve");
    let (status, answer) = site.call("grace@example.com", "POST", &stage("approve"), transition.clone()).await;
    assert_eq!((status, &answer["transition"]["state"]), (200, &json!("APPROVED")));
    let done = site.must("POST", &stage("commit"), transition.clone()).await;
    assert_eq!(done["transition"]["state"], "COMMITTED");
    for call in ["commit", "approve"] {
        assert_eq!(site.refused("POST", &stage(call), transition.clone()).await.1, 9, "it is committed already");
    }

    let (delivery, body) = hook.next().await;
    assert_eq!(delivery.event().kind, EventKind::Promotion);
    assert_eq!(delivery.event().version.id.as_deref(), version["id"].as_str());
    assert_eq!(delivery.event().change.stage_to.as_ref().unwrap().as_str(), "production");
    assert_eq!(body["event_type"], "PROMOTE");
    assert_eq!(body["original_entity"]["model_version"]["stage"], "UNASSIGNED");
    assert_eq!(body["new_entity"]["model_version"]["stage"], "PRODUCTION");
    assert_eq!(body["new_entity"]["entity_workspace_id"], body["workspace_id"]);
    let uuid = body["event_uuid"].as_str().unwrap();
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");

    let update = json!({ "model_version_id": version["id"], "stage": "ARCHIVED", "comment": "old" });
    site.must("POST", "/api/v1/registry/stage/updateStage", update).await;
    let read = format!("/api/v1/registry/model_versions/{}", version["id"].as_str().unwrap());
    assert_eq!(site.must("GET", &read, Value::Null).await["model_version"]["stage"], "ARCHIVED");
    let bad = json!({ "model_version_id": version["id"], "desired_stage": "PROD" });
    let (status, _, message) = site.refused("POST", &stage("create"), bad).await;
    assert!(status == 400 && message.contains("`PRODUCTION`"), "{message}");
}

#[tokio::test]
async fn a_scan_request_is_delivered_when_there_is_something_to_scan() {
    let (site, hook) =
        (Site::with(Options { build_time: Duration::from_millis(500), ..Options::default() }), Hook::start());
    site.webhook(&hook.location, &["REQUEST_SCAN"]).await;
    let scan = site.build(Some("registry.example.com/acme/model:1")).await;
    let asked = json!({ "scan_external": true });
    let answer = site.must("POST", &scan, asked.clone()).await;
    assert_eq!((&answer["scan_status"], &answer["creator_request"]), (&json!("unscanned"), &asked));
    let (delivery, body) = hook.next().await;
    assert_eq!(delivery.event().kind, EventKind::ScanRequest);
    assert_eq!(delivery.event().build.id.as_deref(), Some("5150"));
    let expected = json!({ "buildId": "5150", "imageUrl": "registry.example.com/acme/model:1" });
    assert_eq!(body["new_entity"]["scan_request"], expected);

    // This one has to be built first.
    let scan = site.build(None).await;
    site.must("POST", &scan, asked.clone()).await;
    let (delivery, _) = hook.next().await;
    assert_eq!(delivery.event().build.id.as_deref(), Some("5151"));
    let build = site.must("GET", scan.trim_end_matches("/scan"), Value::Null).await;
    assert_eq!(build["status"], "finished");
    assert_eq!(json!(delivery.event().build.image), build["location"]);

    let (status, code, _) = site.refused("POST", &scan, json!({})).await;
    assert_eq!((status, code), (422, 422), "it has no scanner of its own");
}

#[tokio::test]
async fn all_events_come_in_order_and_others_hear_only_theirs() {
    let (site, all, creations) = (Site::start(), Hook::start(), Hook::start());
    site.webhook(&all.location, &[]).await;
    site.webhook(&creations.location, &["CREATE"]).await;
    let (path, version) = site.version("fraud").await;
    site.must("PATCH", &path, json!({ "description": "new" })).await;
    let id = version["id"].as_str();

    let mut heard = Vec::new();
    for _ in 0..3 {
        let (delivery, body) = all.next().await;
        heard.push((delivery.event().kind.to_string(), body.get("event_type").cloned()));
    }
    let expected = [("other(CREATE)", None), ("version_created", None), ("other(UPDATE)", Some(json!("UPDATE")))];
    assert_eq!(heard, expected.map(|(kind, event_type)| (kind.to_owned(), event_type)));
    assert_eq!(creations.next().await.0.event().kind.to_string(), "other(CREATE)");
    assert_eq!(creations.next().await.0.event().version.id.as_deref(), id);
    site.version("next").await;
    assert_eq!(creations.next().await.0.event().kind.to_string(), "other(CREATE)", "it did not hear the change");
}

#[tokio::test]
async fn a_test_answers_with_the_receivers_status_and_every_call_is_recorded() {
    let (site, hook) = (Site::start(), Hook::start());
    let webhook = site.webhook(&hook.location, &["PROMOTE"]).await;
    let trigger = json!({ "webhook_id": webhook });
    let find = json!({ "webhook_ids": [webhook], "status": ["SUCCESS"] });

    assert_eq!(site.event("triggerTest", trigger).await, json!({ "status_code": "202" }));
    let (_, body) = hook.next().await;
    assert!(body.get("event_type").is_none() && body.get("event_uuid").is_some(), "{body}");
    let calls = site.event("findWebhookCall", find).await;
    assert_eq!(calls["calls"][0]["event_uuid"], body["event_uuid"]);
    assert_eq!(calls["calls"][0]["response"], json!({ "status_code": 202, "body": "{\"delivery\":\"1\"}" }));

    // A port below 1024 is never given to another test.
    let down = site.webhook("http://127.0.0.1:1/hooks/verta", &["PROMOTE"]).await;
    let trigger = json!({ "webhook_id": down });
    let (status, code, message) = site.refused("POST", "/api/v1/uac-proxy/events/triggerTest", trigger).await;
    assert_eq!((status, code), (503, 14), "{message}");
    let failed = site.event("findWebhookCall", json!({ "status": ["FAILURE"] })).await;
    assert_eq!(failed["calls"].as_array().unwrap().len(), 1, "{failed}");
    assert_eq!(failed["calls"][0]["webhook_id"], json!(down));
    assert_eq!(site.event("findWebhookCall", json!({})).await["calls"].as_array().unwrap().len(), 2);
    assert_eq!(site.event("findWebhookCall", json!({ "ids": ["99"] })).await["calls"], json!([]));

    let unknown = site.refused("POST", "/api/v1/uac-proxy/events/triggerTest", json!({ "webhook_id": 99 })).await;
    assert_eq!((unknown.0, unknown.1), (404, 5));
}

#[tokio::test]
async fn what_is_not_answered_2xx_is_a_failure_and_a_redirect_is_not_followed() {
    let (site, hook) = (Site::start(), Hook::start());
    let moved = hook.location.replace("/hooks/", "/moved/");
    // Without a secret there is no signature, and the receiver wants one.
    for (location, secret, status) in [(&hook.location, "", 401), (&moved, SECRET, 307)] {
        let asked = json!({ "name": location, "location": location, "mutual_secret": secret, "all_events": true });
        let webhook = site.event("createWebhook", asked).await["id"].clone();
        let answer = site.event("triggerTest", json!({ "webhook_id": webhook })).await;
        assert_eq!(answer["status_code"], status.to_string());
        let find = json!({ "webhook_ids": [webhook], "status": ["FAILURE"] });
        assert_eq!(site.event("findWebhookCall", find).await["calls"][0]["response"]["status_code"], status);
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_costs_its_own_webhook_alone() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (site, hook) =
        (Site::with(Options { delivery_timeout: Duration::from_secs(1), ..Options::default() }), Hook::start());
    let stuck = site.webhook(&format!("http://{}/hooks", silent.local_addr().unwrap()), &["PROMOTE"]).await;
    let good = site.webhook(&hook.location, &["PROMOTE"]).await;
    let path = "/api/v1/uac-proxy/events/triggerTest";
    let (stuck, good) = tokio::join!(
        site.refused("POST", path, json!({ "webhook_id": stuck })),
        site.event("triggerTest", json!({ "webhook_id": good })),
    );
    assert_eq!((stuck.0, stuck.2.as_str()), (503, "not delivered: no answer in time"));
    assert_eq!(good["status_code"], "202");
}
