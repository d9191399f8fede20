//! The redirect metadata: read, merged, written. And the stage, confirmed.

use serde_json::{Value, json};

use super::*;

const READ: &str = "GET /api/v1/registry/model_versions/1001";
const WRITE: &str = "PATCH /api/v1/registry/registered_models/77/model_versions/1001/full_body";

fn event() -> Event {
    let mut event = Event::new(EventKind::Promotion, "verta");
    event.version.id = Some("1001".into());
    event.model.id = Some("77".into());
    event.change.stage_to = Some(Stage::new("PRODUCTION"));
    event
}

fn complete(url: Option<&str>) -> Outcome {
    Outcome::Promoted { status: Status::Complete, summary: None, url: url.map(str::to_owned) }
}

/// The answer to a read, with that metadata.
fn stands(metadata: &str) -> String {
    json!({"model_version": {"id": "1001", "registered_model_id": "77", "redirect_metadata": metadata}}).to_string()
}

/// The metadata that is written over what stands; `None`: nothing is written, it is done.
fn written(write_back: WriteBack, standing: &str, outcome: &Outcome) -> Option<String> {
    let verta = Verta { write_back, ..registry() };
    let read = answered(verta.next(&event(), outcome, &[]), 200, &stands(standing));
    match verta.next(&event(), outcome, &[read]) {
        Step::Done => None,
        step => {
            let body: Value = serde_json::from_str(&answered(step, 200, "").request.body.unwrap()).unwrap();
            Some(body["model_version"]["redirect_metadata"].as_str().unwrap().to_owned())
        }
    }
}

fn check(standing: &str, outcome: &Outcome, expected: Option<&str>) {
    assert_eq!(written(WriteBack::default(), standing, outcome).as_deref(), expected, "over {standing}");
}

#[test]
fn it_is_read_merged_and_written() {
    let wanted = r#"{"status":"complete","url":"https://prod/7"}"#;
    let body = json!({"model_version": {"redirect_metadata": wanted}, "update_mask": {"paths": ["redirect_metadata"]}});
    let outcome = complete(Some("https://prod/7"));
    for answer in [stands(wanted), "{}".into(), r#"{"model_version":{"id":"1001"}}"#.into()] {
        let lines = told(&registry(), &event(), &outcome, &[(200, &stands("")), (200, &answer)]);
        assert_eq!(lines, [READ.to_owned(), format!("{WRITE} {body}"), "done".into()]);
    }
}

#[test]
fn our_keys_are_set_and_foreign_keys_stay() {
    let prod = complete(Some("https://prod/7"));
    let ours = Some(r#"{"status":"complete","url":"https://prod/7"}"#);
    check("", &prod, ours);
    check("{}", &prod, ours);
    check(r#"{"url":"https://old","status":"in_progress"}"#, &prod, ours);
    check(
        r#"{"owner":"ops","ticket":{"id":7},"status":1}"#,
        &prod,
        Some(r#"{"owner":"ops","status":"complete","ticket":{"id":7},"url":"https://prod/7"}"#),
    );
    // Numbers that no machine number holds stay digit by digit.
    check(
        r#"{"big":123456789012345678901234567890,"f":0.1000000000000000055}"#,
        &complete(None),
        Some(r#"{"big":123456789012345678901234567890,"f":0.1000000000000000055,"status":"complete"}"#),
    );
    for no_object in ["see wiki", "[1]", "null", "\"x\"", "{\"cut\":"] {
        check(no_object, &prod, ours);
    }
}

#[test]
fn without_a_url_its_key_goes() {
    check(r#"{"url":"https://old","owner":"ops"}"#, &complete(None), Some(r#"{"owner":"ops","status":"complete"}"#));
    check(r#"{"url":"https://old"}"#, &Outcome::InProgress, Some(r#"{"status":"in_progress"}"#));
    let failed = Outcome::Promoted { status: Status::Failed, summary: Some("no capacity".into()), url: None };
    check("", &failed, Some(r#"{"status":"failed","summary":"no capacity"}"#));
}

#[test]
fn what_already_stands_is_not_written_again() {
    let prod = complete(Some("https://prod/7"));
    check(r#"{"status":"complete","url":"https://prod/7"}"#, &prod, None);
    check(r#"{ "url":"https:\/\/prod\/7", "owner":"ops", "status":"complete" }"#, &prod, None);
    check(r#"{"status":"complete","owner":0.1000000000000000055}"#, &complete(None), None);
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    check(&format!(r#"{{"status":"complete","owner":{deep}}}"#), &complete(None), None);
    check(
        &format!(r#"{{"owner":{deep}}}"#),
        &complete(None),
        Some(&format!(r#"{{"owner":{deep},"status":"complete"}}"#)),
    );
}

#[test]
fn a_value_that_looks_like_a_placeholder_stays_a_value() {
    let outcome = Outcome::Promoted {
        status: Status::Complete,
        summary: Some("{url} {status}".into()),
        url: Some("https://a/{summary}".into()),
    };
    let redirect = [("all", "{status}: {url} ({summary}) {other}"), ("fixed", "scanrelay")]
        .map(|(key, text)| (key.to_owned(), text.to_owned()));
    let write_back = WriteBack { redirect: redirect.into(), ..WriteBack::default() };
    let expected = r#"{"all":"complete: https://a/{summary} ({url} {status}) {other}","fixed":"scanrelay"}"#;
    assert_eq!(written(write_back, "", &outcome).as_deref(), Some(expected));
}

#[test]
fn method_mask_and_words_are_configurable() {
    type Change = fn(&mut WriteBack);
    let step = |change: Change| {
        let mut verta = registry();
        change(&mut verta.write_back);
        told(&verta, &event(), &complete(None), &[(200, &stands(""))]).remove(1)
    };
    let metadata = r#""redirect_metadata":"{\"status\":\"complete\"}""#;
    let unmasked = "POST /api/v1/registry/registered_models/77/model_versions/1001";
    let table: [(Change, String); 3] = [
        (
            |write_back| write_back.mask = Mask::Text,
            format!(r#"{WRITE} {{"model_version":{{{metadata}}},"update_mask":"redirectMetadata"}}"#),
        ),
        (
            |write_back| {
                write_back.masked = false;
                write_back.redirect_method = "POST".into();
            },
            format!("{unmasked} {{{metadata}}}"),
        ),
        (
            |write_back| {
                write_back.masked = false;
                write_back.complete = "live".into();
            },
            format!("{} {{{}}}", unmasked.replace("POST", "PATCH"), metadata.replace("complete", "live")),
        ),
    ];
    for (change, expected) in table {
        assert_eq!(step(change), expected);
    }
}

#[test]
fn both_spellings_of_the_answer_are_read() {
    let metadata = r#"{\"owner\":\"ops\"}"#;
    let answer = format!(r#"{{"modelVersion":{{"registeredModelId":"78","redirectMetadata":"{metadata}"}}}}"#);
    let lines = told(&registry(), &event(), &complete(None), &[(200, &answer), (200, &answer)]);
    assert!(lines[1].contains("/registered_models/78/") && lines[1].contains("ops"), "{}", lines[1]);
    assert!(lines[2].starts_with("retry: "), "{}", lines[2]);
}

#[test]
fn other_answers_mean_what_their_status_says() {
    let last = |answers: &[(u16, &str)]| told(&registry(), &event(), &complete(None), answers).pop().unwrap();
    for (status, expected) in BY_STATUS {
        assert!(last(&[(status, &stands(""))]).starts_with(expected), "{status} to the read");
        assert!(last(&[(200, &stands("")), (status, &stands(""))]).starts_with(expected), "{status} to the write");
    }
    for garbage in GARBAGE {
        assert!(last(&[(200, garbage)]).starts_with("retry: "), "{garbage:?} to the read");
        assert!(last(&[(200, &stands("")), (200, garbage)]).starts_with("retry: "), "{garbage:?} to the write");
    }
    assert!(last(&[(200, "{}")]).starts_with("retry: "), "no version in the answer");
    assert!(last(&[(200, r#"{"model_version":["77","PRODUCTION","x"]}"#)]).starts_with("retry: "));
    assert!(last(&[(200, &stands("")), (200, &stands("{}"))]).starts_with("retry: "), "something else stands");
}

#[test]
fn ids_come_from_the_registry_first_and_stay_within_their_segment() {
    let path = |model: Option<&str>, version: &str, read: &Value| {
        let mut event = event();
        event.model.id = model.map(str::to_owned);
        event.version.id = Some(version.to_owned());
        let mut lines =
            told(&registry(), &event, &complete(None), &[(200, &json!({"model_version": read}).to_string())]);
        lines.pop().unwrap().split(" {").next().unwrap().to_owned()
    };
    let models = "PATCH /api/v1/registry/registered_models";
    let number = json!({"registered_model_id": 78});
    assert_eq!(path(Some("77"), "1", &number), format!("{models}/78/model_versions/1/full_body"));
    assert_eq!(path(None, "a/b", &number), format!("{models}/78/model_versions/a%2Fb/full_body"));
    assert_eq!(path(Some("../.."), "1", &json!({})), format!("{models}/..%2F../model_versions/1/full_body"));
    for model in [None, Some(""), Some("."), Some("..")] {
        assert!(path(model, "1", &json!({})).starts_with("refused: "), "{model:?}");
    }
    for bad in ["", ".", ".."] {
        let mut event = event();
        event.version.id = Some(bad.into());
        assert!(line(&registry().next(&event, &complete(None), &[])).starts_with("refused: "), "{bad:?}");
        assert!(line(&Registry::Verta(registry()).confirm(&event, &[])).starts_with("refused: "), "{bad:?}");
    }
    assert!(
        line(&registry().next(&Event::new(EventKind::Promotion, "verta"), &complete(None), &[])).starts_with("refused")
    );
}

#[test]
fn a_promotion_stands_while_the_version_has_its_stage() {
    let verta = Registry::Verta(registry());
    let confirm = |status: u16, body: &str| {
        let asked = answered(verta.confirm(&event(), &[]), status, body);
        assert_eq!(asked.request.to_string(), READ);
        line(&verta.confirm(&event(), &[asked]))
    };
    let stage = |stage: &str| confirm(200, &format!(r#"{{"model_version":{{"id":"1001","stage":{stage}}}}}"#));
    assert_eq!(stage("\"PRODUCTION\""), "done");
    assert_eq!(stage("\"Production\""), "done");
    assert_eq!(stage("3"), "done");
    assert_eq!(stage("\"ARCHIVED\""), "refused: the version is at archived now, not at production");
    for none in ["null", "0", "\"UNKNOWN\"", "[3]", "true"] {
        assert_eq!(stage(none), "refused: the version has no stage now, not production", "{none}");
    }
    assert_eq!(confirm(200, r#"{"modelVersion":{"stage":"PRODUCTION"}}"#), "done");
    // Only a version that is gone was taken back by its status.
    for (status, _) in BY_STATUS {
        let expected = if status == 404 { "refused: " } else { "retry: " };
        assert!(confirm(status, "{}").starts_with(expected), "{status}");
    }
    for garbage in GARBAGE.iter().chain(&["{}", r#"{"model_version":["77","PRODUCTION"]}"#]) {
        assert!(confirm(200, garbage).starts_with("retry: "), "{garbage:?}");
    }
    let mut no_stage = event();
    no_stage.change.stage_to = None;
    assert!(line(&verta.confirm(&no_stage, &[])).starts_with("refused: "));
}
