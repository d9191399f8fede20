//! How things stand, in the words of the webhooks.

use super::*;
use crate::registry::{Findings, SurveyStep};

/// What is asked when each request is answered in turn, and what comes of it.
fn survey(comet: &Comet, answers: &[(u16, &str)]) -> (Vec<String>, SurveyStep) {
    let (mut seen, mut asked) = (Vec::new(), Vec::new());
    loop {
        match comet.survey("comet", &seen) {
            SurveyStep::Send(request) => {
                asked.push(request.to_string().replacen("GET /api/rest/v2/", "", 1));
                let Some((status, body)) = answers.get(seen.len()) else { return (asked, SurveyStep::Send(request)) };
                seen.push(Exchange::new(request, *status, (*body).to_owned()));
            }
            end => return (asked, end),
        }
    }
}

/// Kind and key of each, as the rules of these tests name it.
fn keys(findings: Findings) -> Vec<String> {
    let read = |reading: Reading| {
        let event = rules().apply(reading).remove(0);
        format!("{} {}", event.kind, event.change_key.unwrap())
    };
    findings.into_readings().map(read).collect()
}

const MODELS: &str = r#"{"registryModels":[{"modelName":"fraud"},{"modelName":"gone"},{"modelName":"a b/c"}]}"#;
const FRAUD: &str = r#"{"versions":[
    {"registryModelItemId":"i","version":"2.0.0","status":"None","tags":["x","Production"],"stages":["x","Production"]},
    {"registryModelItemId":"j","version":"1.0.0","status":"Staging","tags":[]},
    {"registryModelItemId":"k","version":"0.9.0","stages":[]}]}"#;
const GONE: &str = r#"{"msg":"No such model","sdk_error_code":1}"#;

#[test]
fn every_version_of_every_model_says_that_it_was_made_and_where_it_stands() {
    let comet = Comet { workspace: Some("acme".into()), ..Comet::default() };
    let answers = [(200, MODELS), (200, FRAUD), (400, GONE), (200, r#"{"versions":[]}"#)];
    let (asked, end) = survey(&comet, &answers);
    let details = |model: &str| format!("registry-model/details?workspaceName=acme&modelName={model}");
    assert_eq!(
        asked,
        ["registry-model?workspaceName=acme", &details("fraud"), &details("gone"), &details("a%20b%2Fc")]
    );
    let SurveyStep::Found(found) = end else { panic!("{end:?}") };
    assert_eq!(
        keys(found),
        [
            "scan_request created:acme%2Ffraud/2.0.0=",
            "stage_changed stage:acme%2Ffraud/2.0.0/x=set",
            "promotion stage:acme%2Ffraud/2.0.0/production=set",
            "scan_request created:acme%2Ffraud/1.0.0=",
            "stage_changed stage:acme%2Ffraud/1.0.0/staging=set",
            "scan_request created:acme%2Ffraud/0.9.0=",
        ]
    );
}

#[test]
fn a_webhook_tells_of_the_same_change_under_the_same_key() {
    let comet = Comet { workspace: Some("acme".into()), ..Comet::default() };
    let one = r#"{"registryModels":[{"modelName":"fraud"}]}"#;
    let (_, end) = survey(&comet, &[(200, one), (200, FRAUD)]);
    let SurveyStep::Found(found) = end else { panic!("{end:?}") };
    let found = keys(found);
    for (body, nth) in [
        (r#"{"workspaceName":"acme","modelName":"fraud","version":"2.0.0","stages":["Production","x"]}"#, 2),
        (r#"{"workspaceName":"acme","modelName":"fraud","version":"1.0.0","status":"Staging"}"#, 4),
        (r#"{"workspaceName":"acme","modelName":"fraud","version":"2.0.0","eventType":"MODEL_VERSION_CREATED"}"#, 0),
    ] {
        let event = event(body);
        assert_eq!(format!("{} {}", event.kind, event.change_key.unwrap()), found[nth], "{body}");
    }
}

#[test]
fn without_a_workspace_all_that_the_key_sees_are_asked_for() {
    let (asked, _) = survey(&Comet::default(), &[(200, r#"{"workspaceNames":["a","b"]}"#), (200, "{}"), (200, "{}")]);
    assert_eq!(asked, ["workspaces", "registry-model?workspaceName=a", "registry-model?workspaceName=b"]);
}

#[test]
fn what_is_no_answer_ends_it_and_what_is_too_long_is_cut() {
    let comet = Comet { workspace: Some("acme".into()), ..Comet::default() };
    let one = r#"{"registryModels":[{"modelName":"fraud"}]}"#;
    for (status, body) in [(401, ""), (503, ""), (200, "<html>")] {
        assert!(matches!(survey(&comet, &[(status, body)]).1, SurveyStep::Retry(_)), "{status}");
        assert!(matches!(survey(&comet, &[(200, one), (status, body)]).1, SurveyStep::Retry(_)), "{status}");
    }
    let unsaid = r#"{"versions":[{"registryModelItemId":"i","version":"2.0.0"}]}"#;
    assert!(matches!(survey(&comet, &[(200, one), (200, unsaid)]).1, SurveyStep::Refused(_)));

    let rows = vec![r#"{"modelName":"fraud"}"#; Registry::LONGEST_SURVEY].join(",");
    let many = format!("{{\"registryModels\":[{rows}]}}");
    let mut answers = vec![(200, many.as_str())];
    answers.resize(Registry::LONGEST_SURVEY, (200, FRAUD));
    let (asked, end) = survey(&comet, &answers);
    assert_eq!(asked.len(), Registry::LONGEST_SURVEY);
    assert!(matches!(end, SurveyStep::Found(found) if found.is_cut() && !found.is_empty()));
}
