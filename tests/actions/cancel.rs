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
async fn stopped(service: &Service, hub: &Shared, step: &str) -> Ended {
    let settings = format!("{}cancel = true\n", settings(service, WORKFLOW));
    stopped_for(service, hub, step, CANCEL, &Given::new("github-dispatch", &settings)).await
}

async fn stopped_for(service: &Service, hub: &Shared, step: &str, reason: Option<&str>, given: &Given<'_>) -> Ended {
    let given = Given { checkpoint: checkpoint(service, step), ..*given };
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
        let ended = stopped(&service, &hub, step).await;
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
        let ended = stopped(&service, &hub, step).await;
        ended.is_later("no run has its id in the title: it may still run there");
        hub.lock().unwrap().unlisted = Some(401);
        let ended = stopped(&service, &hub, step).await;
        ended.is_later("GITHUB_TOKEN has expired or is another's: it may still run there");
    }
    let (service, hub) = hub().await;
    its_run(&hub);
    hub.lock().unwrap().uncancelled = Some(403);
    let ended = stopped(&service, &hub, "running").await;
    ended.is_later("run 101 was not cancelled: GitHub answered 403: it may still run there");
}

#[tokio::test]
async fn only_a_cancel_or_a_timeout_cancels_it() {
    let check = async |reason: Option<&str>, deadline: Option<u64>, cancel: &str, cancelled: bool| {
        for step in ["dispatched", "running"] {
            let (service, hub) = hub().await;
            its_run(&hub);
            let settings = format!("{}{cancel}", settings(&service, WORKFLOW));
            let mut given = Given::new("github-dispatch", &settings);
            given.deadline = deadline.unwrap_or(given.deadline);
            let ended = stopped_for(&service, &hub, step, reason, &given).await;
            ended.is_later("it was stopped");
            assert_eq!(is_cancelled(&hub), cancelled, "{step} {reason:?} {deadline:?}: {ended:?}");
            assert_eq!(service.asked("POST").len(), usize::from(cancelled));
        }
    };
    let timeout = Some(r#"{"reason":"timeout"}"#);
    let shutdown = Some(r#"{"reason":"shutdown"}"#);
    check(CANCEL, None, "cancel = true\n", true).await;
    check(timeout, None, "cancel = true\n", true).await;
    // The next attempt follows it.
    check(shutdown, None, "cancel = true\n", false).await;
    check(None, None, "cancel = true\n", false).await;
    check(Some("{"), None, "cancel = true\n", false).await;
    // A daemon that says nothing has stopped it for its time.
    check(None, Some(1), "cancel = true\n", true).await;
    check(CANCEL, None, "", false).await;
}
