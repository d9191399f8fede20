//! What an attempt came to, and what follows from it.

use scanrelay::registry::Outcome as Told;

use super::*;

#[tokio::test]
async fn an_outcome_under_an_old_token_is_lost_and_changes_nothing() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let stale = bench.claim("plugin:alpha").await;
    let fresh = bench.claim_at("plugin:alpha", 1, NOW.after(LEASE)).await.jobs.remove(0);
    assert_eq!(stale.id, fresh.id);
    let before = (bench.row(stale.id).await, bench.standing(delivery).await);
    for next in [voted(Verdict::Safe), Next::Release, again_after(Duration::ZERO, true), dead("gone")] {
        let written = vec![Written { key: "k".to_owned(), value: "v".to_owned() }];
        let attempt = Attempt { written, ..attempt("stale") };
        assert_eq!(bench.store.settle(&stale, next, attempt, NOW).await.unwrap(), Settled::Lost);
    }
    assert_eq!((bench.row(stale.id).await, bench.standing(delivery).await), before);
    assert_eq!(bench.store.attempts(stale.id).await.unwrap(), []);
    assert_eq!(bench.count("select count(*) from written").await, 0);
    bench.settle(&fresh, voted(Verdict::Safe)).await;
    let twice = bench.store.settle(&fresh, voted(Verdict::Unsafe), attempt("twice"), NOW).await.unwrap();
    assert_eq!(twice, Settled::Lost, "an ended job takes no other end");
}

#[tokio::test]
async fn a_job_that_nobody_claimed_takes_no_outcome() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.end("plugin:alpha", Next::Release).await;
    let settled = bench.store.settle(&job, voted(Verdict::Safe), attempt("late"), NOW).await.unwrap();
    assert_eq!(settled, Settled::Lost);
}

#[tokio::test]
async fn the_last_vote_brings_the_verdict_and_the_report() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha", "beta"], &[])).await;
    bench.end("registry:verta", told()).await;
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    bench.check(delivery, "open", &["progress verta done", "run alpha done", "run beta due"]).await;
    assert_eq!(bench.store.verdicts(delivery).await.unwrap(), []);
    bench.end("plugin:beta", voted(Verdict::Safe)).await;
    let jobs = ["progress verta done", "run alpha done", "run beta done", "report verta due"];
    bench.check(delivery, "open", &jobs).await;
    let verdict = bench.store.verdicts(delivery).await.unwrap().remove(0);
    assert_eq!((verdict.round, verdict.verdict.as_str(), verdict.settled_at), (1, "safe", NOW));
    assert_eq!((verdict.policy, verdict.configuration.as_str()), (json!("all"), "tested"));
    assert_eq!(verdict.votes[1]["scanner"], "beta");
    let report = bench.end("registry:verta", told()).await;
    assert!(matches!(report.tell, Some(Told::Scanned { verdict: Verdict::Safe, .. })), "{:?}", report.tell);
    let row = bench.store.delivery(delivery).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.reason, row.ended_at), ("done", None, Some(NOW)));
}

#[tokio::test]
async fn an_outcome_does_not_wait_behind_the_progress_of_younger_deliveries() {
    let bench = Bench::new().await;
    let plan = plan(&["alpha"], &[]);
    let old = bench.accept(scan("a", "1"), &plan).await;
    let later = NOW.after(Duration::from_secs(1));
    let young = Intake { delivery: delivery("verta", &scan("b", "2")), plan: Ok(plan.clone()) };
    assert_eq!(bench.store.insert(young, BOUNDS, later).await.unwrap(), Inserted::New(2));
    let run = bench.claim_at("plugin:alpha", 1, later).await.jobs.remove(0);
    assert_eq!(run.delivery, old);
    let ended = later.after(Duration::from_secs(1));
    bench.store.settle(&run, voted(Verdict::Safe), attempt("result"), ended).await.unwrap();
    let first = bench.claim_at("registry:verta", 1, ended).await.jobs.remove(0);
    assert_eq!((first.delivery, first.phase), (old, Phase::Report));
}

#[tokio::test]
async fn an_end_and_what_follows_from_it_are_one_transaction() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.claim("plugin:alpha").await;
    let sql = |sql: &'static str| bench.store.write(move |connection| Ok(connection.execute_batch(sql)?));
    sql(
        "create trigger broken before insert on job when new.phase = 'report' begin select raise(abort, 'broken'); end",
    )
    .await
    .unwrap();
    let settled = bench.store.settle(&job, voted(Verdict::Safe), attempt("kept"), NOW).await;
    assert!(matches!(settled, Err(StoreError::Sqlite(_))), "{settled:?}");
    bench.check(delivery, "open", &["progress verta due", "run alpha running"]).await;
    assert_eq!(bench.store.verdicts(delivery).await.unwrap(), []);
    assert_eq!(bench.store.attempts(job.id).await.unwrap(), []);
    sql("drop trigger broken").await.unwrap();
    bench.settle(&job, voted(Verdict::Safe)).await;
    bench.check(delivery, "open", &["progress verta superseded", "run alpha done", "report verta due"]).await;
}

#[tokio::test]
async fn a_drained_attempt_is_not_counted() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.end("plugin:alpha", Next::Release).await;
    let row = bench.row(job.id).await;
    assert_eq!((row.state.as_str(), row.due_at, row.attempts, row.deferrals), ("due", NOW, 0, 0));
    let again = bench.claim("plugin:alpha").await;
    assert_eq!((again.id, again.token, again.attempts), (job.id, 2, 1));
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_a_deferral_is_no_attempt() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let check = async |counted: bool, attempts: u32, deferrals: u32| {
        let now = NOW.after(LEASE);
        let mut jobs = bench.claim_at("plugin:alpha", 1, now).await.jobs;
        let job = jobs.remove(0);
        let next = Next::Retry { at: now, reason: "not now".to_owned(), counted };
        bench.store.settle(&job, next, attempt("not now"), now).await.unwrap();
        let row = bench.row(job.id).await;
        assert_eq!((row.state.as_str(), row.due_at), ("due", now));
        assert_eq!((row.attempts, row.deferrals, row.result.as_deref()), (attempts, deferrals, Some("not now")));
    };
    check(true, 1, 0).await;
    check(false, 1, 1).await;
    check(false, 1, 2).await;
    check(true, 2, 2).await;
}

#[tokio::test]
async fn every_attempt_is_kept_with_its_log_and_its_ledger() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let first = bench.claim("plugin:alpha").await;
    let log = Attempt { log: Some(b"line\xff\n".to_vec()), ..attempt("failed: exit 3") };
    bench.store.settle(&first, again_after(Duration::ZERO, true), log, NOW).await.unwrap();
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    let attempts = bench.store.attempts(first.id).await.unwrap();
    let rows: Vec<_> = attempts.iter().map(|row| (row.attempt, row.result.as_str(), row.log.as_deref())).collect();
    assert_eq!(rows, [(1, "failed: exit 3", Some("line\u{fffd}\n")), (2, "settled", None)]);
    assert_eq!((attempts[0].claimed_at, attempts[0].ended_at), (NOW, NOW));

    let report = bench.claim("registry:verta").await;
    let written = vec![Written { key: "PUT /x".to_owned(), value: "{}".to_owned() }];
    bench.store.settle(&report, told(), Attempt { written, ..attempt("told") }, NOW).await.unwrap();
    let ledger = bench
        .store
        .read(|connection| {
            let query = "select registry || ' ' || subject || ' ' || key || ' ' || value from written";
            Ok(connection.query_row(query, [], |row| row.get::<_, String>(0))?)
        })
        .await;
    assert_eq!(ledger.unwrap(), "verta build:1 PUT /x {}");
}

#[tokio::test]
async fn a_checkpoint_is_kept_under_the_claim_s_token_only() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.claim("plugin:alpha").await;
    let save = |token, text: &str| bench.store.checkpoint(job.id, token, text.to_owned());
    assert!(save(job.token, r#"{"step":1}"#).await.unwrap());
    assert!(!save(job.token - 1, r#"{"step":2}"#).await.unwrap());
    assert!(!save(job.token + 1, r#"{"step":3}"#).await.unwrap());
    bench.settle(&job, again_after(Duration::ZERO, true)).await;
    let again = bench.claim("plugin:alpha").await;
    assert_eq!(again.checkpoint, Some(json!({ "step": 1 })));
    assert!(!save(job.token, r#"{"step":4}"#).await.unwrap(), "that claim is over");
    bench.settle(&again, voted(Verdict::Safe)).await;
    assert!(!save(again.token, r#"{"step":5}"#).await.unwrap(), "the job has ended");
    assert_eq!(bench.row(job.id).await.checkpoint, Some(json!({ "step": 1 })));
}

#[tokio::test]
async fn a_dead_scanner_votes_error_and_the_delivery_is_dead_once_that_is_told() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    bench.end("plugin:alpha", dead("it crashed")).await;
    let report = bench.claim("registry:verta").await;
    assert!(matches!(report.tell, Some(Told::Scanned { verdict: Verdict::Error, .. })), "{:?}", report.tell);
    bench.check(delivery, "open", &["progress verta superseded", "run alpha dead", "report verta running"]).await;
    bench.settle(&report, told()).await;
    let row = bench.store.delivery(delivery).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("dead", Some("run alpha: it crashed")));
}

#[tokio::test]
async fn a_scan_that_ends_soon_is_told_with_its_outcome_alone() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let early = NOW.after(SCANNING_AFTER.saturating_sub(Duration::from_millis(1)));
    let nothing = bench.claim_at("registry:verta", 9, early).await;
    assert_eq!((nothing.jobs.len(), nothing.next_due), (0, Some(NOW.after(SCANNING_AFTER))));
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    bench.check(delivery, "open", &["progress verta superseded", "run alpha done", "report verta due"]).await;
    let told = bench.claim_at("registry:verta", 9, NOW).await.jobs;
    assert_eq!(told.iter().map(|job| job.phase).collect::<Vec<_>>(), [Phase::Report]);
}
