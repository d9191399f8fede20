//! What is counted, and how deep the queues are.

use super::*;

async fn depth(bench: &Bench, queue: &str) -> Depth {
    bench.store.depths().await.unwrap().remove(queue).unwrap_or_default()
}

/// The verdicts that were counted: `safe 1`, without those that were not reached.
fn verdicts(bench: &Bench) -> Vec<String> {
    let counts = bench.store.counts();
    counts
        .verdicts()
        .filter(|(_, reached)| *reached > 0)
        .map(|(verdict, reached)| format!("{verdict} {reached}"))
        .collect()
}

#[tokio::test]
async fn every_job_stands_in_one_state_of_its_queue() {
    let bench = Bench::new().await;
    assert_eq!(bench.store.depths().await.unwrap(), Depths::new());
    for id in ["a", "b", "c", "d"] {
        bench.accept(scan(id, "1"), &plan(&["alpha"], &[])).await;
    }
    let oldest = Some(NOW);
    assert_eq!(depth(&bench, "plugin:alpha").await, Depth { due: 4, oldest, ..Depth::default() });
    // The progress of the first stands in front of the lane; younger progress takes the place of older.
    assert_eq!(depth(&bench, "registry:verta").await, Depth { due: 1, oldest, ..Depth::default() });

    let jobs = bench.claim_at("plugin:alpha", 3, NOW).await.jobs;
    assert_eq!(depth(&bench, "plugin:alpha").await, Depth { due: 1, running: 3, oldest, ..Depth::default() });
    bench.settle(&jobs[0], voted(Verdict::Safe)).await;
    bench.settle(&jobs[1], dead("it crashed")).await;
    bench.settle(&jobs[2], again_after(Duration::from_hours(1), true)).await;
    assert_eq!(depth(&bench, "plugin:alpha").await, Depth { due: 2, dead: 1, oldest, ..Depth::default() });
    assert_eq!(verdicts(&bench), ["safe 1", "error 1"]);
}

#[tokio::test]
async fn what_was_retried_is_dead_no_more() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.end("plugin:alpha", dead("it crashed")).await;
    bench.end("registry:verta", told()).await;
    assert_eq!(depth(&bench, "plugin:alpha").await, Depth { dead: 1, ..Depth::default() });
    assert!(bench.store.retry(job.id, by("mended"), NOW).await.unwrap().is_round());
    assert_eq!(depth(&bench, "plugin:alpha").await, Depth { due: 1, oldest: Some(NOW), ..Depth::default() });
}

#[tokio::test]
async fn what_waits_in_a_lane_or_for_a_verdict_is_counted_as_that() {
    let bench = Bench::new().await;
    bench.accept(promotion("a", "1", "1"), &plan(&[], &["deploy"])).await;
    bench.accept(promotion("b", "1", "2"), &plan(&[], &["deploy"])).await;
    bench.accept(promotion("c", "2", "3"), &plan(&["alpha"], &["deploy"])).await;
    let oldest = Some(NOW);
    let registry = depth(&bench, "registry:verta").await;
    assert_eq!(registry, Depth { due: 1, waiting: 1, held: 1, oldest, ..Depth::default() });
}

#[tokio::test]
async fn the_oldest_is_the_first_that_has_not_ended() {
    let bench = Bench::new().await;
    let later = NOW.after(Duration::from_mins(5));
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let intake = Intake { delivery: delivery("verta", &scan("b", "2")), plan: Ok(plan(&["alpha"], &[])) };
    bench.store.insert(intake, BOUNDS, later).await.unwrap();
    assert_eq!(depth(&bench, "plugin:alpha").await.oldest, Some(NOW));
    let mut first = bench.claim_at("plugin:alpha", 1, NOW).await.jobs;
    assert_eq!(depth(&bench, "plugin:alpha").await.oldest, Some(NOW), "somebody is at it, and it has not ended");
    bench.settle(&first.remove(0), voted(Verdict::Safe)).await;
    assert_eq!(depth(&bench, "plugin:alpha").await.oldest, Some(later));
}

#[tokio::test]
async fn a_verdict_counts_when_it_is_committed_and_once() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let job = bench.claim("plugin:alpha").await;
    let settle = || bench.store.settle(&job, voted(Verdict::Unsafe), attempt("settled"), NOW);
    // In one batch with a member that fails, so that it is run twice.
    let failing = bench.store.write(|_| -> Result<(), _> { Err(StoreError::Closed) });
    let (settled, again, failed) = tokio::join!(settle(), settle(), failing);
    assert_eq!((settled.unwrap(), again.unwrap()), (Settled::Yes, Settled::Lost));
    assert!(failed.is_err());
    assert_eq!(verdicts(&bench), ["unsafe 1"]);
}

#[tokio::test]
async fn members_and_batches_are_counted_by_size() {
    let bench = Bench::new().await;
    let counts = bench.store.counts();
    assert_eq!((counts.members(), counts.batches().map(|(_, batches)| batches).sum::<u64>()), (0, 0));
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    assert_eq!(counts.batches().next(), Some((Some(1), 1)));
    let many = (0..600).map(|_| bench.store.flushed());
    futures_util::future::join_all(many).await;
    let batches: Vec<(Option<u16>, u64)> = counts.batches().collect();
    let at_most: u64 = batches.iter().map(|(most, batches)| u64::from(most.unwrap_or(600)) * batches).sum();
    // The queue takes 256 at once and refuses the rest.
    assert!((257..=601).contains(&counts.members()) && at_most >= counts.members(), "{batches:?}");
}

#[tokio::test]
async fn the_last_accepted_delivery_of_each_registry_is_known_after_a_restart() {
    let bench = Bench::new().await;
    assert_eq!(bench.store.last_accepted().await.unwrap(), []);
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let bench = bench.reopen().await;
    assert_eq!(bench.store.last_accepted().await.unwrap(), [("verta".to_owned(), NOW)]);
}
