//! Who gets which job, and for how long.

use super::*;

const A_MOMENT: Duration = Duration::from_millis(1);

/// Stores so many scans of different builds, by one scanner.
async fn scans(bench: &Bench, scanner: &str, count: usize) {
    for nth in 0..count {
        let id = format!("{scanner}-{nth}");
        bench.accept(scan(&id, &id), &plan(&[scanner], &[])).await;
    }
}

fn ids(claimed: &Claimed) -> Vec<i64> {
    claimed.jobs.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn a_claim_takes_what_is_due_and_nothing_before_its_time() {
    let bench = Bench::new().await;
    scans(&bench, "alpha", 1).await;
    let job = bench.claim("plugin:alpha").await;
    bench.settle(&job, again_after(Duration::from_secs(10), true)).await;
    let due = NOW.after(Duration::from_secs(10));
    let early = bench.claim_at("plugin:alpha", 1, NOW.after(Duration::from_secs(10).saturating_sub(A_MOMENT))).await;
    assert_eq!((ids(&early), early.next_due), (Vec::new(), Some(due)));
    assert_eq!(ids(&bench.claim_at("plugin:alpha", 1, due).await), [job.id]);
}

#[tokio::test]
async fn a_claim_sets_the_lease_bumps_the_token_and_counts_the_attempt() {
    let bench = Bench::new().await;
    scans(&bench, "alpha", 1).await;
    let first = bench.claim("plugin:alpha").await;
    assert_eq!((first.token, first.attempts, first.deferrals), (1, 1, 0));
    let row = bench.row(first.id).await;
    assert_eq!((row.state.as_str(), row.due_at, row.attempts), ("running", NOW.after(LEASE), 1));
    let early = bench.claim_at("plugin:alpha", 1, NOW.after(LEASE.saturating_sub(A_MOMENT))).await;
    assert_eq!((ids(&early), early.next_due), (Vec::new(), Some(NOW.after(LEASE))));
    let late = bench.claim_at("plugin:alpha", 1, NOW.after(LEASE)).await.jobs.remove(0);
    assert_eq!((late.id, late.token, late.attempts), (first.id, 2, 2));
}

#[tokio::test]
async fn a_claimed_job_carries_what_it_needs() {
    let bench = Bench::new().await;
    let body = scan("a", "5150");
    let delivery = bench.accept(body.clone(), &plan(&["alpha"], &[])).await;
    let run = bench.claim("plugin:alpha").await;
    assert_eq!((run.delivery, run.name.as_str(), run.queue.as_str()), (delivery, "alpha", "plugin:alpha"));
    assert_eq!(run.run_id, format!("{}-{}-1-alpha", bench.store.id(), run.delivery));
    assert_eq!(run.body, body.to_string());
    assert_eq!(run.event.raw.as_ref().unwrap().as_str(), body.to_string());
    assert_eq!(run.event.build.id.as_deref(), Some("5150"));
    assert_eq!((run.checkpoint, run.tell), (None, None));
    let progress = bench.claim("registry:verta").await;
    assert_eq!(progress.tell, Some(scanrelay::registry::Outcome::Scanning));
}

#[tokio::test]
async fn slots_queues_and_the_bound_on_runs_are_kept() {
    let bench = Bench::new().await;
    scans(&bench, "alpha", 4).await;
    scans(&bench, "beta", 4).await;
    let claimed = async |wants: &[(&str, u32)], runs| {
        let wants = wants.iter().map(|(queue, slots)| want(queue, *slots)).collect();
        let jobs = bench.store.claim(wants, runs, NOW.after(SCANNING_AFTER)).await.unwrap().jobs;
        let mut queues: Vec<String> = jobs.into_iter().map(|job| job.queue).collect();
        queues.sort();
        queues
    };
    assert_eq!(claimed(&[("plugin:alpha", 1)], 100).await, ["plugin:alpha"]);
    assert_eq!(claimed(&[("plugin:alpha", 0), ("plugin:gamma", 9)], 100).await, [""; 0]);
    assert_eq!(
        claimed(&[("plugin:alpha", 2), ("plugin:beta", 2)], 3).await,
        ["plugin:alpha", "plugin:alpha", "plugin:beta"]
    );
    // Requests to registries are no runs.
    assert_eq!(claimed(&[("plugin:beta", 9), ("registry:verta", 2)], 0).await, ["registry:verta"; 2]);
    assert_eq!(claimed(&[("plugin:beta", 9), ("plugin:alpha", 9)], 100).await.len(), 4, "the rest");
}

#[tokio::test]
async fn the_longest_due_goes_first() {
    let bench = Bench::new().await;
    scans(&bench, "alpha", 3).await;
    let jobs = bench.claim_at("plugin:alpha", 3, NOW).await.jobs;
    for (job, wait) in jobs.iter().zip([30, 10, 20]) {
        bench.settle(job, again_after(Duration::from_secs(wait), true)).await;
    }
    let later = NOW.after(Duration::from_mins(1));
    let mut order = Vec::new();
    for _ in 0..3 {
        order.extend(ids(&bench.claim_at("plugin:alpha", 1, later).await));
    }
    assert_eq!(order, [jobs[1].id, jobs[2].id, jobs[0].id]);
}

#[tokio::test]
async fn a_busy_queue_blocks_no_other() {
    let bench = Bench::new().await;
    scans(&bench, "alpha", 40).await;
    scans(&bench, "beta", 1).await;
    assert_eq!(bench.claim_at("plugin:alpha", 2, NOW).await.jobs.len(), 2);
    // Its slots are in use, so it is not asked for; what is due there is nobody's reason to wake.
    let claimed = bench.store.claim(vec![want("plugin:alpha", 0), want("plugin:beta", 2)], 100, NOW).await.unwrap();
    assert_eq!(claimed.jobs.iter().map(|job| job.queue.as_str()).collect::<Vec<_>>(), ["plugin:beta"]);
    assert_eq!(claimed.next_due, Some(NOW.after(LEASE)));
}

#[tokio::test]
async fn next_due_is_the_first_of_the_queues_with_a_free_slot() {
    let bench = Bench::new().await;
    scans(&bench, "alpha", 1).await;
    scans(&bench, "beta", 1).await;
    for (queue, wait) in [("plugin:alpha", 20), ("plugin:beta", 10)] {
        bench.end(queue, again_after(Duration::from_secs(wait), true)).await;
    }
    let check = async |queues: &[&str], seconds: Option<u64>| {
        let wants = queues.iter().map(|queue| want(queue, 1)).collect();
        let claimed = bench.store.claim(wants, 100, NOW).await.unwrap();
        assert_eq!(claimed.next_due, seconds.map(|wait| NOW.after(Duration::from_secs(wait))), "{queues:?}");
    };
    check(&["plugin:alpha", "plugin:beta"], Some(10)).await;
    check(&["plugin:beta", "plugin:alpha"], Some(10)).await;
    check(&["plugin:alpha"], Some(20)).await;
    check(&["plugin:gamma"], None).await;
    check(&[], None).await;
}

#[tokio::test]
async fn queues_are_named_as_long_as_a_job_of_theirs_is_open() {
    let bench = Bench::new().await;
    bench.accept(promotion("a", "1", "10"), &plan(&["alpha"], &["deploy"])).await;
    assert_eq!(bench.claim_at("plugin:other", 1, NOW).await.new_queues, ["plugin:alpha", "registry:verta"]);
    let queues = async || {
        let mut queues = bench.store.queues().await.unwrap();
        queues.sort();
        queues
    };
    assert_eq!(queues().await, ["plugin:alpha", "registry:verta"], "a held job counts");
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    assert_eq!(queues().await, ["registry:verta"]);
}
