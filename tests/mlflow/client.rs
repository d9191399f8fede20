//! MLflow's own client, as a process that does one thing after another.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::python;

/// What `pickle.dumps` makes of a list, and what calls a program when it is loaded.
pub const HARMLESS: &[u8] = b"\x80\x04]\x94(K\x01K\x02K\x03e.";
pub const MALICIOUS: &[u8] = b"cos\nsystem\n(S'true'\ntR.";

pub struct Client {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    _home: TempDir,
}

impl Client {
    /// Of the server at that URL.
    pub fn start(server: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow/client.py"))
            // Nothing of the user's own configuration.
            .env_clear()
            .env("HOME", home.path())
            .env("MLFLOW_TRACKING_URI", server)
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, answers, _home: home }
    }

    pub fn does(&mut self, does: &str, with: &Value) -> Value {
        let mut asked = with.clone();
        asked["do"] = json!(does);
        writeln!(self.asks, "{asked}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{does}: the client ended"));
        assert!(answer["error"].is_null(), "{does} {with}: {answer}");
        answer["said"].take()
    }

    /// A new version of that model, with these bytes for a pickle: its number.
    pub fn version(&mut self, name: &str, file: &[u8]) -> String {
        self.made("version", name, file)
    }

    /// The same of a version that is one file, not a folder.
    pub fn one_file(&mut self, name: &str, file: &[u8]) -> String {
        self.made("one_file", name, file)
    }

    /// The same without a run: its files are put to the artifact service.
    pub fn uploaded(&mut self, name: &str, file: &[u8]) -> String {
        self.made("uploaded", name, file)
    }

    fn made(&mut self, does: &str, name: &str, file: &[u8]) -> String {
        let made = self.does(does, &json!({ "name": name, "file": base16ct::lower::encode_string(file) }));
        made.as_str().unwrap().to_owned()
    }

    pub fn tags(&mut self, name: &str, version: &str) -> Value {
        self.does("read", &json!({ "name": name, "version": version }))["tags"].take()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
