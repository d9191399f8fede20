//! Mappings and templates as tables, and what no value can do.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::plugin::{Status, Verdict};
use crate::registry::Registry;
use crate::{EventKind, Stage};

fn mapped() -> Generic {
    let mut mapping = Mapping::new(Pointer::parse("/type").unwrap());
    mapping.kinds.insert("model.promoted".into(), EventKind::Promotion);
    mapping.id = Pointer::parse("/id");
    mapping.occurred_at = Pointer::parse("/at");
    mapping.model = Pointer::parse("/data/model~1name");
    mapping.version = Pointer::parse("/data/versions/0");
    mapping.stage = Pointer::parse("/data/stage");
    mapping.tag = Pointer::parse("/data/tag/key");
    mapping.tag_value = Pointer::parse("/data/tag/value");
    mapping.artifact_uri = Pointer::parse("/data/files");
    Generic { mapping: Some(mapping), ..Generic::default() }
}

fn read(generic: &Generic, body: &str) -> Event {
    generic.read("other", body.as_bytes()).unwrap().event
}

#[test]
fn a_body_means_what_the_mapping_says() {
    let event = read(
        &mapped(),
        r#"{"type":"model.promoted","id":"e-1","at":1669852800,"data":{"model/name":"fraud","versions":[3],"stage":"Production",
            "tag":{"key":"approved","value":true},"files":"s3://bucket/x.pkl"}}"#,
    );
    assert_eq!((&event.kind, event.id.as_deref()), (&EventKind::Promotion, Some("e-1")));
    assert_eq!((event.model.name.as_deref(), event.version.name.as_deref()), (Some("fraud"), Some("3")));
    assert_eq!(event.change.stage_to, Some(Stage::new("production")));
    let tag = event.change.tag.as_ref().unwrap();
    assert_eq!((tag.key.as_str(), tag.value.as_deref()), ("approved", Some("true")));
    assert_eq!(event.occurred_at.map(crate::Timestamp::as_millis), Some(1_669_852_800_000));
    let ArtifactStep::Found(found) = super::artifacts(&event) else { panic!("no files") };
    assert_eq!((found[0].name.as_str(), found[0].extension.as_deref()), ("x.pkl", Some("pkl")));
}

#[test]
fn a_model_without_an_id_is_called_by_its_workspace_and_name() {
    let mut mapping = Mapping::new(Pointer::parse("/type").unwrap());
    mapping.workspace = Pointer::parse("/workspace");
    mapping.model = Pointer::parse("/model");
    let subject = |mapping: &Mapping, body: &str| {
        let event = read(&Generic { mapping: Some(mapping.clone()), ..Generic::default() }, body);
        event.subject()
    };
    let body = |workspace: &str| format!(r#"{{"type":"promotion","workspace":"{workspace}","model":"fraud","id":7}}"#);
    assert_eq!(subject(&mapping, &body("acme")), "model:acme/fraud");
    assert_eq!(subject(&mapping, &body("a/b")), "model:a%2Fb/fraud");
    assert_eq!(subject(&mapping, r#"{"type":"promotion","model":"fraud"}"#), "model:fraud");
    mapping.model_id = Pointer::parse("/id");
    assert_eq!(subject(&mapping, &body("acme")), "model:7");
}

#[test]
fn what_is_not_mapped_is_other() {
    for (generic, body, kind) in [
        (Generic::default(), r#"{"type":"promotion"}"#, "other(unknown)"),
        (mapped(), r#"{"type":"promotion"}"#, "promotion"),
        (mapped(), r#"{"type":"model.deleted"}"#, "other(model.deleted)"),
        (mapped(), r#"{"type":["promotion"]}"#, "other(unknown)"),
        (mapped(), r#"{"kind":"promotion"}"#, "other(unknown)"),
    ] {
        assert_eq!(read(&generic, body).kind.to_string(), kind, "{body}");
    }
}

#[test]
fn a_pointer_is_one_of_rfc_6901() {
    for good in ["/", "/a", "/a/0", "/a~1b", "/a~0b", "//"] {
        assert!(Pointer::parse(good).is_some(), "{good}");
    }
    for bad in ["", "a", "a/b", "/a~", "/a~2", "/~x"] {
        assert!(Pointer::parse(bad).is_none(), "{bad}");
    }
}

const PATH: &str = "/models/{model}/v{version}?state={word}&report={url}";
const BODY: &str = r#"{"verdict":"{word}","note":"{{{summary}}}","links":["{url}"],"n":1}"#;

fn tell(path: &str, body: &str) -> Result<Tell, TemplateError> {
    Tell::new(Method::Put, path, body, Words::default())
}

fn told(generic: &Generic, event: &Event, outcome: &Outcome) -> String {
    match Registry::Generic(Box::new(generic.clone())).next(event, outcome, &[]) {
        Step::Send(request) => format!("{request} {}", request.body.as_deref().unwrap()),
        step => format!("{step:?}"),
    }
}

fn scanned(verdict: Verdict, url: Option<&str>) -> Outcome {
    Outcome::Scanned { verdict, summary: Some("two \"pickles\"".into()), url: url.map(str::to_owned), at: None }
}

#[test]
fn an_outcome_is_told_as_the_template_says() {
    let mut generic = mapped();
    generic.scan = Some(tell(PATH, BODY).unwrap());
    let mut event = read(&generic, r#"{"type":"scan_request","data":{"model/name":"a/b?c#d e","versions":["3"]}}"#);
    assert_eq!(
        told(&generic, &event, &scanned(Verdict::Unsafe, Some("https://s.example.com/1?a=b&c"))),
        r#"PUT /models/a%2Fb%3Fc%23d%20e/v3?state=unsafe&report=https%3A%2F%2Fs.example.com%2F1%3Fa%3Db%26c {"links":["https://s.example.com/1?a=b&c"],"n":1,"note":"{two \"pickles\"}","verdict":"unsafe"}"#
    );
    // What is not known is left out.
    assert_eq!(
        told(&generic, &event, &scanned(Verdict::Error, None)),
        r#"PUT /models/a%2Fb%3Fc%23d%20e/v3?state=error {"links":[],"n":1,"note":"{two \"pickles\"}","verdict":"error"}"#
    );
    assert_eq!(told(&generic, &event, &Outcome::Scanning), "Done", "beginnings are told to who asked for them");
    generic.scan = generic.scan.map(Tell::with_progress);
    assert!(told(&generic, &event, &Outcome::Scanning).contains("state=scanning"));
    let promoted = Outcome::Promoted { status: Status::Complete, summary: None, url: None };
    assert_eq!(told(&generic, &event, &promoted), "Done", "nobody asked to be told of promotions");
    event.model.name = None;
    assert!(told(&generic, &event, &scanned(Verdict::Safe, None)).starts_with("Refused"));
}

#[test]
fn an_answer_ends_it_or_begins_it_anew() {
    let mut generic = mapped();
    generic.scan = Some(tell("/x", "{}").unwrap());
    let event = read(&generic, r#"{"type":"scan_request"}"#);
    let outcome = scanned(Verdict::Safe, None);
    let Step::Send(request) = generic.next(&event, &outcome, &[]) else { panic!("nothing is sent") };
    for (status, body, end) in [
        (200, "", "Done"),
        (204, "", "Done"),
        (201, r#"{"ok":true}"#, "Done"),
        (200, "<html>log in</html>", "Retry"),
        (302, "", "Refused"),
        (401, "", "Retry"),
        (403, "", "Retry"),
        (404, "", "Refused"),
        (408, "", "Retry"),
        (429, "", "Retry"),
        (500, "", "Retry"),
    ] {
        let step = generic.next(&event, &outcome, &[Exchange::new(request.clone(), status, body)]);
        assert!(format!("{step:?}").starts_with(end), "{status} {body}: {step:?}");
    }
}

#[test]
fn a_template_at_fault_is_told() {
    use TemplateError::{Body, Brace, Path, Query};
    let unknown = |name: &str| TemplateError::Unknown(name.into(), String::new());
    for (path, body, expected) in [
        ("x", "{}", Path),
        ("https://elsewhere.example.com/", "{}", Path),
        ("/x#y", "{}", Path),
        ("/x?y", "{}", Query),
        ("/x?=y", "{}", Query),
        ("/x?{model}=y", "{}", Query),
        ("/{model", "{}", Brace),
        ("/model}", "{}", Brace),
        ("/{host}", "{}", unknown("host")),
        ("/x", "[]", Body),
        ("/x", r#"{"a":{word}}"#, Body),
        ("/x", r#"{"a":"{nobody}"}"#, unknown("nobody")),
    ] {
        match (tell(path, body).unwrap_err(), expected) {
            (TemplateError::Unknown(name, _), TemplateError::Unknown(expected, _)) => assert_eq!(name, expected),
            (error, expected) => assert_eq!(error, expected, "{path} {body}"),
        }
    }
}

#[test]
fn a_promotion_is_confirmed_by_what_stands_at_the_pointer() {
    let mut generic = mapped();
    let event = read(&generic, r#"{"type":"model.promoted","data":{"model/name":"fraud","stage":"Production"}}"#);
    assert!(matches!(generic.confirm(&event, &[]), Step::Retry(_)));
    generic.confirm = Some(Ask::new("/models/{model}", Pointer::parse("/stages").unwrap(), "{stage}").unwrap());
    let Step::Send(request) = generic.confirm(&event, &[]) else { panic!("nothing is asked") };
    assert_eq!(request.to_string(), "GET /models/fraud");
    for (status, body, end) in [
        (200, r#"{"stages":"Production"}"#, "Done"),
        (200, r#"{"stages":["Staging","PRODUCTION"]}"#, "Done"),
        (200, r#"{"stages":["Staging"]}"#, "Refused"),
        (200, r#"{"stages":null}"#, "Refused"),
        (200, "{}", "Refused"),
        (404, "", "Refused"),
        (400, "", "Retry"),
        (200, "<html>", "Retry"),
        (503, "", "Retry"),
    ] {
        let step = generic.confirm(&event, &[Exchange::new(request.clone(), status, body)]);
        assert!(format!("{step:?}").starts_with(end), "{status} {body}: {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the payload says, the request has the segments, the query's names and the JSON's shape of its template.
    #[test]
    fn no_value_is_more_than_a_value(model in ".*", version in ".*", url in ".*") {
        let mut generic = mapped();
        generic.scan = Some(tell(PATH, BODY).unwrap());
        let body = json!({ "type": "scan_request", "data": { "model/name": model, "versions": [version] } });
        let event = read(&generic, &body.to_string());
        match generic.next(&event, &scanned(Verdict::Safe, Some(&url)), &[]) {
            Step::Send(request) => {
                let (path, query) = request.path.split_once('?').unwrap();
                let segments: Vec<&str> = path.split('/').collect();
                prop_assert_eq!((segments.len(), segments[1], &segments[3][..1]), (4, "models", "v"));
                prop_assert!(![".", "..", ""].contains(&segments[2]));
                let names: Vec<&str> = query.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
                prop_assert_eq!(names, ["state", "report"]);
                prop_assert!(request.path.bytes().all(|byte| byte.is_ascii_graphic()) && !request.path.contains('#'));
                let body: Value = serde_json::from_str(&request.body.unwrap()).unwrap();
                prop_assert_eq!(body, json!({
                    "verdict": "safe", "note": "{two \"pickles\"}", "links": [url], "n": 1,
                }));
            }
            step => prop_assert!(
                model.is_empty() || version.is_empty() || [".", ".."].contains(&model.as_str()), "{step:?}"
            ),
        }
    }
}
