//! One at a time, in order of acceptance; the newest report stands for the older ones that nobody is at.

use super::*;

/// Three deliveries about one build; the first one's report is being told.
async fn telling_the_first() -> (Bench, Job) {
    let bench = Bench::new().await;
    for id in ["a", "b", "c"] {
        bench.accept(scan(id, "1"), &plan(&["alpha"], &[])).await;
    }
    let mut runs = bench.claim_at("plugin:alpha", 1, NOW).await.jobs;
    bench.settle(&runs.remove(0), voted(Verdict::Safe)).await;
    let report = bench.claim("registry:verta").await;
    assert_eq!(report.delivery, 1);
    (bench, report)
}

/// The next delivery's scan ends, and its report is made.
async fn end_a_scan(bench: &Bench) {
    let mut runs = bench.claim_at("plugin:alpha", 1, NOW).await.jobs;
    bench.settle(&runs.remove(0), voted(Verdict::Unsafe)).await;
}

#[tokio::test]
async fn a_second_report_waits_for_the_end_of_the_first() {
    let (bench, report) = telling_the_first().await;
    end_a_scan(&bench).await;
    bench.check(2, "open", &["progress verta superseded", "run alpha done", "report verta waiting"]).await;
    assert!(bench.claim_at("registry:verta", 9, NOW).await.jobs.is_empty());
    bench.settle(&report, told()).await;
    bench.check(2, "open", &["progress verta superseded", "run alpha done", "report verta due"]).await;
    let second = bench.claim("registry:verta").await;
    assert_eq!(second.delivery, 2);
    bench.settle(&second, told()).await;
    bench.check(2, "done", &["progress verta superseded", "run alpha done", "report verta done"]).await;
}

#[tokio::test]
async fn a_newer_report_supersedes_one_that_waits_and_none_that_is_told() {
    let (bench, report) = telling_the_first().await;
    end_a_scan(&bench).await;
    end_a_scan(&bench).await;
    bench.check(1, "open", &["progress verta superseded", "run alpha done", "report verta running"]).await;
    bench.check(2, "done", &["progress verta superseded", "run alpha done", "report verta superseded"]).await;
    bench.check(3, "open", &["progress verta superseded", "run alpha done", "report verta waiting"]).await;
    bench.settle(&report, told()).await;
    assert_eq!(bench.claim("registry:verta").await.delivery, 3);
}

#[tokio::test]
async fn a_report_that_has_to_wait_gives_way_to_a_newer_one() {
    let (bench, report) = telling_the_first().await;
    end_a_scan(&bench).await;
    bench.settle(&report, again_after(Duration::from_hours(1), true)).await;
    bench.check(1, "done", &["progress verta superseded", "run alpha done", "report verta superseded"]).await;
    assert_eq!(bench.claim("registry:verta").await.delivery, 2, "at once, not in an hour");
}

/// A promotion of what scans are about, too, as on registries whose scans are of versions.
async fn end_a_promotion(bench: &Bench) -> i64 {
    let mut body = promotion("p", "77", "1001");
    body["new_entity"]["scan_request"] = json!({ "buildId": "1" });
    let id = bench.accept(body, &plan(&[], &["act"])).await;
    bench.end("registry:verta", confirmed()).await;
    bench.end("plugin:act", acted(Status::Complete)).await;
    id
}

#[tokio::test]
async fn how_a_promotion_ended_takes_no_verdict_s_place_and_no_verdict_takes_that_of_a_promotion() {
    let (bench, report) = telling_the_first().await;
    end_a_scan(&bench).await;
    let promoted = end_a_promotion(&bench).await;
    let waits = "report verta waiting";
    bench.check(2, "open", &["progress verta superseded", "run alpha done", waits]).await;
    bench.check(promoted, "open", &["confirm verta done", "progress verta superseded", "run act done", waits]).await;
    end_a_scan(&bench).await;
    bench.check(2, "done", &["progress verta superseded", "run alpha done", "report verta superseded"]).await;
    bench.check(promoted, "open", &["confirm verta done", "progress verta superseded", "run act done", waits]).await;
    bench.settle(&report, told()).await;
    assert_eq!(bench.claim("registry:verta").await.delivery, 3);
}

#[tokio::test]
async fn a_verdict_that_has_to_wait_does_not_give_way_to_a_promotion() {
    let (bench, report) = telling_the_first().await;
    end_a_promotion(&bench).await;
    bench.settle(&report, again_after(Duration::from_hours(1), true)).await;
    bench.check(1, "open", &["progress verta superseded", "run alpha done", "report verta due"]).await;
}

#[tokio::test]
async fn progress_replaces_older_progress_and_never_a_report() {
    let (bench, report) = telling_the_first().await;
    end_a_scan(&bench).await;
    bench.accept(scan("d", "1"), &plan(&["alpha"], &[])).await;
    bench.check(2, "open", &["progress verta superseded", "run alpha done", "report verta waiting"]).await;
    bench.check(4, "open", &["progress verta waiting", "run alpha due"]).await;
    bench.settle(&report, told()).await;
    bench.check(4, "open", &["progress verta waiting", "run alpha due"]).await;
    bench.end("registry:verta", told()).await;
    bench.check(4, "open", &["progress verta due", "run alpha due"]).await;
}

#[tokio::test]
async fn reports_of_different_subjects_do_not_wait_for_each_other() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    bench.accept(scan("b", "2"), &plan(&["alpha"], &[])).await;
    let other = delivery("other", &scan("c", "1"));
    assert_eq!(bench.insert(other, &plan(&["alpha"], &[])).await, Inserted::New(3));
    assert_eq!(bench.claim_at("registry:verta", 9, NOW.after(SCANNING_AFTER)).await.jobs.len(), 2);
    assert_eq!(bench.claim_at("registry:other", 9, NOW.after(SCANNING_AFTER)).await.jobs.len(), 1);
}

#[tokio::test]
async fn actions_of_a_model_run_one_at_a_time_in_the_order_of_acceptance() {
    let bench = Bench::new().await;
    let mut plan = plan(&[], &["deploy", "notify"]);
    plan.report = false;
    let first = bench.accept(promotion("a", "1", "10"), &plan).await;
    let second = bench.accept(promotion("b", "1", "11"), &plan).await;
    let other = bench.accept(promotion("c", "2", "20"), &plan).await;
    bench.check(second, "open", &["confirm verta waiting"]).await;
    bench.check(other, "open", &["confirm verta due"]).await;
    let confirms = bench.claim_at("registry:verta", 9, NOW).await.jobs;
    assert_eq!(confirms.iter().map(|job| job.delivery).collect::<Vec<_>>(), [first, other]);
    bench.settle(&confirms[0], confirmed()).await;
    bench.check(first, "open", &["confirm verta done", "run deploy due", "run notify waiting"]).await;
    bench.check(second, "open", &["confirm verta waiting"]).await;
    bench.end("plugin:deploy", acted(Status::Complete)).await;
    bench.check(first, "open", &["confirm verta done", "run deploy done", "run notify due"]).await;
    bench.check(second, "open", &["confirm verta waiting"]).await;
    bench.end("plugin:notify", acted(Status::Complete)).await;
    bench.check(first, "done", &["confirm verta done", "run deploy done", "run notify done"]).await;
    bench.check(second, "open", &["confirm verta due"]).await;
}

#[tokio::test]
async fn a_failed_action_ends_the_others_and_lets_the_lane_move_up() {
    let bench = Bench::new().await;
    let mut plan = plan(&[], &["deploy", "notify"]);
    plan.report = false;
    let first = bench.accept(promotion("a", "1", "10"), &plan).await;
    let second = bench.accept(promotion("b", "1", "11"), &plan).await;
    bench.end("registry:verta", confirmed()).await;
    bench.end("plugin:deploy", acted(Status::Failed)).await;
    bench.check(first, "done", &["confirm verta done", "run deploy done", "run notify skipped"]).await;
    bench.check(second, "open", &["confirm verta due"]).await;
    bench.end("registry:verta", Next::End(Ending::NotConfirmed { reason: "moved on".to_owned() })).await;
    bench.check(second, "ignored", &["confirm verta done"]).await;
}

#[tokio::test]
async fn a_held_promotion_keeps_its_place_until_the_verdict() {
    let bench = Bench::new().await;
    let mut careful = plan(&["alpha"], &["deploy"]);
    let mut plain = plan(&[], &["deploy"]);
    (careful.report, plain.report) = (false, false);
    let first = bench.accept(promotion("a", "1", "10"), &careful).await;
    let second = bench.accept(promotion("b", "1", "11"), &plain).await;
    let third = bench.accept(promotion("c", "1", "12"), &careful).await;
    bench.check(second, "open", &["confirm verta waiting"]).await;
    let runs = bench.claim_at("plugin:alpha", 9, NOW).await.jobs;
    // The third is scanned first, and still comes after the others.
    bench.settle(&runs[1], voted(Verdict::Safe)).await;
    bench.check(third, "open", &["run alpha done", "confirm verta waiting"]).await;
    bench.check(second, "open", &["confirm verta waiting"]).await;
    bench.settle(&runs[0], voted(Verdict::Unsafe)).await;
    bench.check(first, "done", &["run alpha done", "confirm verta skipped"]).await;
    bench.check(second, "open", &["confirm verta due"]).await;
    bench.check(third, "open", &["run alpha done", "confirm verta waiting"]).await;
}
