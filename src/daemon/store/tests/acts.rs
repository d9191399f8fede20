//! What a person does: replay, cancel, retry of many, pause; and what goes when it has been kept long enough.

use super::*;

const DAY: Duration = Duration::from_hours(24);

async fn replay(bench: &Bench, delivery: i64, keep: Keep) -> Replayed {
    let none = |_: &scanrelay::Event| Err("no route".to_owned());
    bench.store.replay(delivery, keep, by("again"), NOW, none).await.unwrap()
}

/// A scan by `alpha` that ended `safe` and was told.
async fn done(bench: &Bench, build: &str) -> i64 {
    let delivery = bench.accept(scan(build, build), &plan(&["alpha"], &[])).await;
    bench.end("registry:verta", told()).await;
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    bench.end("registry:verta", told()).await;
    delivery
}

#[tokio::test]
async fn a_replay_tells_again_what_was_found_and_scans_again_when_all_is_asked_for() {
    let bench = Bench::new().await;
    let delivery = done(&bench, "1").await;
    assert_eq!(replay(&bench, delivery, Keep::Outcomes).await, Replayed::Round(2));
    assert_eq!(replay(&bench, delivery, Keep::Outcomes).await, Replayed::Open);
    let (state, jobs) = bench.standing(delivery).await;
    assert_eq!(state, "open");
    assert!(jobs.contains(&"2 run alpha done".to_owned()), "{jobs:?}");
    bench.end("registry:verta", told()).await;
    assert_eq!(bench.standing(delivery).await.0, "done");

    assert_eq!(replay(&bench, delivery, Keep::Nothing).await, Replayed::Round(3));
    let again = bench.claim("plugin:alpha").await;
    assert_eq!(again.run_id, format!("{}-{delivery}-3-alpha", bench.store.id()), "a fresh run has an id of its own");
    assert_eq!(bench.count("select count(*) from audit where act = 'replay' and reason = 'again'").await, 2);
    assert_eq!(replay(&bench, 99, Keep::Outcomes).await, Replayed::Unknown);
}

#[tokio::test]
async fn what_took_no_route_is_routed_anew() {
    let bench = Bench::new().await;
    let intake = Intake { delivery: delivery("verta", &scan("a", "1")), plan: Err("no route".to_owned()) };
    let Inserted::New(ignored) = bench.store.insert(intake, BOUNDS, NOW).await.unwrap() else { panic!("not new") };
    assert_eq!(replay(&bench, ignored, Keep::Outcomes).await, Replayed::NoRoute("no route".to_owned()));
    let found = plan(&["alpha"], &[]);
    let route = move |_: &scanrelay::Event| Ok(found.clone());
    let replayed = bench.store.replay(ignored, Keep::Outcomes, by("routed"), NOW, route).await.unwrap();
    assert_eq!(replayed, Replayed::Round(2));
    bench.claim("plugin:alpha").await;
}

#[tokio::test]
async fn a_cancelled_scan_votes_error_and_nobody_listens_to_it_any_more() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let running = bench.claim("plugin:alpha").await;
    assert_eq!(bench.store.cancel(running.id, by("stuck"), NOW).await.unwrap(), Cancelled::Yes);
    assert_eq!(bench.count("select token from job where name = 'alpha'").await, running.token + 1);
    let late = bench.store.settle(&running, voted(Verdict::Safe), attempt("late"), NOW).await.unwrap();
    assert_eq!(late, Settled::Lost);
    let verdict = &bench.store.verdicts(delivery).await.unwrap()[0];
    assert_eq!((verdict.verdict.as_str(), &verdict.votes[0]["summary"]), ("error", &json!("cancelled by hand: stuck")));
    let again = bench.store.cancel(running.id, by("stuck"), NOW).await.unwrap();
    assert_eq!(again, Cancelled::Ended("dead".to_owned()));
    assert_eq!(bench.store.cancel(99, by("stuck"), NOW).await.unwrap(), Cancelled::Unknown);
}

#[tokio::test]
async fn all_the_dead_of_late_are_retried_each_delivery_once() {
    let bench = Bench::new().await;
    let mut dead_ones = Vec::new();
    for build in ["1", "2"] {
        bench.accept(scan(build, build), &plan(&["alpha", "beta"], &[])).await;
        bench.end("registry:verta", told()).await;
        dead_ones.push(bench.end("plugin:alpha", dead("crashed")).await.id);
        bench.end("plugin:beta", dead("crashed")).await;
        bench.end("registry:verta", told()).await;
    }
    assert_eq!(bench.store.dead(NOW.after(DAY)).await.unwrap(), Vec::<i64>::new());
    assert_eq!(bench.store.dead(NOW).await.unwrap(), dead_ones);
    let retried = bench.store.retry_dead(NOW, by("mended"), NOW).await.unwrap();
    assert!(retried.iter().all(|(_, each)| each.is_round()) && retried.len() == 2, "{retried:?}");
    assert_eq!(bench.store.retry_dead(NOW, by("mended"), NOW).await.unwrap(), []);
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_over_a_restart_until_it_goes_on() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    for queue in ["plugin:alpha", ALL] {
        assert!(bench.store.pause(queue.to_owned(), by("looking"), NOW).await.unwrap());
        assert!(!bench.store.pause(queue.to_owned(), by("looking"), NOW).await.unwrap());
    }
    let bench = bench.reopen().await;
    assert_eq!(bench.claim_at("plugin:alpha", 1, NOW).await.jobs.len(), 0);
    assert_eq!(bench.claim_at("registry:verta", 1, NOW).await.jobs.len(), 0, "everything stands still");
    assert_eq!(bench.store.paused().await.unwrap().len(), 2);
    assert!(bench.store.resume(ALL.to_owned(), by("seen"), NOW).await.unwrap());
    assert!(!bench.store.resume(ALL.to_owned(), by("seen"), NOW).await.unwrap());
    bench.claim("plugin:alpha").await;
}

#[tokio::test]
async fn the_status_counts_what_waits_runs_and_is_dead() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    bench.accept(scan("b", "2"), &plan(&["alpha"], &[])).await;
    bench.claim_at("plugin:alpha", 1, NOW).await;
    let status = bench.store.status(vec!["plugin:idle".to_owned()]).await.unwrap();
    assert_eq!((status.open, status.oldest), (2, Some(NOW)));
    let rows: Vec<(&str, u32, u32, u32)> =
        status.queues.iter().map(|row| (row.queue.as_str(), row.waiting, row.running, row.dead)).collect();
    assert_eq!(rows, [("plugin:alpha", 1, 1, 0), ("plugin:idle", 0, 0, 0), ("registry:verta", 2, 0, 0)]);
}

#[tokio::test]
async fn what_ended_long_ago_goes_and_verdicts_and_keys_stay() {
    let bench = Bench::new().await;
    let retention = Retention { done: DAY, dead: DAY * 3, bodies: None, logs: None, verdicts: None };
    assert_eq!(bench.store.purge(retention, NOW).await.unwrap(), Purged::default());
    done(&bench, "1").await;
    bench.accept(scan("open", "2"), &plan(&["beta"], &[])).await;
    let soon = bench.store.purge(retention, NOW).await.unwrap();
    assert_eq!(soon, Purged { next: Some(NOW.after(DAY)), ..Purged::default() });
    assert_eq!(bench.store.purge(retention, NOW.after(DAY)).await.unwrap().deliveries, 1);
    assert_eq!(bench.count("select count(*) from delivery").await, 1, "what is open stays");
    assert_eq!(bench.count("select count(*) from job where delivery = 1").await, 0);
    assert_eq!(bench.count("select count(*) from verdict").await, 1);
    assert_eq!(bench.count("select count(*) from dedupe").await, 2);
    let same = bench.insert(delivery("verta", &scan("1", "1")), &plan(&["alpha"], &[])).await;
    assert_eq!(same, Inserted::Duplicate(1), "it is known although it is gone");
}
