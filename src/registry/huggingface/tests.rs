//! The Hub as tables.

use super::*;
use crate::EventKind;
use crate::plugin::Verdict;
use crate::registry::{ArtifactStep, Exchange, Location, Outcome, Reading, Registry, Rule, Rules, Step};

const SHA: &str = "575db8b7a51b6f85eb06eee540738584589f131c";

fn read(body: &str) -> Reading {
    Registry::HuggingFace(HuggingFace::default()).read("hub", body.as_bytes()).unwrap()
}

fn delivery(scope: &str, action: &str, rest: &str) -> Reading {
    read(&format!(
        r#"{{"event":{{"action":"{action}","scope":"{scope}"}},"repo":{{"type":"model","name":"some-user/some-repo","id":"6366c000","private":false,"headSha":"{SHA}","owner":{{"id":"61d2"}}}},{rest}"webhook":{{"id":"6390","version":3}}}}"#
    ))
}

fn pushed(reference: &str, sha: &str) -> Event {
    delivery(
        "repo.content",
        "update",
        &format!(r#""updatedRefs":[{{"ref":"{reference}","oldSha":null,"newSha":{sha}}}],"#),
    )
    .event
}

#[test]
fn a_push_is_a_version_and_a_tag_an_alias() {
    let sha = format!("\"{SHA}\"");
    for (reference, sha, kind, alias) in [
        ("refs/heads/main", sha.as_str(), "version_created", Some("main")),
        ("refs/tags/production", &sha, "alias_set", Some("production")),
        ("refs/tags/production", "null", "alias_deleted", Some("production")),
        ("refs/heads/old", "null", "other(repo.content.update)", None),
        ("refs/pr/1", &sha, "other(repo.content.update)", None),
        ("refs/heads/main", "\"../x\"", "other(repo.content.update)", None),
    ] {
        let event = pushed(reference, sha);
        assert_eq!(
            (event.kind.to_string().as_str(), event.change.alias.as_deref()),
            (kind, alias),
            "{reference} {sha}"
        );
        assert_eq!(event.model.name.as_deref(), Some("some-user/some-repo"));
    }
    assert_eq!(
        delivery(
            "repo.content.lfs",
            "update",
            &format!(r#""updatedRefs":[{{"ref":"refs/heads/main","newSha":{sha}}}],"#)
        )
        .event
        .kind,
        EventKind::VersionCreated
    );
}

#[test]
fn a_rule_finds_its_reference_among_several() {
    let refs = format!(
        r#""updatedRefs":[{{"ref":"refs/heads/main","newSha":"{SHA}"}},{{"ref":"refs/tags/production","newSha":"{SHA}"}}],"#
    );
    let mut rules = Rules::default();
    let mut rule = Rule::default();
    (rule.event, rule.alias) = (Some(EventKind::AliasSet), Some("production".into()));
    rules.promote_on = vec![rule];
    let event = rules.apply(delivery("repo.content", "update", &refs)).remove(0);
    assert_eq!((event.kind, event.change.alias.as_deref()), (EventKind::Promotion, Some("production")));
}

#[test]
fn a_comment_is_what_it_says() {
    let rest = r#""discussion":{"id":"1","num":1,"title":"x"},"comment":{"id":"2","content":"/scan","author":{"id":"61d2"},"hidden":false},"#;
    let event = delivery("discussion.comment", "create", rest).event;
    assert_eq!((&event.kind, event.actor.as_deref()), (&EventKind::Comment, Some("61d2")));
    assert_eq!(event.change.comment.as_deref(), Some("/scan"));
    for (scope, action) in
        [("discussion", "create"), ("discussion.comment", "update"), ("repo", "move"), ("repo.config", "update")]
    {
        assert!(matches!(delivery(scope, action, rest).event.kind, EventKind::Other(_)), "{scope}.{action}");
    }
    assert_eq!(read("{}").event.kind, EventKind::Other("unknown".into()));
    let dataset =
        read(r#"{"event":{"action":"update","scope":"repo.content"},"repo":{"type":"dataset","name":"a/b"}}"#);
    assert_eq!(dataset.event.kind, EventKind::Other("repo.content.update".into()));
}

fn confirmed(event: &Event, status: u16, body: &str) -> Step {
    let Step::Send(request) = Registry::HuggingFace(HuggingFace::default()).confirm(event, &[]) else {
        panic!("nothing is asked")
    };
    Registry::HuggingFace(HuggingFace::default()).confirm(event, &[Exchange::new(request, status, body.to_owned())])
}

#[test]
fn a_reference_is_confirmed_by_its_commit() {
    let event = pushed("refs/tags/v1/x", &format!("\"{SHA}\""));
    let Step::Send(request) = Registry::HuggingFace(HuggingFace::default()).confirm(&event, &[]) else {
        panic!("nothing is asked")
    };
    assert_eq!(request.to_string(), "GET /api/models/some-user/some-repo/revision/v1%2Fx");
    assert_eq!(confirmed(&event, 200, &format!(r#"{{"sha":"{SHA}"}}"#)), Step::Done);
    assert!(matches!(confirmed(&event, 200, r#"{"sha":"ab"}"#), Step::Refused(_)));
    assert!(matches!(confirmed(&event, 404, ""), Step::Refused(_)));
    for (status, body) in [(200, "<html>"), (401, ""), (429, ""), (500, ""), (400, "")] {
        assert!(matches!(confirmed(&event, status, body), Step::Retry(_)), "{status} {body}");
    }
}

#[test]
fn the_files_of_the_commit_that_was_listed_are_fetched() {
    let event = pushed("refs/heads/main", &format!("\"{SHA}\""));
    let ArtifactStep::Send(request) = Registry::HuggingFace(HuggingFace::default()).artifacts(&event, &[]) else {
        panic!("nothing is asked")
    };
    assert_eq!(request.to_string(), format!("GET /api/models/some-user/some-repo/revision/{SHA}"));
    let found = |siblings: &str| {
        let body = format!(r#"{{"sha":"{SHA}","siblings":{siblings}}}"#);
        Registry::HuggingFace(HuggingFace::default()).artifacts(&event, &[Exchange::new(request.clone(), 200, body)])
    };
    let ArtifactStep::Found(files) = found(r#"[{"rfilename":"a b/model.pkl"}]"#) else { panic!("nothing is found") };
    assert_eq!(files[0].location, Location::Own(format!("/some-user/some-repo/resolve/{SHA}/a%20b/model.pkl")));
    assert_eq!((files[0].name.as_str(), files[0].extension.as_deref()), ("a b/model.pkl", Some("pkl")));
    assert!(matches!(found(r#"[{"rfilename":"../x"}]"#), ArtifactStep::Refused(_)));
    assert!(matches!(found("[]"), ArtifactStep::Refused(_)));
}

/// What is sent when each request is answered in turn; each step as a line.
fn told(answers: &[&str]) -> Vec<String> {
    let event = pushed("refs/heads/main", &format!("\"{SHA}\""));
    let outcome = Outcome::Scanned { verdict: Verdict::Safe, summary: None, url: None, at: None };
    let registry = Registry::HuggingFace(HuggingFace::default());
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    for body in answers {
        let Step::Send(request) = registry.next(&event, &outcome, &seen) else { panic!("after {lines:?}") };
        lines.push(request.to_string());
        seen.push(Exchange::new(request, 200, (*body).to_owned()));
    }
    lines.push(format!("{:?}", registry.next(&event, &outcome, &seen)));
    lines
}

#[test]
fn a_comment_is_written_once_into_the_one_discussion() {
    let base = "/api/models/some-user/some-repo/discussions";
    let list = format!("GET {base}?type=discussion&status=open&p=0");
    let none = r#"{"discussions":[{"num":1,"title":"Hello","status":"open"}],"count":1,"start":0}"#;
    let ours =
        r#"{"discussions":[{"num":7,"title":"scanrelay: scans and promotions","status":"open"}],"count":1,"start":0}"#;
    let said = format!(
        r#"{{"events":[{{"type":"comment","data":{{"latest":{{"raw":"[scanrelay scan] safe\n\nCommit {SHA}"}}}}}},{{"type":"comment","data":{{"latest":{{"raw":"thanks"}}}}}}]}}"#
    );
    let (read, write) = (format!("GET {base}/7"), format!("POST {base}/7/comment"));
    let make = format!("POST {base}");
    let taken = r#"{"newMessage":{"id":"1"}}"#;
    assert_eq!(told(&[none, r#"{"num":7}"#, r#"{"events":[]}"#, taken]), [list.as_str(), &make, &read, &write, "Done"]);
    assert_eq!(told(&[ours, r#"{"events":[]}"#, taken]), [list.as_str(), &read, &write, "Done"]);
    assert_eq!(told(&[ours, &said]), [list.as_str(), &read, "Done"], "what stands is not said again");
    let other = said.replace("] safe", "] unsafe");
    assert_eq!(told(&[ours, &other, taken]), [list.as_str(), &read, &write, "Done"]);
    assert!(told(&[ours, r#"{"events":[]}"#, "<html>"])[3].starts_with("Retry"));
}

#[test]
fn our_comment_is_known_when_the_hub_tells_of_it() {
    let event = pushed("refs/heads/main", &format!("\"{SHA}\""));
    let outcome = Outcome::Scanned { verdict: Verdict::Safe, summary: None, url: None, at: None };
    let answered = |body: &str, seen: &[Exchange]| {
        let Step::Send(request) = Registry::HuggingFace(HuggingFace::default()).next(&event, &outcome, seen) else {
            panic!("nothing is sent")
        };
        Exchange::new(request, 200, body.to_owned())
    };
    let list = r#"{"discussions":[{"num":7,"title":"scanrelay: scans and promotions"}],"count":1,"start":0}"#;
    let mut seen = vec![answered(list, &[])];
    seen.push(answered(r#"{"events":[]}"#, &seen));
    let Step::Send(request) = Registry::HuggingFace(HuggingFace::default()).next(&event, &outcome, &seen) else {
        panic!("nothing is written")
    };
    let body: serde_json::Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
    let text = &body["comment"];
    let echo = read(&format!(
        r#"{{"event":{{"action":"create","scope":"discussion.comment"}},"repo":{{"type":"model","name":"some-user/some-repo","id":"6366c000"}},"comment":{{"content":{text}}}}}"#
    ));
    assert_eq!(request.writes, [echo.event.fact().unwrap()]);
}

#[test]
fn a_branch_that_comes_back_is_another_change_and_a_tag_of_its_name_another_thing() {
    let other = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
    let key = |reference: &str, sha: &str| pushed(reference, &format!("\"{sha}\"")).change_key.unwrap();
    assert_eq!(key("refs/heads/main", SHA), format!("branch:6366c000/main={SHA}"));
    assert_eq!(key("refs/tags/main", SHA), format!("alias:6366c000/main={SHA}"));
    assert_ne!(key("refs/heads/main", SHA), key("refs/heads/main", other));
}

#[test]
fn what_people_comment_is_not_what_we_did() {
    let comment = |text: &str| {
        let body = serde_json::json!({
            "event": { "action": "create", "scope": "discussion.comment" },
            "repo": { "type": "model", "name": "some-user/some-repo", "id": "6366c000" },
            "comment": { "content": text },
        });
        read(&body.to_string()).event.fact().unwrap()
    };
    let (ours, theirs) = (comment("[scanrelay scan] safe"), comment("/scan"));
    assert_ne!(ours.key, theirs.key, "a comment is no other value of ours");
    assert!(!theirs.key.starts_with("tag:"));
}
