//! A Jenkins with one job, a registry that promotes, and a daemon's folder between them.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Daemon, Registry, Site, answered, client, ended, until};

/// In a folder, and with a name that an address cannot carry as it is.
pub const JOB: &str = "models/deploy model";
/// As Jenkins makes API tokens, and as people make passwords.
pub const API_TOKEN: &str = "11aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const PASSWORD: &str = "correct horse";

const PACE: &str = "poll_first = \"20ms\"\npoll_most = \"100ms\"\nsettle = \"300ms\"\n";

pub struct Plant {
    pub registry: Registry,
    pub site: Site,
    settings: String,
    secrets: String,
}

/// What the job declares, and how it behaves.
pub fn job(how: &Value) -> Value {
    let mut job = json!({ "name": JOB, "parameters": ["SCANRELAY_RUN_ID", "MODEL", "VERSION"] });
    for (key, value) in how.as_object().unwrap() {
        job[key] = value.clone();
    }
    job
}

impl Plant {
    /// With a job that behaves so.
    pub async fn new(how: Value) -> Self {
        let registry = Registry::start();
        let site = Site::new(&registry.url);
        site.write("token", API_TOKEN, 0o600);
        site.write("password", PASSWORD, 0o600);
        let settings = format!("url = \"{}/jenkins\"\njob = \"{JOB}\"\nuser = \"bot\"\n", registry.url);
        let settings = settings + "parameters = { MODEL = \"model\", VERSION = \"version.id\" }\n";
        let secrets = "{ JENKINS_TOKEN = { file = \"token\" } }".to_owned();
        let plant = Self { registry, site, settings, secrets };
        plant.job(how).await;
        plant
    }

    /// Further settings; one that is there already is replaced.
    pub fn with(mut self, line: &str) -> Self {
        let (key, _) = line.split_once(" =").unwrap();
        let others = self.settings.lines().filter(|line| !line.starts_with(&format!("{key} =")));
        self.settings = others.chain([line]).collect::<Vec<_>>().join("\n");
        self
    }

    pub fn without(mut self, key: &str) -> Self {
        let others = self.settings.lines().filter(|line| !line.starts_with(&format!("{key} =")));
        self.settings = others.collect::<Vec<_>>().join("\n");
        self
    }

    pub fn secrets(mut self, secrets: &str) -> Self {
        secrets.clone_into(&mut self.secrets);
        self
    }

    /// Everything but what is Jenkins'.
    pub fn general(&self) -> String {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
        let own = self.site.configuration();
        let (general, _) = own.split_once("[[routes]]").unwrap();
        format!("plugin_path = [\"{}\"]\n{general}\n", plugins.display())
    }

    /// The settings and the secrets as the plugin is given them.
    pub fn given(&self) -> (Value, Vec<(String, String)>) {
        // What the test says of the pace counts.
        let own = |line: &&str| !self.settings.contains(line.split('=').next().unwrap());
        let pace: Vec<&str> = PACE.lines().filter(own).collect();
        let settings = toml::from_str(&format!("{}\n{}", pace.join("\n"), self.settings)).unwrap();
        let secrets: Value = toml::from_str(&format!("secrets = {}", self.secrets)).unwrap();
        let read = |file: &Value| std::fs::read_to_string(self.site.path(file["file"].as_str().unwrap())).unwrap();
        let secrets = secrets["secrets"].as_object().unwrap();
        (settings, secrets.iter().map(|(name, file)| (name.clone(), read(file))).collect())
    }

    /// Somebody else builds a job with that.
    pub async fn built(&self, job: &str, parameters: &[(&str, &str)]) {
        let path: String = job.split('/').flat_map(|name| ["/job/".to_owned(), name.replace(' ', "%20")]).collect();
        let url = format!("{}/jenkins{path}/buildWithParameters", self.registry.url);
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let asked = client().post(url).basic_auth("ada", Some(API_TOKEN)).body(form);
        let answer = asked.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert_eq!(answer.status(), 201);
        // What need not wait starts when somebody looks.
        self.jenkins().await;
    }

    fn configuration(&self) -> String {
        let route = "[[routes]]\non = \"promotion\"\nactions = [\"jenkins\"]\n";
        format!(
            "{}[plugins.jenkins]\nsecrets = {}\n[plugins.jenkins.settings]\n\
             {PACE}{}\n{route}",
            self.general(),
            self.secrets,
            self.settings
        )
    }

    pub fn start(&self) -> Daemon {
        Daemon::start_as(&self.site, &self.configuration())
    }

    /// A command of the daemon's.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.site.command(arguments);
        self.site.write("scanrelay.toml", &self.configuration(), 0o600);
        ended(&mut command)
    }

    /// The plugin once, on a promotion of that model, without registry and daemon: what it said, whole.
    pub fn tried(&self, model: &str) -> Value {
        let event = json!({
            "kind": "promotion", "registry": "verta", "model": { "name": model }, "version": { "id": "7" },
            "change": { "stage_to": "production" }, "build": {},
        });
        let event = self.site.write("event.json", &event.to_string(), 0o600).display().to_string();
        let (_, said, stderr) = self.run(&["plugin", "test", "jenkins", "--json", "--event", &event]);
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{stderr}"))
    }

    /// What became of it, in words.
    pub fn summary(&self, model: &str) -> (String, String) {
        let said = self.tried(model);
        let word = |key: &str| said["conclusion"][key].as_str().unwrap_or_default().to_owned();
        (word("status"), word("summary"))
    }

    /// A version that is promoted while the daemon listens: its id.
    pub async fn promoted(&self, daemon: &Daemon) -> String {
        self.registry.webhook(daemon).await;
        let (_, version) = self.registry.version("fraud").await;
        self.registry.promote(&version).await;
        version
    }

    /// The run of the one delivery there is.
    pub async fn run_row(daemon: &Daemon) -> Value {
        let jobs = daemon.get("/api/v1/jobs").await.1;
        jobs.as_array().into_iter().flatten().find(|job| job["phase"] == "run").cloned().unwrap_or_default()
    }

    /// What it has logged so far while it runs.
    pub async fn log(daemon: &Daemon) -> String {
        let run = Self::run_row(daemon).await["id"].to_string();
        let asked = client().get(format!("http://{}/api/v1/jobs/{run}/log?from=0", daemon.admin));
        asked.send().await.unwrap().text().await.unwrap()
    }

    /// Its outcome, once it has one.
    pub async fn outcome(daemon: &Daemon) -> Value {
        let row = || Self::run_row(daemon);
        let over = |row: &Value| row["state"] == "done" || row["state"] == "dead";
        until("the run's end", row, over).await
    }

    /// What the registry was told in the end.
    pub async fn told(&self, version: &str) -> Value {
        let read = || self.registry.model_version(version);
        let redirect = |version: &Value| -> Value {
            version["redirect_metadata"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
        };
        let ended = |version: &Value| matches!(redirect(version)["status"].as_str(), Some("complete" | "failed"));
        redirect(&until("the promotion's end", read, ended).await)
    }

    /// A checkpoint of that step is stored.
    pub async fn step(daemon: &Daemon, step: &str) {
        until(step, || Self::run_row(daemon), |row| row["checkpoint"]["step"] == step).await;
    }

    pub async fn dev(&self, method: &str, path: &str, body: &Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client().request(method, format!("{}/dev/jenkins{path}", self.registry.url));
        let (status, answer) =
            answered(if body.is_null() { request } else { request.json(body) }.send().await.unwrap()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The job is so from now on.
    pub async fn job(&self, how: Value) {
        self.dev("PUT", "/jobs", &job(&how)).await;
    }

    pub async fn server(&self, weather: Value) {
        self.dev("PUT", "/server", &weather).await;
    }

    pub async fn steer(&self, what: Value) {
        let mut what = what;
        what["job"] = json!(JOB);
        self.dev("POST", "/steer", &what).await;
    }

    pub async fn jenkins(&self) -> Value {
        self.dev("GET", "", &Value::Null).await
    }

    async fn the_job(&self) -> Value {
        self.jenkins().await["jobs"][JOB].clone()
    }

    /// So many requests that trigger something are held.
    pub async fn held(&self, count: u64) {
        until("a request that is held", || self.jenkins(), |all| all["held"] == count).await;
    }

    /// The job's builds, once there are so many.
    pub async fn builds(&self, count: usize) -> Vec<Value> {
        let there = |job: &Value| job["builds"].as_array().is_some_and(|builds| builds.len() == count);
        until("the builds", || self.the_job(), there).await["builds"].as_array().unwrap().clone()
    }

    /// Something of the job's waits in the queue.
    pub async fn queued(&self) {
        let there = |job: &Value| job["queue"].as_array().is_some_and(|queue| queue.len() == 1);
        until("the queue", || self.the_job(), there).await;
    }

    /// How often the job was ever triggered: builds, deleted or not, and what waits.
    pub async fn triggered(&self) -> u64 {
        let job = self.the_job().await;
        job["given"].as_u64().unwrap() + job["queue"].as_array().unwrap().len() as u64
    }
}
