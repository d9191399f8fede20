//! What a report comes to.

mod large;
mod sarif;

use super::*;

/// The verdict and the findings' `SEVERITY ID`, or why it is no result.
fn check(report: &Report, document: &str, expected: Result<(Verdict, &[&str]), &str>) {
    let said = match report.conclude(document.as_bytes(), Severity::High) {
        Ok(Conclusion::Scan { verdict, findings, .. }) => {
            let rows = findings.iter().map(|found| format!("{:?} {}", found.severity, found.id)).collect();
            Ok((verdict, rows))
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    match (said, expected) {
        (Ok((verdict, rows)), Ok(expected)) => {
            let rows: Vec<String> = rows;
            assert_eq!(
                (verdict, rows.iter().map(String::as_str).collect::<Vec<_>>()),
                (expected.0, expected.1.to_vec())
            );
        }
        (Err(said), Err(expected)) => assert!(said.contains(expected), "{said:?} does not say {expected:?}"),
        (said, expected) => panic!("{document}\n  {said:?} instead of {expected:?}"),
    }
}

fn json(least: Option<u64>) -> Report {
    let mut pointers = Pointers::to_findings("/issues");
    pointers.scanned = Some("/scanned".into());
    let mut report = Report::new(Format::Json(pointers));
    report.scanned_at_least = least;
    report
}

/// The same, of a scanner that says what went wrong.
fn json_with_errors() -> Report {
    let mut report = json(None);
    if let Format::Json(pointers) = &mut report.format {
        pointers.errors = Some("/errors".into());
    }
    report
}

#[test]
fn what_nobody_has_looked_at_is_never_safe() {
    let check = |document: &str, verdict: Verdict| check(&json(Some(1)), document, Ok((verdict, &[])));
    check(r#"{"issues":[],"scanned":1}"#, Verdict::Safe);
    check(r#"{"issues":[],"scanned":["a.pkl"]}"#, Verdict::Safe);
    for nothing in [r#""scanned":0"#, r#""scanned":[]"#, r#""scanned":"1""#, r#""scanned":-1"#, r#""x":1"#] {
        check(&format!(r#"{{"issues":[],{nothing}}}"#), Verdict::Inconclusive);
    }
}

#[test]
fn errors_are_no_result_and_hide_no_finding() {
    let report = json_with_errors();
    for errors in [r#"["it broke"]"#, r#""it broke""#, "1", "true", r#"{"a":"it broke"}"#] {
        check(&report, &format!(r#"{{"issues":[],"errors":{errors}}}"#), Err("its report tells of 1 errors"));
    }
    for none in ["[]", "[ ]", "0", "false", "null", "\"\"", "{}", "{ }"] {
        check(&report, &format!(r#"{{"issues":[],"errors":{none}}}"#), Ok((Verdict::Safe, &[])));
    }
    let document = r#"{"issues":[{"id":"os.system","severity":"CRITICAL"}],"errors":["it broke"]}"#;
    check(&report, document, Ok((Verdict::Unsafe, &["Critical os.system"])));
    let harmless = r#"{"issues":[{"id":"x","severity":"low"}],"errors":["it broke"]}"#;
    check(&report, harmless, Err("it broke"));
}

#[test]
fn errors_that_are_not_where_they_should_be_are_not_none() {
    let report = json_with_errors();
    check(&report, r#"{"issues":[]}"#, Err("there is nothing at /errors"));
    check(&report, r#"{"issues":[],"error":["it broke"]}"#, Err("there is nothing at /errors"));
    check(&report, r#"{"issues":[{"severity":"critical"}]}"#, Err("there is nothing at /errors"));
}

#[test]
fn a_severity_that_nobody_knows_counts_as_the_worst() {
    let rows = r#"{"issues":[{"id":"a","severity":"Low"},{"id":"b","severity":"odd"},{"id":3},7]}"#;
    check(&json(None), rows, Ok((Verdict::Unsafe, &["Low a", "Unknown b", "Unknown 3", "Unknown finding"])));
}

#[test]
fn what_is_no_report_is_no_result() {
    for (document, words) in [
        ("", "it is not JSON"),
        ("Scanning...\n{}", "it is not JSON"),
        ("{}", "there is no list at /issues"),
        (r#"{"issues":{}}"#, "there is no list at /issues"),
        (r#"{"issues":[]"#, "it is not JSON"),
    ] {
        check(&json(None), document, Err(words));
    }
    let sarif = Report::new(Format::Sarif);
    for (document, words) in [
        (r#"{"version":"2.0.0","runs":[]}"#, "SARIF version \"2.0.0\""),
        (r#"{"version":"2.1.0","runs":[]}"#, "it has no run"),
        (r#"{"version":"2.1.0","runs":[{"tool":{}}]}"#, "a run of it has no results"),
    ] {
        check(&sarif, document, Err(words));
    }
}

#[test]
fn sarif_is_read_with_its_rules_levels_and_scores() {
    let run = |results: &str, more: &str| {
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t","rules":[
                {{"id":"R1","properties":{{"security-severity":"9.8"}}}},
                {{"id":"R2","defaultConfiguration":{{"level":"error"}}}},
                {{"id":"R3","properties":{{"security-severity":5}}}}]}}}},"results":[{results}]{more}}}]}}"#
        )
    };
    let mut report = Report::new(Format::Sarif);
    let all = r#"{"ruleId":"R1","level":"note","message":{"text":"m"}},{"ruleIndex":1,"message":{"text":"m"}},
        {"ruleId":"R3"},{"ruleId":"R9"},{"ruleId":"N","level":"note"},{"ruleId":"O","level":"odd"},
        {"ruleId":"P","kind":"pass","level":"none"},{"ruleId":"R2","kind":"review"},{"ruleId":"S","level":"error","suppressions":[{"kind":"inSource"}]}"#;
    let rows = ["Critical R1", "High R2", "Medium R3", "Medium R9", "Low N", "Unknown O", "Unknown R2", "High S"];
    check(&report, &run(all, ""), Ok((Verdict::Unsafe, &rows)));
    check(&report, &run("", ""), Ok((Verdict::Safe, &[])));
    let broken = r#","invocations":[{"executionSuccessful":false}]"#;
    check(&report, &run("", broken), Err("it did not succeed"));
    let said = r#","invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"no database"}}]}]"#;
    check(&report, &run("", said), Err("no database"));
    report.scanned_at_least = Some(2);
    check(&report, &run("", ""), Ok((Verdict::Inconclusive, &[])));
    check(&report, &run("", r#","artifacts":[{},{}]"#), Ok((Verdict::Safe, &[])));
}

#[test]
fn who_has_looked_is_told_by_the_report() {
    let check = |report: &Report, document: &str, expected: Option<&str>| match report
        .conclude(document.as_bytes(), Severity::High)
    {
        Ok(Conclusion::Scan { version, .. }) => assert_eq!(version.as_deref(), expected, "{document}"),
        other => panic!("{other:?}"),
    };
    let mut report = json(None);
    check(&report, r#"{"issues":[],"tool":{"version":"1.2"}}"#, None);
    if let Format::Json(pointers) = &mut report.format {
        pointers.version = Some("/tool/version".into());
    }
    check(&report, r#"{"issues":[],"tool":{"version":"1.2"}}"#, Some("1.2"));
    check(&report, r#"{"issues":[],"tool":{"version":12}}"#, None);
    check(&report, r#"{"issues":[]}"#, None);
    let sarif = |drivers: &[&str]| {
        let runs = drivers.iter().map(|driver| format!(r#"{{"tool":{{"driver":{driver}}},"results":[]}}"#));
        format!(r#"{{"version":"2.1.0","runs":[{}]}}"#, runs.collect::<Vec<_>>().join(","))
    };
    let report = Report::new(Format::Sarif);
    check(&report, &sarif(&[r#"{"name":"a"}"#]), None);
    check(&report, &sarif(&[r#"{"name":"a","version":"2"}"#]), Some("a 2"));
    check(&report, &sarif(&[r#"{"name":"a","version":"2","semanticVersion":"2.0.1"}"#]), Some("a 2.0.1"));
    let two = [r#"{"name":"b","version":"1"}"#, r#"{"name":"a","version":"2"}"#, r#"{"name":"b","version":"1"}"#];
    check(&report, &sarif(&two), Some("a 2, b 1"));
}

#[test]
fn a_report_is_bounded_as_lines_are() {
    let row = format!(r#"{{"id":"{0}","severity":"low","message":"{0}"}}"#, "é".repeat(5000));
    let document = format!(r#"{{"issues":[{}]}}"#, vec![row; 1001].join(","));
    let Ok(Conclusion::Scan { verdict, findings, more_findings, .. }) =
        json(None).conclude(document.as_bytes(), Severity::High)
    else {
        panic!("it is no result")
    };
    assert_eq!((verdict, findings.len(), more_findings), (Verdict::Safe, 1000, 1));
    assert!(findings[0].id.len() <= 1024 && findings[0].message.len() <= 4096);
}
