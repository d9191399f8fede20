//! From an event to the files of its model version.

use super::*;
use crate::registry::{ArtifactSource, ArtifactStep, Location};

const BUILD: &str = "GET /api/v1/deployment/workspace/acme/builds/5150";
const VERSION: &str = "GET /api/v1/registry/model_versions/10";
const URL: &str = "POST /api/v1/registry/model_versions/10/getUrlForArtifact";

fn scan() -> Event {
    let mut event = Event::new(EventKind::ScanRequest, "verta");
    event.build.id = Some("5150".into());
    event
}

fn promotion() -> Event {
    let mut event = Event::new(EventKind::Promotion, "verta");
    event.version.id = Some("10".into());
    event
}

/// Each step as a line, when each request is answered in turn.
fn steps(event: &Event, answers: &[(u16, &str)]) -> Vec<String> {
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    for (status, body) in answers {
        let step = registry().artifacts(event, &seen);
        lines.push(words(&step));
        let ArtifactStep::Send(request) = step else { panic!("nothing is sent: {step:?}") };
        seen.push(Exchange::new(request, *status, (*body).to_owned()));
    }
    lines.push(words(&registry().artifacts(event, &seen)));
    lines
}

fn words(step: &ArtifactStep) -> String {
    match step {
        ArtifactStep::Send(request) => line(&Step::Send(request.clone())),
        ArtifactStep::Retry(reason) => format!("retry: {reason}"),
        ArtifactStep::Refused(reason) => format!("refused: {reason}"),
        ArtifactStep::Found(sources) => {
            let word = |source: &ArtifactSource| {
                let place = match &source.location {
                    Location::Url(url) => format!("url {url}"),
                    Location::Path(path) => format!("path {path}"),
                    Location::Own(path) => format!("own {path}"),
                };
                format!("{}({}) at {place}", source.name, source.extension.as_deref().unwrap_or("-"))
            };
            sources.iter().map(word).collect::<Vec<_>>().join(", ")
        }
    }
}

fn check(event: &Event, answers: &[(u16, &str)], expected: &[&str]) {
    let lines = steps(event, answers);
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}, not {expected}, after {answers:?}");
    }
}

fn version(rest: &str) -> String {
    format!(r#"{{"model_version":{{"id":"10",{rest}}}}}"#)
}

#[test]
fn a_build_leads_to_its_version_and_a_version_to_its_files() {
    let made_of = r#"{"id":5150,"creator_request":{"model_version_id":10}}"#;
    let whole = version(
        r#""model":{"key":"model","path":"x/model.pkl","artifact_type":"MODEL"},
           "artifacts":[{"key":"weights.PT","path":"/srv/w","path_only":true},{"key":"data","filename_extension":"csv","artifact_type":6}]"#,
    );
    let ask = |key: &str, kind: &str| format!(r#"{URL} {{"artifact_type":{kind},"key":"{key}","method":"GET"}}"#);
    let (model, data) = (ask("model", "\"MODEL\""), ask("data", "6"));
    let first = r#"{"url":"https://files.example.com/1?signed"}"#;
    let second = r#"{"url":"https://files.example.com/2","extra":[]}"#;
    let found = "model(pkl) at url https://files.example.com/1?signed, weights.PT(PT) at path /srv/w, \
                 data(csv) at url https://files.example.com/2";
    let answers = [(200, made_of), (200, whole.as_str()), (200, first), (200, second)];
    check(&scan(), &answers, &[BUILD, VERSION, &model, &data, found]);
    check(&promotion(), &answers[1..], &[VERSION, &model, &data, found]);
    let camel = [
        (200, r#"{"creatorRequest":{"modelVersionId":"10"}}"#),
        (200, r#"{"modelVersion":{"model":{"key":"m","path":"s3://b/m","pathOnly":true}}}"#),
    ];
    check(&scan(), &camel, &[BUILD, VERSION, "m(-) at path s3://b/m"]);
}

#[test]
fn names_that_are_hostile_stay_data() {
    let long = "n".repeat(4096);
    for name in ["../../x", "/etc/passwd", "a\\u0000b", "a\\nb", "\\u202e", "..", long.as_str()] {
        let answer = version(&format!(r#""model":{{"key":"{name}","path":"p"}}"#));
        let lines = steps(&promotion(), &[(200, &answer), (200, r#"{"url":"https://e.example.com/"}"#)]);
        // In the body of a request, and never in its path.
        assert!(lines[1].starts_with(&format!("{URL} {{")), "{name}: {}", lines[1]);
        let unescaped: String = serde_json::from_str(&format!("\"{name}\"")).unwrap();
        assert!(lines[2].starts_with(&format!("{unescaped}(")), "{name}: {}", lines[2]);
    }
}

#[test]
fn what_leads_to_no_model_is_refused() {
    let refused = |rest: &str, reason: &str| {
        check(&promotion(), &[(200, &version(rest))], &[VERSION, &format!("refused: {reason}")]);
    };
    refused(r#""stage":"STAGING""#, "the model version has no model");
    refused(r#""model":null"#, "the model version has no model");
    refused(r#""model":{"key":"","path":""}"#, "the model version has no model");
    refused(r#""artifacts":[{"key":"readme"}]"#, "the model version has no model");
    let many = vec![r#"{"key":"k","path_only":true}"#; 1000].join(",");
    refused(&format!(r#""model":{{"key":"m"}},"artifacts":[{many}]"#), "the model version has more than 1000");
    let no_version = "refused: the build was made of no model version";
    check(&scan(), &[(200, r#"{"creator_request":{"run_id":"7"}}"#)], &[BUILD, no_version]);
    check(&scan(), &[(200, "{}")], &[BUILD, no_version]);
    check(&Event::new(EventKind::Test, "verta"), &[], &["refused: the event names neither"]);
    let mut event = promotion();
    event.version.id = Some("..".into());
    check(&event, &[], &["refused: the model version's id"]);
    let mut event = scan();
    event.build.id = Some("..".into());
    check(&event, &[], &["refused: the event names no build"]);
}

#[test]
fn other_answers_mean_what_their_status_says() {
    let made_of = r#"{"creator_request":{"model_version_id":"10"}}"#;
    let whole = version(r#""model":{"key":"m"}"#);
    for (status, expected) in BY_STATUS {
        check(&scan(), &[(status, "sesame")], &[BUILD, expected]);
        check(&scan(), &[(200, made_of), (status, "sesame")], &[BUILD, VERSION, expected]);
        let answers = [(200, made_of), (200, whole.as_str()), (status, "sesame")];
        check(&scan(), &answers, &[BUILD, VERSION, URL, expected]);
        assert!(!steps(&scan(), &answers).concat().contains("sesame"));
    }
    for garbage in GARBAGE {
        check(&scan(), &[(200, garbage)], &[BUILD, "retry: "]);
        check(&promotion(), &[(200, garbage)], &[VERSION, "retry: "]);
        check(&promotion(), &[(200, &whole), (200, garbage)], &[VERSION, URL, "retry: "]);
    }
    for silent in ["{}", r#"{"url":""}"#, r#"{"url":null}"#] {
        check(&promotion(), &[(200, &whole), (200, silent)], &[VERSION, URL, "retry: "]);
    }
}
