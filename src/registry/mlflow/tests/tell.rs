//! Asking and telling.

use super::*;
use crate::Timestamp;
use crate::event::{Fact, Tag};
use crate::plugin::{Status, Verdict};

const GET: &str = "GET /api/2.0/mlflow/model-versions/get?name=fraud%2F%C3%A9&version=3";

fn scanned(verdict: Verdict, url: Option<&str>) -> Outcome {
    let at = Some(Timestamp::from_millis(1_669_852_800_000));
    Outcome::Scanned { verdict, summary: Some("pickles: 1 finding".into()), url: url.map(str::to_owned), at }
}

fn told(outcome: &Outcome, answers: &[(u16, &str)]) -> Vec<String> {
    steps(|seen| Registry::Mlflow(Mlflow::default()).next(&alias("3"), outcome, seen), answers)
}

fn standing(tags: &[(&str, &str)]) -> String {
    let tags: Vec<_> = tags.iter().map(|(key, value)| serde_json::json!({ "key": key, "value": value })).collect();
    serde_json::json!({ "model_version": { "name": "fraud/é", "version": "3", "current_stage": "None", "tags": tags } })
        .to_string()
}

fn set(key: &str, value: &str) -> String {
    format!(
        r#"POST /api/2.0/mlflow/model-versions/set-tag {{"key":"{key}","name":"fraud/é","value":"{value}","version":"3"}}"#
    )
}

const NONE: &str = r#"{"model_version":{"name":"fraud/é","version":"3","current_stage":"None"}}"#;

#[test]
fn a_verdict_is_four_tags_and_the_worst_news_first() {
    let url = "https://scans.example.com/1";
    let rest = [
        set("scanrelay.report_url", url),
        set("scanrelay.summary", "pickles: 1 finding"),
        set("scanrelay.scanned_at", "2022-12-01T00:00:00Z"),
    ];
    let answers = [(200, NONE), (200, "{}"), (200, "{}"), (200, "{}"), (200, "{}")];
    let mut expected = vec![GET.to_owned(), set("scanrelay.verdict", "unsafe")];
    expected.extend(rest.clone());
    expected.push("Done".into());
    assert_eq!(told(&scanned(Verdict::Unsafe, Some(url)), &answers), expected);
    let mut expected = vec![GET.to_owned()];
    expected.extend(rest.into_iter().rev());
    expected.extend([set("scanrelay.verdict", "safe"), "Done".into()]);
    assert_eq!(told(&scanned(Verdict::Safe, Some(url)), &answers), expected);
}

#[test]
fn what_stands_is_not_set_again_and_an_old_link_goes() {
    let old = standing(&[
        ("scanrelay.verdict", "unsafe"),
        ("scanrelay.report_url", "https://scans.example.com/old"),
        ("scanrelay.summary", "pickles: 1 finding"),
        ("scanrelay.scanned_at", "2022-12-01T00:00:00Z"),
        ("owner", "ada"),
    ]);
    let delete = r#"DELETE /api/2.0/mlflow/model-versions/delete-tag {"key":"scanrelay.report_url","name":"fraud/é","version":"3"}"#;
    assert_eq!(told(&scanned(Verdict::Unsafe, None), &[(200, &old), (200, "{}")]), [GET, delete, "Done"]);
}

#[test]
fn a_promotion_says_where_the_model_is() {
    let outcome =
        Outcome::Promoted { status: Status::Complete, summary: None, url: Some("https://models.example.com/1".into()) };
    let steps = told(&outcome, &[(200, NONE), (200, "{}"), (200, "{}")]);
    assert_eq!(
        steps[1..],
        [
            set("scanrelay.deployment_status", "complete"),
            set("scanrelay.deployment_url", "https://models.example.com/1"),
            "Done".into()
        ]
    );
}

#[test]
fn each_write_says_what_is_so_afterwards_in_the_words_of_the_echo() {
    let seen = [Exchange::new(
        crate::registry::Request { method: "GET".into(), path: String::new(), body: None, writes: Vec::new() },
        200,
        NONE,
    )];
    let Step::Send(request) = Registry::Mlflow(Mlflow::default()).next(&alias("3"), &Outcome::Scanning, &seen) else {
        panic!("nothing is written")
    };
    let echo = event(
        "model_version_tag",
        "set",
        r#"{"name":"fraud/\u00e9","version":"3","key":"scanrelay.verdict","value":"scanning"}"#,
    );
    assert_eq!(request.writes, [echo.fact().unwrap()]);
    assert_eq!(request.writes, [Fact::new("version:fraud/é/3", "tag:scanrelay.verdict", "scanning")]);
}

#[test]
fn an_answer_that_is_none_of_mlflow_s_is_no_end() {
    let unknown = r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Model Version not found"}"#;
    for (status, body, end) in [
        (200, "<html>log in</html>", "Retry"),
        (200, "{}", "Retry"),
        (404, unknown, "Refused"),
        (404, "<html>no such page</html>", "Refused"),
        (401, "", "Retry"),
        (429, "", "Retry"),
        (500, "", "Retry"),
        (302, "", "Refused"),
    ] {
        let steps = told(&Outcome::Scanning, &[(status, body)]);
        assert!(steps[1].starts_with(end), "{status} {body}: {steps:?}");
    }
    for (status, body, end) in [(200, "<html>", "Retry"), (400, unknown, "Refused"), (503, "", "Retry")] {
        let steps = told(&Outcome::Scanning, &[(200, NONE), (status, body)]);
        assert!(steps[2].starts_with(end), "{status} {body}: {steps:?}");
    }
}

fn confirmed(event: &Event, status: u16, body: &str) -> String {
    steps(|seen| Registry::Mlflow(Mlflow::default()).confirm(event, seen), &[(status, body)]).pop().unwrap()
}

#[test]
fn an_alias_is_confirmed_by_where_it_points() {
    let asked = steps(|seen| Registry::Mlflow(Mlflow::default()).confirm(&alias("3"), seen), &[]);
    assert_eq!(asked, ["GET /api/2.0/mlflow/registered-models/alias?name=fraud%2F%C3%A9&alias=production"]);
    let none =
        r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "Registered model alias production not found."}"#;
    for (status, body, end) in [
        (200, NONE, "Done"),
        (200, r#"{"model_version":{"name":"fraud/é","version":"4"}}"#, "Refused(\"it points to version 4 now\")"),
        (200, r#"{"model_version":{}}"#, "Retry"),
        (400, none, "Refused"),
        (404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": ""}"#, "Refused"),
        (404, "no such page", "Retry"),
        (400, "bad gateway", "Retry"),
        (403, "", "Retry"),
        (503, "", "Retry"),
    ] {
        let step = confirmed(&alias("3"), status, body);
        assert!(step.starts_with(end), "{status} {body}: {step}");
    }
}

#[test]
fn a_tag_a_stage_and_a_version_are_confirmed_by_the_version() {
    let mut event = event("model_version", "created", r#"{"name":"fraud/\u00e9","version":"3"}"#);
    assert_eq!(confirmed(&event, 200, NONE), "Done");
    assert!(confirmed(&event, 404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST"}"#).starts_with("Refused"));
    event.change.stage_to = Some(Stage::new("Production"));
    assert!(confirmed(&event, 200, NONE).starts_with("Refused(\"the version is at none now"));
    event.change.stage_to = None;
    event.kind = EventKind::TagSet;
    event.change.tag = Some(Tag { key: "status".into(), value: Some("approved".into()) });
    for (tags, end) in [
        (&[("status", "approved")][..], "Done"),
        (&[("status", "rejected")], "Refused(\"the tag status has another value now\")"),
        (&[], "Refused(\"the version has no tag status now\")"),
    ] {
        assert_eq!(confirmed(&event, 200, &standing(tags)), end);
    }
    event.kind = EventKind::TagDeleted;
    assert_eq!(confirmed(&event, 200, NONE), "Done");
}

#[test]
fn the_registry_s_test_is_one_only_where_it_knows_no_such_model() {
    let test = event("model_version", "created", r#"{"name":"example_model","version":"1"}"#);
    let registry = Registry::Mlflow(Mlflow::default());
    assert!(registry.is_doubtful(&test) && !registry.is_doubtful(&alias("3")));
    let step = confirmed(&test, 404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST"}"#);
    assert!(step.contains("it is the registry's own test of its webhook"), "{step}");
    assert_eq!(confirmed(&test, 200, r#"{"model_version":{"name":"example_model","version":"1"}}"#), "Done");
}

#[test]
fn who_we_are_stands_in_authorization() {
    let mut mlflow = Mlflow::default();
    assert!(mlflow.credentials().is_empty());
    let secret = Secret::new("open sesame").unwrap();
    mlflow.login = Some(Login::Basic("Aladdin".into(), secret.clone()));
    assert_eq!(mlflow.credentials()[0].1, Secret::new("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap());
    mlflow.login = Some(Login::Bearer(secret));
    assert_eq!(mlflow.credentials()[0].1, Secret::new("Bearer open sesame").unwrap());
}

#[test]
fn nothing_is_asked_or_told_of_another_workspace() {
    let mut event = alias("3");
    event.workspace = Some("team-b".into());
    let mlflow = Registry::Mlflow(Mlflow::default());
    assert!(mlflow.is_doubtful(&event), "its scan is not begun either");
    assert!(matches!(mlflow.confirm(&event, &[]), Step::Refused(_)));
    assert!(matches!(mlflow.next(&event, &Outcome::Scanning, &[]), Step::Refused(_)));
    assert!(matches!(mlflow.artifacts(&event, &[]), ArtifactStep::Refused(_)));
    event.workspace = Some("default".into());
    assert!(matches!(mlflow.confirm(&event, &[]), Step::Send(_)) && !mlflow.is_doubtful(&event));
}
