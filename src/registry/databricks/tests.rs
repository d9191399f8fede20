//! Databricks as tables.

use super::*;
use crate::plugin::Verdict;
use crate::registry::{Reading, Registry, Rule, Rules};
use crate::{EventKind, Stage};

fn read(body: &str) -> Reading {
    Registry::Databricks(Databricks::default()).read("databricks", body.as_bytes()).unwrap()
}

fn transition(event: &str, rest: &str) -> String {
    format!(
        r#"{{"event":"{event}","webhook_id":"c559","event_timestamp":1589859029343,"model_name":"Airline_Delay_SparkML","version":"8"{rest}}}"#
    )
}

#[test]
fn two_webhooks_for_one_transition_have_one_change_key() {
    let rest = r#","to_stage":"Production","from_stage":"None","text":"…""#;
    let all = read(&transition("MODEL_VERSION_TRANSITIONED_STAGE", rest)).event;
    let one = read(&transition("MODEL_VERSION_TRANSITIONED_TO_PRODUCTION", "")).event;
    assert_eq!((&all.kind, &all.change.stage_to), (&EventKind::StageChanged, &Some(Stage::new("production"))));
    assert_eq!(all.change.stage_from, Some(Stage::new("none")));
    assert_eq!(all.change_key.as_deref(), Some("stage:Airline_Delay_SparkML/8=production@1589859029343"));
    assert_eq!(one.change_key, all.change_key);
    assert_eq!(all.occurred_at.map(crate::Timestamp::as_millis), Some(1_589_859_029_343));
}

#[test]
fn a_rule_finds_its_tag_among_several() {
    let reading = read(&transition(
        "MODEL_VERSION_TAG_SET",
        r#","tags":[{"key":"key1","value":"value1"},{"key":"scan","value":"requested"}]"#,
    ));
    let mut rules = Rules::default();
    let mut rule = Rule::default();
    (rule.tag, rule.value) = (Some("scan".into()), Some("requested".into()));
    rules.scan_on = vec![rule];
    let event = rules.apply(reading).remove(0);
    assert_eq!(event.kind, EventKind::ScanRequest);
    assert_eq!(event.change_key.as_deref(), Some("tag:Airline_Delay_SparkML/8/scan=requested@1589859029343"));
}

#[test]
fn other_events_are_stored_and_start_nothing() {
    for (body, kind) in [
        (transition("MODEL_VERSION_CREATED", ""), "version_created"),
        (transition("COMMENT_CREATED", r#","comment":"Raw text""#), "comment"),
        (transition("TRANSITION_REQUEST_CREATED", r#","to_stage":"Production""#), "other(TRANSITION_REQUEST_CREATED)"),
        (transition("TRANSITION_REQUEST_TO_PRODUCTION_CREATED", ""), "other(TRANSITION_REQUEST_TO_PRODUCTION_CREATED)"),
        (r#"{"event":"REGISTERED_MODEL_CREATED","model_name":"a"}"#.to_owned(), "other(REGISTERED_MODEL_CREATED)"),
        (
            r#"{"event":"MODEL_VERSION_TRANSITIONED_STAGE","model_name":"a"}"#.to_owned(),
            "other(MODEL_VERSION_TRANSITIONED_STAGE)",
        ),
        (r#"{"event":["MODEL_VERSION_CREATED"]}"#.to_owned(), "other(unknown)"),
        ("{}".to_owned(), "other(unknown)"),
    ] {
        let event = read(&body).event;
        assert_eq!(event.kind.to_string(), kind, "{body}");
        assert!(event.change.stage_to.is_none(), "{body}");
    }
}

const STANDING: &str =
    r#"{"model_version":{"name":"Airline_Delay_SparkML","version":"8","current_stage":"Production","tags":[]}}"#;

fn steps(comment: bool, answers: &[(u16, &str)]) -> Vec<String> {
    let event = read(&transition("MODEL_VERSION_CREATED", "")).event;
    let registry = Registry::Databricks(Databricks { comment, ..Databricks::default() });
    let outcome = Outcome::Scanned { verdict: Verdict::Unsafe, summary: Some("a pickle".into()), url: None, at: None };
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    for (status, body) in answers {
        let Step::Send(request) = registry.next(&event, &outcome, &seen) else { panic!("after {lines:?}") };
        let key = request.body.as_deref().map(|body| serde_json::from_str::<serde_json::Value>(body).unwrap());
        let key = key.map(|body| body["key"].as_str().or(body["comment"].as_str()).unwrap().to_owned());
        lines.push(format!("{} {}", request.path.rsplit('/').next().unwrap(), key.unwrap_or_default()));
        seen.push(Exchange::new(request, *status, (*body).to_owned()));
    }
    lines.push(format!("{:?}", registry.next(&event, &outcome, &seen)));
    lines
}

#[test]
fn tags_are_written_and_the_comment_before_the_last() {
    let get = "get?name=Airline_Delay_SparkML&version=8 ";
    assert_eq!(
        steps(false, &[(200, STANDING), (200, "{}"), (200, "{}")]),
        [get, "set-tag scanrelay.verdict", "set-tag scanrelay.summary", "Done"]
    );
    let comment = "create [scanrelay scan] unsafe: a pickle";
    assert_eq!(
        steps(true, &[(200, STANDING), (200, "{}"), (200, r#"{"comment":{"id":"1"}}"#), (200, "{}")]),
        [get, "set-tag scanrelay.verdict", comment, "set-tag scanrelay.summary", "Done"]
    );
    assert!(steps(true, &[(200, STANDING), (200, "{}"), (503, "")])[3].starts_with("Retry"));
    let told = STANDING.replace(
        "[]",
        r#"[{"key":"scanrelay.verdict","value":"unsafe"},{"key":"scanrelay.summary","value":"a pickle"}]"#,
    );
    assert_eq!(steps(true, &[(200, &told)]), [get, "Done"], "what stands is not commented again");
}

#[test]
fn our_comment_is_known_when_databricks_tells_of_it() {
    let registry = Registry::Databricks(Databricks { comment: true, ..Databricks::default() });
    let event = read(&transition("MODEL_VERSION_CREATED", "")).event;
    let outcome = Outcome::Scanned { verdict: Verdict::Unsafe, summary: Some("a pickle".into()), url: None, at: None };
    let mut seen = Vec::new();
    let written = loop {
        let Step::Send(request) = registry.next(&event, &outcome, &seen) else { panic!("no comment was written") };
        if request.path.ends_with("comments/create") {
            break request.writes;
        }
        let answer = if seen.is_empty() { STANDING } else { "{}" };
        seen.push(Exchange::new(request, 200, answer));
    };
    let echo = read(&transition("COMMENT_CREATED", r#","comment":"[scanrelay scan] unsafe: a pickle""#)).event;
    assert_eq!(written, [echo.fact().unwrap()]);
}

#[test]
fn a_stage_is_confirmed_at_the_version() {
    let event = read(&transition("MODEL_VERSION_TRANSITIONED_TO_PRODUCTION", "")).event;
    let databricks = Registry::Databricks(Databricks::default());
    let Step::Send(request) = databricks.confirm(&event, &[]) else { panic!("nothing is asked") };
    let confirmed = |body: String| databricks.confirm(&event, &[Exchange::new(request.clone(), 200, body)]);
    assert_eq!(confirmed(STANDING.to_owned()), Step::Done);
    assert!(matches!(confirmed(STANDING.replace("Production", "Archived")), Step::Refused(_)));
}
