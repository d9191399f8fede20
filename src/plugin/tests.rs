//! The contract as tables: what a line is, what lines come to, how texts are shown.

mod line;
mod properties;
mod transcript;

use super::*;

#[test]
fn what_is_shown_hides_nothing() {
    let table = [
        ("plain text, naïve 日本 🙂", "plain text, naïve 日本 🙂"),
        ("", ""),
        ("a\nb\r\tc", r"a\u{a}b\u{d}\u{9}c"),
        ("\u{0}\u{7f}\u{9b}31m", r"\u{0}\u{7f}\u{9b}31m"),
        ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
        ("safe\u{202e}efasnu", r"safe\u{202e}efasnu"),
        ("\u{2066}x\u{2069}\u{61c}", r"\u{2066}x\u{2069}\u{61c}"),
        ("ze\u{200b}ro\u{feff}\u{2060}", r"ze\u{200b}ro\u{feff}\u{2060}"),
        ("line\u{2028}para\u{2029}", r"line\u{2028}para\u{2029}"),
    ];
    for (text, shown) in table {
        assert_eq!(printable(text), shown);
    }
}

#[test]
fn a_severity_reaches_itself_and_all_below() {
    use Severity::{Critical, High, Informational, Low, Medium, Unknown};
    let ranked = [Informational, Low, Medium, High, Critical];
    for (rank, severity) in ranked.into_iter().enumerate() {
        for (limit, fail_on) in ranked.into_iter().enumerate() {
            assert_eq!(severity.reaches(fail_on), rank >= limit, "{severity} on {fail_on}");
        }
        assert!(Unknown.reaches(severity), "what nobody rated is not harmless");
        assert!(severity.reaches(Unknown), "a limit that nobody set lets nothing pass");
    }
    assert!(Unknown.reaches(Unknown));
}

#[test]
fn words_are_the_same_in_json_and_in_print() {
    let word = |value: &dyn std::fmt::Display, json: serde_json::Value| assert_eq!(json, value.to_string());
    for verdict in [Verdict::Safe, Verdict::Unsafe, Verdict::Inconclusive, Verdict::Error] {
        word(&verdict, serde_json::to_value(verdict).unwrap());
    }
    for status in [Status::Complete, Status::Failed] {
        word(&status, serde_json::to_value(status).unwrap());
    }
    for kind in [PluginKind::Scanner, PluginKind::Action] {
        word(&kind, serde_json::to_value(kind).unwrap());
    }
    let severities = [
        Severity::Informational,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
        Severity::Unknown,
    ];
    for severity in severities {
        word(&severity, serde_json::to_value(severity).unwrap());
    }
    assert_eq!(serde_json::from_str::<Severity>("\"info\"").unwrap(), Severity::Informational);
}

#[test]
fn the_input_has_the_documented_form() {
    let run = Run::new("r1", 2, crate::Timestamp::from_millis(5));
    let input = Invocation::new(run, "jenkins", crate::Event::new(crate::EventKind::Promotion, "verta"));
    let json = r#"{"protocol":1,"run":{"id":"r1","attempt":2,"deadline":5},"plugin":"jenkins","event":{"kind":"promotion","registry":"verta","model":{},"version":{},"change":{},"build":{}},"artifact":null,"checkpoint":null,"settings":{}}"#;
    assert_eq!(serde_json::to_string(&input).unwrap(), json);
    assert_eq!(serde_json::from_str::<Invocation>(json).unwrap(), input);
}

#[test]
fn the_digest_of_a_tree_is_that_of_its_sorted_records() {
    let file = |name: &str, size: u64| ArtifactFile::new("artifact/1.bin", name, "ab".repeat(32), size);
    let check = |files: &[ArtifactFile], records: &str| {
        use sha2::Digest as _;
        let expected = base16ct::lower::encode_string(&sha2::Sha256::digest(records));
        let artifact = Artifact::of(files.to_vec());
        assert_eq!(artifact.sha256, expected, "{records:?}");
        assert_eq!(artifact.size, files.iter().map(|file| file.size).sum::<u64>());
    };
    let hex = "ab".repeat(32);
    check(&[], "");
    check(&[file("model.pkl", 7)], &format!("{hex} 7 \n"));
    let sorted = format!("{hex} 10 b\n{hex} 7 a\n");
    check(&[file("a", 7), file("b", 10)], &sorted);
    check(&[file("b", 10), file("a", 7)], &sorted);
    // Where the model lies is not part of it; what is beneath is.
    check(&[file("m/a", 7), file("m/b", 10)], &sorted);
    check(&[file("/tmp/m/b", 10), file("/tmp/m/a", 7)], &sorted);
    check(&[file("m/é/a", 7), file("m/è/b", 10)], &format!("{hex} 10 è/b\n{hex} 7 é/a\n"));
    check(&[file("ma", 7), file("mb", 10)], &format!("{hex} 10 mb\n{hex} 7 ma\n"));
    check(&[file("m/a", 7), file("m", 10)], &format!("{hex} 10 m\n{hex} 7 m/a\n"));
    // A name cannot play a second record.
    let hostile = format!("a\n{hex} 7 b\\");
    check(&[file(&hostile, 7), file("c", 10)], &format!("{hex} 10 c\n{hex} 7 a\\n{hex} 7 b\\\\\n"));
    assert_eq!(Artifact::of(vec![file("a", u64::MAX), file("b", 1)]).size, u64::MAX);
}
