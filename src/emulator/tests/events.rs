//! The rest of the event service: webhooks that change and go, calls once more, events from outside.

use serde_json::{Value, json};

use super::harness::{Hook, Site};

const EVENTS: &str = "/api/v1/uac-proxy/events";

#[tokio::test]
async fn a_webhook_is_found_changed_and_deleted() {
    let (site, first, second) = (Site::start(), Hook::start(), Hook::start());
    let id = site.webhook(&first.location, &["CREATE"]).await;
    let other = site.webhook("http://hooks.example.com/other", &["PROMOTE"]).await;
    let model = json!({ "modeldb_service_resource_type": "REGISTERED_MODEL" });

    let update = json!({
        "id": id, "new_location": second.location, "add_event_types": ["UPDATE", "CREATE"],
        "delete_event_types": ["READ"], "add_resource_types": [model],
    });
    let changed = site.event("updateWebhook", update).await;
    assert_eq!(changed["event_types"], json!(["CREATE", "UPDATE"]));
    assert_eq!(changed["mutual_secret"], super::harness::SECRET, "what is empty stays");
    let found = |key: &str, value: Value| site.event("findWebhook", json!({ key: value }));
    assert_eq!(found("ids", json!([id])).await["webhooks"], json!([changed]));
    assert_eq!(found("resource_types", json!([model])).await["webhooks"], json!([changed]));
    assert_eq!(found("names", json!([changed["name"]])).await["webhooks"], json!([changed]));
    assert_eq!(found("workspace_id", json!(["1"])).await["webhooks"], json!([]));
    assert_eq!(found("ids", json!([])).await["webhooks"].as_array().unwrap().len(), 2);

    // It goes to the new place, and the version is kept out by its resource type.
    site.version("fraud").await;
    site.event("updateWebhook", json!({ "id": id, "delete_resource_types": [model] })).await;
    site.version("next").await;
    let kinds = [second.next().await.1, second.next().await.1, second.next().await.1];
    let about = kinds.map(|body| body["resource_type"]["modeldb_service_resource_type"].clone());
    assert_eq!(about, ["REGISTERED_MODEL", "REGISTERED_MODEL", "REGISTERED_MODEL_VERSION"]);

    let all = site.event("updateWebhook", json!({ "id": id, "setAllEvents": true })).await;
    assert_eq!(all["all_events"], true);
    let none = json!({ "id": id, "clear_all_events": true, "delete_event_types": ["CREATE", "UPDATE"] });
    let none = site.event("updateWebhook", none).await;
    assert_eq!((&none["all_events"], &none["event_types"]), (&json!(false), &json!([])));
    for bad in [
        json!({ "id": id, "new_location": "ftp://hooks.example.com" }),
        json!({ "id": id, "add_resource_types": [{ "resource": "BUILD" }] }),
        json!({ "id": id, "set_all_events": true, "clear_all_events": true }),
    ] {
        let (status, code, message) = site.refused("POST", &format!("{EVENTS}/updateWebhook"), bad).await;
        assert_eq!((status, code), (400, 3), "{message}");
    }

    let delete = format!("{EVENTS}/deleteWebhook");
    assert_eq!(site.refused("DELETE", &delete, json!({ "ids": [other, 99] })).await.0, 404);
    assert_eq!(found("ids", json!([other])).await["webhooks"].as_array().unwrap().len(), 1, "all or none");
    assert_eq!(site.must("DELETE", &delete, json!({ "ids": [other] })).await, json!({}));
    assert_eq!(found("ids", json!([other])).await["webhooks"], json!([]));
    let (status, ..) = site.refused("POST", &format!("{EVENTS}/updateWebhook"), json!({ "id": other })).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_call_is_made_once_more_under_a_new_id() {
    let (site, hook) = (Site::start(), Hook::start());
    let id = site.webhook(&hook.location, &["CREATE"]).await;
    site.version("fraud").await;
    let (_, first) = hook.next().await;
    hook.next().await;
    let calls = site.event("findWebhookCall", json!({ "event_uuids": [first["event_uuid"]] })).await;
    let call = calls["calls"][0]["id"].clone();

    let again = site.event("retriggerWebhookCall", json!({ "call_id": call })).await;
    assert_ne!(again["id"], call);
    assert_eq!((&again["event_uuid"], &again["webhook_id"]), (&first["event_uuid"], &json!(id)));
    assert_eq!(hook.next().await.1, first, "the same body");
    let both = site.event("findWebhookCall", json!({ "event_uuids": [first["event_uuid"]] })).await;
    assert_eq!(both["calls"].as_array().unwrap().len(), 2);

    let path = format!("{EVENTS}/retriggerWebhookCall");
    assert_eq!(site.refused("POST", &path, json!({ "call_id": 99 })).await.0, 404);
    site.must("DELETE", &format!("{EVENTS}/deleteWebhook"), json!({ "ids": [id] })).await;
    let (status, code, message) = site.refused("POST", &path, json!({ "call_id": call })).await;
    assert_eq!((status, code), (400, 9), "{message}");
}

#[tokio::test]
async fn an_event_from_outside_goes_out_as_it_came_and_once() {
    let (site, hook) = (Site::start(), Hook::start());
    site.webhook(&hook.location, &["PROMOTE"]).await;
    let event = json!({
        "event_uuid": "6f1c2c3e-0a52-4b0f-9b0e-7a4f3f6f8d11", "event_type": "PROMOTE", "workspace_id": "42",
        "timestamp": "1669852800000", "new_entity": { "model_version": { "id": "1001", "stage": "PRODUCTION" } },
    });
    for _ in 0..2 {
        assert_eq!(site.event("createEvent", event.clone()).await, json!({}));
    }
    // What has no type is a CREATE, which nobody hears here.
    site.event("createEvent", json!({ "workspace_id": 42 })).await;
    let other = json!({ "event_type": "PROMOTE", "workspace_id": 42, "new_entity": event["new_entity"] });
    site.event("createEvent", other).await;
    assert_eq!(hook.next().await.1, event);
    let (_, other) = hook.next().await;
    assert_ne!(other["event_uuid"], event["event_uuid"]);
    assert!(other["event_uuid"].is_string() && other["timestamp"].is_string(), "{other}");
    let bad = json!({ "event_type": "PROMOTED", "workspace_id": 42 });
    assert_eq!(site.refused("POST", &format!("{EVENTS}/createEvent"), bad).await.0, 400);
}
