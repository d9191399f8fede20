//! Reports as large as they come: what is read of them is bounded, and nothing that counts is lost.

use super::*;

fn conclude(report: &Report, document: &str) -> (Verdict, usize, usize) {
    match report.conclude(document.as_bytes(), Severity::High) {
        Ok(Conclusion::Scan { verdict, findings, more_findings, .. }) => (verdict, findings.len(), more_findings),
        other => panic!("{other:?}"),
    }
}

fn repeated(row: &str, times: usize, last: &str) -> String {
    let mut rows = format!("{row},").repeat(times);
    rows.push_str(last);
    rows
}

#[test]
fn three_million_findings_are_a_thousand_and_a_number() {
    let rows = repeated("0", 2_999_999, "0");
    assert_eq!(conclude(&json(None), &format!(r#"{{"issues":[{rows}]}}"#)), (Verdict::Unsafe, 1000, 2_999_000));
}

#[test]
fn the_last_of_many_findings_counts() {
    let low = r#"{"severity":"low"}"#;
    for (last, verdict) in [(low, Verdict::Safe), (r#"{"severity":"critical"}"#, Verdict::Unsafe)] {
        let rows = repeated(low, 100_000, last);
        assert_eq!(conclude(&json(None), &format!(r#"{{"issues":[{rows}]}}"#)), (verdict, 1000, 99_001));
    }
    let note = r#"{"level":"note"}"#;
    for (last, verdict) in [(note, Verdict::Safe), (r#"{"level":"error"}"#, Verdict::Unsafe)] {
        let document = format!(r#"{{"version":"2.1.0","runs":[{{"results":[{}]}}]}}"#, repeated(note, 100_000, last));
        assert_eq!(conclude(&Report::new(Format::Sarif), &document), (verdict, 1000, 99_001));
    }
}

#[test]
fn many_rules_are_not_gone_through_for_each_result() {
    let rules: Vec<String> = (0..20_000).map(|number| format!(r#"{{"id":"R{number}"}}"#)).collect();
    let results: Vec<String> = (0..20_000).map(|number| format!(r#"{{"ruleId":"N{number}/1/2/3"}}"#)).collect();
    let document = |rules: &[String]| {
        let (rules, results) = (rules.join(","), results.join(","));
        format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"rules":[{rules}]}}}},"results":[{results}]}}]}}"#)
    };
    assert_eq!(conclude(&Report::new(Format::Sarif), &document(&rules)), (Verdict::Safe, 1000, 19_000));
    check(&Report::new(Format::Sarif), &document(&vec!["{}".to_owned(); 100_001]), Err("more than 100000 rules"));
    let extensions = format!(r#"{{"extensions":[{}]}}"#, repeated("{}", 255, "{}"));
    let document = format!(r#"{{"version":"2.1.0","runs":[{{"tool":{extensions},"results":[]}}]}}"#);
    check(&Report::new(Format::Sarif), &document, Err("more than 256 components"));
}

#[test]
fn a_member_that_counts_is_there_once() {
    for (document, name) in [
        (r#"{"issues":[{"severity":"critical"}],"errors":[],"issues":[]}"#, "issues"),
        (r#"{"issues":[{"severity":"critical"}],"errors":[],"iss\u0075es":[]}"#, "issues"),
        (r#"{"issues":[],"errors":["it broke"],"errors":[]}"#, "errors"),
        (r#"{"issues":[],"errors":[],"scanned":0,"scanned":1}"#, "scanned"),
        (r#"{"issues":[{"severity":"critical","severity":"low"}],"errors":[]}"#, "severity"),
        (r#"{"issues":[{"id":"a","id":"b"}],"errors":[]}"#, "id"),
    ] {
        check(&json_with_errors(), document, Err(&format!("it has {name:?} twice in one object")));
    }
    check(&json_with_errors(), r#"{"issues":[],"errors":[],"other":1,"other":2}"#, Ok((Verdict::Safe, &[])));
}

#[test]
fn pointers_lead_as_rfc_6901_has_it() {
    let found = |pointer: &str, document: &str| {
        let report = Report::new(Format::Json(Pointers::to_findings(pointer)));
        report.conclude(document.as_bytes(), Severity::High).is_ok()
    };
    for (pointer, document) in [
        ("", "[]"),
        ("/a/b", r#"{"a":{"b":[]}}"#),
        ("/a/0", r#"{"a":[[],7]}"#),
        ("/a/1/b", r#" {"a" : [ 7 , {"b" : [ ] } ] } "#),
        ("/", r#"{"":[]}"#),
        ("/a~1b/~0/~01", r#"{"a/b":{"~":{"~1":[]}}}"#),
        ("/é", r#"{"\u00e9":[]}"#),
    ] {
        assert!(found(pointer, document), "{pointer} in {document}");
    }
    for (pointer, document) in [
        ("/a/01", r#"{"a":[7,[]]}"#),
        ("/a/-", r#"{"a":[[]]}"#),
        ("/a/+0", r#"{"a":[[]]}"#),
        ("/0", r#"{"a":[]}"#),
        ("a", r#"{"a":[]}"#),
    ] {
        assert!(!found(pointer, document), "{pointer} in {document}");
    }
}

#[test]
fn odd_texts_and_deep_ones_are_read_as_they_stand() {
    let rows = r#"{"issues":[{"id":"a\tb","severity":"lo\u0077"},{"id":"\ud800","severity":"low"},{"id":{"a": 1},"severity":"\ud800"}],"errors":[]}"#;
    check(&json_with_errors(), rows, Ok((Verdict::Unsafe, &["Low a\tb", r"Low \ud800", r#"Unknown {"a": 1}"#])));
    let deep = format!(r#"{{"issues":[],"errors":[],"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    check(&json_with_errors(), &deep, Ok((Verdict::Safe, &[])));
    let deep = format!(r#"{{"issues":[],"errors":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    check(&json_with_errors(), &deep, Err("tells of 1 errors, the first: [[["));
    let document = b"{\"issues\":[],\"errors\":[],\"x\":\"\xff\"}";
    let said = json_with_errors().conclude(document, Severity::High).unwrap_err().to_string();
    assert!(said.contains("it is not JSON: invalid utf-8"), "{said}");
}
