use super::*;

const DETAILS: &str = "GET registry-model/item/details?workspaceName=acme&modelName=fraud&version=1";
const METADATA: &str = "GET registry-model/item/i%2F1/metadata";
const AT: Timestamp = Timestamp::from_millis(1_669_852_800_000);

fn scanned(verdict: Verdict, url: Option<&str>) -> Outcome {
    Outcome::Scanned { verdict, summary: Some("two\nfindings".into()), url: url.map(str::to_owned), at: Some(AT) }
}

fn promoted(status: Status) -> Outcome {
    let url = Some("https://models.example.com/1".to_owned());
    Outcome::Promoted { status, summary: None, url }
}

fn with_statuses() -> Comet {
    let mut comet = Comet::default();
    comet.write_back.status = Statuses {
        safe: Some("Approved".into()),
        is_unsafe: Some("Rejected".into()),
        error: Some("QA".into()),
        complete: Some("Deployed".into()),
        failed: Some("Failed".into()),
    };
    comet
}

#[test]
fn a_verdict_is_written_once_and_a_second_time_changes_nothing() {
    let mut registry = Pretence::default();
    let safe = scanned(Verdict::Safe, Some("https://scans.example.com/1"));
    let (lines, _) = registry.told(&Comet::default(), &safe);
    let comment = "[scanrelay scan] safe: two findings https://scans.example.com/1 (2022-12-01T00:00:00Z)";
    let expected = [
        DETAILS.to_owned(),
        METADATA.to_owned(),
        r#"POST write/registry-model/item/i%2F1/metadata {"metadata":[{"key":"scanrelay.report_url","value":"https://scans.example.com/1"},{"key":"scanrelay.scanned_at","value":"2022-12-01T00:00:00Z"},{"key":"scanrelay.summary","value":"two\nfindings"},{"key":"scanrelay.verdict","value":"safe"}]}"#.to_owned(),
        format!(r#"POST write/registry-model/item/update {{"comment":"{comment}","registryModelItemId":"i/1"}}"#),
        "done".to_owned(),
    ];
    assert_eq!(lines, expected);
    let (lines, _) = registry.told(&Comet::default(), &safe);
    assert_eq!(lines, [DETAILS, METADATA, "done"]);
}

#[test]
fn only_what_differs_is_written_and_an_old_link_does_not_stay() {
    let mut registry = Pretence::default();
    registry.told(&Comet::default(), &scanned(Verdict::Safe, Some("https://scans.example.com/1")));
    let (lines, _) = registry.told(&Comet::default(), &scanned(Verdict::Error, None));
    let written = r#"POST write/registry-model/item/i%2F1/metadata {"metadata":[{"key":"scanrelay.report_url","value":""},{"key":"scanrelay.verdict","value":"error"}]}"#;
    assert_eq!(lines[2], written);
    assert_eq!(registry.comment, "[scanrelay scan] error: two findings (2022-12-01T00:00:00Z)");
}

#[test]
fn other_people_s_words_stay() {
    for replaces in [false, true] {
        let mut registry =
            Pretence { replaces, comment: "by ada\r\n\n[scanrelay scan] old\nby eve".into(), ..Pretence::default() };
        registry.metadata.insert("owner".into(), "ada".into());
        registry.metadata.insert("accuracy".into(), 0.93.into());
        registry.told(&Comet::default(), &scanned(Verdict::Unsafe, None));
        registry.told(&Comet::default(), &promoted(Status::Complete));
        let lines: Vec<&str> = registry.comment.split('\n').collect();
        let ours = "[scanrelay scan] unsafe: two findings (2022-12-01T00:00:00Z)";
        let promotion = "[scanrelay promotion] complete https://models.example.com/1";
        assert_eq!(lines, ["by ada\r", "", ours, "by eve", promotion]);
        assert_eq!((&registry.metadata["owner"], &registry.metadata["accuracy"]), (&"ada".into(), &0.93.into()));
        assert_eq!(registry.metadata["scanrelay.verdict"], "unsafe");
        assert_eq!(registry.metadata["scanrelay.deployment_url"], "https://models.example.com/1");
    }
}

#[test]
fn a_registry_that_says_nothing_is_read_again_and_one_that_forgets_is_not_believed() {
    let mut registry = Pretence { silent: true, ..Pretence::default() };
    registry.metadata.insert("owner".into(), "ada".into());
    let (lines, _) = registry.told(&with_statuses(), &scanned(Verdict::Safe, None));
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (8, "done"), "{lines:?}");
    registry.forgets = true;
    let (lines, _) = registry.told(&with_statuses(), &scanned(Verdict::Unsafe, None));
    assert_eq!(lines.last().unwrap(), "retry: the registry answered 2xx, but the metadata does not stand as written");
    let mut comet = with_statuses();
    comet.write_back.metadata = false;
    let (lines, _) = registry.told(&comet, &scanned(Verdict::Unsafe, None));
    assert_eq!(lines.last().unwrap(), "retry: the registry answered 2xx, but the version does not stand as written");
}

#[test]
fn a_promotion_says_where_the_model_is_and_a_failed_one_does_not() {
    let mut registry = Pretence::default();
    let comet = Comet::default();
    registry.told(&comet, &Outcome::InProgress);
    assert_eq!(registry.metadata["scanrelay.deployment_status"], "in_progress");
    assert_eq!(registry.comment, "", "a comment is for ends");
    registry.told(&comet, &promoted(Status::Complete));
    assert_eq!(registry.metadata["scanrelay.deployment_status"], "complete");
    registry.told(&comet, &promoted(Status::Failed));
    assert_eq!(registry.metadata["scanrelay.deployment_status"], "failed");
    assert_eq!(registry.metadata["scanrelay.deployment_url"], "", "its link is to the reason");
    assert_eq!(registry.comment, "[scanrelay promotion] failed https://models.example.com/1");
}

#[test]
fn a_scan_that_has_begun_is_no_longer_safe() {
    let mut registry = Pretence::default();
    registry.told(&Comet::default(), &scanned(Verdict::Safe, None));
    registry.told(&Comet::default(), &Outcome::Scanning);
    assert_eq!(registry.metadata["scanrelay.verdict"], "scanning");
}

#[test]
fn a_status_is_written_where_one_is_configured_and_known_as_our_own() {
    for (outcome, status) in [
        (scanned(Verdict::Safe, None), "Approved"),
        (scanned(Verdict::Unsafe, None), "Rejected"),
        (scanned(Verdict::Error, None), "QA"),
        (scanned(Verdict::Inconclusive, None), "QA"),
        (promoted(Status::Complete), "Deployed"),
        (promoted(Status::Failed), "Failed"),
    ] {
        let mut registry = Pretence { status: "Production".into(), ..Pretence::default() };
        let (_, requests) = registry.told(&with_statuses(), &outcome);
        assert_eq!(registry.status, status);
        let writes: Vec<&Fact> = requests.iter().flat_map(|request| &request.writes).collect();
        // In the words of the event that tells of it.
        let body = format!(r#"{{"workspaceName":"acme","modelName":"fraud","version":"1","status":"{status}"}}"#);
        assert_eq!(writes, [&event(&body).fact().unwrap()]);
        let (lines, _) = registry.told(&with_statuses(), &outcome);
        assert_eq!(lines, [DETAILS, METADATA, "done"], "it stands already");
        registry.status = "Production".into();
        registry.told(&Comet::default(), &outcome);
        assert_eq!(registry.status, "Production", "unless told, it is other people's");
    }
}

#[test]
fn each_place_can_be_left_out() {
    let write_back = WriteBack { metadata: false, comment: false, status: Statuses::default() };
    let comet = Comet { write_back, ..Comet::default() };
    let (lines, _) = Pretence::default().told(&comet, &scanned(Verdict::Safe, None));
    assert_eq!(lines, [DETAILS, "done"]);
}

#[test]
fn a_status_that_the_workspace_does_not_allow_says_so() {
    let comet = with_statuses();
    let event = event(r#"{"workspaceName":"acme","modelName":"fraud","version":"1","stages":["Production"]}"#);
    let outcome = promoted(Status::Complete);
    let answers = [
        (200, r#"{"registryModelItemId":"i","status":"Production"}"#),
        (200, r#"{"metadata":[]}"#),
        (200, "{}"),
        (200, r#"{"msg":"ok"}"#),
        (400, r#"{"msg":"status is not allowed","sdk_error_code":0}"#),
    ];
    let mut seen = Vec::new();
    for (status, body) in answers {
        let Step::Send(request) = comet.next(&event, &outcome, &seen) else { panic!("{seen:?}") };
        seen.push(Exchange::new(request, status, body));
    }
    let expected = "refused: POST /api/rest/v2/write/registry-model/item/status was answered 400: \"Deployed\" of write_back.status may be none that the workspace allows";
    assert_eq!(line(&comet.next(&event, &outcome, &seen)), expected);
}

#[test]
fn bad_answers_are_no_end() {
    let comet = Comet::default();
    let event = event(r#"{"workspaceName":"acme","modelName":"fraud","version":"1","stages":["Production"]}"#);
    let good = [r#"{"registryModelItemId":"i","comment":""}"#, r#"{"metadata":[]}"#, "{}", "{}"];
    for nth in 0..good.len() {
        for (status, body, kind) in [
            (200, "<html>log in</html>", "retry"),
            (200, "null", "retry"),
            (401, "{}", "retry"),
            (429, "{}", "retry"),
            (503, "", "retry"),
            (302, "", "refused"),
            (404, r#"{"msg":"unknown"}"#, "refused"),
            (422, "{}", "refused"),
        ] {
            if (nth, body) == (2, "null") || (nth, body) == (3, "null") {
                // An answer to a write may say anything that is JSON.
                continue;
            }
            let mut seen = Vec::new();
            for (at, fine) in good.iter().enumerate().take(nth + 1) {
                let Step::Send(request) = comet.next(&event, &scanned(Verdict::Safe, None), &seen) else {
                    panic!("{seen:?}")
                };
                seen.push(if at == nth {
                    Exchange::new(request, status, body)
                } else {
                    Exchange::new(request, 200, *fine)
                });
            }
            let end = line(&comet.next(&event, &scanned(Verdict::Safe, None), &seen));
            assert!(end.starts_with(kind), "answer {nth}, {status} {body}: {end}");
        }
    }
}
