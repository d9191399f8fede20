//! How a workspace stands, in the words of the webhooks.

use super::*;
use crate::registry::{Findings, SurveyStep};

/// What is asked when each request is answered in turn, and what comes of it.
fn survey(verta: &Verta, answers: &[(u16, &str)]) -> (Vec<String>, SurveyStep) {
    let (mut seen, mut asked) = (Vec::new(), Vec::new());
    loop {
        match verta.survey("verta", &seen) {
            SurveyStep::Send(request) => {
                let body = request.body.as_deref().unwrap_or_default();
                asked.push(format!("{request} {body}").trim_end().to_owned());
                let Some((status, body)) = answers.get(seen.len()) else { return (asked, SurveyStep::Send(request)) };
                seen.push(Exchange::new(request, *status, (*body).to_owned()));
            }
            end => return (asked, end),
        }
    }
}

/// Kind, key, workspace, and whether somebody has seen to it.
fn lines(findings: Findings) -> Vec<String> {
    let line = |reading: crate::registry::Reading| {
        let event = reading.event;
        let settled = if reading.is_settled { " settled" } else { "" };
        format!("{} {} of {}{settled}", event.kind, event.change_key.unwrap(), event.workspace.unwrap_or_default())
    };
    findings.into_readings().map(line).collect()
}

const MODELS: &str = r#"{"registered_models":[{"id":"77","name":"fraud","workspace_id":"42"}],"total_records":"9"}"#;
const VERSIONS: &str = r#"{"model_versions":[
    {"id":"1001","registered_model_id":"77","version":"v3","stage":"PRODUCTION","time_created":"1669852799000"},
    {"id":1002,"registered_model_id":77,"version":"v4","stage":2},
    {"id":"1003","registered_model_id":"77","version":"v5"}]}"#;
const BUILDS: &str = r#"{"builds":[
    {"id":5150,"location":"registry.example.com/build-5150","creator_request":{"scan_external":true}},
    {"id":5151,"location":"registry.example.com/build-5151","creator_request":{"scan_external":true}},
    {"id":5152,"location":"registry.example.com/build-5152","creator_request":{"scan_external":false}},
    {"id":5153,"creator_request":{"scan_external":true}},{"id":5154,"location":"x"}]}"#;

#[test]
fn versions_and_builds_say_how_they_stand() {
    let scans = [(200, r#"{"scan_status":"unscanned"}"#), (200, r#"{"scan_status":"scanned"}"#)];
    let answers = [(200, MODELS), (200, VERSIONS), (200, BUILDS), scans[0], scans[1]];
    let (asked, end) = survey(&registry(), &answers);
    let (of_registry, of_builds) =
        ("POST /api/v1/registry/workspaces/acme", "GET /api/v1/deployment/workspace/acme/builds");
    let page = |limit: usize| format!(r#"{{"ascending":true,"pagination":{{"page_limit":{limit},"page_number":1}}}}"#);
    assert_eq!(
        asked,
        [
            format!("{of_registry}/registered_models/find {}", page(1)),
            format!("{of_registry}/model_versions/find {}", page(100)),
            of_builds.to_owned(),
            format!("{of_builds}/5150/scan"),
            format!("{of_builds}/5151/scan"),
        ]
    );
    let SurveyStep::Found(found) = end else { panic!("{end:?}") };
    assert_eq!(
        lines(found),
        [
            "version_created created:version:77/1001= of 42",
            "promotion version:77/1001=production of 42",
            "version_created created:version:77/1002= of 42",
            "stage_changed version:77/1002=staging of 42",
            "version_created created:version:77/1003= of 42",
            "scan_request build:5150=scan of 42",
            "scan_request build:5151=scan of 42 settled",
        ]
    );
}

#[test]
fn pages_are_asked_for_until_one_is_not_full() {
    let row = r#"{"id":"1","registered_model_id":"77","stage":"STAGING"}"#;
    let full = format!("{{\"model_versions\":[{}]}}", vec![row; 100].join(","));
    let (asked, _) = survey(&registry(), &[(200, MODELS), (200, &full), (200, &full), (200, VERSIONS)]);
    let pages: Vec<&str> =
        asked.iter().filter_map(|line| line.split_once("\"page_number\":")).map(|(_, at)| at).collect();
    assert_eq!(pages, ["1}}", "1}}", "2}}", "3}}"]);
    let mut answers = vec![(200, MODELS)];
    answers.resize(Registry::LONGEST_SURVEY, (200, full.as_str()));
    let (_, end) = survey(&registry(), &answers);
    assert!(matches!(end, SurveyStep::Found(found) if found.is_cut()), "it would never end");
}

#[test]
fn without_its_workspace_or_an_answer_nothing_is_found() {
    let SurveyStep::Refused(why) = Verta::default().survey("verta", &[]) else { panic!("it was asked") };
    assert!(why.contains("workspace"), "{why}");
    for (status, body) in [(401, ""), (503, ""), (200, "<html>")] {
        assert!(matches!(survey(&registry(), &[(status, body)]).1, SurveyStep::Retry(_)), "{status}");
    }
}
