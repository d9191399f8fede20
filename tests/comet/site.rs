//! A daemon that a Comet registry posts to and hears from.

use serde_json::{Value, json};

use crate::client::WORKSPACE;
use crate::harness::{self, Daemon, Registry, Site, answered, client, until};

pub const TOKEN: &str = "the webhook's token";

/// A daemon's folder, with a scanner `scan` and an action `act`.
pub struct Gate {
    pub site: Site,
    configuration: String,
}

impl Gate {
    /// Answering to the registry at that URL. `more` is of the registry's section.
    pub fn new(registry: &str, more: &str) -> Self {
        let site = Site::new(registry);
        site.write("token", TOKEN, 0o600);
        site.write("api-key", "the-key-of-scanrelay", 0o600);
        let folder = site.path("").display().to_string();
        let plugin = |name: &str, kind: &str| {
            format!(
                "[plugins.{name}]\nkind = \"{kind}\"\ncommand = [\"{folder}{name}\"]\nwrite = [\"{folder}\"]\nenv = {{ SITE = \"{folder}\" }}\n"
            )
        };
        let configuration = format!(
            r#"
[server]
bind = "127.0.0.1:0"
[admin]
bind = "127.0.0.1:0"
[store]
url = "sqlite:state/scanrelay.db"
[limits]
retry_first = "50ms"
retry_max = "200ms"
retry_for = "10m"
[registries.comet]
kind = "comet"
url = "{registry}"
timeout = "5s"
credentials = {{ api_key = {{ file = "api-key" }} }}
webhook = {{ secrets = [{{ file = "token" }}] }}
promote_on = {{ stage = "Production" }}
scan_on = [{{ stage = "Scan me" }}, {{ event = "version_created" }}]
{more}
{scan}{act}
[[routes]]
on = "scan_request"
scanners = ["scan"]
[[routes]]
on = "promotion"
actions = ["act"]
"#,
            scan = plugin("scan", "scanner"),
            act = plugin("act", "action"),
        );
        Self { site, configuration }
    }

    /// In the place of the scanner's section.
    pub fn scanner(mut self, section: &str) -> Self {
        let at = self.configuration.find("[plugins.scan]").unwrap();
        let end = self.configuration.find("[plugins.act]").unwrap();
        self.configuration.replace_range(at..end, &format!("[plugins.scan]\n{section}\n"));
        self
    }

    /// The scanner stands before the action.
    pub fn guarded(mut self) -> Self {
        self.configuration =
            self.configuration.replace("actions = [\"act\"]", "scanners = [\"scan\"]\nactions = [\"act\"]");
        self
    }

    pub fn start(&self) -> Daemon {
        Daemon::start_as(&self.site, &self.configuration)
    }

    /// The same so many seconds later, by its clock.
    pub fn start_later(&self, seconds: &str) -> Daemon {
        let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
        assert!(std::fs::exists(&library).unwrap(), "{library} is missing: tests/install");
        let mut serve = self.site.command(&["--log", "debug", "serve"]);
        self.site.write("scanrelay.toml", &self.configuration, 0o600);
        serve.env("LD_PRELOAD", library).env("FAKETIME", seconds).env("DONT_FAKE_MONOTONIC", "1");
        Daemon::start_by(&mut serve)
    }

    /// Runs a command to its end: code, stdout, stderr.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.site.command(arguments);
        self.site.write("scanrelay.toml", &self.configuration, 0o600);
        harness::ended(&mut command)
    }

    /// How often the action ran.
    pub fn acted(&self) -> usize {
        self.site.lines("acted").len()
    }
}

/// One call of Comet's REST API by somebody.
pub async fn call(registry: &Registry, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = client().request(method, format!("{}/api/rest/v2/{path}", registry.url));
    let request = request.header("Authorization", "the-key-of-ada");
    answered(if body.is_null() { request } else { request.json(body) }.send().await.unwrap()).await
}

/// The registry posts to that daemon, with those headers. Several triggers, or none.
pub async fn webhook(registry: &Registry, daemon: &Daemon, header: &Value, triggers: &[&str]) {
    let mut address = json!({ "url": format!("http://{}/hooks/comet", daemon.intake), "header": header });
    if !triggers.is_empty() {
        address["triggers"] = json!(triggers);
    }
    let body = json!({ "webhookConfigs": [{ "workspaceName": WORKSPACE, "webhookUrls": [address] }] });
    let (status, answer) = call(registry, "POST", "webhooks/config", &body).await;
    assert_eq!(status, 200, "{answer}");
}

/// With the token as it is.
pub async fn plain_webhook(registry: &Registry, daemon: &Daemon) {
    webhook(registry, daemon, &json!({ "Authorization": TOKEN }), &[]).await;
}

/// Every delivery, the newest first, once there are so many and all have ended.
pub async fn ended(daemon: &Daemon, count: usize) -> Vec<Value> {
    let all = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |rows: &Value| {
        rows.as_array().is_some_and(|rows| rows.len() >= count && rows.iter().all(|row| row["state"] != "open"))
    };
    let rows = until("the end of all deliveries", all, ended).await;
    let rows = rows.as_array().unwrap().clone();
    assert_eq!(rows.len(), count, "{rows:?}");
    rows
}

/// Kind and state.
pub fn words(row: &Value) -> (&str, &str) {
    (row["kind"].as_str().unwrap(), row["state"].as_str().unwrap())
}
