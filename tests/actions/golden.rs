//! Golden input and output of each action: what it sends for an event, and what it says.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::plant::Plant;
use crate::service::{Answer, Asked, Service};

fn golden(plugin: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins").join(plugin).join("golden");
    let mut inputs: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.retain(|path| path.to_string_lossy().ends_with(".in.json"));
    inputs.sort();
    assert!(inputs.len() >= 2, "{inputs:?}");
    let output = |path: &PathBuf| path.to_string_lossy().replace(".in.json", ".out.json");
    inputs
        .into_iter()
        .map(|path| (path.clone(), serde_json::from_slice(&fs::read(output(&path)).unwrap()).unwrap()))
        .collect()
}

/// Tries it on each input: what it says, and, where it was asked, what the service was sent.
fn check(plant: &Plant, plugin: &str, sent: impl Fn() -> Value) {
    for (input, expected) in golden(plugin) {
        let mut tried = plant.site.command(&["plugin", "test", plugin, "--json", "--event"]);
        plant.site.write("scanrelay.toml", &plant.configuration(), 0o600);
        let output = tried.arg(&input).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}: {}", input.display(), String::from_utf8_lossy(&output.stderr)));
        let found = json!({ "conclusion": said["conclusion"], "sent": sent() });
        assert_eq!(found, expected, "{}: {said}", input.display());
    }
}

/// The body of what it was sent last, without what is another one in each run.
fn last(service: &Service, count: &std::cell::Cell<usize>) -> Value {
    let sent = service.asked("POST");
    let new = sent.len() > count.replace(sent.len());
    let mut body = if new { sent.last().unwrap().body.clone() } else { Value::Null };
    if let Some(inputs) = body.get_mut("inputs") {
        inputs["scanrelay_run_id"] = "RUN".into();
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint() {
    let service = Service::start(|asked: &Asked| match asked.method.as_str() {
        "POST" => Answer::Json(201, json!({ "id": "d-7" })),
        _ => Answer::Json(200, json!({ "status": "succeeded", "url": "https://models.example.com/d-7" })),
    })
    .await;
    let settings = format!(
        "url = \"{}\"\npath = \"/deployments\"\nbody = {{ model = \"model.name\", version = \"version.name\" }}\nid = \"/id\"\n\
         poll = \"/deployments/{{result.id}}\"\nstate = \"/status\"\ndone = [\"succeeded\"]\nforward = {{ pointer = \"/url\" }}",
        service.url
    );
    let plant = Plant::new("http", "", &settings).await;
    let count = std::cell::Cell::new(0);
    check(&plant, "http", || last(&service, &count));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow() {
    let title = std::sync::Mutex::new(String::new());
    let service = Service::start(move |asked: &Asked| {
        if asked.method == "POST" {
            asked.body["inputs"]["scanrelay_run_id"].as_str().unwrap().clone_into(&mut title.lock().unwrap());
            return Answer::Json(204, Value::Null);
        }
        if asked.path.contains("/workflows/") {
            let shown = title.lock().unwrap().clone();
            // Before the first dispatch there is none.
            let runs = if asked.path.contains("per_page=1&") {
                json!([])
            } else {
                json!([{ "id": 8, "display_title": shown }])
            };
            return Answer::Json(200, json!({ "workflow_runs": runs }));
        }
        let url = "https://github.example.com/acme/deploy/actions/runs/8";
        Answer::Json(200, json!({ "status": "completed", "conclusion": "success", "html_url": url, "run_number": 3 }))
    })
    .await;
    let settings = format!(
        "url = \"{}\"\nrepository = \"acme/deploy\"\nworkflow = \"deploy.yml\"\n\
         inputs = {{ model = \"model.name\", version = \"version.name\" }}",
        service.url
    );
    let plant = Plant::new("github-dispatch", "GITHUB_TOKEN = { file = \"token\" }", &settings).await;
    let count = std::cell::Cell::new(0);
    check(&plant, "github-dispatch", || last(&service, &count));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program() {
    let mut plant = Plant::new("command", "", "").await;
    plant.site.plugin("deploy", "cat > $1/sent; echo https://models.example.com/fraud");
    let folder = plant.site.path("").display().to_string();
    let values = "values = { model = \"model.name\", version = \"version.name\" }";
    plant.settings = format!("run = [\"{folder}/deploy\", \"{folder}\"]\nforward = \"last-line\"\n{values}");
    let sent = plant.site.path("sent");
    check(&plant, "command", || {
        let text = fs::read(&sent).unwrap_or_default();
        let _ = fs::remove_file(&sent);
        let mut sent: Value = serde_json::from_slice(&text).unwrap_or_default();
        if sent.is_object() {
            sent["run_id"] = "RUN".into();
        }
        sent
    });
}
