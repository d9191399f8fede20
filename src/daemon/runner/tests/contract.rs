//! What a plugin says, and what it comes to.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

async fn check(script: &str, end: End) {
    let run = Stage::new(script).run().await;
    assert_eq!(run.end, end, "{script}\n{}", text(&run));
}

#[tokio::test]
async fn the_lines_and_the_exit_make_the_end() {
    let safe = SAFE;
    check(safe, scan(Verdict::Safe)).await;
    check(r#"printf '{"type":"result","verdict":"unsafe"}'"#, scan(Verdict::Unsafe)).await;
    check("true", failed("it ended without a result line")).await;
    let half = "it ended without a result line, and a line that begins like one of the contract's is no JSON";
    check(r#"printf '{"type":"result","verd'"#, failed(half)).await;
    check(&format!("{safe} exit 3"), failed("exited with 3")).await;
    check(&format!("{safe} exit 75"), End::TryLater).await;
    check(&format!("{safe} kill -SEGV $$"), failed("was killed by SIGSEGV")).await;
    check(&format!("{safe}{safe}"), failed("it gave more than one result")).await;
    check(
        r#"echo '{"type":"result","status":"complete"}'"#,
        failed("it gave the result of another kind: it is configured as scanner"),
    )
    .await;
    check(
        &format!("{safe} printf '{{'; head -c 1048576 /dev/zero | tr '\\0' x"),
        failed("it printed a JSON line of more than 131072 bytes"),
    )
    .await;
    check(&format!("head -c 1048576 /dev/zero | tr '\\0' x; echo; {safe}"), scan(Verdict::Safe)).await;
    check(
        r#"echo '{"type":"finding","id":"x","severity":"low","message":"m"}'; echo '{"type":"result","verdict":"safe"}'"#,
        End::Concluded(
            serde_json::from_value(json!({
                "kind": "scan", "verdict": "safe", "findings": [{"id": "x", "severity": "low", "message": "m"}]
            }))
            .unwrap(),
        ),
    )
    .await;
    check(
        r#"echo '{"type":"finding","id":"x","severity":"high","message":"m"}'; echo '{"type":"result","verdict":"safe"}'"#,
        End::Concluded(
            serde_json::from_value(json!({
                "kind": "scan", "verdict": "unsafe", "findings": [{"id": "x", "severity": "high", "message": "m"}]
            }))
            .unwrap(),
        ),
    )
    .await;
}

#[tokio::test]
async fn exit_codes_can_speak_for_a_tool_that_does_not_know_the_contract() {
    let check = async |kind, script: &str, words: &[(u8, Word)], end: End| {
        let words: BTreeMap<u8, Word> = words.iter().copied().collect();
        let stage = Stage::new(script).with(|spec| {
            spec.kind = kind;
            spec.output = Output::ExitCodes(words);
        });
        assert_eq!(stage.run().await.end, end, "{script}");
    };
    let scanner = [(0, Word::Verdict(Verdict::Safe)), (1, Word::Verdict(Verdict::Unsafe))];
    check(PluginKind::Scanner, "exit 0", &scanner, scan(Verdict::Safe)).await;
    check(PluginKind::Scanner, r#"echo '{"type":"result","verdict":"safe"}'; exit 1"#, &scanner, scan(Verdict::Unsafe))
        .await;
    check(PluginKind::Scanner, "exit 2", &scanner, failed("exited with 2")).await;
    check(PluginKind::Scanner, "exit 75", &scanner, End::TryLater).await;
    check(PluginKind::Scanner, "ln -s / $SCANRELAY_RESULT", &scanner, scan(Verdict::Safe)).await;
    let deploy = [(0, Word::Status(Status::Complete)), (75, Word::Status(Status::Failed))];
    check(PluginKind::Action, "exit 0", &deploy, action(Status::Complete)).await;
    check(PluginKind::Action, "exit 75", &deploy, action(Status::Failed)).await;
}

#[tokio::test]
async fn a_report_speaks_for_a_scanner_that_writes_one() {
    let check = async |script: &str, end: End| {
        let stage = Stage::new(script).with(|spec| {
            let mut pointers = Pointers::to_findings("/issues");
            pointers.scanned = Some("/scanned".into());
            let mut report = Report::new(Format::Json(pointers));
            report.scanned_at_least = Some(1);
            spec.output = Output::Report(Box::new(report), [0, 1].into());
            spec.args.push("{report}".into());
        });
        assert_eq!(stage.run().await.end, end, "{script}");
    };
    let inconclusive = serde_json::from_value(
        json!({ "kind": "scan", "verdict": "inconclusive", "summary": "it scanned 0 of at least 1" }),
    );
    let found = serde_json::from_value(json!({
        "kind": "scan", "verdict": "unsafe", "findings": [{ "id": "x", "severity": "high", "message": "m" }]
    }));
    let safe = r#"echo '{"issues":[],"scanned":1}' > "$0";"#;
    check(safe, scan(Verdict::Safe)).await;
    check(&format!("{safe} echo '{{\"type\":\"result\",\"verdict\":\"unsafe\"}}'"), scan(Verdict::Safe)).await;
    check(r#"echo '{"issues":[],"scanned":0}' > "$0"; exit 1"#, End::Concluded(inconclusive.unwrap())).await;
    let issue = r#"echo '{"issues":[{"id":"x","severity":"HIGH","message":"m"}],"scanned":0}' > "$0"; exit 1"#;
    check(issue, End::Concluded(found.unwrap())).await;
    check("exit 0", failed("it wrote no report, and it exited with 0")).await;
    check(&format!("{safe} exit 2"), failed("exited with 2")).await;
    check(&format!("{safe} exit 75"), End::TryLater).await;
    check(
        r#"ln -s /etc/hostname "$0""#,
        failed("its report file was refused: it is a symbolic link, and it exited with 0"),
    )
    .await;
    check(r#"mkfifo "$0""#, failed("its report file was refused: it is not a regular file, and it exited with 0"))
        .await;
    check(
        r#"head -c 17000000 /dev/zero > "$0""#,
        failed("its report file was refused: it is larger than 16 MiB, and it exited with 0"),
    )
    .await;
    check(
        r#"printf '{"issues":[' > "$0""#,
        failed("its report is no result: it is not JSON: EOF while parsing a list at line 1 column 11, and it exited with 0"),
    )
    .await;
}

#[tokio::test]
async fn the_log_is_what_is_not_of_the_contract() {
    let script = format!("echo out; {SAFE} echo err >&2; {} echo '{{\"type\":\"other\"}}'; printf end", say("p"));
    let run = Stage::new(&script).run().await;
    let mut lines: Vec<_> = text(&run).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!((lines, run.dropped), (["end", "err", "out", r#"{"type":"other"}"#].map(str::to_owned).to_vec(), 0));
}

#[tokio::test]
async fn contract_lines_count_behind_the_logs_cap() {
    let stage = Stage::new(&format!("echo 0123456789; echo 0123456789; {SAFE}")).with(|spec| spec.log_cap = 15);
    let run = stage.run().await;
    assert_eq!(run.end, scan(Verdict::Safe));
    assert_eq!(text(&run), "0123456789\n0123\nscanrelay: 7 more bytes of output were not kept\n");
    assert_eq!(run.dropped, 7);
}

#[tokio::test]
async fn a_flood_through_both_pipes_takes_no_memory() {
    const EACH: usize = 32 * 1024 * 1024;
    let line = "x".repeat(120);
    let script =
        format!("yes {line} | head -c {EACH} >&2 & head -c {EACH} /dev/zero | tr '\\0' x; echo; wait; {SAFE} echo end");
    let memory = |field: &str| -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // Makes the high-water mark begin anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    let run = Stage::new(&script).run().await;
    let grown = memory("VmHWM:").saturating_sub(before);
    assert_eq!(run.end, scan(Verdict::Safe));
    assert!(grown < 24 * 1024, "grew by {grown} KiB");
    assert!(run.dropped > 2 * EACH as u64 - 128 * 1024, "{}", run.dropped);
    assert!(run.log.len() < 65 * 1024 && text(&run).ends_with("bytes of output were not kept\n"));
}

#[tokio::test]
async fn a_committed_checkpoint_is_renamed_into_the_working_directory() {
    let stage = Stage::new(&format!(
        r#"echo '{{"type":"checkpoint","data":{{"n":1}}}}'; until [ -e checkpoint.json ]; do :; done; cat checkpoint.json; echo
           echo '{{"type":"checkpoint","data":{{"n":2}}}}'; until grep -q 2 checkpoint.json; do :; done; ls -A; {SAFE}"#
    ));
    let run = stage.run().await;
    assert_eq!(run.end, scan(Verdict::Safe));
    assert_eq!(text(&run), "{\"n\":1}\nbody\ncheckpoint.json\nevent.json\n");
}

#[tokio::test]
async fn a_refused_checkpoint_is_not_written_and_the_order_is_kept() {
    let stage = Stage::new(&format!(
        r#"for n in 1 2 3; do echo "{{\"type\":\"checkpoint\",\"data\":$n}}"; done; {} sleep 1000"#,
        say("told")
    ));
    let mut started = stage.start();
    for n in 1..=3 {
        let (data, committed) = started.checkpoint().await;
        assert_eq!(data, json!(n));
        // Refused in words, and by silence.
        if n == 1 {
            committed.send(false).unwrap();
        }
    }
    assert_eq!(started.progress().await, "told");
    assert!(stage.workdir().join("event.json").exists());
    assert!(!stage.workdir().join("checkpoint.json").exists());
    started.cancel.cancel();
    let run = started.end().await;
    assert_eq!(run.end, End::Cancelled);
    assert_eq!(text(&run).matches("a checkpoint was not kept: it was not committed").count(), 3);
}

#[tokio::test]
async fn a_checkpoint_that_nobody_answers_holds_up_no_one_for_ever() {
    let stage = Stage::new(&format!(r#"echo '{{"type":"checkpoint","data":1}}'; {SAFE}"#));
    let mut started = stage.start();
    let (_, committed) = started.checkpoint().await;
    let run = started.task.await.unwrap();
    assert_eq!(run.end, scan(Verdict::Safe));
    assert!(text(&run).contains("it was not committed in time"), "{}", text(&run));
    drop(committed);
}

#[tokio::test]
async fn progress_is_heard_while_it_runs_and_never_waited_for() {
    let line = r#"echo '{"type":"progress","message":"half","percent":50}'"#;
    let stage =
        Stage::new(&format!("{line}; until [ -e heard ]; do :; done; for n in $(seq 100); do {line}; done; {SAFE}"));
    let mut started = stage.start();
    let Some(Note::Progress { message, percent }) = started.notes.recv().await else { panic!("no progress") };
    assert_eq!((message.as_str(), percent), ("half", Some(50.0)));
    std::fs::write(stage.workdir().join("heard"), "").unwrap();
    // There is room for 16, and nobody listens.
    assert_eq!((&mut started.task).await.unwrap().end, scan(Verdict::Safe));
    assert_eq!(started.notes.len(), 16);
}

#[tokio::test]
async fn where_there_is_a_result_file_stdout_is_only_log() {
    let check = async |script: &str, end: End| {
        let run = Stage::new(script).run().await;
        assert_eq!(run.end, end, "{script}\n{}", text(&run));
        text(&run)
    };
    let unsafe_in_file = r#"echo '{"type":"result","verdict":"unsafe"}' > $SCANRELAY_RESULT;"#;
    let log = check(&format!("{SAFE}{unsafe_in_file}"), scan(Verdict::Unsafe)).await;
    assert!(log.contains("do not count"), "{log}");
    assert_eq!(check(&format!("echo noise; {unsafe_in_file}"), scan(Verdict::Unsafe)).await, "noise\n");
    check(&format!("{SAFE} : > $SCANRELAY_RESULT"), failed("it ended without a result line")).await;
    let refused = |why: &str| failed(&format!("its result file was refused: it {why}"));
    check(&format!("{SAFE} ln -s event.json result"), refused("is a symbolic link")).await;
    check(&format!("{SAFE} ln -s /nowhere result"), refused("is a symbolic link")).await;
    check(&format!("{SAFE} mkdir result"), refused("is not a regular file")).await;
    check(&format!("{SAFE} mkfifo result"), refused("is not a regular file")).await;
    check(&format!("{SAFE} truncate -s 65M result"), refused("is larger than 64 MiB")).await;
    check(&format!("{unsafe_in_file} exit 4"), failed("exited with 4")).await;
}

#[tokio::test]
async fn of_the_checkpoints_in_a_result_file_the_last_is_committed() {
    let stage = Stage::new(
        r#"for n in 1 2; do echo "{\"type\":\"checkpoint\",\"data\":$n}" >> $SCANRELAY_RESULT; done; exit 1"#,
    );
    let mut started = stage.start();
    let (data, committed) = started.checkpoint().await;
    assert_eq!(data, json!(2));
    committed.send(true).unwrap();
    assert_eq!(started.end().await.end, failed("exited with 1"));
}

#[tokio::test]
async fn secrets_are_masked_in_log_and_texts() {
    let stage = Stage::new(
        r#"head -c 16380 /dev/zero | tr '\0' x; echo "$TOKEN"; env >&2
        echo "{\"type\":\"progress\",\"message\":\"p $TOKEN\"}"
        echo "{\"type\":\"finding\",\"id\":\"$TOKEN\",\"severity\":\"low\",\"message\":\"m $TOKEN\",\"location\":\"l $TOKEN\"}"
        echo "{\"type\":\"result\",\"verdict\":\"safe\",\"summary\":\"s $TOKEN\",\"url\":\"https://h/?t=$TOKEN\",\"version\":\"v $TOKEN\"}""#,
    )
    .with(|spec| spec.secrets = vec![secret(b"hunter2hunter2")]);
    let mut started = stage.start();
    assert_eq!(started.progress().await, "p ***");
    let run = started.end().await;
    assert!(text(&run).contains("xxx***\n") && text(&run).contains("TOKEN=***\n"), "{}", text(&run));
    assert!(!text(&run).contains("hunter"));
    let expected = json!({
        "kind": "scan", "verdict": "safe", "summary": "s ***", "url": "https://h/?t=***", "version": "v ***", "more_findings": 0,
        "findings": [{"id": "***", "severity": "low", "message": "m ***", "location": "l ***"}],
    });
    let End::Concluded(conclusion) = run.end else { panic!("{:?}", run.end) };
    assert_eq!(serde_json::to_value(conclusion).unwrap(), expected);
}
