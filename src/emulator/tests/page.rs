//! The page, as a browser asks for it and presses its buttons.

use std::time::Duration;

use reqwest::{Client, StatusCode, redirect};
use serde_json::{Value, json};

use super::super::Options;
use super::harness::{Hook, Site, until};

const REFRESH: &str = "<meta http-equiv=\"refresh\" content=\"2\">";

impl Site {
    async fn page(&self) -> String {
        let answer = self.client.get(format!("{}/", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        answer.text().await.unwrap()
    }

    /// Until the page has that.
    async fn shows(&self, text: &str) -> String {
        let page = until(async || Value::String(self.page().await), |page| page.as_str().unwrap().contains(text)).await;
        page.as_str().unwrap().to_owned()
    }

    /// Presses a button from that origin: the status, and where it leads or what it says.
    async fn press(&self, act: &str, id: &Value, origin: Option<&str>) -> (StatusCode, String) {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        let id = id.as_str().unwrap();
        let mut request = client
            .post(format!("{}/dev/page/{act}", self.url))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("id={id}&place=version-{id}"));
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let location = answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
        (status, location.unwrap_or(answer.text().await.unwrap()))
    }

    async fn pressed(&self, act: &str, id: &Value) {
        let (status, location) = self.press(act, id, Some(&self.url)).await;
        assert_eq!((status.as_u16(), location), (303, format!("/?at=version-{0}#version-{0}", id.as_str().unwrap())));
    }
}

#[tokio::test]
async fn a_promotion_is_in_progress_until_its_address_is_known() {
    let (site, hook) = (Site::start(), Hook::start());
    assert!(site.page().await.contains(&format!("{}/api/v1/registry/workspaces/acme", site.url)), "how to begin");
    site.webhook(&hook.location, &["PROMOTE"]).await;
    let (path, version) = site.version("fraud").await;
    let page = site.page().await;
    assert!(page.contains("UNASSIGNED") && page.contains("Promote to production") && !page.contains(REFRESH), "{page}");

    for address in ["https://prod.example.com/fraud", "https://prod.example.com/fraud"] {
        site.pressed("promote", &version["id"]).await;
        assert_eq!(hook.next().await.1["new_entity"]["model_version"]["stage"], "PRODUCTION");
        let page = site.shows(">success<").await;
        assert!(page.contains("Promotion in progress") && page.contains(REFRESH), "{page}");
        assert!(!page.contains(address), "what an earlier promotion said does not stand for this one");
        let said = |status: &str| json!({ "status": status, "url": address }).to_string();
        site.must("PATCH", &path, json!({ "redirect_metadata": "{\"status\":\"in_progress\"}" })).await;
        assert!(site.page().await.contains("Promotion in progress"));
        site.must("PATCH", &path, json!({ "redirect_metadata": said("complete") })).await;
        let page = site.page().await;
        assert!(page.contains(&format!("href=\"{address}\">{address}</a>")), "{page}");
        assert!(page.contains("complete") && page.contains("Promote again"), "{page}");
        assert!(!page.contains("Promotion in progress") && !page.contains(REFRESH), "{page}");
    }
    let of_version = json!({ "model_version_id": version["id"] });
    let path = "/api/v1/registry/stage/findActivities";
    let found = site.must("POST", path, of_version).await["activities"].take();
    let authors: Vec<&Value> = found.as_array().unwrap().iter().map(|found| &found["author_id"]).take(3).collect();
    assert_eq!(authors, ["author@example.com", "approver@example.com", "approver@example.com"]);
}

#[tokio::test]
async fn a_scan_is_requested_and_its_result_shown() {
    let (site, hook) =
        (Site::with(Options { build_time: Duration::from_millis(200), ..Options::default() }), Hook::start());
    site.webhook(&hook.location, &["REQUEST_SCAN"]).await;
    let (_, version) = site.version("fraud").await;
    site.pressed("request-scan", &version["id"]).await;
    let page = site.page().await;
    assert!(page.contains("requested…") && page.contains(REFRESH), "{page}");
    // Two addresses take turns: a browser that is sent to where it is loads nothing.
    for (asked, next) in [("", "true"), ("&odd=true", "false"), ("&odd=false", "true")] {
        let address = format!("{}/?at=calls{asked}", site.url);
        let page = site.client.get(address).send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&format!("content=\"2; url=/?at=calls&amp;odd={next}#calls\"")), "{page}");
    }
    let page = site.client.get(format!("{}/?at=//evil.example.com", site.url)).send().await.unwrap();
    assert!(page.text().await.unwrap().contains(REFRESH));
    let (delivery, _) = hook.next().await;
    let scan = format!("/api/v1/deployment/workspace/acme/builds/{}/scan", delivery.event().build.id.clone().unwrap());
    site.must("PUT", &scan, json!({ "scan_status": "scanning" })).await;
    assert!(site.page().await.contains("scanning…"));
    let results = json!({ "safety_status": "unsafe", "url": "https://scans.example.com/1" });
    site.must("PUT", &scan, json!({ "scan_status": "scanned", "scan_external_results": results })).await;
    let page = site.shows(">success<").await;
    assert!(page.contains("<span class=\"bad\">unsafe</span>") && !page.contains(REFRESH), "{page}");
    assert!(page.contains("href=\"https://scans.example.com/1\"") && page.contains("build-5150:latest"), "{page}");

    let failing = json!({ "model_version_id": version["id"], "fail": true });
    site.must("POST", "/api/v1/deployment/workspace/acme/builds", failing).await;
    let page = site.shows("<span class=\"bad\">error</span>").await;
    assert!(page.contains("nothing to scan"), "{page}");
}

#[tokio::test]
async fn a_call_is_sent_again_by_a_button() {
    let (site, hook) = (Site::start(), Hook::start());
    site.webhook(&hook.location, &["CREATE"]).await;
    site.version("fraud").await;
    let (_, first) = hook.next().await;
    hook.next().await;
    let calls = site.event("findWebhookCall", json!({ "event_uuids": [first["event_uuid"]] })).await;
    site.pressed("retrigger", &calls["calls"][0]["id"]).await;
    assert_eq!(hook.next().await.1, first);
    let (status, page) = site.press("retrigger", &json!("99"), Some(&site.url)).await;
    assert!(status == 404 && page.contains("there is no webhook call 99") && page.contains("href=\"/\""), "{page}");
    let (status, answer) = site.press("promote", &json!("x"), Some(&site.url)).await;
    assert!(status == 400 && answer.contains("it must have an id"), "{answer}");
    assert_eq!(site.press("promote", &json!("99"), Some(&site.url)).await.0, 404);
    assert_eq!(site.press("request-scan", &json!("99"), Some(&site.url)).await.0, 404);
}

#[tokio::test]
async fn what_people_typed_is_never_markup() {
    let site = Site::start();
    let evil = "<script>alert(1)</script>\"'&";
    let hook = json!({ "name": evil, "location": "http://127.0.0.1:1/", "all_events": true });
    site.event("createWebhook", hook).await;
    let (path, version) = site.version(evil).await;
    let scan = site.build(Some(evil)).await;
    let metadata = json!({ "status": evil, "url": "javascript:alert(1)" }).to_string();
    let deployment = json!({
        "model_version_id": version["id"], "location_deployed": "javascript:alert(1)", "description": evil,
    });
    let deployments = "/api/v1/registry/registered_models/model_versions/external_deployments";
    site.must("POST", deployments, deployment).await;
    site.must("PATCH", &path, json!({ "redirect_metadata": metadata, "model": { "path": evil } })).await;
    let comment = json!({ "model_version_id": version["id"], "comment": evil });
    site.must("POST", "/api/v1/registry/stage/createComment", comment).await;
    let results = json!({ "safety_status": "safe", "url": "javascript:alert(1)" });
    site.must("PUT", &scan, json!({ "scan_status": "scanned", "scan_external_results": results })).await;
    let event = json!({ "event_uuid": evil, "workspace_id": 1, "resource_type": null });
    site.event("createEvent", event).await;

    let page = site.page().await;
    assert!(!page.contains("<script") && !page.contains("href=\"javascript"), "{page}");
    // The webhook, the model, its version's status, path and comment, the image, the event.
    assert!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;").count() >= 8, "{page}");
}

#[tokio::test]
async fn another_page_can_neither_press_its_buttons_nor_read_it() {
    let site = Site::start();
    let (path, version) = site.version("fraud").await;
    let port = site.url.rsplit_once(':').unwrap().1.to_owned();
    let elsewhere = format!("http://localhost:{port}");
    for origin in [Some("https://evil.example.com"), Some("http://127.0.0.1:1"), Some("null"), Some(&elsewhere), None] {
        let (status, page) = site.press("promote", &version["id"], origin).await;
        assert!(status == 403 && page.contains("use the buttons of"), "{origin:?}: {page}");
    }
    assert_eq!(site.must("GET", &path, Value::Null).await["model_version"]["stage"], "UNASSIGNED");
    // A name of somebody else's that was made to lead here.
    for host in ["evil.example.com", "localhost.example.com:80"] {
        let answer = site.client.get(format!("{}/", site.url)).header("Host", host).send().await.unwrap();
        assert_eq!(answer.status(), 403);
        let answer = answer.text().await.unwrap();
        assert!(answer.contains("open it as localhost") && !answer.contains("fraud"), "{answer}");
    }
    let answer = site.client.get(format!("{}/", site.url)).header("Host", format!("localhost:{port}")).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(site.refused("GET", "/dev/page/promote", Value::Null).await.0, 405);
}
