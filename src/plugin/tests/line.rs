//! What one line is.

use serde_json::json;

use super::*;

/// A line's expected meaning.
#[derive(Debug)]
enum Is {
    Log,
    Broken(LineError),
    Good(Line),
}

fn check(line: impl AsRef<[u8]>, expected: Is) {
    let shown = String::from_utf8_lossy(line.as_ref()).chars().take(200).collect::<String>();
    match (Line::parse(line.as_ref()), expected) {
        (None, Is::Log) => {}
        (Some(Err(error)), Is::Broken(expected)) => assert_eq!(error, expected, "{shown}"),
        (Some(Ok(line)), Is::Good(expected)) => assert_eq!(line, expected, "{shown}"),
        (got, expected) => panic!("{shown}: {got:?}, not {expected:?}"),
    }
}

fn url(url: &str) -> String {
    json!({ "type": "result", "verdict": "safe", "url": url }).to_string()
}

#[test]
fn what_is_no_object_with_a_type_we_know_is_log() {
    for log in [
        "",
        "   ",
        "loading model ...",
        "null",
        "[]",
        r#"[{"type":"result","verdict":"safe"}]"#,
        r#""result""#,
        "{}",
        r#"{"verdict":"safe"}"#,
        r#"{"type":"metric","value":1}"#,
        r#"{"type":"Result","verdict":"safe"}"#,
        r#"{"type":"result ","verdict":"safe"}"#,
        r#"{"type":null}"#,
        r#"{"type":1}"#,
        r#"{"type":["result"]}"#,
        r#"{"type":{"type":"result"}}"#,
        r#"{"type":"metric","type":"event"}"#,
        "{model: 7}",
        "{'type': 'finding'}",
        "{",
        r#"{"types": [{"#,
        r#"a","severity":"critical","type":"finding"}"#,
        r#"INFO {"type":"result","verdict":"safe"}"#,
        r#"{"level":"info","nested":{"type":"finding"}}"#,
    ] {
        check(log, Is::Log);
    }
    check(b"\xef\xbb\xbf{}", Is::Log);
}

#[test]
fn a_line_of_the_contract_that_is_no_json_is_a_fault() {
    let finding = |rest: &str| format!(r#"{{"type":"finding","id":"os.system","severity":"critical",{rest}"#);
    let table = [
        finding(r#""message":"m","score":NaN}"#),
        finding(r#""message":"m","location":"half of"#),
        finding(r#""message":"a\tb","location":"a"#) + "\u{b}b\"}",
        finding(r#""message":"C:\models"}"#),
        finding(r#""message":"m",}"#),
        finding(r#""message":"m"} # found"#),
        format!("  {}", finding(r#""message":'m'}"#)),
        r#"{"id":"x","severity":critical,"message":"m","type" : "finding"}"#.to_owned(),
        r#"{"type":"metric","value":Infinity}"#.to_owned(),
        r#"{"type":"result","verdict":"safe""#.to_owned(),
        r#"{"type":"result","verdict":"safe"}{"type":"result"}"#.to_owned(),
        "\u{feff}{\"type\":\"result\",\"verdict\":\"safe\"}".to_owned(),
    ];
    for line in table {
        check(line, Is::Broken(LineError::NoJson));
    }
    check(b"{\"type\":\"finding\",\"\xff\":1,\"id\":\"x\"}", Is::Broken(LineError::NoJson));
    check(b"{\"type\":\"find\xffing\",\"id\":\"x\"}", Is::Broken(LineError::NoJson));
}

#[test]
fn a_line_of_the_contract_is_read() {
    let progress = |percent| Line::Progress { message: "half".into(), percent };
    let mut finding = Finding::new("os.system", Severity::Critical, "runs");
    let by = |version: String| Line::Result {
        verdict: Some(Verdict::Safe),
        status: None,
        summary: None,
        url: None,
        version: Some(version),
    };
    let table = [
        (r#"{"type":"progress","message":"half"}"#, progress(None)),
        (r#"  {"percent":50,"message":"half","type":"progress"}  "#, progress(Some(50.0))),
        ("{\"type\":\"progress\",\"message\":\"half\",\"percent\":1e3}\r", progress(Some(100.0))),
        (r#"{"type":"progress","message":"half","percent":-1}"#, progress(Some(0.0))),
        (r#"{"type":"progress","message":"half","percent":null,"eta":9}"#, progress(None)),
        (r#"{"typ\u0065":"pro\u0067ress","message":"half"}"#, progress(None)),
        (r#"{"type":"checkpoint","data":null}"#, Line::Checkpoint { data: json!(null) }),
        (r#"{"type":"checkpoint","data":{"build":7}}"#, Line::Checkpoint { data: json!({"build": 7}) }),
        (
            r#"{"type":"finding","id":"os.system","severity":"critical","message":"runs"}"#,
            Line::Finding(finding.clone()),
        ),
        (r#"{"type":"result","verdict":"safe"}"#, Line::result_of_scan(Verdict::Safe)),
        (r#"{"type":"result","verdict":"unsafe","status":null}"#, Line::result_of_scan(Verdict::Unsafe)),
        (r#"{"type":"result","verdict":"inconclusive"}"#, Line::result_of_scan(Verdict::Inconclusive)),
        (r#"{"type":"result","verdict":"safe","version":null}"#, Line::result_of_scan(Verdict::Safe)),
        (r#"{"type":"result","verdict":"safe","version":"1.2"}"#, by("1.2".to_owned())),
        (
            &format!(r#"{{"type":"result","verdict":"safe","version":"{}"}}"#, "1".repeat(1025)),
            by("1".repeat(1021) + "…"),
        ),
        (r#"{"type":"result","status":"failed"}"#, Line::result_of_action(Status::Failed)),
    ];
    for (line, expected) in table {
        check(line, Is::Good(expected));
    }
    finding.location = Some("a.pkl".into());
    let line = Line::Finding(finding);
    check(line.to_string(), Is::Good(line));
}

#[test]
fn a_line_that_claims_a_type_and_has_not_its_form_is_a_fault() {
    let table = [
        (r#"{"type":"progress"}"#, LineError::Form("progress")),
        (r#"{"type":"progress","message":"a","percent":"50"}"#, LineError::Form("progress")),
        (r#"{"type":"progress","message":"a","percent":1e999}"#, LineError::Form("progress")),
        (r#"{"type":"checkpoint","data":1,"data":2}"#, LineError::Form("checkpoint")),
        (r#"{"type":"finding","id":"x","message":"m"}"#, LineError::Form("finding")),
        (r#"{"type":"finding","id":"x","severity":"moderate","message":"m"}"#, LineError::Form("finding")),
        (r#"{"type":"finding","id":"x","severity":"HIGH","message":"m"}"#, LineError::Form("finding")),
        (r#"{"type":"finding","id":7,"severity":"low","message":"m"}"#, LineError::Form("finding")),
        (r#"{"type":"finding","type":"finding","id":"x","severity":"low","message":"m"}"#, LineError::Form("finding")),
        (r#"{"type":"metric","type":"finding","id":"x","severity":"low","message":"m"}"#, LineError::Form("finding")),
        (r#"{"type":"finding","type":7,"id":"x","severity":"low","message":"m"}"#, LineError::Form("finding")),
        (r#"{"type":"result","verdict":"unsafe","verdict":"safe"}"#, LineError::Form("result")),
        (r#"{"type":"result","verdict":"SAFE"}"#, LineError::Form("result")),
        (r#"{"type":"result","verdict":true}"#, LineError::Form("result")),
        (r#"{"type":"result"}"#, LineError::Result),
        (r#"{"type":"result","verdict":"safe","status":"complete"}"#, LineError::Result),
        (r#"{"type":"result","verdict":"error"}"#, LineError::Result),
        (r#"{"type":"result","verdict":"error","status":"complete"}"#, LineError::Result),
    ];
    for (line, expected) in table {
        check(line, Is::Broken(expected));
    }
    check(b"{\"type\":\"result\",\"verdict\":\"saf\xff\"}", Is::Broken(LineError::Form("result")));
}

#[test]
fn a_url_is_one_that_can_be_shown_and_clicked() {
    let long = |length: usize| format!("https://a/{}", "x".repeat(length - 10));
    let good =
        ["http://a", "https://scan.example.com:8443/r/1?q=@#x", "https://[2001:db8::1]/r", "http://a?x", &long(2048)];
    for good in good {
        let line = Line::Result {
            verdict: Some(Verdict::Safe),
            status: None,
            summary: None,
            url: Some(good.into()),
            version: None,
        };
        check(url(good), Is::Good(line));
    }
    for bad in [
        "",
        "/r/1",
        "a.example.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://a/",
        "HTTPS://a/",
        " https://a/",
        "https://",
        "https:///a",
        "https://:443/a",
        "https://?a",
        "https:a",
        "https://user@a/",
        "https://user:pass@a/",
        "https://a\\@b/",
        "https://@a",
        "https://a/b c",
        "https://a/\n",
        "https://a/\u{7f}",
        "https://a/<b>",
        "https://a/\"",
        "https://ä.example/",
        "https://a/\u{202e}",
        &long(2049),
    ] {
        check(url(bad), Is::Broken(LineError::Url));
    }
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let text = |message: &str| match Line::parse(json!({"type": "progress", "message": message}).to_string().as_bytes())
    {
        Some(Ok(Line::Progress { message, .. })) => message,
        other => panic!("{other:?}"),
    };
    let fits = "x".repeat(MAX_TEXT);
    assert_eq!(text(&fits), fits);
    assert_eq!(text(&"x".repeat(MAX_TEXT + 1)), format!("{}…", "x".repeat(MAX_TEXT - 3)));
    for shift in 0..4 {
        let cut = text(&format!("{}{}", "x".repeat(shift), "🙂".repeat(2000)));
        assert!(cut.len() <= MAX_TEXT && cut.len() > MAX_TEXT - 8 && cut.ends_with("🙂…"), "{} bytes", cut.len());
    }
}

#[test]
fn every_text_of_a_line_is_cut() {
    let long = "x".repeat(MAX_TEXT + 1);
    let finding = json!({"type": "finding", "id": long, "severity": "low", "message": long, "location": long});
    let Some(Ok(Line::Finding(finding))) = Line::parse(finding.to_string().as_bytes()) else { panic!("no finding") };
    let lengths = [finding.id.len(), finding.message.len(), finding.location.unwrap().len()];
    assert_eq!(lengths, [MAX_NAME, MAX_TEXT, MAX_NAME]);
    let result = json!({"type": "result", "status": "complete", "summary": long});
    let Some(Ok(Line::Result { summary, .. })) = Line::parse(result.to_string().as_bytes()) else {
        panic!("no result")
    };
    assert_eq!(summary.unwrap().len(), MAX_TEXT);
}

#[test]
fn a_checkpoint_is_at_most_64_kib_of_json() {
    let checkpoint = |length: usize| json!({"type": "checkpoint", "data": "x".repeat(length - 2)});
    let data = json!("x".repeat(MAX_CHECKPOINT - 2));
    check(checkpoint(MAX_CHECKPOINT).to_string(), Is::Good(Line::Checkpoint { data }));
    check(checkpoint(MAX_CHECKPOINT + 1).to_string(), Is::Broken(LineError::Checkpoint(MAX_CHECKPOINT + 1)));
    let deep = format!(r#"{{"type":"checkpoint","data":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    check(deep, Is::Broken(LineError::Form("checkpoint")));
}
