//! Every event that MLflow has, and what looks like one.

use super::*;

#[test]
fn what_was_captured_is_read() {
    let captured = include_str!("../../../../tests/vectors/mlflow.jsonl");
    let words: Vec<String> = captured
        .lines()
        .map(|line| {
            let request: serde_json::Value = serde_json::from_str(line).unwrap();
            let event = read(request["body"].as_str().unwrap());
            assert_eq!(event.model.name.as_deref(), Some("fraud-d\u{e9}tect"));
            assert!(event.occurred_at.is_some());
            format!("{} {}", event.kind, event.subject())
        })
        .collect();
    assert_eq!(
        words,
        [
            "other(registered_model.created) model:fraud-d\u{e9}tect",
            "version_created version:fraud-d\u{e9}tect/1",
            "tag_set version:fraud-d\u{e9}tect/1",
            "alias_set version:fraud-d\u{e9}tect/1",
            "tag_deleted version:fraud-d\u{e9}tect/1",
            "alias_deleted model:fraud-d\u{e9}tect",
        ]
    );
}

#[test]
fn an_event_says_what_changed() {
    let event = alias("3");
    assert_eq!((&event.kind, event.change.alias.as_deref()), (&EventKind::AliasSet, Some("production")));
    assert_eq!(event.occurred_at.map(crate::Timestamp::as_millis), Some(1_795_410_621_017));
    let tag = super::event("model_version_tag", "set", r#"{"name":"a","version":"1","key":"k","value":""}"#);
    assert_eq!(tag.change.tag.unwrap().value.as_deref(), Some(""));
    let created = super::event(
        "model_version",
        "created",
        r#"{"name":"a","version":"1","source":"s3://b/m","run_id":null,"tags":{"x":"y"},"description":null}"#,
    );
    assert_eq!(created.artifact_uri.as_deref(), Some("s3://b/m"));
}

#[test]
fn what_does_not_name_what_it_is_about_starts_nothing() {
    for (entity, action, data) in [
        ("model_version_alias", "created", r#"{"name":"a","alias":"production"}"#),
        ("model_version_alias", "created", r#"{"name":"a","version":"1"}"#),
        ("model_version_alias", "moved", r#"{"name":"a","alias":"production","version":"1"}"#),
        ("model_version_tag", "set", r#"{"name":"a","version":"1","key":"k"}"#),
        ("model_version", "created", r#"{"name":"a"}"#),
        ("prompt_alias", "created", r#"{"name":"a","alias":"production","version":"1"}"#),
        ("model_version_alias", "created", r#"["a","production","1"]"#),
    ] {
        let event = super::event(entity, action, data);
        assert!(matches!(event.kind, EventKind::Other(_)), "{entity}.{action} {data}: {}", event.kind);
        assert_eq!(event.change, crate::event::Change::default(), "no rule for an alias or a tag is about it");
    }
    for body in ["{}", r#"{"entity":"model_version_alias"}"#, r#"{"entity":"a","action":"b"}"#] {
        assert!(matches!(read(body).kind, EventKind::Other(_)), "{body}");
    }
}

#[test]
fn a_workspace_is_told_where_there_is_one() {
    let body = r#"{"entity":"model_version","action":"created","workspace":"team","data":{"name":"a","version":"1"}}"#;
    assert_eq!(read(body).workspace.as_deref(), Some("team"));
}
