//! What people do in a registry, as requests.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{self, Instant};

/// Longer than anything takes here on a slow machine.
const PATIENCE: Duration = Duration::from_secs(45);
/// The registry tells nobody when something has changed: it is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// Who asks for things, and who approves them: nobody approves their own.
pub(super) const AUTHOR: &str = "ada@example.com";
pub(super) const APPROVER: &str = "grace@example.com";

/// Speaks to the registry.
pub(super) struct Client {
    http: reqwest::Client,
    registry: String,
}

/// A model version with its file.
pub(super) struct Version {
    pub(super) name: &'static str,
    pub(super) id: String,
    pub(super) build: u64,
}

impl Client {
    pub(super) fn new(registry: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { http, registry: registry.to_owned() })
    }

    async fn call(&self, email: &str, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let request = self.http.request(method, format!("{}{path}", self.registry));
        let request = request.header("Grpc-Metadata-email", email).header("Grpc-Metadata-developer_key", "any");
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.with_context(|| path.to_owned())?;
        let status = answer.status();
        let answer: Value = answer.json().await.with_context(|| path.to_owned())?;
        if !status.is_success() {
            bail!("{path} was answered {status}: {}", answer["message"]);
        }
        Ok(answer)
    }

    async fn post(&self, email: &str, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(email, Method::POST, path, Some(body)).await
    }

    /// A webhook for promotions and scan requests; the receiver's answer to its test.
    pub(super) async fn webhook(&self, location: &str, secret: &str) -> anyhow::Result<String> {
        let body = json!({
            "name": "scanrelay", "location": location, "mutual_secret": secret,
            "event_types": ["PROMOTE", "REQUEST_SCAN"], "all_events": false,
        });
        let made = self.post(AUTHOR, "/api/v1/uac-proxy/events/createWebhook", body).await?;
        let test = json!({ "webhook_id": made["id"] });
        let answer = self.post(AUTHOR, "/api/v1/uac-proxy/events/triggerTest", test).await?;
        text(&answer["status_code"])
    }

    /// A registered model with one version, its file, and a finished build.
    pub(super) async fn register(&self, name: &'static str, file: &'static [u8]) -> anyhow::Result<Version> {
        let path = "/api/v1/registry/workspaces/demo/registered_models";
        let model = self.post(AUTHOR, path, json!({ "name": name })).await?;
        let model = text(&model["registered_model"]["id"])?;
        let path = format!("/api/v1/registry/registered_models/{model}/model_versions");
        let version = self.post(AUTHOR, &path, json!({ "version": "v1" })).await?;
        let id = text(&version["model_version"]["id"])?;
        let path = format!("/api/v1/registry/model_versions/{id}/getUrlForArtifact");
        let slot = self.post(AUTHOR, &path, json!({ "key": "model", "method": "PUT" })).await?;
        let uploaded = self.http.put(text(&slot["url"])?).body(file).send().await?;
        uploaded.error_for_status().context("the file could not be uploaded")?;
        let image = format!("registry.example.com/demo/{name}:v1");
        let body = json!({ "model_version_id": id, "external_location": image });
        let build = self.post(AUTHOR, "/api/v1/deployment/workspace/demo/builds", body).await?;
        let build = build["id"].as_u64().ok_or_else(|| anyhow!("the registry named no build"))?;
        Ok(Version { name, id, build })
    }

    pub(super) async fn request_scan(&self, version: &Version) -> anyhow::Result<()> {
        let path = format!("/api/v1/deployment/workspace/demo/builds/{}/scan", version.build);
        self.post(AUTHOR, &path, json!({ "scan_external": true })).await.map(drop)
    }

    /// Through the approval flow.
    pub(super) async fn promote(&self, version: &Version) -> anyhow::Result<()> {
        let body = json!({ "model_version_id": version.id, "desired_stage": "PRODUCTION" });
        let made = self.post(AUTHOR, "/api/v1/registry/stage/createTransition", body).await?;
        let transition = json!({ "transition_id": made["transition"]["id"] });
        self.post(APPROVER, "/api/v1/registry/stage/approveTransition", transition.clone()).await?;
        self.post(APPROVER, "/api/v1/registry/stage/commitTransition", transition).await.map(drop)
    }

    /// What the registry says of a scan, once it has ended.
    pub(super) async fn scan_ended(&self, version: &Version, seen: impl FnMut(&Value)) -> anyhow::Result<Value> {
        let path = format!("/api/v1/deployment/builds/{}/scan", version.build);
        let ended = |scan: &Value| ["scanned", "error"].iter().any(|word| scan["scan_status"] == *word);
        self.until(&path, |answer| answer, ended, seen).await
    }

    /// The redirect metadata of a version, once its promotion has ended.
    pub(super) async fn promotion_ended(&self, version: &Version, seen: impl FnMut(&Value)) -> anyhow::Result<Value> {
        let path = format!("/api/v1/registry/model_versions/{}", version.id);
        let metadata = |answer: Value| {
            let text = answer["model_version"]["redirect_metadata"].as_str().unwrap_or_default();
            serde_json::from_str(text).unwrap_or_default()
        };
        let ended = |metadata: &Value| ["complete", "failed"].iter().any(|word| metadata["status"] == *word);
        self.until(&path, metadata, ended, seen).await
    }

    /// Asks until it has ended, and shows every change on the way.
    async fn until(
        &self,
        path: &str,
        of: impl Fn(Value) -> Value,
        ended: impl Fn(&Value) -> bool,
        mut seen: impl FnMut(&Value),
    ) -> anyhow::Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        loop {
            let now = of(self.call(AUTHOR, Method::GET, path, None).await?);
            if now != last {
                seen(&now);
                last = now;
            }
            if ended(&last) {
                return Ok(last);
            }
            if Instant::now() > deadline {
                bail!("{path} did not come to an end within {} s; it says {last}", PATIENCE.as_secs());
            }
            time::sleep(PAUSE).await;
        }
    }
}

/// An id as protobuf's JSON has it.
fn text(id: &Value) -> anyhow::Result<String> {
    match id {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => bail!("the registry's answer holds no id"),
    }
}
