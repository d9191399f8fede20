//! The action `github-dispatch`, with what GitHub's API says and does about it.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::alone::Given;
use crate::harness::until;
use crate::plant::Plant;
use crate::service::{Answer, Asked, Service};

const SECRETS: &str = "GITHUB_TOKEN = { file = \"token\" }";
const RUN: &str = "https://github.example.com/acme/deploy/actions/runs/101";

/// What stands at GitHub.
#[derive(Default)]
pub struct Hub {
    pub runs: Vec<Value>,
    /// Runs are shown, and dispatches answered.
    quiet: bool,
    pub mute: bool,
    /// The workflow has no `run-name`.
    nameless: bool,
    refuses: Option<u16>,
    /// What the runs are listed with, instead of themselves.
    pub unlisted: Option<u16>,
    /// So many of the next listings are never answered.
    pub unanswered: u32,
    /// What a cancel is answered with, instead of being done.
    pub uncancelled: Option<u16>,
}

pub type Shared = Arc<Mutex<Hub>>;

pub async fn hub() -> (Service, Shared) {
    let hub = Shared::default();
    // Somebody else's.
    hub.lock().unwrap().runs.push(json!({ "id": 90, "display_title": "nightly", "status": "completed" }));
    let at = Arc::clone(&hub);
    let service = Service::start(move |asked: &Asked| answer(&mut at.lock().unwrap(), asked)).await;
    (service, hub)
}

fn answer(hub: &mut Hub, asked: &Asked) -> Answer {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    match (asked.method.as_str(), path.strip_prefix("/api/v3/repos/acme/deploy").unwrap_or("")) {
        ("POST", "/actions/workflows/deploy.yml/dispatches" | "/dispatches") => {
            if let Some(status) = hub.refuses {
                return Answer::Json(status, json!({ "message": "no" }));
            }
            let inputs = asked.body.get("inputs").or(asked.body.get("client_payload")).unwrap();
            let title = if hub.nameless {
                "deploy".to_owned()
            } else {
                format!("deploy ({})", inputs["scanrelay_run_id"].as_str().unwrap())
            };
            let id = 101 + hub.runs.len() - 1;
            let run = json!({
                "id": id, "display_title": title, "name": "deploy", "status": "queued", "conclusion": null,
                "html_url": RUN, "run_number": 12,
            });
            hub.runs.push(run);
            if hub.mute { Answer::Never } else { Answer::Json(204, Value::Null) }
        }
        ("GET", "/actions/workflows/deploy.yml/runs" | "/actions/runs") => {
            assert!(
                query.contains("event=workflow_dispatch") || query.contains("event=repository_dispatch"),
                "{query}"
            );
            if hub.unanswered > 0 {
                hub.unanswered -= 1;
                return Answer::Never;
            }
            if let Some(status) = hub.unlisted {
                return Answer::Json(status, json!({ "message": "no" }));
            }
            let shown = hub.runs.iter().rev().filter(|run| !hub.quiet || run["id"] == 90).cloned();
            let most = if query.contains("per_page=1&") { 1 } else { 100 };
            Answer::Json(200, json!({ "workflow_runs": shown.take(most).collect::<Vec<_>>() }))
        }
        ("POST", cancel) => {
            let id = cancel.strip_prefix("/actions/runs/").and_then(|rest| rest.strip_suffix("/cancel"));
            let id = id.and_then(|id| id.parse::<u64>().ok());
            let found = hub.runs.iter_mut().find(|run| run["id"].as_u64() == id);
            match (found, hub.uncancelled) {
                (Some(_), Some(status)) => Answer::Json(status, Value::Null),
                (Some(run), None) => {
                    (run["status"], run["conclusion"]) = ("completed".into(), "cancelled".into());
                    Answer::Json(202, json!({}))
                }
                (None, _) => Answer::Json(404, Value::Null),
            }
        }
        ("GET", run) => {
            let id = run.strip_prefix("/actions/runs/").and_then(|id| id.parse::<u64>().ok());
            let found = hub.runs.iter().find(|run| run["id"].as_u64() == id);
            found.map_or(Answer::Json(404, Value::Null), |run| Answer::Json(200, run.clone()))
        }
        _ => Answer::Json(404, Value::Null),
    }
}

fn ends(hub: &Shared, conclusion: &str) {
    let mut hub = hub.lock().unwrap();
    let run = hub.runs.last_mut().unwrap();
    (run["status"], run["conclusion"]) = ("completed".into(), conclusion.into());
}

pub fn settings(service: &Service, what: &str) -> String {
    format!(
        "url = \"{}/api/v3\"\nrepository = \"acme/deploy\"\n{what}\ninputs = {{ version = \"version.id\" }}\n\
         poll_first = \"20ms\"\npoll_most = \"50ms\"\nsettle = \"500ms\"\nrequest_timeout = \"10m\"\n",
        service.url
    )
}

pub const WORKFLOW: &str = "workflow = \"deploy.yml\"\nref = \"release\"";

#[tokio::test]
async fn a_workflow_is_dispatched_once_and_followed_over_the_daemons_death() {
    let (service, hub) = hub().await;
    let plant = Plant::new("github-dispatch", SECRETS, &settings(&service, WORKFLOW)).await;
    let daemon = plant.start();
    plant.promote(&daemon).await;
    plant.has_come_to(&daemon, "running").await;
    daemon.kill();
    ends(&hub, "success");
    let daemon = plant.start();
    assert_eq!(plant.conclusion(&daemon).await, ["complete", "run 101: success", RUN]);
    let dispatches = service.asked("POST");
    assert_eq!(dispatches.len(), 1);
    let asked = &dispatches[0];
    assert_eq!(asked.body["ref"], "release");
    assert!(asked.body["inputs"]["version"].is_string());
    assert!(asked.body["inputs"]["scanrelay_run_id"].as_str().unwrap().ends_with("-1-1-github-dispatch"));
    assert_eq!(asked.header("authorization"), "Bearer a token of the service");
    assert_eq!(asked.header("x-github-api-version"), "2022-11-28");
}

#[tokio::test]
async fn killed_in_the_middle_of_the_dispatch_its_run_is_found_and_no_second_one_made() {
    let (service, hub) = hub().await;
    hub.lock().unwrap().mute = true;
    let plant = Plant::new("github-dispatch", SECRETS, &settings(&service, WORKFLOW)).await;
    let daemon = plant.start();
    plant.promote(&daemon).await;
    until("the dispatch", async || service.asked("POST").len(), |dispatches| *dispatches == 1).await;
    daemon.kill();
    ends(&hub, "success");
    let daemon = plant.start();
    assert_eq!(plant.conclusion(&daemon).await[0], "complete");
    assert_eq!((service.asked("POST").len(), hub.lock().unwrap().runs.len()), (1, 2));
}

#[tokio::test]
async fn killed_before_the_dispatch_it_is_made_after_all() {
    let (service, hub) = hub().await;
    // GitHub takes nothing at first: the intent is stored, and no run is made.
    let plant = Plant::new("github-dispatch", SECRETS, &settings(&service, WORKFLOW)).await;
    hub.lock().unwrap().refuses = Some(502);
    let daemon = plant.start();
    plant.promote(&daemon).await;
    // The next attempt follows on its heels.
    until("the dispatch", async || service.asked("POST").len(), |dispatches| *dispatches >= 1).await;
    daemon.kill();
    hub.lock().unwrap().refuses = None;
    let daemon = plant.start();
    plant.has_come_to(&daemon, "running").await;
    ends(&hub, "success");
    assert_eq!(plant.conclusion(&daemon).await[0], "complete");
    assert!(service.asked("POST").len() >= 2);
    assert_eq!(hub.lock().unwrap().runs.len(), 2);
}

#[tokio::test]
async fn an_event_is_dispatched_for_whichever_workflow_listens() {
    let (service, hub) = hub().await;
    let own = settings(&service, "event = \"model-promoted\"");
    let forward = "forward = { url = \"https://models.example.com/{result.number}/{result.run}\" }\n";
    let plant = Plant::new("github-dispatch", SECRETS, &(own + forward)).await;
    let daemon = plant.start();
    plant.promote(&daemon).await;
    plant.has_come_to(&daemon, "running").await;
    ends(&hub, "success");
    assert_eq!(plant.conclusion(&daemon).await[2], "https://models.example.com/12/101");
    assert_eq!(service.asked("POST")[0].body["event_type"], "model-promoted");
}

#[tokio::test]
async fn what_went_wrong_is_told_with_the_cure() {
    let check = async |prepare: fn(&mut Hub), conclusion: &str, words: &str, url: &str| {
        let (service, hub) = hub().await;
        prepare(&mut hub.lock().unwrap());
        let alone = Given::new("github-dispatch", &settings(&service, WORKFLOW)).start().await;
        if !conclusion.is_empty() {
            alone.has_said("run 101 is queued").await;
            ends(&hub, conclusion);
        }
        let ended = alone.ended().await;
        let [status, summary, found] = ended.result();
        assert_eq!((status, found), ("failed", url), "{summary}");
        assert!(summary.contains(words), "{summary}");
    };
    check(|_| {}, "failure", "run 101 ended failure", RUN).await;
    check(|_| {}, "neutral", "run 101 ended neutral", RUN).await;
    check(|hub| hub.refuses = Some(401), "", "GITHUB_TOKEN has expired", "").await;
    check(|hub| hub.refuses = Some(403), "", "it needs Actions: write", "").await;
    check(|hub| hub.refuses = Some(404), "", "no such repository or workflow", "").await;
    check(|hub| hub.refuses = Some(422), "", "declare every input", "").await;
    check(|hub| hub.nameless = true, "", "write run-name in the workflow", "").await;
    check(|hub| hub.quiet = true, "", "no run has its id in the title", "").await;
}

#[tokio::test]
async fn what_must_be_corrected_is_told_before_anything_is_dispatched() {
    for (status, words) in [
        (401, "GITHUB_TOKEN has expired"),
        (403, "it needs Actions: write"),
        (404, "no such repository or workflow"),
        (301, "correct settings.repository"),
    ] {
        for what in [WORKFLOW, "event = \"model-promoted\""] {
            let (service, hub) = hub().await;
            hub.lock().unwrap().unlisted = Some(status);
            let settings = settings(&service, what);
            let mut given = Given::new("github-dispatch", &settings);
            let ended = given.run().await;
            let [failed, summary, _] = ended.result();
            assert!(failed == "failed" && summary.contains(words), "{ended:?}");
            // Once it may have been dispatched, its run may be there.
            given.checkpoint = json!({ "at": at(&service), "step": "intent", "after": 90 });
            given.run().await.is_later(words);
            assert_eq!(service.asked("POST").len(), 0);
        }
    }
    let (service, hub) = hub().await;
    hub.lock().unwrap().unlisted = Some(502);
    Given::new("github-dispatch", &settings(&service, WORKFLOW)).run().await.is_later("GitHub answered 502");
}

/// What its checkpoints are about.
pub fn at(service: &Service) -> String {
    format!("{}/api/v3/repos/acme/deploy", service.url)
}
