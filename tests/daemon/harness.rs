//! A site (configuration, secrets, plugins), a daemon on it, and a registry beside it, each a process that is killed when
//! the test ends.

#[path = "harness/count.rs"]
pub mod count;
#[path = "harness/registry.rs"]
mod registry;
#[path = "harness/senders.rs"]
pub mod senders;
#[path = "harness/weather.rs"]
pub mod weather;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Response};
use scanrelay::{Scheme, Secret, Timestamp, signature};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use registry::Registry;

pub const WEBHOOK_SECRET: &str = "the webhook's secret";
pub const DEVELOPER_KEY: &str = "the developer's key";
/// Longer than anything takes on a loaded machine; reached only when something hangs.
pub const LONG: Duration = Duration::from_mins(1);

/// A folder with all that a daemon needs.
pub struct Site {
    folder: TempDir,
    registry: Option<String>,
    limits: String,
    routes: String,
    secrets: String,
    plugin_keys: String,
    webhook: String,
    more: String,
}

impl Site {
    /// A scanner `scan` and an action `act`, each a shell script that the test sets, answering to `registry`.
    pub fn new(registry: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self {
            folder,
            registry: Some(registry.to_owned()),
            limits: "retry_first = \"50ms\"\nretry_max = \"200ms\"\nretry_for = \"10m\"".to_owned(),
            webhook: String::new(),
            more: String::new(),
            routes: "[[routes]]\non = \"scan_request\"\nscanners = [\"scan\"]\n\n[[routes]]\non = \"promotion\"\nstage = \"production\"\nactions = [\"act\"]\n"
                .to_owned(),
            secrets: "[{ file = \"webhook-secret\" }]".to_owned(),
            plugin_keys: String::new(),
        };
        site.write("webhook-secret", WEBHOOK_SECRET, 0o600);
        site.write("developer-key", DEVELOPER_KEY, 0o600);
        site.plugin(
            "scan",
            "echo '{\"type\":\"result\",\"verdict\":\"safe\",\"url\":\"https://scans.example.com/1\"}'",
        );
        site.plugin(
            "act",
            "echo '{\"type\":\"result\",\"status\":\"complete\",\"url\":\"https://models.example.com/1\"}'",
        );
        site
    }

    /// More keys of `[limits]`.
    pub fn limits(mut self, keys: &str) -> Self {
        self.limits = format!("{}\n{keys}", self.limits);
        self
    }

    /// More keys of the scanner.
    pub fn plugin_keys(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.plugin_keys);
        self
    }

    pub fn routes(mut self, routes: &str) -> Self {
        routes.clone_into(&mut self.routes);
        self
    }

    /// What deliveries are signed with.
    pub fn secrets(&mut self, secrets: &str) {
        secrets.clone_into(&mut self.secrets);
    }

    /// More keys of the registry's webhook, each after a comma.
    pub fn webhook(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.webhook);
        self
    }

    /// Another registry, with the same secrets and credentials.
    pub fn and(self, name: &str, registry: &str) -> Self {
        self.and_signed(name, registry, "{ secrets = [{ file = \"webhook-secret\" }] }")
    }

    /// Another registry, with a `webhook` of its own.
    pub fn and_signed(mut self, name: &str, registry: &str, webhook: &str) -> Self {
        let more = format!(
            r#"
[registries.{name}]
kind = "verta"
url = "{registry}"
workspace = "acme"
timeout = "5s"
credentials = {{ email = "bot@example.com", developer_key = {{ file = "developer-key" }} }}
webhook = {webhook}
"#
        );
        self.more.push_str(&more);
        self
    }

    /// The registry is somewhere else now.
    pub fn moved(&mut self, registry: &str) {
        self.registry = Some(registry.to_owned());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// A plugin in shell. `$SITE` is the site's folder. Another process writes it: what other tests start at this moment has
    /// our descriptors until it is executed, and a program that is open for writing is not (`ETXTBSY`).
    pub fn plugin(&self, name: &str, script: &str) {
        let writes = "cat > \"$0.new\" && chmod 755 \"$0.new\" && mv \"$0.new\" \"$0\"";
        let mut writer = Command::new("/bin/sh");
        let mut writer = writer.args(["-c", writes]).arg(self.path(name)).stdin(Stdio::piped()).spawn().unwrap();
        write!(writer.stdin.take().unwrap(), "#!/bin/sh\n{script}\n").unwrap();
        assert!(writer.wait().unwrap().success(), "{name} was not written");
    }

    /// Every line that plugins appended to a file of the site.
    pub fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// A named pipe: a plugin that reads from it waits, and one that writes to it tells.
    pub fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    /// Waits until a plugin has written a line to the pipe.
    pub async fn told(&self, pipe: &str) -> String {
        let path = self.path(pipe);
        let read = tokio::task::spawn_blocking(move || fs::read_to_string(path).unwrap());
        tokio::time::timeout(LONG, read).await.expect("no plugin told anything").unwrap()
    }

    /// Lets one plugin that reads from the pipe go on.
    pub async fn tell(&self, pipe: &str) {
        let path = self.path(pipe);
        let write = tokio::task::spawn_blocking(move || fs::write(path, "go\n").unwrap());
        tokio::time::timeout(LONG, write).await.expect("no plugin waits").unwrap();
    }

    pub fn configuration(&self) -> String {
        let registry = self.registry.as_deref().unwrap_or_default();
        let site = self.folder.path().display();
        format!(
            r#"
[server]
bind = "127.0.0.1:0"
[admin]
bind = "127.0.0.1:0"
[store]
url = "sqlite:state/scanrelay.db"
[limits]
{limits}
[registries.verta]
kind = "verta"
url = "{registry}"
workspace = "acme"
timeout = "5s"
credentials = {{ email = "bot@example.com", developer_key = {{ file = "developer-key" }} }}
webhook = {{ secrets = {secrets}{webhook} }}
[plugins.scan]
kind = "scanner"
command = ["{site}/scan"]
{plugin_keys}
timeout = "1m"
write = ["{site}"]
env = {{ SITE = "{site}" }}
[plugins.act]
kind = "action"
command = ["{site}/act"]
timeout = "1m"
write = ["{site}"]
env = {{ SITE = "{site}" }}
{more}{routes}"#,
            limits = self.limits,
            webhook = self.webhook,
            routes = self.routes,
            secrets = self.secrets,
            plugin_keys = self.plugin_keys,
            more = self.more,
        )
    }

    /// The command with this site's configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let config = self.write("scanrelay.toml", &self.configuration(), 0o600);
        let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
        command.arg("--config").arg(config).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end: code, stdout, stderr.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(&mut self.command(arguments))
    }
}

pub fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A process that says on its first line that it is ready.
pub struct Ready {
    child: Child,
    line: String,
    log: Arc<Mutex<String>>,
}

impl Ready {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (kept, mut stderr) = (Arc::clone(&log), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                kept.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.starts_with("ready ") {
            let _ = child.wait();
            panic!("not ready: {line:?}\n{}", log.lock().unwrap());
        }
        Self { child, line, log }
    }

    pub fn address(&self, of: &str) -> String {
        let word = self.line.split_whitespace().find_map(|word| word.strip_prefix(&format!("{of}=")));
        word.unwrap_or_else(|| panic!("no {of} in {:?}", self.line)).to_owned()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}\n{}", self.line, self.log.lock().unwrap());
        }
    }
}

/// A running `scanrelay serve`.
pub struct Daemon {
    ready: Ready,
    pub intake: String,
    pub admin: String,
}

impl Daemon {
    pub fn start(site: &Site) -> Self {
        Self::start_with(site, &[])
    }

    /// On another configuration than the site's own.
    pub fn start_as(site: &Site, configuration: &str) -> Self {
        let mut serve = site.command(&["--log", "debug", "serve"]);
        site.write("scanrelay.toml", configuration, 0o600);
        let ready = Ready::start(&mut serve);
        Self { intake: ready.address("intake"), admin: ready.address("admin"), ready }
    }

    /// With settings of the environment.
    pub fn start_with(site: &Site, environment: &[(&str, &str)]) -> Self {
        Self::start_by(site.command(&["--log", "debug", "serve"]).envs(environment.iter().copied()))
    }

    /// By a command of the caller's own.
    pub fn start_by(serve: &mut Command) -> Self {
        let ready = Ready::start(serve);
        Self { intake: ready.address("intake"), admin: ready.address("admin"), ready }
    }

    /// SIGKILL, and gone.
    pub fn kill(mut self) {
        self.ready.kill();
    }

    pub fn pid(&self) -> String {
        self.ready.child.id().to_string()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.pid();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end that a signal brings.
    pub async fn ended(mut self) -> ExitStatus {
        let wait = tokio::task::spawn_blocking(move || {
            let status = self.ready.child.wait().unwrap();
            (status, self)
        });
        tokio::time::timeout(LONG, wait).await.expect("the daemon did not end").unwrap().0
    }

    pub fn log(&self) -> String {
        self.ready.log()
    }

    /// The log, also when the daemon is gone.
    pub fn log_of(&self) -> impl Fn() -> String + use<> {
        let log = Arc::clone(&self.ready.log);
        move || log.lock().unwrap().clone()
    }

    /// Gives it that configuration and waits until it has looked at it: what it said, if it took it.
    pub async fn reload(&self, site: &Site, configuration: &str) -> Result<(), String> {
        site.write("scanrelay.toml", configuration, 0o600);
        let said =
            |log: &str| log.lines().filter(|line| reloaded(line).is_some()).map(str::to_owned).collect::<Vec<_>>();
        let before = said(&self.log()).len();
        self.signal("HUP");
        let all = until("the reload", || async { said(&self.log()) }, |said| said.len() > before).await;
        let last = all.last().unwrap();
        if reloaded(last) == Some(true) { Ok(()) } else { Err(last.clone()) }
    }

    /// Posts a signed body: the status and the answer.
    pub async fn deliver(&self, body: &[u8]) -> (u16, Value) {
        self.deliver_to("verta", body).await
    }

    /// The same to the registry of that name.
    pub async fn deliver_to(&self, registry: &str, body: &[u8]) -> (u16, Value) {
        let signed = sign(body);
        let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&format!("/hooks/{registry}"), &headers, body).await
    }

    /// Posts a JSON body with those headers.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
        let request = client().post(format!("http://{}{path}", self.intake)).header("Content-Type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answered(request.body(body.to_vec()).send().await.unwrap()).await
    }

    /// What the admin side says.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answered(client().get(format!("http://{}{path}", self.admin)).send().await.unwrap()).await
    }
}

/// Whether a line of the log says that the configuration was reloaded, or that it was not.
impl Daemon {
    /// Waits until the last look at its registry ended after that moment and came to its end: when it ended.
    pub async fn surveyed(&self, after: i64) -> i64 {
        let row = async || self.get("/api/v1/status").await.1["surveys"][0].clone();
        let good = |row: &Value| row["failure"].is_null() && row["ended_at"].as_i64() > Some(after);
        until("a survey", row, good).await["ended_at"].as_i64().unwrap()
    }
}

pub fn reloaded(line: &str) -> Option<bool> {
    if line.contains("the configuration was reloaded") {
        return Some(true);
    }
    line.contains("not reloaded, and what was in force stays in force").then_some(false)
}

pub async fn answered(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

pub fn sign(body: &[u8]) -> Vec<(String, String)> {
    signature::sign(&Scheme::github(), &Secret::new(WEBHOOK_SECRET).unwrap(), None, Timestamp::default(), body).unwrap()
}

pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(LONG).build().unwrap()
}

/// A request for a scan of that build.
pub fn scan_request(id: &str, build: u64) -> Vec<u8> {
    json!({ "event_uuid": id, "event_type": "REQUEST_SCAN", "new_entity": { "scan_request": { "buildId": build.to_string() } } })
        .to_string()
        .into_bytes()
}

/// Asks again until the answer is what is waited for. The thing waited for is in another process, which calls nobody.
pub async fn until<T, F: Future<Output = T>>(what: &str, ask: impl FnMut() -> F, good: impl FnMut(&T) -> bool) -> T
where
    T: std::fmt::Debug,
{
    until_within(LONG, what, ask, good).await
}

/// The same for what takes longer than anything else.
pub async fn until_within<T, F: Future<Output = T>>(
    longest: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
    mut good: impl FnMut(&T) -> bool,
) -> T
where
    T: std::fmt::Debug,
{
    let deadline = tokio::time::Instant::now() + longest;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    loop {
        pause.tick().await;
        let answer = ask().await;
        if good(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen; last seen: {answer:?}");
    }
}

/// An id as protobuf's JSON has it: a string or a number.
pub fn text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}
