//! The development registry, and what people do there.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{DEVELOPER_KEY, Daemon, Ready, WEBHOOK_SECRET, answered, client, text};

/// A running `scanrelay dev-registry`.
pub struct Registry {
    _ready: Ready,
    pub url: String,
}

impl Registry {
    pub fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
        let ready = Ready::start(command.args(["dev-registry", "--bind", "127.0.0.1:0"]).stdin(Stdio::null()));
        let url = format!("http://{}", ready.address("registry"));
        Self { _ready: ready, url }
    }

    pub async fn call(&self, email: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client().request(method, format!("{}{path}", self.url)).header("Grpc-Metadata-email", email);
        let request = request.header("Grpc-Metadata-developer_key", DEVELOPER_KEY);
        answered(if body.is_null() { request } else { request.json(&body) }.send().await.unwrap()).await
    }

    async fn must(&self, email: &str, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(email, method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// A webhook to that daemon for promotions and scan requests: its id.
    pub async fn webhook(&self, daemon: &Daemon) -> String {
        let body = json!({
            "name": format!("scanrelay {}", daemon.intake), "location": format!("http://{}/hooks/verta", daemon.intake),
            "mutual_secret": WEBHOOK_SECRET, "event_types": ["PROMOTE", "REQUEST_SCAN"], "all_events": false,
        });
        let made = self.must("admin@example.com", "POST", "/api/v1/uac-proxy/events/createWebhook", body).await;
        text(&made["id"])
    }

    /// A model version: the ids of model and version.
    pub async fn version(&self, name: &str) -> (String, String) {
        let body = json!({ "name": name });
        let model =
            self.must("ada@example.com", "POST", "/api/v1/registry/workspaces/acme/registered_models", body).await;
        let model = text(&model["registered_model"]["id"]);
        let path = format!("/api/v1/registry/registered_models/{model}/model_versions");
        let version = self.must("ada@example.com", "POST", &path, json!({ "version": "v1" })).await;
        (model, text(&version["model_version"]["id"]))
    }

    /// The model's file.
    pub async fn upload(&self, version: &str, bytes: &'static [u8]) {
        self.upload_as(version, "model", bytes).await;
    }

    /// A file of the version's by that name.
    pub async fn upload_as(&self, version: &str, key: &str, bytes: &'static [u8]) {
        let path = format!("/api/v1/registry/model_versions/{version}/getUrlForArtifact");
        let slot = self.must("ada@example.com", "POST", &path, json!({ "key": key, "method": "PUT" })).await;
        let answer = client().put(slot["url"].as_str().unwrap()).body(bytes).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// A finished build of that version: its id.
    pub async fn build(&self, version: &str) -> u64 {
        let body = json!({ "model_version_id": version, "external_location": format!("registry.example.com/acme/model:{version}") });
        let build = self.must("ada@example.com", "POST", "/api/v1/deployment/workspace/acme/builds", body).await;
        build["id"].as_u64().unwrap()
    }

    pub async fn request_scan(&self, build: u64) {
        let path = format!("/api/v1/deployment/workspace/acme/builds/{build}/scan");
        self.must("ada@example.com", "POST", &path, json!({ "scan_external": true })).await;
    }

    pub async fn scan(&self, build: u64) -> Value {
        self.must("ada@example.com", "GET", &format!("/api/v1/deployment/builds/{build}/scan"), Value::Null).await
    }

    /// Through the approval flow to production.
    pub async fn promote(&self, version: &str) {
        let body = json!({ "model_version_id": version, "desired_stage": "PRODUCTION" });
        let made = self.must("ada@example.com", "POST", "/api/v1/registry/stage/createTransition", body).await;
        let id = json!({ "transition_id": made["transition"]["id"] });
        self.must("grace@example.com", "POST", "/api/v1/registry/stage/approveTransition", id.clone()).await;
        self.must("grace@example.com", "POST", "/api/v1/registry/stage/commitTransition", id).await;
    }

    pub async fn model_version(&self, version: &str) -> Value {
        let path = format!("/api/v1/registry/model_versions/{version}");
        self.must("ada@example.com", "GET", &path, Value::Null).await["model_version"].clone()
    }

    /// Answers everything with that (`503`, `401`, `garbage`, `none`) until told otherwise.
    pub async fn misbehave(&self, answers: &str) {
        let (status, answer) =
            self.call("admin@example.com", "PUT", "/dev/faults", json!({ "answers": answers })).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Everything that was written into it, in order.
    pub async fn writes(&self) -> Vec<Value> {
        let (status, answer) = self.call("admin@example.com", "GET", "/dev/writes", Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        answer.as_array().cloned().unwrap_or_default()
    }
}
