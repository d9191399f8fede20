//! Leases that a dead daemon left, and work that a person wants done again.

use super::*;

async fn retry(bench: &Bench, job: i64) -> Retried {
    bench.store.retry(job, by("mended"), NOW).await.unwrap()
}

/// The one job of this phase and name in that round.
async fn job_of(bench: &Bench, delivery: i64, round: i64, name: &str) -> JobRow {
    let filter = Filter { delivery: Some(delivery), limit: Some(1000), ..Filter::default() };
    let jobs = bench.store.jobs(filter).await.unwrap();
    jobs.into_iter().find(|job| job.round == round && job.name == name).unwrap()
}

#[tokio::test]
async fn leases_are_void_at_the_next_start_and_the_attempt_stays_counted() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let lost = bench.claim("plugin:alpha").await;
    let bench = bench.reopen().await;
    let row = bench.row(lost.id).await;
    assert_eq!((row.state.as_str(), row.due_at, row.attempts), ("due", NOW, 1));
    let late = bench.store.settle(&lost, voted(Verdict::Safe), attempt("late"), NOW).await.unwrap();
    assert_eq!(late, Settled::Lost);
    let again = bench.claim("plugin:alpha").await;
    assert_eq!((again.id, again.token, again.attempts), (lost.id, 2, 2));
    assert_eq!(again.run_id, lost.run_id);
}

#[tokio::test]
async fn what_waits_for_its_time_still_waits_after_a_start() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    bench.end("plugin:alpha", again_after(Duration::from_hours(1), true)).await;
    let bench = bench.reopen().await;
    let claimed = bench.claim_at("plugin:alpha", 1, NOW).await;
    assert_eq!((claimed.jobs.len(), claimed.next_due), (0, Some(NOW.after(Duration::from_hours(1)))));
}

#[tokio::test]
async fn a_retried_scan_keeps_what_ended_and_resumes_what_did_not() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha", "beta"], &[])).await;
    bench.end("registry:verta", told()).await;
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    let beta = bench.claim("plugin:beta").await;
    assert!(bench.store.checkpoint(beta.id, beta.token, r#"{"step":1}"#.to_owned()).await.unwrap());
    bench.settle(&beta, dead("it crashed")).await;
    bench.end("registry:verta", told()).await;
    let first = ["progress verta done", "run alpha done", "run beta dead", "report verta done"];
    bench.check(delivery, "dead", &first).await;

    assert_eq!(retry(&bench, beta.id).await, Retried::Round { delivery, round: 2 });
    let second = ["2 run alpha done", "2 progress verta due", "2 run beta due"];
    bench.check(delivery, "open", &[&first[..], &second[..]].concat()).await;
    let row = bench.store.delivery(delivery).await.unwrap().unwrap();
    assert_eq!((row.round, row.reason, row.ended_at), (2, None, None));
    assert_eq!(bench.count("select open from pending where registry = 'verta'").await, 1);
    let again = bench.claim("plugin:beta").await;
    assert_eq!((again.run_id.as_str(), again.attempts), (beta.run_id.as_str(), 1));
    assert_eq!(again.checkpoint, Some(json!({ "step": 1 })));
    bench.settle(&again, dead("again")).await;
    bench.end("registry:verta", told()).await;

    assert_eq!(retry(&bench, again.id).await, Retried::Round { delivery, round: 3 });
    let third = bench.claim("plugin:beta").await;
    assert_eq!(third.run_id, beta.run_id, "also the third time");
    bench.settle(&third, voted(Verdict::Safe)).await;
    bench.end("registry:verta", told()).await;
    assert_eq!(bench.standing(delivery).await.0, "done");
    let verdicts = bench.store.verdicts(delivery).await.unwrap();
    let words: Vec<_> = verdicts.iter().map(|row| (row.round, row.verdict.as_str())).collect();
    assert_eq!(words, [(1, "error"), (2, "error"), (3, "safe")]);
    assert_eq!(bench.count("select open from pending where registry = 'verta'").await, 0);
}

#[tokio::test]
async fn a_retried_promotion_is_confirmed_again_and_does_nothing_twice() {
    let bench = Bench::new().await;
    let delivery = bench.accept(promotion("a", "1", "10"), &plan(&["alpha"], &["deploy", "notify"])).await;
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    bench.end("registry:verta", confirmed()).await;
    bench.end("registry:verta", told()).await;
    bench.end("plugin:deploy", acted(Status::Complete)).await;
    let notify = bench.end("plugin:notify", dead("it crashed")).await;
    bench.end("registry:verta", told()).await;
    assert_eq!(bench.standing(delivery).await.0, "dead");

    assert!(retry(&bench, notify.id).await.is_round());
    assert!(bench.claim_at("plugin:notify", 9, NOW).await.jobs.is_empty(), "not before it is confirmed");
    bench.end("registry:verta", confirmed()).await;
    assert_eq!(job_of(&bench, delivery, 2, "deploy").await.state, "done");
    assert!(bench.claim_at("plugin:deploy", 9, NOW).await.jobs.is_empty());
    bench.end("registry:verta", told()).await;
    let again = bench.end("plugin:notify", acted(Status::Complete)).await;
    assert_eq!(again.run_id, notify.run_id);
    bench.end("registry:verta", told()).await;
    assert_eq!(bench.standing(delivery).await.0, "done");
}

#[tokio::test]
async fn an_action_that_failed_is_done_again_under_its_run_id() {
    let bench = Bench::new().await;
    let delivery = bench.accept(promotion("a", "1", "10"), &plan(&[], &["deploy"])).await;
    bench.end("registry:verta", confirmed()).await;
    bench.end("registry:verta", told()).await;
    let failed = bench.end("plugin:deploy", acted(Status::Failed)).await;
    let report = bench.end("registry:verta", dead("the registry refused it")).await;
    assert_eq!(bench.standing(delivery).await.0, "dead");
    assert!(retry(&bench, report.id).await.is_round());
    bench.end("registry:verta", confirmed()).await;
    let again = bench.claim("plugin:deploy").await;
    assert_eq!((again.run_id.as_str(), again.id != failed.id), (failed.run_id.as_str(), true));
}

#[tokio::test]
async fn only_dead_jobs_of_ended_deliveries_are_retried() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha", "beta"], &[])).await;
    let done = bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    let running = bench.claim("plugin:beta").await;
    let check = async |job: i64, expected: Retried, words: &str| {
        let before = bench.standing(delivery).await;
        let retried = retry(&bench, job).await;
        assert!(retried.in_words(job).contains(words), "{}", retried.in_words(job));
        assert_eq!(retried, expected);
        assert_eq!(bench.standing(delivery).await, before);
    };
    check(999, Retried::Unknown, "there is no job 999").await;
    check(done.id, Retried::NotDead("done".to_owned()), "is done: only dead jobs").await;
    check(running.id, Retried::NotDead("running".to_owned()), "only dead jobs are retried").await;
    bench.settle(&running, dead("it crashed")).await;
    check(running.id, Retried::Open(delivery), "has not ended yet").await;
    assert_eq!(bench.count("select count(*) from audit").await, 0, "nothing was done, so nothing is written down");
}

#[tokio::test]
async fn a_retry_is_written_down() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.end("plugin:alpha", dead("it crashed")).await;
    bench.end("registry:verta", told()).await;
    assert!(retry(&bench, job.id).await.is_round());
    let row = bench.store.read(|connection| {
        let query = "select at || ' ' || uid || ' ' || act || ' ' || subject || ' ' || reason from audit";
        Ok(connection.query_row(query, [], |row| row.get::<_, String>(0))?)
    });
    assert_eq!(row.await.unwrap(), format!("{} 1000 retry job {} mended", NOW.as_millis(), job.id));
}

#[tokio::test]
async fn the_dead_job_of_an_earlier_round_is_not_retried_once_its_delivery_is_done() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.end("plugin:alpha", dead("it crashed")).await;
    bench.end("registry:verta", told()).await;
    assert!(retry(&bench, job.id).await.is_round());
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    bench.end("registry:verta", told()).await;
    assert_eq!(bench.standing(delivery).await.0, "done");
    let retried = retry(&bench, job.id).await;
    assert_eq!(retried, Retried::Mended { delivery, state: "done".to_owned() });
    assert!(retried.in_words(job.id).contains("is done since a later round"), "{}", retried.in_words(job.id));
    assert_eq!(bench.standing(delivery).await.0, "done");
}
