//! GitHub as tables.

use super::*;
use crate::plugin::{Status, Verdict};
use crate::registry::Registry;
use crate::{EventKind, Stage};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn read(body: &str) -> Event {
    Registry::GitHub(GitHub::default()).read("github", body.as_bytes()).unwrap().event
}

fn dispatch(action: &str, payload: &str) -> Event {
    read(&format!(
        r#"{{"action":"{action}","branch":"main","client_payload":{payload},"repository":{{"full_name":"acme/models"}},"sender":{{"login":"bot"}}}}"#
    ))
}

#[test]
fn a_dispatch_says_what_its_sender_wrote() {
    let event = dispatch(
        "promotion",
        &format!(
            r#"{{"id":7,"model":"fraud","version":3,"sha":"{SHA}","stage":"Production","stage_from":"Staging","unit":[1]}}"#
        ),
    );
    assert_eq!((&event.kind, event.id.as_deref()), (&EventKind::Promotion, Some("7")));
    assert_eq!((event.model.name.as_deref(), event.version.name.as_deref()), (Some("fraud"), Some("3")));
    assert_eq!((event.version.id.as_deref(), event.workspace.as_deref()), (Some(SHA), Some("acme/models")));
    assert_eq!(event.change.stage_to, Some(Stage::new("production")));
    assert_eq!(event.actor.as_deref(), Some("bot"));
    assert_eq!(dispatch("model-ready", "{}").kind, EventKind::Other("model-ready".into()));
    assert_eq!(dispatch("scan_request", r#"{"sha":"../../x"}"#).version.id, None);
}

#[test]
fn a_package_is_a_version_and_its_tag_an_alias() {
    let event = read(
        r#"{"action":"published","registry_package":{"id":1,"name":"fraud","namespace":"acme","package_type":"CONTAINER",
            "package_version":{"id":9,"version":"sha256:ab","created_at":"2026-11-23T05:10:21Z","target_oid":"6dcb09b5b57875f334f61aebed695e2e4193db5e",
            "package_url":"ghcr.io/acme/fraud:prod","container_metadata":{"tag":{"name":"prod","digest":"sha256:ab"}}}},
            "repository":{"full_name":"acme/models"}}"#,
    );
    assert_eq!(event.kind, EventKind::VersionCreated);
    assert_eq!((event.model.name.as_deref(), event.version.name.as_deref()), (Some("acme/fraud"), Some("sha256:ab")));
    assert_eq!(
        (event.change.alias.as_deref(), event.build.image.as_deref()),
        (Some("prod"), Some("ghcr.io/acme/fraud:prod"))
    );
    assert_eq!(event.occurred_at.map(crate::Timestamp::as_secs), Some(1_795_410_621));
    assert_eq!(
        read(r#"{"action":"updated","registry_package":{}}"#).kind.to_string(),
        "other(registry_package.updated)"
    );
}

#[test]
fn other_bodies_start_nothing() {
    for (body, kind) in [
        (r#"{"zen":"Keep it logically awesome.","hook_id":30}"#, "test"),
        (r#"{"action":"opened","issue":{}}"#, "other(opened)"),
        (r#"{"action":"promotion"}"#, "other(promotion)"),
        (r#"{"client_payload":{"stage":"production"}}"#, "other(unknown)"),
        (r#"{"client_payload":["promotion"],"action":"promotion"}"#, "other(unreadable)"),
        ("{}", "other(unknown)"),
    ] {
        assert_eq!(read(body).kind.to_string(), kind, "{body}");
    }
}

/// What is asked when each request is answered in turn; each step as a line.
fn told(event: &Event, outcome: &Outcome, answers: &[(u16, &str)]) -> Vec<String> {
    let registry = Registry::GitHub(GitHub::default());
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    for (status, body) in answers {
        match registry.next(event, outcome, &seen) {
            Step::Send(request) => {
                lines.push(format!("{request} {}", request.body.as_deref().unwrap_or_default()).trim_end().to_owned());
                seen.push(Exchange::new(request, *status, (*body).to_owned()));
            }
            step => panic!("{step:?} after {lines:?}"),
        }
    }
    lines.push(format!("{:?}", registry.next(event, outcome, &seen)));
    lines
}

#[test]
fn a_status_is_read_and_set_where_it_differs() {
    let event = dispatch("scan_request", &format!(r#"{{"sha":"{SHA}"}}"#));
    let safe = Outcome::Scanned {
        verdict: Verdict::Safe,
        summary: None,
        url: Some("https://ci.example.com/1".into()),
        at: None,
    };
    let ours = r#"{"context":"scanrelay/scan","state":"success","description":"safe","target_url":"https://ci.example.com/1"}"#;
    let get = format!("GET /repos/acme/models/commits/{SHA}/status?per_page=100");
    let post = format!(
        "POST /repos/acme/models/statuses/{SHA} {}",
        r#"{"context":"scanrelay/scan","description":"safe","state":"success","target_url":"https://ci.example.com/1"}"#
    );
    let none = r#"{"state":"pending","statuses":[{"context":"ci","state":"success"}]}"#;
    assert_eq!(told(&event, &safe, &[(200, none), (201, ours)]), [get.as_str(), &post, "Done"]);
    assert_eq!(told(&event, &safe, &[(200, &format!(r#"{{"statuses":[{ours}]}}"#))]), [get.as_str(), "Done"]);
    let lied = told(&event, &safe, &[(200, none), (201, r#"{"context":"scanrelay/scan","state":"failure"}"#)]);
    assert!(lied[2].starts_with("Retry"), "{lied:?}");
    for (status, end) in [(401, "Retry"), (404, "Refused"), (422, "Refused"), (503, "Retry"), (200, "Retry")] {
        let steps = told(&event, &safe, &[(status, "<html>login</html>")]);
        assert!(steps[1].starts_with(end), "{status}: {steps:?}");
    }
}

#[test]
fn an_outcome_without_a_result_is_no_success() {
    let words = |outcome: &Outcome| {
        let wanted = status::next(
            &GitHub::default(),
            &dispatch("promotion", &format!(r#"{{"sha":"{SHA}"}}"#)),
            outcome,
            &[Exchange::new(
                crate::registry::Request { method: "GET".into(), path: String::new(), body: None, writes: Vec::new() },
                200,
                r#"{"statuses":[]}"#,
            )],
        );
        let Step::Send(request) = wanted else { panic!("{wanted:?}") };
        let body: serde_json::Value = serde_json::from_str(&request.body.unwrap()).unwrap();
        format!("{} {}", body["context"].as_str().unwrap(), body["state"].as_str().unwrap())
    };
    let scanned = |verdict| Outcome::Scanned { verdict, summary: Some("x".repeat(500)), url: None, at: None };
    let promoted = |status| Outcome::Promoted { status, summary: None, url: None };
    for (outcome, expected) in [
        (Outcome::Scanning, "scanrelay/scan pending"),
        (scanned(Verdict::Safe), "scanrelay/scan success"),
        (scanned(Verdict::Unsafe), "scanrelay/scan failure"),
        (scanned(Verdict::Inconclusive), "scanrelay/scan error"),
        (scanned(Verdict::Error), "scanrelay/scan error"),
        (Outcome::InProgress, "scanrelay/promotion pending"),
        (promoted(Status::Complete), "scanrelay/promotion success"),
        (promoted(Status::Failed), "scanrelay/promotion failure"),
    ] {
        assert_eq!(words(&outcome), expected);
    }
}

#[test]
fn who_names_no_commit_is_told_nothing() {
    let refused = told(&dispatch("promotion", "{}"), &Outcome::InProgress, &[]);
    assert!(refused[0].contains("give client_payload the commit's sha"), "{refused:?}");
    let mut event = dispatch("promotion", &format!(r#"{{"sha":"{SHA}"}}"#));
    event.workspace = Some("acme/..".into());
    assert!(told(&event, &Outcome::InProgress, &[])[0].starts_with("Refused"));
}
