//! A registry that promotes, a daemon's folder, and one action of ours between them.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Daemon, Registry, Site, until};

pub struct Plant {
    /// There for as long as the rest.
    _registry: Registry,
    pub site: Site,
    plugin: &'static str,
    secrets: &'static str,
    pub settings: String,
    model: String,
    pub version: String,
}

impl Plant {
    pub async fn new(plugin: &'static str, secrets: &'static str, settings: &str) -> Self {
        let registry = Registry::start();
        let site = Site::new(&registry.url);
        site.write("token", "a token of the service", 0o600);
        let (model, version) = registry.version("fraud").await;
        registry.promote(&version).await;
        Self { _registry: registry, site, plugin, secrets, settings: settings.to_owned(), model, version }
    }

    pub fn configuration(&self) -> String {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
        let own = self.site.configuration();
        let (general, _) = own.split_once("[[routes]]").unwrap();
        let Self { plugin, secrets, settings, .. } = self;
        // Where a test's program writes what it has seen.
        let (folder, plugins) = (self.site.path("").display().to_string(), plugins.display());
        format!(
            "plugin_path = [\"{plugins}\"]\n{general}\n[plugins.{plugin}]\nwrite = [\"{folder}\"]\nsecrets = {{ {secrets} }}\n\
             [plugins.{plugin}.settings]\n{settings}\n[[routes]]\non = \"promotion\"\nactions = [\"{plugin}\"]\n"
        )
    }

    pub fn start(&self) -> Daemon {
        Daemon::start_as(&self.site, &self.configuration())
    }

    /// Tells the daemon of the promotion.
    pub async fn promote(&self, daemon: &Daemon) {
        let version = json!({ "id": self.version, "registered_model_id": self.model, "stage": "PRODUCTION" });
        let entity = json!({ "model_version": version });
        let body = json!({ "event_uuid": "one", "event_type": "PROMOTE", "new_entity": entity }).to_string();
        assert_eq!(daemon.deliver(body.as_bytes()).await.0, 202);
    }

    /// What the action came to: status, summary, url.
    pub async fn conclusion(&self, daemon: &Daemon) -> [String; 3] {
        let delivery = async || daemon.get("/api/v1/deliveries/1").await.1;
        let found = until("the end", delivery, |found| found["delivery"]["state"] == "done").await;
        let jobs = found["jobs"].as_array().unwrap();
        let run = jobs.iter().find(|job| job["phase"] == "run").unwrap();
        let conclusion = &run["outcome"]["conclusion"];
        ["status", "summary", "url"].map(|key| conclusion[key].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the run has saved that step.
    pub async fn has_come_to(&self, daemon: &Daemon, step: &str) -> Value {
        let jobs = async || daemon.get("/api/v1/jobs").await.1;
        let there = |jobs: &Value| jobs.as_array().unwrap().iter().any(|job| job["checkpoint"]["step"] == step);
        until(step, jobs, there).await
    }
}
