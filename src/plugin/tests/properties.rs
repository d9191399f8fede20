//! What holds of any output.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Bytes, JSON-like noise, and lines of the contract with something done to them.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let words = r#"(\{|\}|"|:|,|type|result|finding|verdict|safe|unsafe|severity|high|null|\[|\]|1){0,30}"#;
    let contract = vec![
        r#"{"type":"result","verdict":"safe"}"#,
        r#"{"type":"result","verdict":"safe","status":"complete"}"#,
        r#"{"type":"result","verdict":"unsafe"}"#,
        r#"{"type":"result","status":"complete"}"#,
        r#"{"type":"finding","id":"x","severity":"high","message":"m"}"#,
        r#"{"type":"finding","id":"x","severity":"low","message":"m"}"#,
        r#"{"type":"finding","id":"x"}"#,
        r#"{"type":"checkpoint","data":{"a":1}}"#,
    ];
    let hurt = (select(contract.clone()), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(line, at, byte)| {
        let mut line = line.as_bytes().to_vec();
        let at = at.index(line.len());
        line[at] = byte;
        line
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        words.prop_map(String::into_bytes),
        hurt,
        select(contract).prop_map(|line| line.as_bytes().to_vec()),
    ]
}

/// A result, read by other means than the code under test.
fn result_of(line: &[u8]) -> Option<serde_json::Map<String, serde_json::Value>> {
    let object: serde_json::Map<_, _> = serde_json::from_slice(line).ok()?;
    (object.get("type")? == "result").then_some(object)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_panics_and_what_is_read_is_bounded(line in any_line()) {
        if let Some(Ok(line)) = Line::parse(&line) {
            prop_assert_eq!(Line::parse(line.to_string().as_bytes()), Some(Ok(line)));
        }
    }

    #[test]
    fn nothing_but_one_proper_safe_result_gives_safe(lines in prop::collection::vec(any_line(), 0..6)) {
        let mut transcript = Transcript::new(PluginKind::Scanner, Severity::High);
        for line in &lines {
            transcript.take(line);
        }
        if let Ok(Conclusion::Scan { verdict: Verdict::Safe, findings, .. }) = transcript.end() {
            let results: Vec<_> = lines.iter().filter_map(|line| result_of(line)).collect();
            prop_assert_eq!(results.len(), 1);
            prop_assert_eq!(&results[0]["verdict"], "safe");
            prop_assert!(results[0].get("status").is_none_or(serde_json::Value::is_null));
            prop_assert!(findings.iter().all(|finding| !finding.severity.reaches(Severity::High)));
        }
    }

    #[test]
    fn a_text_of_any_length_is_cut_without_harm(text in "\\PC{0,3000}") {
        let line = Line::Progress { message: text.clone(), percent: None }.to_string();
        let Some(Ok(Line::Progress { message, .. })) = Line::parse(line.as_bytes()) else { panic!("{line}") };
        prop_assert!(message.len() <= MAX_TEXT);
        prop_assert!(text.starts_with(message.strip_suffix('…').unwrap_or(&message)));
    }

    #[test]
    fn what_is_shown_has_no_control_characters(text in any::<String>()) {
        let shown = printable(&text);
        let turns = |c: char| ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
        let hidden = shown.contains(|c: char| c.is_control() || turns(c));
        prop_assert!(!hidden, "{:?}", shown);
        prop_assert_eq!(printable(&shown), shown.as_ref());
    }
}
