//! The plugin alone, with the test in the daemon's place: what it is given, what it says, and how it is stopped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::until;
use crate::plant::Plant;

/// The run's id.
pub const RUN: &str = "r-1";
/// A deadline that nobody lives to see.
const NEVER: i64 = 9_000_000_000_000;

pub struct Alone {
    child: Child,
    folder: TempDir,
    said: Arc<Mutex<Vec<Value>>>,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// A checkpoint of an earlier attempt.
pub fn kept(plant: &Plant, step: Value) -> Value {
    let mut kept = step;
    kept["at"] = json!(format!("{}/jenkins/job/models/job/deploy%20model/", plant.registry.url));
    kept
}

impl Alone {
    pub fn start(plant: &Plant, checkpoint: &Value) -> Self {
        Self::start_until(plant, checkpoint, NEVER)
    }

    /// With a deadline.
    pub fn start_until(plant: &Plant, checkpoint: &Value, deadline: i64) -> Self {
        let (settings, secrets) = plant.given();
        let event = json!({
            "kind": "promotion", "registry": "verta", "model": { "name": "fraud" }, "version": { "id": "7" },
            "change": { "stage_to": "production" }, "build": {},
        });
        let input = json!({
            "protocol": 1, "run": { "id": RUN, "attempt": 2, "deadline": deadline }, "plugin": "jenkins", "event": event,
            "artifact": null, "checkpoint": checkpoint, "settings": settings,
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("event.json"), input.to_string()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_scanrelay-actions"))
            .arg("jenkins")
            .current_dir(folder.path())
            .env_clear()
            .envs(secrets)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
        let (said, log) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::<Mutex<String>>::default());
        let (kept, place, lines) = (Arc::clone(&said), folder.path().to_owned(), child.stdout.take().unwrap());
        let out = std::thread::spawn(move || {
            for line in BufReader::new(lines).lines() {
                let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
                if line["type"] == "checkpoint" {
                    std::fs::write(place.join("new"), line["data"].to_string()).unwrap();
                    std::fs::rename(place.join("new"), place.join("checkpoint.json")).unwrap();
                }
                kept.lock().unwrap().push(line);
            }
        });
        let (kept, mut lines) = (Arc::clone(&log), BufReader::new(child.stderr.take().unwrap()));
        let err = std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 {
                kept.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self { child, folder, said, log, readers: vec![out, err] }
    }

    /// Everything that it said so far, and its log.
    pub fn all(&self) -> String {
        let said: Vec<String> = self.said.lock().unwrap().iter().map(Value::to_string).collect();
        format!("{}\n{}", said.join("\n"), self.log.lock().unwrap())
    }

    /// Whether it has ended. What is read after that is all of it.
    fn is_over(&self) -> bool {
        self.readers.iter().all(JoinHandle::is_finished)
    }

    /// Waits until it has said that.
    pub async fn says(&self, words: &str) {
        let all = async || (self.is_over(), self.all());
        let (_, all) = until(words, all, |(over, all)| *over || all.contains(words)).await;
        assert!(all.contains(words), "{words} was not said:\n{all}");
    }

    /// What it has saved last, once that is this step.
    pub async fn comes_to(&self, step: &str) -> Value {
        let last = async || {
            let over = self.is_over();
            let said = self.said.lock().unwrap();
            let last = said.iter().rev().find(|line| line["type"] == "checkpoint");
            (over, last.map(|line| line["data"].clone()).unwrap_or_default())
        };
        let (_, last) = until(step, last, |(over, last)| *over || last["step"] == step).await;
        assert_eq!(last["step"], step, "{last}");
        last
    }

    /// Stops it as the daemon does, which says why, in `stop.json`, before it signals.
    pub fn stop(&self, why: Option<&str>) {
        if let Some(why) = why {
            std::fs::write(self.folder.path().join("new-stop"), why).unwrap();
            std::fs::rename(self.folder.path().join("new-stop"), self.folder.path().join("stop.json")).unwrap();
        }
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    }

    /// Its exit code, its result, and its log.
    pub async fn ended(mut self) -> (i32, Value, String) {
        let child = Mutex::new(&mut self.child);
        let code = until("its end", async || child.lock().unwrap().try_wait().unwrap(), Option::is_some).await;
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let last = self.said.lock().unwrap().last().cloned().unwrap_or_default();
        (code.unwrap().code().unwrap_or(-1), last, self.log.lock().unwrap().clone())
    }

    /// That it ended so, with these words.
    pub async fn ends(self, status: &str, words: &str) -> Value {
        let (code, result, log) = self.ended().await;
        assert!(code == 0 && result["status"] == status, "{code} {result} {log}");
        assert!(result["summary"].as_str().unwrap().contains(words), "{words}: {result}");
        result
    }

    /// That it is to be tried again, with these words.
    pub async fn puts_off(self, words: &str) {
        let (code, result, log) = self.ended().await;
        assert!(code == 75 && log.contains(words), "{words}: {code} {result} {log}");
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.all());
        }
    }
}
