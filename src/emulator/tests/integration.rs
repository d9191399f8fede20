//! What an integration reads and writes, and how that goes wrong.

use serde_json::{Value, json};

use super::harness::Site;

#[tokio::test]
async fn a_version_is_changed_with_and_without_a_mask() {
    let site = Site::start();
    let (path, version) = site.version("fraud").await;
    let full = format!("{path}/full_body");
    let metadata = |answer: &Value| answer["model_version"]["redirect_metadata"].clone();

    let answer = site.must("PATCH", &path, json!({ "redirect_metadata": "one", "description": "kept" })).await;
    assert_eq!(metadata(&answer), "one");
    for (mask, text) in [(json!({ "paths": ["redirect_metadata"] }), "two"), (json!("redirectMetadata"), "three")] {
        let body = json!({ "model_version": { "redirect_metadata": text, "description": "no" }, "update_mask": mask });
        assert_eq!(metadata(&site.must("PATCH", &full, body).await), text);
    }
    let read = format!("/api/v1/registry/model_versions/{}", version["id"].as_str().unwrap());
    let (one, other) = (site.must("GET", &read, Value::Null).await, site.must("GET", &path, Value::Null).await);
    assert_eq!((metadata(&one), &one["model_version"]["description"]), (json!("three"), &json!("kept")));
    assert_eq!(one, other);
    let emptied = json!({ "model_version": {}, "update_mask": { "paths": ["redirect_metadata"] } });
    assert_eq!(metadata(&site.must("PATCH", &full, emptied).await), Value::Null);
    // The whole version sent back changes nothing that may not change.
    site.must("PATCH", &path, version.clone()).await;

    for (path, body) in [
        (&path, json!({ "redirect_metadata": { "status": "complete" } })),
        (&path, json!({ "redirect": "x" })),
        (&path, json!({ "stage": "PRODUCTION" })),
        (&path, json!([])),
        (&full, json!({ "model_version": { "redirect_metadata": "x" } })),
        (&full, json!({ "model_version": { "redirect_metadata": "x" }, "update_mask": { "paths": ["redirect"] } })),
        (&full, json!({ "update_mask": "redirectMetadata" })),
    ] {
        let (status, code, message) = site.refused("PATCH", path, body).await;
        assert_eq!((status, code), (400, 3), "{message}");
    }
    let (other, _) = site.version("other").await;
    let crossed = format!("{}/{}", other.rsplit_once('/').unwrap().0, version["id"].as_str().unwrap());
    assert_eq!(
        site.refused("PATCH", &crossed, json!({ "description": "x" })).await.0,
        404,
        "a version of another model"
    );

    let writes = site.must("GET", "/dev/writes", Value::Null).await;
    let writes = writes.as_array().unwrap();
    assert_eq!(writes.len(), 5, "what was accepted: {writes:?}");
    assert_eq!(writes[0]["body"]["redirect_metadata"], "one");
    assert_eq!((&writes[1]["method"], writes[1]["path"].as_str()), (&json!("PATCH"), Some(full.as_str())));
    assert!(writes[1]["at"].as_u64() >= writes[0]["at"].as_u64());
}

#[tokio::test]
async fn a_scans_result_is_taken_under_both_names_and_an_old_verdict_does_not_stand() {
    let site = Site::start();
    let path = site.build(Some("registry.example.com/acme/model:1")).await;
    let stands = |scan: &Value| (scan["scan_status"].clone(), scan["safety_status"].clone());

    for key in ["scan_external_results", "scan_external_status"] {
        let results = json!({ "safety_status": "unsafe", "url": "https://scans.example.com/1" });
        let scan = site.must("PUT", &path, json!({ "scan_status": "scanned", key: results })).await;
        assert_eq!(stands(&scan), (json!("scanned"), json!("unsafe")));
        assert_eq!(scan["scan_external_results"], results);
        assert_eq!(site.must("GET", "/api/v1/deployment/builds/5150/scan", Value::Null).await, scan);
        assert_eq!(site.must("GET", &path, Value::Null).await, scan);
    }
    let scan = site.must("PUT", &path, json!({ "scan_status": "error" })).await;
    assert_eq!(stands(&scan), (json!("error"), json!("unknown")));
    let safe = json!({ "scan_status": "scanned", "scan_external_results": { "safety_status": "safe" } });
    site.must("PUT", &path, safe).await;
    let scan = site.must("POST", &path, json!({ "scan_external": true })).await;
    assert_eq!(stands(&scan), (json!("unscanned"), json!("unknown")), "a new request wants a new verdict");

    for (body, allowed) in [
        (json!({ "scan_status": "done" }), "`scanned`"),
        (json!({ "scan_status": "scanned", "scan_external_results": { "safety_status": "SAFE" } }), "`safe`"),
        (json!({}), "scan_status"),
        (json!([]), "struct"),
    ] {
        let (status, code, message) = site.refused("PUT", &path, body).await;
        assert_eq!((status, code), (422, 422), "{message}");
        assert!(message.contains(allowed), "{message}");
    }
    assert_eq!(site.must("GET", "/dev/writes", Value::Null).await.as_array().unwrap().len(), 4);
    let elsewhere = path.replace("/acme/", "/other/");
    assert_eq!(site.refused("GET", &elsewhere, Value::Null).await.0, 404, "a build of another workspace");
}

#[tokio::test]
async fn bad_weather_meets_who_looks_and_reports_and_nobody_else() {
    let site = Site::start();
    let (version, _) = site.version("fraud").await;
    let scan = site.build(Some("registry.example.com/acme/model:1")).await;
    let ada = Some("ada@example.com");
    for (answers, expected, code) in [("503", 503, Some(14)), ("401", 401, Some(16)), ("garbage", 200, None)] {
        site.must("PUT", "/dev/faults", json!({ "answers": answers })).await;
        for (method, path, body) in [
            ("GET", &version, Value::Null),
            ("PATCH", &version, json!({ "description": "x" })),
            ("GET", &scan, Value::Null),
            ("PUT", &scan, json!({ "scan_status": "scanning" })),
        ] {
            let (status, text) = site.text(ada, method, path, body).await;
            let answer: Option<Value> = serde_json::from_str(&text).ok();
            assert_eq!((status, answer.map(|answer| answer["code"].as_u64().unwrap())), (expected, code), "{method}");
        }
        site.version(answers).await;
        site.must("POST", &scan, json!({ "scan_external": true })).await;
    }
    site.must("PUT", "/dev/faults", json!({ "answers": "none" })).await;
    assert!(site.must("GET", &version, Value::Null).await["model_version"].get("description").is_none());
    assert_eq!(site.must("GET", "/dev/writes", Value::Null).await, json!([]), "nothing was accepted meanwhile");
    assert_eq!(site.refused("PUT", "/dev/faults", json!({ "answers": "rain" })).await.0, 400);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_json() {
    let site = Site::start();
    let models = "/api/v1/registry/workspaces/acme/registered_models";
    let transition = "/api/v1/registry/stage/createTransition";
    let unknown_version = json!({ "model_version_id": "7", "desired_stage": "PRODUCTION" });
    let large = Value::String("x".repeat(1024 * 1024 + 1));
    for (method, path, body, expected) in [
        ("GET", "/nothing", Value::Null, (404, 5)),
        ("GET", "/api/v1/registry/model_versions/7", Value::Null, (404, 5)),
        ("GET", "/api/v1/registry/model_versions/seven", Value::Null, (404, 5)),
        ("GET", "/api/v1/registry/registered_models/7", Value::Null, (404, 5)),
        ("GET", "/api/v1/deployment/builds/7/scan", Value::Null, (404, 5)),
        ("POST", transition, unknown_version, (404, 5)),
        ("DELETE", "/api/v1/registry/registered_models/7", Value::Null, (405, 12)),
        ("GET", models, Value::Null, (405, 12)),
        ("POST", models, Value::Null, (400, 3)),
        ("POST", models, json!({ "name": 7 }), (400, 3)),
        ("POST", models, json!("{\"name\":"), (400, 3)),
        ("POST", models, large, (413, 8)),
    ] {
        let (status, code, message) = site.refused(method, path, body).await;
        assert_eq!((status, code), expected, "{method} {path}: {message}");
    }
    site.must("POST", models, json!({ "name": "fraud" })).await;
    assert_eq!(site.refused("POST", models, json!({ "name": "fraud" })).await.0, 409);
    for email in [None, Some("")] {
        let (status, text) = site.text(email, "GET", "/api/v1/registry/registered_models/2", Value::Null).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &answer["code"], &answer["details"]), (401, &json!(16), &json!([])));
    }
}

#[tokio::test]
async fn it_ends_when_told_to() {
    let site = Site::start();
    site.must("GET", "/dev/writes", Value::Null).await;
    site.stopped().await.unwrap();
}
