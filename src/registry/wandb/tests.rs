//! W&B as tables.

use super::*;
use crate::plugin::Verdict;
use crate::registry::{ArtifactStep, Exchange, Outcome, Registry, Step};
use crate::{Event, EventKind};

const ID: &str = "QXJ0aWZhY3Q6NTE3ODg5ODg3";

fn read(body: &str) -> Event {
    Registry::Wandb(Wandb::default()).read("wandb", body.as_bytes()).unwrap().event
}

/// Our template, with these values for its variables.
fn automation(values: &[(&str, &str)]) -> Event {
    let body =
        values.iter().fold(TEMPLATE.to_owned(), |body, (name, value)| body.replace(&format!("${{{name}}}"), value));
    read(&body)
}

fn alias_set() -> Event {
    automation(&[
        ("event_type", "ADD_ARTIFACT_ALIAS"),
        ("event_author", "ada"),
        ("alias", "production"),
        ("artifact_collection_name", "fraud"),
        ("artifact_version", &format!("wandb-artifact://_id/{ID}")),
        ("artifact_version_string", "acme/registry/fraud:v3"),
        ("project_name", "registry"),
        ("entity_name", "acme"),
    ])
}

#[test]
fn our_template_is_read() {
    let event = alias_set();
    assert_eq!((&event.kind, event.change.alias.as_deref()), (&EventKind::AliasSet, Some("production")));
    assert!(event.change.tag.is_none(), "a variable that was not filled says nothing");
    assert_eq!((event.model.name.as_deref(), event.version.id.as_deref()), (Some("fraud"), Some(ID)));
    assert_eq!(event.version.name.as_deref(), Some("acme/registry/fraud:v3"));
    assert_eq!((event.workspace.as_deref(), event.actor.as_deref()), (Some("acme/registry"), Some("ada")));
}

#[test]
fn the_documented_payload_is_read() {
    let event = read(&format!(
        r#"{{"event_type":"LINK_ARTIFACT","client_payload":{{"event_author":"ada","artifact_version":"wandb-artifact://_id/{ID}","artifact_version_string":"acme/registry/fraud:v3","artifact_collection_name":"fraud","project_name":"registry","entity_name":"acme"}}}}"#
    ));
    assert_eq!((&event.kind, event.version.id.as_deref()), (&EventKind::VersionCreated, Some(ID)));
}

#[test]
fn what_does_not_name_an_artifact_starts_nothing() {
    for (body, kind) in [
        ("{}", "test"),
        (r#"{"alias":"production"}"#, "other(unknown)"),
        (r#"{"scanrelay":1}"#, "other(unknown)"),
        (r#"{"event_type":"ADD_ARTIFACT_ALIAS","alias":"production"}"#, "other(ADD_ARTIFACT_ALIAS)"),
        (r#"{"event_type":"ADD_ARTIFACT_ALIAS","alias":"production","artifact_id":"x"}"#, "other(ADD_ARTIFACT_ALIAS)"),
        (r#"{"event_type":"RUN_METRIC"}"#, "other(RUN_METRIC)"),
    ] {
        assert_eq!(read(body).kind.to_string(), kind, "{body}");
    }
    let without = automation(&[("event_type", "ADD_ARTIFACT_TAG"), ("artifact_version", ID)]);
    assert_eq!(without.kind.to_string(), "other(ADD_ARTIFACT_TAG)");
}

fn answer(artifact: &str) -> String {
    format!(r#"{{"data":{{"artifact":{artifact}}}}}"#)
}

fn confirmed(event: &Event, status: u16, body: &str) -> Step {
    let Step::Send(request) = Registry::Wandb(Wandb::default()).confirm(event, &[]) else { panic!("nothing is asked") };
    Registry::Wandb(Wandb::default()).confirm(event, &[Exchange::new(request, status, body.to_owned())])
}

#[test]
fn an_alias_is_confirmed_at_the_artifact() {
    let event = alias_set();
    let with = |aliases: &str| answer(&format!(r#"{{"id":"{ID}","aliases":{aliases},"tags":[]}}"#));
    assert_eq!(confirmed(&event, 200, &with(r#"[{"alias":"latest"},{"alias":"production"}]"#)), Step::Done);
    assert!(matches!(confirmed(&event, 200, &with("[]")), Step::Refused(_)));
    assert!(matches!(confirmed(&event, 200, &with("null")), Step::Refused(_)));
    assert!(matches!(confirmed(&event, 200, &answer("null")), Step::Refused(_)));
    let errors = r#"{"data":{"artifact":null},"errors":[{"message":"internal"}]}"#;
    for (status, body) in [(200, errors), (200, "<html>"), (200, "{}"), (401, ""), (500, ""), (400, "")] {
        assert!(matches!(confirmed(&event, status, body), Step::Retry(_)), "{status} {body}");
    }
}

fn told(outcome: &Outcome, answers: &[&str]) -> Vec<String> {
    let registry = Registry::Wandb(Wandb::default());
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    for body in answers {
        let Step::Send(request) = registry.next(&alias_set(), outcome, &seen) else { panic!("after {lines:?}") };
        let sent: Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
        lines.push(format!("{request} {}", sent["variables"]));
        seen.push(Exchange::new(request, 200, (*body).to_owned()));
    }
    lines.push(format!("{:?}", registry.next(&alias_set(), outcome, &seen)));
    lines
}

const TAKEN: &str = r#"{"data":{"updateArtifact":{"artifact":{"id":"x"}}}}"#;

#[test]
fn metadata_is_merged_and_other_people_s_stays_digit_by_digit() {
    let unsafe_ = Outcome::Scanned { verdict: Verdict::Unsafe, summary: None, url: None, at: None };
    let metadata = r#"{\"lr\":1e-400,\"id\":12345678901234567890123,\"scanrelay.report_url\":\"https://old\"}"#;
    let standing = answer(&format!(r#"{{"id":"{ID}","metadata":"{metadata}","tags":[{{"name":"scanrelay-safe"}}]}}"#));
    let read = format!(r#"POST /graphql {{"id":"{ID}"}}"#);
    let write = format!(
        r#"POST /graphql {{"input":{{"artifactID":"{ID}","metadata":"{{\"id\":12345678901234567890123,\"lr\":1e-400,\"scanrelay.verdict\":\"unsafe\"}}","tagsToAdd":[{{"tagName":"scanrelay-unsafe"}}],"tagsToDelete":[{{"tagName":"scanrelay-safe"}}]}}}}"#
    );
    assert_eq!(told(&unsafe_, &[&standing, TAKEN]), [read.as_str(), &write, "Done"]);
    let stands = answer(&format!(
        r#"{{"id":"{ID}","metadata":"{{\"scanrelay.verdict\":\"unsafe\"}}","tags":[{{"name":"scanrelay-unsafe"}}]}}"#
    ));
    assert_eq!(told(&unsafe_, &[&stands]), [read.as_str(), "Done"]);
    assert!(told(&unsafe_, &[&standing, r#"{"data":{"updateArtifact":null}}"#])[2].starts_with("Retry"));
    assert!(told(&unsafe_, &[&answer("null")])[1].starts_with("Refused"));
}

#[test]
fn an_error_takes_the_tag_of_safe_away_and_gives_none() {
    let error = Outcome::Scanned { verdict: Verdict::Error, summary: None, url: None, at: None };
    let standing = answer(&format!(r#"{{"id":"{ID}","metadata":null,"tags":[{{"name":"scanrelay-safe"}}]}}"#));
    let lines = told(&error, &[&standing, TAKEN]);
    assert!(
        lines[1].contains(r#""tagsToDelete":[{"tagName":"scanrelay-safe"}]"#) && !lines[1].contains("tagsToAdd"),
        "{lines:?}"
    );
}

#[test]
fn our_tag_is_known_when_w_and_b_tells_of_it() {
    let safe = Outcome::Scanned { verdict: Verdict::Safe, summary: None, url: None, at: None };
    let Step::Send(request) = Registry::Wandb(Wandb::default()).next(&alias_set(), &safe, &[]) else {
        panic!("nothing is asked")
    };
    let standing = Exchange::new(request, 200, answer(&format!(r#"{{"id":"{ID}","metadata":"{{}}"}}"#)));
    let Step::Send(request) = Registry::Wandb(Wandb::default()).next(&alias_set(), &safe, &[standing]) else {
        panic!("nothing is written")
    };
    let echo = automation(&[
        ("event_type", "ADD_ARTIFACT_TAG"),
        ("tag", "scanrelay-safe"),
        ("artifact_collection_name", "fraud"),
        ("artifact_version", ID),
    ]);
    assert_eq!(request.writes, [echo.fact().unwrap()]);
}

#[test]
fn files_are_listed_page_by_page() {
    let page = |name: &str, next: &str| {
        answer(&format!(
            r#"{{"files":{{"pageInfo":{{"hasNextPage":{},"endCursor":{next}}},"edges":[{{"node":{{"name":"{name}","directUrl":"https://files.example.com/{name}"}}}}]}}}}"#,
            next != "null"
        ))
    };
    let sought = |answers: &[String]| {
        let mut seen = Vec::new();
        for body in answers {
            let ArtifactStep::Send(request) = Registry::Wandb(Wandb::default()).artifacts(&alias_set(), &seen) else {
                panic!("it ended")
            };
            seen.push(Exchange::new(request, 200, body.clone()));
        }
        Registry::Wandb(Wandb::default()).artifacts(&alias_set(), &seen)
    };
    let ArtifactStep::Found(files) = sought(&[page("a/model.pkl", "\"c1\""), page("b.txt", "null")]) else {
        panic!("nothing is found")
    };
    assert_eq!((files.len(), files[0].extension.as_deref(), files[1].name.as_str()), (2, Some("pkl"), "b.txt"));
    assert!(matches!(sought(&[page("a", "\"c1\""), page("b", "\"c1\"")]), ArtifactStep::Retry(_)));
    assert!(matches!(sought(&[answer("null")]), ArtifactStep::Refused(_)));
}

#[test]
fn a_tag_that_is_gone_is_not_one_that_is_set() {
    let tagged = |word: &str| {
        automation(&[
            ("event_type", word),
            ("tag", "scanrelay-safe"),
            ("artifact_collection_name", "fraud"),
            ("artifact_version", ID),
        ])
    };
    let (set, gone) = (tagged("ADD_ARTIFACT_TAG"), tagged("REMOVE_ARTIFACT_TAG"));
    assert_ne!(set.fact(), gone.fact());
    assert_ne!(crate::registry::rule::change_key(&set), crate::registry::rule::change_key(&gone));
    // Whoever forges what we have taken away is found out: what we wrote is that it is gone.
    let error = Outcome::Scanned { verdict: Verdict::Error, summary: None, url: None, at: None };
    let registry = Registry::Wandb(Wandb::default());
    let Step::Send(request) = registry.next(&set, &error, &[]) else { panic!("nothing is asked") };
    let standing = answer(&format!(r#"{{"id":"{ID}","tags":[{{"name":"scanrelay-safe"}}]}}"#));
    let Step::Send(request) = registry.next(&set, &error, &[Exchange::new(request, 200, standing)]) else {
        panic!("nothing is written")
    };
    let written = &request.writes[0];
    assert_eq!((written.key.as_str(), written.value.as_str()), ("tag:scanrelay-safe", ""));
    assert_ne!(set.fact().unwrap().value, "");
}

#[test]
fn metadata_that_is_no_object_is_left_alone() {
    let safe = Outcome::Scanned { verdict: Verdict::Safe, summary: None, url: None, at: None };
    for metadata in [r#""[1,2]""#, r#""{broken""#, r#""7""#] {
        let standing = answer(&format!(r#"{{"id":"{ID}","metadata":{metadata}}}"#));
        assert!(told(&safe, &[&standing])[1].starts_with("Refused"), "{metadata}");
    }
}
