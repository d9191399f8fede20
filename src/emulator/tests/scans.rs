//! Scans of versions: the build is made first, or fails.

use std::time::Duration;

use scanrelay::EventKind;
use serde_json::{Value, json};

use super::super::Options;
use super::harness::{Hook, Site, until};

const BUILD_TIME: Duration = Duration::from_millis(300);

fn quick() -> Site {
    Site::with(Options { build_time: BUILD_TIME, ..Options::default() })
}

fn of_version(version: &Value) -> String {
    format!("/api/v1/deployment/workspace/acme/model_versions/{}/scan", version["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_version_without_a_build_is_built_before_its_scan_is_asked_for() {
    let (site, hook) = (quick(), Hook::start());
    site.webhook(&hook.location, &["REQUEST_SCAN"]).await;
    let (_, version) = site.version("fraud").await;
    let asked = json!({ "scan_external": true });

    let build = site.must("POST", &of_version(&version), asked.clone()).await;
    assert_eq!((&build["status"], &build["creator_request"]["scan_external"]), (&json!("building"), &json!(true)));
    let (delivery, _) = hook.next().await;
    assert_eq!(delivery.event().kind, EventKind::ScanRequest);
    assert_eq!(delivery.event().build.id, Some(build["id"].to_string()));

    // There is one now: it is taken, and not another made.
    let again = site.must("POST", &of_version(&version), asked.clone()).await;
    assert_eq!((&again["id"], &again["status"]), (&build["id"], &json!("finished")));
    assert_eq!(hook.next().await.0.event().build.id, Some(build["id"].to_string()));

    let (status, code, _) = site.refused("POST", &of_version(&version), json!({})).await;
    assert_eq!((status, code), (422, 422), "it has no scanner of its own");
    assert_eq!(site.refused("POST", &of_version(&json!({ "id": "99" })), asked).await.0, 404);
}

#[tokio::test]
async fn a_build_that_fails_is_shown_as_failed_and_fires_nothing() {
    let (site, hook) = (quick(), Hook::start());
    site.webhook(&hook.location, &["REQUEST_SCAN"]).await;
    let (_, version) = site.version("fraud").await;
    let builds = "/api/v1/deployment/workspace/acme/builds";

    let asked = json!({ "scan_external": true, "fail": true });
    let failing = site.must("POST", &of_version(&version), asked).await;
    let path = format!("{builds}/{}", failing["id"]);
    let failed = until(|| site.must("GET", &path, Value::Null), |build| build["status"] != "building").await;
    assert_eq!((&failed["status"], failed.get("location")), (&json!("error"), None));
    assert_eq!(failed["message"], "the build failed, as it was asked to");
    let scan = json!({ "scan_external": true });
    let (status, _, message) = site.refused("POST", &format!("{path}/scan"), scan.clone()).await;
    assert!(status == 422 && message.contains("nothing to scan"), "{message}");

    // The next request makes another build, and the first that is heard is of that one.
    let build = site.must("POST", &of_version(&version), scan).await;
    assert_ne!(build["id"], failing["id"]);
    assert_eq!(hook.next().await.0.event().build.id, Some(build["id"].to_string()));

    let body = json!({ "model_version_id": version["id"], "fail": true });
    assert_eq!(site.must("POST", builds, body).await["status"], "building");
    let body =
        json!({ "model_version_id": version["id"], "fail": true, "external_location": "registry.example.com/a" });
    assert_eq!(site.refused("POST", builds, body).await.0, 422);
}
