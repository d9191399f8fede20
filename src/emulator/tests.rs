//! The registry on a real socket, with a real receiver that verifies what it is sent.

use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use reqwest::Client;
use scanrelay::extract::{Intake, Webhook};
use scanrelay::registry::{Registry, Verta};
use scanrelay::{Event, EventKind, Receiver, Scheme, Secret, Timestamp, Verifier};
use tokio::sync::mpsc;

use super::*;

const SECRET: &str = "the webhook's secret";

struct Stage {
    client: Client,
    url: String,
    shutdown: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Stage {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let options = Options {
            build_takes: Duration::from_millis(20),
            ..Options::new(|| Timestamp::from_millis(1_669_852_800_000))
        };
        tokio::spawn(run(listener, options, shutdown.clone()));
        Self { client: Client::builder().no_proxy().build().unwrap(), url, shutdown }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_as("ada@example.com", method, path, body).await
    }

    async fn call_as(&self, email: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let answer = request.header("Grpc-Metadata-email", email).json(&body).send().await.unwrap();
        assert_eq!(answer.headers()["server"], NAME, "{path}");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    async fn good(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    async fn refused(&self, method: &str, path: &str, body: Value, status: u16, code: u64) {
        let (found, answer) = self.call(method, path, body).await;
        assert_eq!((found, answer["code"].as_u64()), (status, Some(code)), "{method} {path}: {answer}");
        assert!(!answer["message"].as_str().unwrap().is_empty());
    }

    async fn webhook(&self, location: &str, types: &[&str]) -> String {
        let name = format!("{types:?} to {location}");
        let body = json!({ "name": name, "location": location, "mutual_secret": SECRET, "event_types": types });
        let made = self.good("POST", "/api/v1/uac-proxy/events/createWebhook", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Model and version.
    async fn version(&self, name: &str) -> (String, String) {
        let model =
            self.good("POST", "/api/v1/registry/workspaces/acme/registered_models", json!({ "name": name })).await;
        let model = model["registered_model"]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/registry/registered_models/{model}/model_versions");
        let version = self.good("POST", &path, json!({ "version": "v1" })).await;
        (model, version["model_version"]["id"].as_str().unwrap().to_owned())
    }

    async fn transition(&self, version: &str, stage: &str) -> Value {
        let body = json!({ "model_version_id": version, "desired_stage": stage });
        let made = self.good("POST", "/api/v1/registry/stage/createTransition", body).await;
        json!({ "transition_id": made["transition"]["id"] })
    }
}

/// A receiver that hands over what it has verified.
fn receiver() -> (String, mpsc::UnboundedReceiver<Event>) {
    let secret = Secret::new(SECRET).unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    let receiver = Arc::new(Receiver::new("verta", Registry::Verta(Verta::default()), verifier));
    let (heard, events) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        let heard = heard.clone();
        let receive = move |Webhook(delivery): Webhook| {
            let _ = heard.send(delivery.event().clone());
            async { HttpResponse::Accepted().finish() }
        };
        let intake = Intake::new(Arc::clone(&receiver)).with_clock(Timestamp::default);
        App::new().app_data(Data::new(intake)).route("/hook", web::post().to(receive))
    });
    tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
    (location, events)
}

#[tokio::test]
async fn a_promotion_is_fired_signed_when_it_is_committed() {
    let (stage, (location, mut events)) = (Stage::new(), receiver());
    stage.webhook(&location, &["PROMOTE"]).await;
    let (model, version) = stage.version("fraud").await;
    let transition = stage.transition(&version, "PRODUCTION").await;
    let (approve, commit) = ("/api/v1/registry/stage/approveTransition", "/api/v1/registry/stage/commitTransition");

    stage.refused("POST", commit, transition.clone(), 400, 9).await;
    stage.refused("POST", approve, transition.clone(), 403, 7).await;
    assert_eq!(stage.call_as("grace@example.com", "POST", approve, transition.clone()).await.0, 200);
    stage.good("POST", commit, transition.clone()).await;
    stage.refused("POST", commit, transition, 400, 9).await;

    let event = events.recv().await.unwrap();
    assert_eq!((&event.kind, event.version.id.as_deref()), (&EventKind::Promotion, Some(version.as_str())));
    assert_eq!(event.model.id.as_deref(), Some(model.as_str()));
    let stages = (event.change.stage_from, event.change.stage_to);
    assert_eq!((stages.0.unwrap().as_str(), stages.1.unwrap().as_str()), ("unassigned", "production"));
    let found = stage.good("GET", &format!("/api/v1/registry/model_versions/{version}"), Value::Null).await;
    assert_eq!(found["model_version"]["stage"], "PRODUCTION");
}

#[tokio::test]
async fn another_stage_is_no_promotion() {
    let (stage, (location, mut events)) = (Stage::new(), receiver());
    stage.webhook(&location, &["PROMOTE", "REQUEST_SCAN"]).await;
    let (_, version) = stage.version("fraud").await;
    let transition = stage.transition(&version, "STAGING").await;
    stage.call_as("grace@example.com", "POST", "/api/v1/registry/stage/approveTransition", transition.clone()).await;
    stage.good("POST", "/api/v1/registry/stage/commitTransition", transition).await;
    let body = json!({ "model_version_id": version, "stage": "ARCHIVED" });
    stage.good("POST", "/api/v1/registry/stage/updateStage", body).await;
    stage
        .refused(
            "POST",
            "/api/v1/registry/stage/updateStage",
            json!({ "model_version_id": version, "stage": "MOON" }),
            400,
            3,
        )
        .await;

    let build =
        stage.good("POST", "/api/v1/deployment/workspace/acme/builds", json!({ "model_version_id": version })).await;
    let scan = format!("/api/v1/deployment/workspace/acme/builds/{}/scan", build["id"]);
    stage.good("POST", &scan, json!({ "scan_external": true })).await;
    assert_eq!(events.recv().await.unwrap().kind, EventKind::ScanRequest, "nothing came before the scan request");
}

#[tokio::test]
async fn a_scan_is_requested_when_the_build_is_finished_and_its_result_stands() {
    let (stage, (location, mut events)) = (Stage::new(), receiver());
    stage.webhook(&location, &["REQUEST_SCAN"]).await;
    let (_, version) = stage.version("fraud").await;
    let builds = "/api/v1/deployment/workspace/acme/builds";
    let built = stage.good("POST", builds, json!({ "model_version_id": version })).await;
    assert_eq!((&built["id"], &built["status"]), (&json!(5150), &json!("building")));
    let scan = format!("{builds}/5150/scan");
    stage.good("POST", &scan, json!({ "scan_external": true })).await;
    let event = events.recv().await.unwrap();
    assert_eq!((event.kind, event.build.id.as_deref()), (EventKind::ScanRequest, Some("5150")));
    assert_eq!(stage.good("GET", &format!("{builds}/5150"), Value::Null).await["status"], "finished");

    stage.refused("PUT", &scan, json!({ "scan_status": "scaned" }), 422, 422).await;
    stage.refused("PUT", &scan, json!({ "scan_status": "scanned" }), 422, 422).await;
    for key in ["scan_external_results", "scan_external_status"] {
        let body = json!({ "scan_status": "scanned", key: { "safety_status": "unsafe", "url": "https://scans.example.com/1" } });
        stage.good("PUT", &scan, body).await;
        let found = stage.good("GET", "/api/v1/deployment/builds/5150/scan", Value::Null).await;
        assert_eq!((&found["scan_status"], &found["safety_status"]), (&json!("scanned"), &json!("unsafe")));
        assert_eq!(found["scan_external_results"]["url"], "https://scans.example.com/1");
    }
    assert_eq!(stage.good("GET", "/dev/writes", Value::Null).await.as_array().unwrap().len(), 2);
    let again = stage.good("POST", &scan, json!({ "scan_external": true })).await;
    assert_eq!(again["safety_status"], "unknown", "an old verdict does not stand for a new request");
    stage.refused("GET", "/api/v1/deployment/builds/9/scan", Value::Null, 404, 5).await;
}

#[tokio::test]
async fn a_test_is_answered_with_the_receiver_s_status_and_every_call_is_kept() {
    let (stage, (location, _events)) = (Stage::new(), receiver());
    let test = "/api/v1/uac-proxy/events/triggerTest";
    let webhook = stage.webhook(&location, &["PROMOTE"]).await;
    assert_eq!(stage.good("POST", test, json!({ "webhook_id": webhook })).await, json!({ "status_code": "202" }));
    let nowhere = stage.webhook("http://127.0.0.1:1/hook", &[]).await;
    stage.refused("POST", test, json!({ "webhook_id": nowhere }), 503, 14).await;
    stage.refused("POST", test, json!({ "webhook_id": "99" }), 404, 5).await;

    let find = "/api/v1/uac-proxy/events/findWebhookCall";
    let failed = stage.good("POST", find, json!({ "status": ["FAILURE"] })).await;
    assert_eq!(failed["calls"].as_array().unwrap().len(), 1);
    assert_eq!(failed["calls"][0]["webhook_id"], nowhere);
    let all = stage.good("POST", find, json!({ "webhook_ids": [webhook] })).await;
    assert_eq!(all["calls"][0]["status"], "SUCCESS");
}

#[tokio::test]
async fn names_are_unique_and_values_are_checked() {
    let stage = Stage::new();
    let create = "/api/v1/uac-proxy/events/createWebhook";
    let body = json!({ "name": "one", "location": "https://gate.example.com/hooks/verta", "all_events": true });
    let made = stage.good("POST", create, body.clone()).await;
    assert_eq!((&made["all_events"], &made["mutual_secret"]), (&json!(true), &json!("")));
    stage.refused("POST", create, body, 409, 6).await;
    stage.refused("POST", create, json!({ "name": "two", "location": "gopher://x" }), 400, 3).await;
    stage.refused("POST", create, json!({ "name": "two" }), 400, 3).await;
    let models = "/api/v1/registry/workspaces/acme/registered_models";
    stage.good("POST", models, json!({ "name": "fraud" })).await;
    stage.refused("POST", models, json!({ "name": "fraud" }), 409, 6).await;
    stage.good("POST", "/api/v1/registry/workspaces/other/registered_models", json!({ "name": "fraud" })).await;
    stage.refused("DELETE", models, Value::Null, 405, 12).await;
    stage.refused("GET", "/api/v1/registry/nothing", Value::Null, 404, 5).await;
    let (status, answer) = stage.call_as("", "POST", models, json!({ "name": "x" })).await;
    assert_eq!((status, answer["code"].as_u64()), (401, Some(16)));
}

#[tokio::test]
async fn a_version_is_patched_with_and_without_a_mask() {
    let stage = Stage::new();
    let (model, version) = stage.version("fraud").await;
    let path = format!("/api/v1/registry/registered_models/{model}/model_versions/{version}");
    let plain = stage.good("PATCH", &path, json!({ "redirect_metadata": "{}", "description": "d" })).await;
    assert_eq!(plain["model_version"]["redirect_metadata"], "{}");
    for mask in [json!({ "paths": ["redirect_metadata"] }), json!("redirectMetadata")] {
        let body = json!({ "model_version": { "redirect_metadata": mask.to_string(), "description": "no" }, "update_mask": mask });
        let masked = stage.good("PATCH", &format!("{path}/full_body"), body).await;
        assert_eq!(masked["model_version"]["redirect_metadata"], mask.to_string());
        assert_eq!(masked["model_version"]["description"], "d", "what is not in the mask stays");
    }
    stage.refused("PATCH", &format!("{path}/full_body"), json!({ "model_version": {} }), 400, 3).await;
    stage.refused("PATCH", &path, json!({ "stage": "PRODUCTION" }), 400, 3).await;
}

#[tokio::test]
async fn it_misbehaves_when_it_is_told_to() {
    let stage = Stage::new();
    let (_, version) = stage.version("fraud").await;
    let path = format!("/api/v1/registry/model_versions/{version}");
    for (answers, status) in [("503", 503), ("401", 401), ("garbage", 200), ("none", 200)] {
        stage.good("PUT", "/dev/faults", json!({ "answers": answers })).await;
        let (found, answer) = stage.call("GET", &path, Value::Null).await;
        assert_eq!((found, answer["model_version"].is_object()), (status, answers == "none"), "{answers}");
        stage.version(answers).await;
    }
    stage.refused("PUT", "/dev/faults", json!({ "answers": "maybe" }), 400, 3).await;
}
