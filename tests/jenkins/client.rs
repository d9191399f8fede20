//! Other people's clients, `python-jenkins` and `api4jenkins`, as a process that does one thing after another.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// What `tests/install` installs.
const ENVIRONMENT: &str = "jenkins-clients-1";

pub struct Client {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    /// Of the Jenkins at that address, with that API token or password.
    pub fn start(library: &str, jenkins: &str, secret: &str) -> Self {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let python = cache.expect("HOME is set").join("scanrelay-tests").join(ENVIRONMENT).join("bin/python");
        assert!(python.exists(), "{} is missing: run tests/install tests", python.display());
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jenkins/client.py"))
            .args([library, jenkins, secret])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, answers }
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
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
