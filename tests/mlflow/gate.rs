//! A daemon that the server posts to and hears from.

use serde_json::Value;

use crate::harness::{self, Daemon, Site, until};
use crate::server::SECRET;

/// A daemon's folder, with an action `act` and the packaged scanner of pickles.
pub struct Gate {
    pub site: Site,
    configuration: String,
}

impl Gate {
    /// Beside the server at that URL.
    pub fn new(server: &str) -> Self {
        let site = Site::new(server);
        site.write("mlflow-secret", SECRET, 0o600);
        site.plugin(
            "act",
            "echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"status\":\"complete\",\"url\":\"https://models.example.com/1\"}'",
        );
        let folder = site.path("").display().to_string();
        let scanner = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/pickle-imports");
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
retry_max = "1s"
retry_for = "10m"
[registries.mlflow]
kind = "mlflow"
url = "{server}"
webhook = {{ secrets = [{{ file = "mlflow-secret" }}] }}
promote_on = {{ alias = "production" }}
scan_on = [{{ event = "version_created" }}, {{ tag = "scan", value = "requested" }}]
[plugins.pickles]
kind = "scanner"
command = ["{scanner}/pickle-imports"]
# Without its manifest, what stands beside the program has to be named.
read = ["{scanner}"]
fail_on = "high"
artifact = true
[plugins.act]
kind = "action"
command = ["{folder}act"]
write = ["{folder}"]
env = {{ SITE = "{folder}" }}
[[routes]]
on = "scan_request"
scanners = ["pickles"]
[[routes]]
on = "promotion"
actions = ["act"]
"#
        );
        Self { site, configuration }
    }

    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    pub fn start(&self) -> Daemon {
        Daemon::start_as(&self.site, &self.configuration)
    }

    /// The registry is asked how things stand so often.
    pub fn asks_every(mut self, span: &str) -> Self {
        let key = format!("kind = \"mlflow\"\nreconcile_every = \"{span}\"");
        self.configuration = self.configuration.replace("kind = \"mlflow\"", &key);
        self
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

/// Every delivery, the newest first, once there are so many and all have ended.
pub async fn ended(daemon: &Daemon, count: usize) -> Vec<Value> {
    let all = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |rows: &Value| {
        rows.as_array().is_some_and(|rows| rows.len() >= count && rows.iter().all(|row| row["state"] != "open"))
    };
    until("the end of all deliveries", all, ended).await.as_array().unwrap().clone()
}

/// How many of them are of that kind and ended so.
pub fn count(rows: &[Value], kind: &str, state: &str) -> usize {
    rows.iter().filter(|row| row["kind"] == kind && row["state"] == state).count()
}
