//! The result of a scan, put on the build.

use super::*;

const PATH: &str = "/api/v1/deployment/workspace/acme/builds/5150/scan";
const STANDS: &str = r#"{"id":1,"scan_status":"scanned","safety_status":"safe"}"#;

fn event() -> Event {
    let mut event = Event::new(EventKind::ScanRequest, "verta");
    event.build.id = Some("5150".into());
    event
}

fn scanned(verdict: Verdict) -> Outcome {
    Outcome::Scanned { verdict, summary: Some("two pickles".into()), url: None, at: None }
}

fn check(outcome: &Outcome, answers: &[(u16, &str)], expected: &[&str]) {
    let lines = told(&registry(), &event(), outcome, answers);
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}, not {expected}, after {answers:?}");
    }
}

/// The last step after a `safe` that was answered so.
fn check_safe(answer: &str, expected: &str) {
    let lines = told(&registry(), &event(), &scanned(Verdict::Safe), &[(200, answer)]);
    assert!(lines[1].starts_with(expected), "{}, not {expected}, after {answer}", lines[1]);
}

#[test]
fn each_outcome_has_its_body() {
    let put = |outcome: &Outcome, body: &str| check(outcome, &[], &[&format!("PUT {PATH} {body}")]);
    put(&Outcome::Scanning, r#"{"scan_status":"scanning"}"#);
    let safe = r#"{"scan_external_results":{"safety_status":"safe"},"scan_status":"scanned"}"#;
    put(&scanned(Verdict::Safe), safe);
    put(&scanned(Verdict::Unsafe), &safe.replace("\"safe\"", "\"unsafe\""));
    put(&scanned(Verdict::Error), r#"{"scan_status":"error"}"#);
    put(&scanned(Verdict::Inconclusive), r#"{"scan_status":"error"}"#);
    let url = Some("https://scan/1".to_owned());
    put(
        &Outcome::Scanned { verdict: Verdict::Unsafe, summary: None, url: url.clone(), at: None },
        r#"{"scan_external_results":{"safety_status":"unsafe","url":"https://scan/1"},"scan_status":"scanned"}"#,
    );
    put(&Outcome::Scanned { verdict: Verdict::Error, summary: None, url, at: None }, r#"{"scan_status":"error"}"#);
}

#[test]
fn an_answer_that_agrees_is_the_end() {
    let put = format!("PUT {PATH}");
    check(&scanned(Verdict::Safe), &[(200, STANDS)], &[&put, "done"]);
    check(&Outcome::Scanning, &[(200, r#"{"scan_status":"scanning","safety_status":"unknown"}"#)], &[&put, "done"]);
    check(&scanned(Verdict::Error), &[(201, r#"{"scan_status":"error"}"#)], &[&put, "done"]);
    check_safe(r#"{"scan_status":"scanned"}"#, "done");
    check_safe(r#"{"scan_status":"scanned","scan_external_results":{"safety_status":"safe"}}"#, "done");
    check_safe(r#"{"scan_status":"scanned","scan_external_status":{"safety_status":"safe"}}"#, "done");
    check_safe(r#"{"scan_status":"scanned","scan_external_results":null,"unknown":[1]}"#, "done");
    let both = r#"{"safety_status":"safe","url":"u"}"#;
    check_safe(
        &format!(r#"{{"scan_status":"scanned","scan_external_results":{both},"scan_external_status":{both}}}"#),
        "done",
    );
}

#[test]
fn an_answer_that_disagrees_is_tried_again() {
    check_safe(r#"{"scan_status":"scanning"}"#, "retry: ");
    check_safe(r#"{"scan_status":"scanned","safety_status":"unsafe"}"#, "retry: ");
    check_safe(r#"{"scan_status":"scanned","safety_status":"unknown"}"#, "retry: ");
    check_safe(r#"{"scan_status":"scanned","scan_external_results":{"safety_status":"unsafe"}}"#, "retry: ");
    check_safe(r#"{"scan_status":"scanned","scan_external_status":{"safety_status":"unsafe"}}"#, "retry: ");
    check_safe(
        r#"{"scan_status":"scanned","safety_status":"safe","scan_external_results":{"safety_status":"unsafe"}}"#,
        "retry: ",
    );
    check_safe(r#"{"scan_status":1}"#, "retry: ");
    let put = format!("PUT {PATH}");
    check(&scanned(Verdict::Unsafe), &[(200, STANDS)], &[&put, "retry: "]);
    check(&scanned(Verdict::Error), &[(200, STANDS)], &[&put, "retry: "]);
}

#[test]
fn an_answer_that_does_not_say_is_read_back() {
    let (put, get) = (format!("PUT {PATH}"), format!("GET {PATH}"));
    let safe = scanned(Verdict::Safe);
    check(&safe, &[(200, "{}"), (200, STANDS)], &[&put, &get, "done"]);
    check(&safe, &[(200, "{}"), (200, "{}")], &[&put, &get, "retry: "]);
    check(
        &safe,
        &[(200, "{}"), (200, r#"{"scan_status":"scanned","safety_status":"unsafe"}"#)],
        &[&put, &get, "retry: "],
    );
    check(&safe, &[(200, r#"{"scan_status":null}"#), (503, "")], &[&put, &get, "retry: "]);
    check(&safe, &[(200, "{}"), (404, "")], &[&put, &get, "refused: "]);
}

#[test]
fn other_answers_mean_what_their_status_says() {
    let (put, get) = (format!("PUT {PATH}"), format!("GET {PATH}"));
    for (status, expected) in BY_STATUS {
        check(&scanned(Verdict::Safe), &[(status, STANDS)], &[&put, expected]);
        check(&scanned(Verdict::Safe), &[(200, "{}"), (status, STANDS)], &[&put, &get, expected]);
    }
    for garbage in GARBAGE {
        check(&scanned(Verdict::Safe), &[(200, garbage)], &[&put, "retry: "]);
        check(&scanned(Verdict::Safe), &[(200, "{}"), (200, garbage)], &[&put, &get, "retry: "]);
    }
}

#[test]
fn reasons_name_the_status_and_never_the_answer() {
    for (status, _) in BY_STATUS {
        let lines = told(&registry(), &event(), &scanned(Verdict::Safe), &[(status, "sesame")]);
        assert!(lines[1].contains(&status.to_string()) && !lines[1].contains("sesame"), "{}", lines[1]);
    }
    let lines = told(&registry(), &event(), &scanned(Verdict::Safe), &[(200, r#"{"scan_status":"sesame"}"#)]);
    assert!(!lines[1].contains("sesame"), "{}", lines[1]);
}

#[test]
fn ids_stay_within_their_segment() {
    let path = |workspace: &str, build: &str| {
        let verta = Verta { workspace: Some(workspace.into()), ..Verta::default() };
        let mut event = event();
        event.build.id = Some(build.into());
        line(&verta.next(&event, &Outcome::Scanning, &[])).replace(r#" {"scan_status":"scanning"}"#, "")
    };
    let builds = "PUT /api/v1/deployment/workspace/acme/builds";
    assert_eq!(path("acme", "../.."), format!("{builds}/..%2F../scan"));
    assert_eq!(path("acme", "a/b"), format!("{builds}/a%2Fb/scan"));
    assert_eq!(path("acme", "7?x=1#y"), format!("{builds}/7%3Fx%3D1%23y/scan"));
    assert_eq!(path("acme", "a\r\nb\\é"), format!("{builds}/a%0D%0Ab%5C%C3%A9/scan"));
    assert_eq!(path("a/c me", "7"), "PUT /api/v1/deployment/workspace/a%2Fc%20me/builds/7/scan");
    // A URL parser takes `%2E%2E` for `..`: such an id cannot be written at all.
    for bad in ["", ".", ".."] {
        assert!(path("acme", bad).starts_with("refused: "), "build {bad:?}");
        assert!(path(bad, "7").starts_with("refused: "), "workspace {bad:?}");
    }
}

#[test]
fn without_build_or_workspace_nothing_is_sent() {
    let refused = |verta: &Verta, event: &Event| line(&verta.next(event, &Outcome::Scanning, &[]));
    assert!(refused(&Verta::default(), &event()).starts_with("refused: "));
    assert!(refused(&registry(), &Event::new(EventKind::ScanRequest, "verta")).starts_with("refused: "));
}

#[test]
fn key_and_method_are_configurable() {
    let mut verta = registry();
    verta.write_back.scan_method = "PATCH".into();
    verta.write_back.scan_results_key = "scan_external_status".into();
    let lines = told(&verta, &event(), &scanned(Verdict::Safe), &[(200, "{}")]);
    let body = r#"{"scan_external_status":{"safety_status":"safe"},"scan_status":"scanned"}"#;
    assert_eq!(lines, [format!("PATCH {PATH} {body}"), format!("GET {PATH}")]);
}
