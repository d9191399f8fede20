//! SARIF's ways to say which rule a result is of, and that something is not well.

use super::*;

/// A run of that tool, with those results, and more.
fn run(tool: &str, results: &str, more: &str) -> String {
    format!(r#"{{"version":"2.1.0","runs":[{{"tool":{tool},"results":[{results}]{more}}}]}}"#)
}

/// What a result is taken for, beside a driver and two extensions with rules of all kinds.
fn check_result(result: &str, expected: &str) {
    let score = |id: &str, score: &str| format!(r#"{{"id":"{id}","properties":{{"security-severity":"{score}"}}}}"#);
    let level = |id: &str, level: &str| format!(r#"{{"id":"{id}","defaultConfiguration":{{"level":"{level}"}}}}"#);
    let tool = format!(
        r#"{{"driver":{{"name":"d","guid":"D","rules":[{},{},{},{},{}]}},"extensions":[
            {{"name":"one","guid":"E1","rules":[{},{}]}},{{"name":"two","rules":[{},{{"id":"G","guid":"g-u-i-d","defaultConfiguration":{{"level":"error"}}}}]}}]}}"#,
        level("CA2101", "error"),
        level("N", "note"),
        score("twice", "1"),
        score("twice", "9"),
        level("same", "note"),
        score("X1", "9.8"),
        level("N", "error"),
        score("X2", "7"),
    );
    let row = run(&tool, result, "");
    let verdict =
        if expected.starts_with("Medium") || expected.starts_with("Low") { Verdict::Safe } else { Verdict::Unsafe };
    check(&Report::new(Format::Sarif), &row, Ok((verdict, &[expected])));
}

#[test]
fn a_rule_is_found_in_the_component_that_has_it() {
    check_result(r#"{"ruleIndex":0}"#, "High CA2101");
    check_result(r#"{"ruleIndex":-1,"ruleId":"N"}"#, "Low N");
    check_result(r#"{"rule":{"index":0,"toolComponent":{"index":0}}}"#, "Critical X1");
    check_result(r#"{"ruleIndex":0,"rule":{"toolComponent":{"index":1}}}"#, "High X2");
    check_result(
        r#"{"ruleId":"X1","ruleIndex":0,"rule":{"id":"X1","index":0,"toolComponent":{"index":0}}}"#,
        "Critical X1",
    );
    check_result(r#"{"ruleId":"N","rule":{"toolComponent":{"index":0}}}"#, "High N");
    check_result(r#"{"ruleId":"N","rule":{"toolComponent":{"guid":"E1"}}}"#, "High N");
    check_result(r#"{"ruleId":"N","rule":{"toolComponent":{"name":"one"}}}"#, "High N");
    check_result(r#"{"rule":{"id":"N","toolComponent":{"guid":"D"}}}"#, "Low N");
    check_result(r#"{"rule":{"id":"N","toolComponent":{}}}"#, "Low N");
    check_result(r#"{"rule":{"guid":"g-u-i-d"}}"#, "High G");
    // No component is named, and one has it.
    check_result(r#"{"ruleId":"X1"}"#, "Critical X1");
}

#[test]
fn a_hierarchical_id_is_of_the_rule_that_it_begins_with() {
    check_result(r#"{"ruleId":"CA2101/1"}"#, "High CA2101/1");
    check_result(r#"{"ruleId":"CA2101/1/a"}"#, "High CA2101/1/a");
    check_result(r#"{"ruleId":"CA2101/1","ruleIndex":0}"#, "High CA2101/1");
    check_result(r#"{"ruleId":"X1/2","rule":{"toolComponent":{"index":0}}}"#, "Critical X1/2");
    check_result(r#"{"ruleId":"CA21011"}"#, "Medium CA21011");
}

#[test]
fn a_rule_that_is_referred_to_and_not_there_counts_as_the_worst() {
    for result in [
        r#""ruleIndex":9"#,
        r#""ruleIndex":"0""#,
        r#""rule":{"index":5}"#,
        r#""rule":{"index":2,"toolComponent":{"index":0}}"#,
        r#""rule":{"index":0,"toolComponent":{"index":2}}"#,
        r#""rule":{"index":0,"toolComponent":{"guid":"E9"}}"#,
        r#""rule":{"id":"N","toolComponent":{"name":"three"}}"#,
        r#""rule":{"id":"X1","toolComponent":{"index":1}}"#,
        r#""rule":{"guid":"other"}"#,
        r#""ruleIndex":0,"rule":{"index":1}"#,
        r#""ruleIndex":9,"level":"note""#,
    ] {
        check_result(&format!("{{{result}}}"), "Unknown finding");
    }
    check_result(r#"{"ruleId":"N","ruleIndex":0}"#, "Unknown N");
    check_result(r#"{"ruleId":"twice"}"#, "Unknown twice");
    check_result(r#"{"ruleId":"twice","ruleIndex":2}"#, "Low twice");
    // By its own account, or as the specification has it where nothing is said.
    check_result(r#"{"ruleIndex":9,"properties":{"security-severity":"5"}}"#, "Medium finding");
    check_result(r#"{"ruleId":"R"}"#, "Medium R");
    check_result(r#"{"ruleId":"R","level":"note"}"#, "Low R");
    check_result(r#"{"ruleId":"R","rule":{"id":"R"}}"#, "Medium R");
    check_result(r#"{"ruleId":"same"}"#, "Low same");
}

#[test]
fn what_is_open_or_to_be_reviewed_counts_as_the_worst() {
    for kind in ["open", "review", "odd"] {
        check_result(&format!(r#"{{"ruleId":"N","kind":"{kind}","level":"none"}}"#), "Unknown N");
        check_result(&format!(r#"{{"ruleId":"N","kind":"{kind}"}}"#), "Unknown N");
        let scored =
            format!(r#"{{"ruleId":"N","kind":"{kind}","level":"none","properties":{{"security-severity":3}}}}"#);
        check_result(&scored, "Low N");
    }
    check_result(r#"{"ruleId":"N","kind":7}"#, "Unknown N");
    check_result(r#"{"ruleId":"N","level":7}"#, "Unknown N");
    let none = run("{}", r#"{"ruleId":"N","kind":"pass","level":"error"},{"kind":"informational","level":"none"}"#, "");
    check(&Report::new(Format::Sarif), &none, Ok((Verdict::Safe, &[])));
}

#[test]
fn an_error_of_the_tool_is_no_result_wherever_it_is_told() {
    let check = |invocation: &str, expected: Result<(Verdict, &[&str]), &str>| {
        let more = format!(r#","invocations":[{{"executionSuccessful":true}},{{{invocation}}}]"#);
        check(&Report::new(Format::Sarif), &run("{}", "", &more), expected);
    };
    for list in ["toolExecutionNotifications", "toolConfigurationNotifications"] {
        let told = |level: &str| {
            format!(r#""executionSuccessful":true,"{list}":[{{"level":{level},"message":{{"text":"no rules"}}}}]"#)
        };
        check(&told("\"error\""), Err("tells of 1 errors, the first: no rules"));
        check(&told("\"fatal\""), Err("no rules"));
        check(&told("7"), Err("no rules"));
        for level in ["\"warning\"", "\"note\"", "\"none\""] {
            check(&told(level), Ok((Verdict::Safe, &[])));
        }
        check(&format!(r#""{list}":[{{"message":{{"text":"m"}}}}]"#), Ok((Verdict::Safe, &[])));
        check(&format!(r#""{list}":[{{"level":"error"}}]"#), Err("an error without a text"));
    }
    check(r#""executionSuccessful":"no""#, Err("it did not succeed"));
}

#[test]
fn what_is_not_in_the_report_is_not_taken_for_nothing() {
    let check = |document: &str, words: &str| check(&Report::new(Format::Sarif), document, Err(words));
    check(&run("{}", "", r#","externalPropertyFileReferences":{"results":[{}]}"#), "has parts in other files");
    let inline = run("{}", "", "").replacen('{', r#"{"inlineExternalProperties":[{}],"#, 1);
    check(&inline, "outside of the run");
    check(&run("{}", "", r#","results":[]"#), "it has \"results\" twice in one object");
    check(&run("{}", r#"{"level":"error","level":"none"}"#, ""), "it has \"level\" twice in one object");
    let changed = run(
        r#"{"driver":{"rules":[{"id":"N","defaultConfiguration":{"level":"note"}}]}}"#,
        r#"{"ruleId":"N"},{"ruleId":"N","level":"note"}"#,
        r#","invocations":[{"ruleConfigurationOverrides":[{"configuration":{"level":"error"},"descriptor":{"index":0}}]}]"#,
    );
    super::check(&Report::new(Format::Sarif), &changed, Ok((Verdict::Unsafe, &["Unknown N", "Low N"])));
}
