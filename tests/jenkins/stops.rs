//! Why the plugin is stopped decides whether what it has started is stopped too: the daemon says so in `stop.json`.

use serde_json::{Value, json};

use crate::alone::{Alone, RUN, kept};
use crate::harness::until;
use crate::plant::{JOB, Plant};

const CANCEL: &str = r#"{"reason":"cancel"}"#;

async fn plant(how: Value) -> Plant {
    Plant::new(how).await.with("cancel = true").with("request_timeout = \"1m\"")
}

#[tokio::test]
async fn a_cancel_and_a_timeout_stop_what_runs() {
    for why in [CANCEL, r#"{"reason":"timeout"}"#] {
        let plant = plant(json!({ "hold_queue": true, "hold_build": true })).await;
        let alone = Alone::start(&plant, &Value::Null);
        alone.comes_to("queued").await;
        alone.stop(Some(why));
        let (code, _, log) = alone.ended().await;
        assert!(code == 75 && log.contains("item 25 of Jenkins' queue was cancelled"), "{code} {log}");
        assert_eq!(plant.triggered().await, 0);

        let alone = Alone::start(&plant, &Value::Null);
        alone.comes_to("queued").await;
        plant.steer(json!({ "start": true })).await;
        alone.comes_to("building").await;
        alone.stop(Some(why));
        alone.puts_off("build #1 was told to stop").await;
        assert_eq!(plant.builds(1).await[0]["result"], "ABORTED");
    }
}

/// The next attempt follows what goes on.
#[tokio::test]
async fn whatever_else_it_is_stopped_for_the_build_goes_on() {
    let plant = plant(json!({ "hold_build": true })).await;
    let mut checkpoint = Value::Null;
    for why in [Some(r#"{"reason":"shutdown"}"#), None, Some("{"), Some(r#"{"reason":"other"}"#)] {
        let alone = Alone::start(&plant, &checkpoint);
        if checkpoint.is_null() {
            checkpoint = alone.comes_to("building").await;
        } else {
            alone.says("build #1 runs").await;
        }
        alone.stop(why);
        alone.puts_off("it was stopped").await;
        assert_eq!(plant.builds(1).await[0]["in_progress"], true, "{why:?}");
    }
    // Where nothing is said, its time is over when its deadline has passed.
    let alone = Alone::start_until(&plant, &checkpoint, 1);
    alone.says("build #1 runs").await;
    alone.stop(None);
    alone.puts_off("build #1 was told to stop").await;
    assert_eq!(plant.builds(1).await[0]["result"], "ABORTED");
}

/// Jenkins carries a request out whether or not somebody waits for its answer.
#[tokio::test]
async fn a_trigger_that_is_under_way_is_waited_for_and_stopped_then() {
    let plant = plant(json!({ "hold_queue": true })).await;
    plant.server(json!({ "posts": "before" })).await;
    let alone = Alone::start(&plant, &Value::Null);
    plant.held(1).await;
    alone.stop(Some(CANCEL));
    // Said before the daemon kills it, which nobody does here.
    alone.says("Jenkins has not answered yet: what was triggered may still run there").await;
    // And goes on looking for as long as it lives and the request is under way.
    let before = plant.jenkins().await["asked"].as_u64();
    until("looks", || plant.jenkins(), |all| all["asked"].as_u64() >= before.map(|before| before + 6)).await;
    plant.server(json!({ "posts": "pass" })).await;
    alone.puts_off("item 25 of Jenkins' queue was cancelled").await;
    assert_eq!(plant.triggered().await, 0);
}

/// And one whose answer does not come is looked for.
#[tokio::test]
async fn a_trigger_without_an_answer_is_found_and_stopped() {
    let plant = plant(json!({ "hold_queue": true })).await;
    plant.server(json!({ "posts": "after" })).await;
    let alone = Alone::start(&plant, &Value::Null);
    plant.held(1).await;
    alone.stop(Some(CANCEL));
    alone.puts_off("item 25 of Jenkins' queue was cancelled").await;
    assert_eq!(plant.triggered().await, 0);
}

#[tokio::test]
async fn what_could_not_be_stopped_is_told() {
    let plant = plant(json!({})).await;
    plant.server(json!({ "posts": "before" })).await;
    let alone = Alone::start(&plant, &Value::Null);
    plant.held(1).await;
    let before = plant.jenkins().await["asked"].as_u64();
    alone.stop(Some(CANCEL));
    until("a look", || plant.jenkins(), |all| all["asked"].as_u64() > before).await;
    plant.server(json!({ "posts": "drop" })).await;
    alone.puts_off("nothing of it is to be seen: it may still run there").await;
}

/// A page to log in at is no answer of Jenkins'.
#[tokio::test]
async fn a_login_page_has_stopped_nothing() {
    let plant = plant(json!({ "hold_build": true })).await;
    plant.built(JOB, &[("SCANRELAY_RUN_ID", RUN)]).await;
    plant.server(json!({ "login_pages": true })).await;
    let alone = Alone::start(&plant, &kept(&plant, json!({ "step": "building", "build": 1 })));
    alone.says("build #1 runs").await;
    alone.stop(Some(CANCEL));
    alone.puts_off("build #1 was not stopped: the answer (200) is likely a login page").await;
    assert_eq!(plant.builds(1).await[0]["in_progress"], true);
}
