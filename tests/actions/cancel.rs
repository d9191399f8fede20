//! The action `github-dispatch`, stopped: what becomes of its run at GitHub.

use serde_json::{Value, json};

use crate::alone::{Ended, Given};
use crate::github::{Shared, WORKFLOW, at, hub, settings};
use crate::harness::until;
use crate::service::Service;

const CANCEL: Option<&str> = Some(r#"{"reason":"cancel"}"#);

/// Where an earlier attempt has come to.
fn checkpoint(service: &Service, step: &str) -> Value {
    match step {
        "running" => json!({ "at": at(service), "step": step, "run": 101 }),
        _ => json!({ "at": at(service), "step": step, "after": 90 }),
    }
}

/// Its run, at GitHub.
fn its_run(hub: &Shared) {
    let run = json!({ "id": 101, "display_title": "deploy (r-1-1)", "status": "queued", "conclusion": null });
    hub.lock().unwrap().runs.push(run);
}

fn is_cancelled(hub: &Shared) -> bool {
    hub.lock().unwrap().runs.last().unwrap()["conclusion"] == "cancelled"
}

/// Stops it in the middle of that step: where it looks for its run it gets no answer.
async fn stopped(service: &Service, hub: &Shared, step: &str, more: &str, reason: Option<&str>) -> Ended {
    let settings = format!("{}{more}", settings(service, WORKFLOW));
    let mut given = Given::new("github-dispatch", &settings);
    given.checkpoint = checkpoint(service, step);
    hub.lock().unwrap().unanswered = u32::from(step != "running");
    let before = service.asked("GET").len();
    let alone = given.start().await;
    match step {
        "running" => alone.has_said("run 101 is queued").await,
        _ => {
            until("the search", async || service.asked("GET").len(), |asked| *asked > before).await;
        }
    }
    alone.stop(reason);
    alone.ended().await
}

#[tokio::test]
async fn its_run_is_cancelled_from_wherever_it_has_come_to() {
    for step in ["intent", "dispatched", "running"] {
        let (service, hub) = hub().await;
        its_run(&hub);
        let ended = stopped(&service, &hub, step, "cancel = true\n", CANCEL).await;
        ended.is_later("run 101 is cancelled at GitHub");
        assert!(is_cancelled(&hub), "{step}: {ended:?}");
    }
    // In the middle of the dispatch itself.
    let (service, hub) = hub().await;
    hub.lock().unwrap().mute = true;
    let settings = format!("{}cancel = true\n", settings(&service, WORKFLOW));
    let alone = Given::new("github-dispatch", &settings).start().await;
    until("the dispatch", async || service.asked("POST").len(), |asked| *asked > 0).await;
    alone.stop(CANCEL);
    alone.ended().await.is_later("run 101 is cancelled at GitHub");
    assert!(is_cancelled(&hub));
}

#[tokio::test]
async fn what_was_not_cancelled_is_told() {
    for step in ["intent", "dispatched"] {
        let (service, hub) = hub().await;
        let ended = stopped(&service, &hub, step, "cancel = true\n", CANCEL).await;
        ended.is_later("no run has its id in the title: it may still run there");
        hub.lock().unwrap().unlisted = Some(401);
        let ended = stopped(&service, &hub, step, "cancel = true\n", CANCEL).await;
        ended.is_later("GITHUB_TOKEN has expired or is another's: it may still run there");
    }
    let (service, hub) = hub().await;
    its_run(&hub);
    hub.lock().unwrap().uncancelled = Some(403);
    let ended = stopped(&service, &hub, "running", "cancel = true\n", CANCEL).await;
    ended.is_later("run 101 was not cancelled: GitHub answered 403: it may still run there");
}
