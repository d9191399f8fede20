//! An action by itself: the test gives it what the daemon would, commits its checkpoints as the daemon does, and may stop it.

use std::fs;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::harness::{LONG, until};

/// In the year 2100: no test comes so far.
const FAR: u64 = 4_102_444_800_000;

/// What it is given beside the event.
pub struct Given<'a> {
    pub plugin: &'static str,
    /// As TOML.
    pub settings: &'a str,
    pub checkpoint: Value,
    /// Milliseconds since 1970.
    pub deadline: u64,
}

impl<'a> Given<'a> {
    pub fn new(plugin: &'static str, settings: &'a str) -> Self {
        Self { plugin, settings, checkpoint: Value::Null, deadline: FAR }
    }

    /// What came of it.
    pub async fn run(&self) -> Ended {
        self.start().await.ended().await
    }

    pub async fn start(&self) -> Alone {
        let settings: toml::Table = self.settings.parse().unwrap();
        let event = json!({
            "kind": "promotion", "registry": "verta", "model": { "id": "7", "name": "fraud" },
            "version": { "id": "9", "name": "v2.1" }, "change": { "stage_to": "production" }, "build": {},
        });
        let document = json!({
            "protocol": 1, "run": { "id": "r-1-1", "attempt": 1, "deadline": self.deadline }, "plugin": self.plugin,
            "event": event, "artifact": null, "checkpoint": self.checkpoint, "settings": settings,
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("event.json"), document.to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay-actions"));
        command.arg(self.plugin).current_dir(folder.path()).kill_on_drop(true).env_clear();
        command.envs(["DEPLOY_TOKEN", "GITHUB_TOKEN"].map(|name| (name, "a token of the service")));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Dropped, it is closed.
        child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).await.unwrap();
        let said: Arc<Mutex<Vec<Value>>> = Arc::default();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (committed, heard) = (folder.path().join("checkpoint"), Arc::clone(&said));
        let hearing = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["type"] == "checkpoint" {
                    fs::write(&committed, line["data"].to_string()).unwrap();
                    fs::rename(&committed, committed.with_extension("json")).unwrap();
                }
                heard.lock().unwrap().push(line);
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let logging = tokio::spawn(async move {
            let mut log = String::new();
            stderr.read_to_string(&mut log).await.unwrap();
            log
        });
        Alone { folder, child, said, hearing, logging }
    }
}

/// One that runs.
pub struct Alone {
    folder: TempDir,
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
    hearing: JoinHandle<()>,
    logging: JoinHandle<String>,
}

impl Alone {
    /// Waits until it says how far it is, with these words.
    pub async fn has_said(&self, words: &str) {
        let said = async || self.said.lock().unwrap().clone();
        let told = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains(words));
        until(words, said, |said| said.iter().any(told)).await;
    }

    /// Asks it to stop, with that as the daemon's reason.
    pub fn stop(&self, reason: Option<&str>) {
        if let Some(reason) = reason {
            let file = self.folder.path().join("stop");
            fs::write(&file, reason).unwrap();
            fs::rename(&file, file.with_extension("json")).unwrap();
        }
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    }

    pub async fn ended(mut self) -> Ended {
        let status = tokio::time::timeout(LONG, self.child.wait()).await.expect("it did not end").unwrap();
        self.hearing.await.unwrap();
        let said = std::mem::take(&mut *self.said.lock().unwrap());
        Ended { code: status.code(), said, log: self.logging.await.unwrap() }
    }
}

/// What came of one.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub said: Vec<Value>,
    pub log: String,
}

impl Ended {
    /// Status, summary, url of its result.
    pub fn result(&self) -> [&str; 3] {
        let last = self.said.last().filter(|line| self.code == Some(0) && line["type"] == "result");
        let last = last.unwrap_or_else(|| panic!("{self:?}"));
        ["status", "summary", "url"].map(|key| last[key].as_str().unwrap_or_default())
    }

    /// Whether it wants to be tried again later, and says why with these words.
    pub fn is_later(&self, words: &str) {
        assert!(self.code == Some(75) && self.log.contains(words), "{self:?}");
    }
}
