//! One MLflow server for all tests of this program. It ends with the program, whose end closes its standard input.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::harness::{Daemon, answered, client};

/// The version that `tests/install` installs.
const ENVIRONMENT: &str = "mlflow-3.17.2";
pub const SECRET: &str = "It's a Secret to Everybody";

pub struct Server {
    pub url: String,
    /// Its standard input stays open as long as this is there.
    _child: std::sync::Mutex<Child>,
    /// Every webhook hears of every model: one story at a time.
    turn: Mutex<()>,
}

impl Server {
    /// The server, once it is this story's turn.
    pub async fn turn() -> (&'static Self, MutexGuard<'static, ()>) {
        static SERVER: OnceLock<Server> = OnceLock::new();
        let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(Self::start)).await.unwrap();
        (server, server.turn.lock().await)
    }

    fn start() -> Self {
        // Kept for the program's life, and removed by whoever empties the folder of temporary files.
        let folder = tempfile::tempdir().unwrap().keep();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow/serve.py"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "{}", std::fs::read_to_string(folder.join("log")).unwrap());
        Self { url: line.trim_end().to_owned(), _child: std::sync::Mutex::new(child), turn: Mutex::new(()) }
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client().request(method, format!("{}/api/2.0/mlflow/{path}", self.url));
        answered(if body.is_null() { request } else { request.json(body) }.send().await.unwrap()).await
    }

    /// A webhook to that daemon for those events: its id.
    pub async fn webhook(&self, daemon: &Daemon, events: &[(&str, &str)]) -> String {
        let events: Vec<Value> =
            events.iter().map(|(entity, action)| json!({ "entity": entity, "action": action })).collect();
        let url = format!("http://{}/hooks/mlflow", daemon.intake);
        let body = json!({ "name": "scanrelay", "url": url, "events": events, "secret": SECRET, "status": "ACTIVE" });
        let (status, made) = self.call("POST", "webhooks", &body).await;
        assert_eq!(status, 200, "{made}");
        made["webhook"]["webhook_id"].as_str().unwrap().to_owned()
    }

    pub async fn forget(&self, webhook: &str) {
        let (status, answer) = self.call("DELETE", &format!("webhooks/{webhook}"), &Value::Null).await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// Python with MLflow.
pub fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let python = cache.expect("HOME is set").join("scanrelay-tests").join(ENVIRONMENT).join("bin/python");
    assert!(python.exists(), "{} is missing: run tests/install tests", python.display());
    python
}
