//! Comet's own client, `comet_ml`, as a process that does one thing after another.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The version that `tests/install` installs.
const ENVIRONMENT: &str = "comet_ml-3.58.8";

pub const WORKSPACE: &str = "acme";

pub struct Client {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    _home: TempDir,
}

impl Client {
    /// Of the registry at that URL.
    pub fn start(registry: &str) -> Self {
        let python = environment().join("bin/python");
        assert!(python.exists(), "{} is missing: run tests/install tests", python.display());
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/comet/client.py"))
            // Nothing of the user's own configuration, and nothing that would be sent elsewhere.
            .env_clear()
            .env("HOME", home.path())
            .env("COMET_URL_OVERRIDE", format!("{registry}/clientlib/"))
            .env("COMET_API_KEY", "the-key-of-ada")
            .env("COMET_ERROR_TRACKING_ENABLE", "false")
            .env("COMET_DISABLE_ANNOUNCEMENT", "true")
            .env("COMET_INTERNAL_REPORTING", "false")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, answers, _home: home }
    }

    /// What the client says, or the error that it raises.
    pub fn tries(&mut self, does: &str, with: &Value) -> Result<Value, String> {
        let mut asked = with.clone();
        asked["do"] = json!(does);
        writeln!(self.asks, "{asked}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{does}: the client ended"));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["said"].take()),
        }
    }

    pub fn does(&mut self, does: &str, with: &Value) -> Value {
        self.tries(does, with).unwrap_or_else(|error| panic!("{does} {with}: {error}"))
    }

    /// Registers version 1.0.0 of a model.
    pub fn registers(&mut self, model: &str) {
        self.does("register", &json!({ "workspace": WORKSPACE, "model": model, "version": "1.0.0" }));
    }

    /// Does it to version 1.0.0 of that model.
    pub fn changes(&mut self, does: &str, model: &str, what: &str, value: &str) {
        let mut with = version(model);
        with[what] = json!(value);
        self.does(does, &with);
    }

    pub fn reads(&mut self, model: &str) -> Value {
        self.does("read", &version(model))
    }
}

pub fn version(model: &str) -> Value {
    json!({ "workspace": WORKSPACE, "model": model, "version": "1.0.0" })
}

fn environment() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    cache.expect("HOME is set").join("scanrelay-tests").join(ENVIRONMENT)
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
