//! Bodies as any protobuf-JSON producer may write them.

use super::*;

const PROMOTE: &str = r#"{"event_uuid":"6f1c","event_type":"PROMOTE","workspace_id":"42","timestamp":"1669852800000",
 "resource_type":{"modeldb_service_resource_type":"REGISTERED_MODEL_VERSION"},
 "original_entity":{"model_version":{"id":"1001","registered_model_id":"77","version":"v3","time_updated":"1669852799000","stage":"STAGING"},"entity_workspace_id":"42"},
 "new_entity":{"model_version":{"id":"1001","registered_model_id":"77","version":"v3","time_updated":"1669852799000","stage":"PRODUCTION"},"entity_workspace_id":"42"}}"#;
const PROMOTE_CAMEL: &str = r#"{"eventUuid":"6f1c","eventType":4,"workspaceId":42,"timestamp":1669852800000,
 "originalEntity":{"modelVersion":{"id":1001,"registeredModelId":77,"version":"v3","stage":2},"entityWorkspaceId":42},
 "newEntity":{"modelVersion":{"id":1001,"registeredModelId":77,"version":"v3","stage":3},"entityWorkspaceId":42}}"#;
const PROMOTED: &str = r#"{"kind":"promotion","id":"6f1c","registry":"verta","occurred_at":1669852800000,"workspace":"42","model":{"id":"77"},"version":{"id":"1001","name":"v3"},"change":{"stage_from":"staging","stage_to":"production"},"build":{},"change_key":"version:77/1001=production"}"#;
const SCAN: &str = r#"{"event_uuid":"b2b5","event_type":"REQUEST_SCAN","workspace_id":"42","timestamp":"1669852800000",
 "resource_type":{"deployment_service_resource_type":"BUILD"},
 "new_entity":{"entity_workspace_id":"42","scan_request":{"buildId":"5150","imageUrl":"registry.example.com/verta/build-5150:latest"}}}"#;
const SCAN_CAMEL: &str = r#"{"eventUuid":"b2b5","eventType":"5","workspaceId":42,"timestamp":1669852800,
 "newEntity":{"entityWorkspaceId":42,"scanRequest":{"buildId":5150,"imageUrl":"registry.example.com/verta/build-5150:latest"}}}"#;
const SCANNED: &str = r#"{"kind":"scan_request","id":"b2b5","registry":"verta","occurred_at":1669852800000,"workspace":"42","model":{},"version":{},"change":{},"build":{"id":"5150","image":"registry.example.com/verta/build-5150:latest"},"change_key":"build:5150=scan"}"#;

/// Expected is the event's JSON without its `raw`, which is always the body as it came.
fn check(body: &str, expected: &str) {
    let mut event = read(body.as_bytes());
    assert_eq!(event.raw.take().as_ref().map(crate::event::Payload::as_str), Some(body));
    assert_eq!(serde_json::to_string(&event).unwrap(), expected, "{body}");
}

fn kind(body: &str, expected: &str) {
    assert_eq!(read(body.as_bytes()).kind.to_string(), expected, "{body}");
}

/// An event of that type about a version of that stage, and perhaps of another stage before.
fn stages(event_type: &str, before: &str, now: &str) -> Event {
    let version = |stage: &str| format!(r#"{{"model_version":{{"id":"1","stage":{stage}}}}}"#);
    let body = format!(
        r#"{{"event_type":"{event_type}","timestamp":5,"original_entity":{},"new_entity":{}}}"#,
        version(before),
        version(now)
    );
    read(body.as_bytes())
}

#[test]
fn both_spellings_of_both_documented_events_mean_the_same() {
    check(PROMOTE, PROMOTED);
    check(PROMOTE_CAMEL, PROMOTED);
    check(SCAN, SCANNED);
    check(SCAN_CAMEL, SCANNED);
}

#[test]
fn a_missing_event_type_is_the_zero_value_create() {
    kind(r#"{"event_uuid":"x","workspace_id":"42"}"#, "other(CREATE)");
    kind("{}", "other(CREATE)");
    let version = r#""new_entity":{"model_version":{"id":"1","stage":"PRODUCTION"}}"#;
    kind(&format!("{{{version}}}"), "version_created");
    kind(&format!(r#"{{"event_type":0,{version}}}"#), "version_created");
    kind(&format!(r#"{{"event_type":null,{version}}}"#), "version_created");
}

#[test]
fn the_event_type_and_its_entity_make_the_kind() {
    let version = r#""new_entity":{"model_version":{"id":"1"}}"#;
    let build = r#""new_entity":{"scan_request":{"buildId":"1"}}"#;
    let table = [
        (r#""event_type":"PROMOTE""#, version, "promotion"),
        (r#""event_type":"PROMOTE""#, build, "other(PROMOTE)"),
        (r#""event_type":"PROMOTE""#, r#""new_entity":{"model_version":{}}"#, "other(PROMOTE)"),
        (r#""event_type":"PROMOTE""#, r#""original_entity":{"model_version":{"id":"1"}}"#, "other(PROMOTE)"),
        (r#""event_type":"PROMOTE""#, r#""new_entity":null"#, "other(PROMOTE)"),
        (r#""event_type":"REQUEST_SCAN""#, build, "scan_request"),
        (r#""event_type":"REQUEST_SCAN""#, version, "other(REQUEST_SCAN)"),
        (r#""event_type":"REQUEST_SCAN""#, r#""new_entity":{"scan_request":{"imageUrl":"x"}}"#, "other(REQUEST_SCAN)"),
        (r#""event_type":"READ""#, version, "other(READ)"),
        (r#""event_type":"UPDATE""#, version, "other(UPDATE)"),
        (r#""event_type":"DELETE""#, version, "version_deleted"),
        (r#""event_type":"DELETE""#, build, "other(DELETE)"),
        (r#""event_type":6"#, version, "other(6)"),
        (r#""event_type":-4"#, version, "other(-4)"),
        (r#""event_type":"promote""#, version, "other(promote)"),
        (r#""event_type":"ARCHIVE""#, version, "other(ARCHIVE)"),
        (r#""event_type":"promotion""#, version, "other(promotion)"),
    ];
    for (event_type, entity, expected) in table {
        kind(&format!("{{{event_type},{entity}}}"), expected);
    }
}

#[test]
fn an_update_with_another_stage_is_a_change_of_stage() {
    let event = stages("UPDATE", "\"STAGING\"", "3");
    assert_eq!(event.kind, EventKind::StageChanged);
    assert_eq!(event.change.stage_from, Some(Stage::new("staging")));
    assert_eq!(event.change.stage_to, Some(Stage::new("production")));
    assert_eq!(event.change_key.as_deref(), Some("version:1=production"));
    let other = EventKind::Other("UPDATE".into());
    for (before, now) in [("\"STAGING\"", "2"), ("0", "\"UNKNOWN\""), ("null", "3"), ("{}", "3")] {
        assert_eq!(stages("UPDATE", before, now).kind, other, "{before} {now}");
    }
    assert_eq!(stages("UPDATE", "3", "99").change.stage_to, Some(Stage::new("99")), "an unknown number stays one");
    assert_eq!(stages("PROMOTE", "2", "0").change.stage_to, None);
    assert_eq!(stages("READ", "2", "3").change.stage_from, None);
}

#[test]
fn a_deletion_names_what_is_gone() {
    let body = r#"{"event_type":"DELETE","event_uuid":"d","original_entity":{"model_version":{"id":"9","registered_model_id":"77","version":"v1","stage":"STAGING"}}}"#;
    let event = r#"{"kind":"version_deleted","id":"d","registry":"verta","model":{"id":"77"},"version":{"id":"9","name":"v1"},"change":{},"build":{}}"#;
    check(body, event);
    let model = r#"{"event_type":3,"original_entity":{"registered_model":{"id":"77","name":"fraud"}}}"#;
    check(
        model,
        r#"{"kind":"other(DELETE)","registry":"verta","model":{"id":"77","name":"fraud"},"version":{},"change":{},"build":{}}"#,
    );
}

#[test]
fn times_are_milliseconds_or_seconds() {
    let at = |time: &str| read(format!(r#"{{"timestamp":{time}}}"#).as_bytes()).occurred_at.map(Timestamp::as_millis);
    let table = [
        ("1669852800000", Some(1_669_852_800_000)),
        ("\"1669852800000\"", Some(1_669_852_800_000)),
        ("1669852800", Some(1_669_852_800_000)),
        ("\"1669852800\"", Some(1_669_852_800_000)),
        ("1000000000001", Some(1_000_000_000_001)),
        ("9223372036854775807", Some(i64::MAX)),
        ("18446744073709551615", None),
        ("0", None),
        ("\"0\"", None),
        ("-1", None),
        ("1.5", None),
        ("\"2022-12-01\"", None),
        ("true", None),
    ];
    for (time, expected) in table {
        assert_eq!(at(time), expected, "{time}");
    }
}

#[test]
fn a_known_field_of_the_wrong_type_makes_no_promotion() {
    let version = r#"{"model_version":{"id":"1"}}"#;
    let table = [
        (r#"{"event_type":"PROMOTE","new_entity":"text"}"#.to_owned(), "other(unreadable)"),
        (r#"{"event_type":"PROMOTE","new_entity":{"model_version":7}}"#.to_owned(), "other(unreadable)"),
        // Serde would take these lists for the fields in their order.
        (r#"{"event_type":"PROMOTE","new_entity":[null,{"id":"1"}]}"#.to_owned(), "other(unreadable)"),
        (r#"{"event_type":"PROMOTE","new_entity":{"model_version":["1","2"]}}"#.to_owned(), "other(unreadable)"),
        (r#"{"event_type":"REQUEST_SCAN","new_entity":{"scan_request":["1"]}}"#.to_owned(), "other(unreadable)"),
        (r#"{"event_type":"PROMOTE","new_entity":{"model_version":{"id":{}}}}"#.to_owned(), "other(PROMOTE)"),
        (r#"{"event_type":"PROMOTE","new_entity":{"model_version":{"id":true}}}"#.to_owned(), "other(PROMOTE)"),
        (r#"{"event_type":"PROMOTE","new_entity":{"model_version":{"id":""}}}"#.to_owned(), "other(PROMOTE)"),
        (format!(r#"{{"event_type":["PROMOTE"],"new_entity":{version}}}"#), "version_created"),
        (format!(r#"{{"event_type":{{"PROMOTE":4}},"new_entity":{version}}}"#), "version_created"),
        (format!(r#"{{"event_type":4.0,"new_entity":{version}}}"#), "version_created"),
        (format!(r#"{{"event_type":true,"new_entity":{version}}}"#), "version_created"),
        (format!(r#"{{"event_type":"READ","eventType":"PROMOTE","new_entity":{version}}}"#), "other(unreadable)"),
        (format!(r#"{{"event_type":"PROMOTE","new_entity":{version},"newEntity":{version}}}"#), "other(unreadable)"),
        (format!(r#"{{"event_type":"PROMOTE","new_entity":{version}"#), "other(unreadable)"),
        ("{\u{0}".to_owned(), "other(unreadable)"),
    ];
    for (body, expected) in table {
        kind(&body, expected);
    }
    let event = read(br#"{"event_uuid":["x"],"workspace_id":{"a":[1]},"event_type":"READ","timestamp":[]}"#);
    assert_eq!((event.id, event.workspace, event.occurred_at), (None, None, None));
}

#[test]
fn unknown_fields_are_passed_over_however_deep() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let body = |field: &str| {
        format!(
            r#"{{"{field}":{deep},"event_type":"PROMOTE","new_entity":{{"x":{deep},"model_version":{{"id":"1"}}}}}}"#
        )
    };
    kind(&body("unknown"), "promotion");
    kind(&body("event_uuid"), "promotion");
}

#[test]
fn what_is_no_object_is_no_event() {
    for body in ["", "  ", "[]", "null", "\"{}\"", "1", "payload=%7B%7D", "\u{feff}{}"] {
        let parsed = Registry::Verta(registry()).parse("verta", &Caller::new([]), body.as_bytes());
        assert_eq!(parsed, None, "{body}");
    }
}
