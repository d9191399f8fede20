//! What the lines of a run come to.

use super::*;

const SAFE: &str = r#"{"type":"result","verdict":"safe"}"#;
const UNSAFE: &str = r#"{"type":"result","verdict":"unsafe"}"#;
const COMPLETE: &str = r#"{"type":"result","status":"complete"}"#;

fn finding(severity: &str) -> String {
    format!(r#"{{"type":"finding","id":"x","severity":"{severity}","message":"m"}}"#)
}

fn ended<'a>(
    kind: PluginKind,
    fail_on: Severity,
    lines: impl IntoIterator<Item = &'a str>,
) -> Result<Conclusion, Fault> {
    let mut transcript = Transcript::new(kind, fail_on);
    for line in lines {
        transcript.take(line.as_bytes());
    }
    transcript.end()
}

/// A scanner that fails on high.
fn check(lines: &[&str], expected: Result<Verdict, Fault>) {
    let verdict =
        ended(PluginKind::Scanner, Severity::High, lines.iter().copied()).map(|conclusion| match conclusion {
            Conclusion::Scan { verdict, .. } => verdict,
            Conclusion::Action { .. } => panic!("a scanner acted: {lines:?}"),
        });
    assert_eq!((lines, verdict), (lines, expected));
}

#[test]
fn exactly_one_result_of_the_plugins_kind() {
    let foreign = || Fault::ForeignResult(PluginKind::Scanner);
    check(&[SAFE], Ok(Verdict::Safe));
    check(&["loading", SAFE, "bye", r#"{"type":"progress","message":"m"}"#], Ok(Verdict::Safe));
    check(&[UNSAFE], Ok(Verdict::Unsafe));
    check(&[r#"{"type":"result","verdict":"inconclusive"}"#], Ok(Verdict::Inconclusive));
    check(&[], Err(Fault::NoResult));
    check(&["safe", &SAFE[..SAFE.len() - 1]], Err(Fault::HalfResult));
    check(&[SAFE, SAFE], Err(Fault::SecondResult));
    check(&[UNSAFE, SAFE], Err(Fault::SecondResult));
    check(&[COMPLETE], Err(foreign()));
    check(&[COMPLETE, SAFE], Err(foreign()));
    check(&[SAFE, COMPLETE], Err(foreign()));

    let action = |lines: &[&str]| ended(PluginKind::Action, Severity::High, lines.iter().copied());
    let complete = Conclusion::Action { status: Status::Complete, summary: None, url: None };
    assert_eq!(action(&[COMPLETE]), Ok(complete.clone()));
    assert_eq!(action(&[&finding("critical"), COMPLETE]), Ok(complete));
    assert_eq!(action(&[SAFE]), Err(Fault::ForeignResult(PluginKind::Action)));
    assert_eq!(action(&[COMPLETE, COMPLETE]), Err(Fault::SecondResult));
}

#[test]
fn a_finding_that_reaches_the_limit_makes_safe_unsafe() {
    check(&[&finding("medium"), SAFE], Ok(Verdict::Safe));
    check(&[&finding("high"), SAFE], Ok(Verdict::Unsafe));
    check(&[&finding("critical"), SAFE], Ok(Verdict::Unsafe));
    check(&[&finding("unknown"), SAFE], Ok(Verdict::Unsafe));
    check(&[SAFE, &finding("high")], Ok(Verdict::Unsafe));
    check(&[&finding("info"), UNSAFE], Ok(Verdict::Unsafe));
    check(&[&finding("critical"), r#"{"type":"result","verdict":"inconclusive"}"#], Ok(Verdict::Inconclusive));
}

#[test]
fn an_unknown_limit_is_reached_by_any_finding() {
    for severity in ["informational", "critical", "unknown"] {
        let conclusion = ended(PluginKind::Scanner, Severity::Unknown, [finding(severity).as_str(), SAFE]).unwrap();
        assert!(matches!(conclusion, Conclusion::Scan { verdict: Verdict::Unsafe, .. }), "{severity}");
    }
}

#[test]
fn the_first_fault_is_told_and_no_result_mends_it() {
    let form = || Fault::Line(LineError::Form("finding"));
    check(&[r#"{"type":"finding"}"#, SAFE], Err(form()));
    check(&[SAFE, r#"{"type":"finding"}"#], Err(form()));
    check(&[r#"{"type":"finding"}"#, COMPLETE, SAFE, SAFE], Err(form()));
    check(&[r#"{"type":"result","verdict":"error"}"#, SAFE], Err(Fault::Line(LineError::Result)));
    check(&[r#"{"type":"result","verdict":"safe","url":"javascript:x"}"#, SAFE], Err(Fault::Line(LineError::Url)));
}

#[test]
fn a_finding_that_cannot_be_read_is_no_log() {
    let no_json = || Err(Fault::Line(LineError::NoJson));
    let nan = r#"{"type":"finding","id":"x","severity":"critical","message":"m","score":NaN}"#;
    check(&[nan, SAFE], no_json());
    check(&[SAFE, nan], no_json());
    // The file's name has a line feed in it, which whoever made the model has written.
    let halves = [r#"{"type":"finding","id":"x","severity":"critical","message":"m","location":"a"#, r#"b.pkl"}"#];
    check(&[halves[0], halves[1], SAFE], no_json());
    check(&[halves[0], halves[1]], Err(Fault::HalfResult));
}

#[test]
fn findings_beyond_a_thousand_still_count() {
    let low = finding("low");
    let many = std::iter::repeat_n(low.as_str(), MAX_FINDINGS + 1);
    let critical = finding("critical");
    let conclusion = ended(PluginKind::Scanner, Severity::High, many.chain([critical.as_str(), SAFE])).unwrap();
    let Conclusion::Scan { verdict, findings, more_findings, .. } = conclusion else { panic!("no scan") };
    assert_eq!((verdict, findings.len(), more_findings), (Verdict::Unsafe, MAX_FINDINGS, 2));
}

#[test]
fn summary_and_url_are_kept() {
    let line = r#"{"type":"result","verdict":"unsafe","summary":"two pickles","url":"https://scan/1"}"#;
    let conclusion = ended(PluginKind::Scanner, Severity::High, [line]).unwrap();
    let json = r#"{"kind":"scan","verdict":"unsafe","summary":"two pickles","url":"https://scan/1","more_findings":0}"#;
    assert_eq!(serde_json::to_string(&conclusion).unwrap(), json);
    assert_eq!(serde_json::from_str::<Conclusion>(json).unwrap(), conclusion);
}

#[test]
fn a_long_json_line_is_a_fault_and_long_log_is_log() {
    let mut transcript = Transcript::new(PluginKind::Scanner, Severity::High);
    assert_eq!(transcript.take("x".repeat(MAX_LINE + 1).as_bytes()), Taken::Log);
    let exact = format!(r#"{{"type":"progress","message":"m"}}{}"#, " ".repeat(MAX_LINE - 33));
    assert_eq!(exact.len(), MAX_LINE);
    assert_eq!(transcript.take(exact.as_bytes()), Taken::Progress { message: "m".into(), percent: None });
    assert_eq!(transcript.take(SAFE.as_bytes()), Taken::Kept);
    assert!(transcript.clone().end().is_ok());
    assert_eq!(transcript.take(format!("  {{{}", " ".repeat(MAX_LINE)).as_bytes()), Taken::Fault);
    assert_eq!(transcript.end(), Err(Fault::LongLine));
}

#[test]
fn each_line_is_told_for_what_it_is() {
    let mut transcript = Transcript::new(PluginKind::Scanner, Severity::High);
    let checkpoint = transcript.take(br#"{"type":"checkpoint","data":[1]}"#);
    assert_eq!(checkpoint, Taken::Checkpoint(serde_json::json!([1])));
    assert_eq!(transcript.take(b"words"), Taken::Log);
    assert_eq!(transcript.take(finding("low").as_bytes()), Taken::Kept);
    assert_eq!(transcript.take(br#"{"type":"finding"}"#), Taken::Fault);
}
