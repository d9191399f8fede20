//! The latest promotion only: what waits gives way to it, what acts is left to end, and nobody is told of a failure.

use super::*;

fn latest(scanners: &[&str]) -> Plan {
    Plan { latest_only: true, ..plan(scanners, &["deploy", "notify"]) }
}

/// Of model 7, to that stage.
fn to(id: &str, stage: &str) -> Value {
    let mut body = promotion(id, "7", id);
    body["new_entity"]["model_version"]["stage"] = stage.into();
    body
}

async fn reason(bench: &Bench, delivery: i64) -> String {
    bench.store.delivery(delivery).await.unwrap().unwrap().reason.unwrap_or_default()
}

const OVERTAKEN: [&str; 1] = ["confirm verta superseded"];

#[tokio::test]
async fn what_waits_gives_way_and_what_acts_is_left_to_end() {
    let bench = Bench::new().await;
    bench.accept(to("a", "PRODUCTION"), &latest(&[])).await;
    bench.end("registry:verta", confirmed()).await;
    let acting = bench.claim("plugin:deploy").await;
    bench.accept(to("b", "PRODUCTION"), &latest(&[])).await;
    bench.check(2, "open", &["confirm verta waiting"]).await;
    bench.accept(to("c", "PRODUCTION"), &latest(&[])).await;
    bench.check(2, "ignored", &OVERTAKEN).await;
    assert_eq!(reason(&bench, 2).await, "superseded: delivery 3 promotes the same model since (latest_only)");

    // After the daemon's death, too: its attempt counts, and it goes on.
    let bench = bench.reopen().await;
    let again = bench.claim("plugin:deploy").await;
    assert_eq!((again.id, again.attempts), (acting.id, 2));
    bench.settle(&again, acted(Status::Complete)).await;
    bench.end("plugin:notify", acted(Status::Complete)).await;
    let told = bench.claim_at("registry:verta", 9, NOW).await.jobs;
    let told: Vec<(i64, Phase)> = told.iter().map(|job| (job.delivery, job.phase)).collect();
    assert_eq!(told, [(3, Phase::Confirm), (1, Phase::Report)], "and after it the latest one");
}

#[tokio::test]
async fn what_is_due_gives_way_to_what_has_come_since_and_nobody_has_looked_at() {
    let bench = Bench::new().await;
    bench.accept(to("0", "PRODUCTION"), &latest(&[])).await;
    bench.check(1, "open", &["confirm verta due"]).await;
    for id in 1..20 {
        bench.accept(to(&id.to_string(), "PRODUCTION"), &latest(&[])).await;
    }
    assert_eq!(bench.claim("registry:verta").await.delivery, 20);
    assert_eq!(bench.count("select count(*) from delivery where state = 'ignored'").await, 19);
}

#[tokio::test]
async fn only_the_same_place_counts_and_only_where_the_route_says_so() {
    let bench = Bench::new().await;
    bench.accept(to("a", "PRODUCTION"), &plan(&[], &["deploy"])).await;
    bench.accept(to("b", "STAGING"), &latest(&[])).await;
    bench.accept(promotion("c", "8", "1"), &latest(&[])).await;
    bench.accept(to("d", "PRODUCTION"), &latest(&[])).await;
    // Scanners alone promote nothing.
    bench.accept(to("e", "PRODUCTION"), &plan(&["alpha"], &[])).await;
    for delivery in 1..=4 {
        let state = if [1, 3].contains(&delivery) { "due" } else { "waiting" };
        bench.check(delivery, "open", &[&format!("confirm verta {state}")]).await;
    }
    bench.accept(to("f", "PRODUCTION"), &plan(&[], &["deploy"])).await;
    bench.check(4, "ignored", &OVERTAKEN).await;
    bench.check(1, "open", &["confirm verta due"]).await;
}

#[tokio::test]
async fn one_that_is_being_confirmed_gives_way_when_the_answer_is_there() {
    for answer in [confirmed(), again_after(Duration::from_secs(1), true), Next::Release] {
        let bench = Bench::new().await;
        bench.accept(to("a", "PRODUCTION"), &latest(&[])).await;
        let confirm = bench.claim("registry:verta").await;
        bench.accept(to("b", "PRODUCTION"), &latest(&[])).await;
        bench.check(1, "open", &["confirm verta running"]).await;
        bench.settle(&confirm, answer).await;
        bench.check(1, "ignored", &OVERTAKEN).await;
        bench.check(2, "open", &["confirm verta due"]).await;
    }
}

#[tokio::test]
async fn one_whose_action_is_due_gives_way_with_its_progress() {
    let bench = Bench::new().await;
    bench.accept(to("a", "PRODUCTION"), &latest(&[])).await;
    bench.end("registry:verta", confirmed()).await;
    bench.accept(to("b", "PRODUCTION"), &latest(&[])).await;
    let jobs = ["confirm verta done", "progress verta superseded", "run deploy superseded", "run notify superseded"];
    bench.check(1, "ignored", &jobs).await;
    assert_eq!(bench.claim("registry:verta").await.delivery, 2);
    assert!(bench.claim_at("plugin:deploy", 9, NOW).await.jobs.is_empty());
}

#[tokio::test]
async fn a_scan_that_runs_is_left_to_end_and_nothing_follows_from_it() {
    let died = || dead("exited with 3");
    for (end, state) in [(voted(Verdict::Unsafe), "done"), (again_after(LEASE, true), "superseded"), (died(), "dead")] {
        let bench = Bench::new().await;
        bench.accept(to("a", "PRODUCTION"), &latest(&["alpha", "beta"])).await;
        let scan = bench.claim("plugin:alpha").await;
        bench.accept(to("b", "PRODUCTION"), &latest(&["alpha", "beta"])).await;
        bench.check(1, "open", &["run alpha running", "run beta superseded", "confirm verta superseded"]).await;
        bench.settle(&scan, end).await;
        let jobs = [&format!("run alpha {state}"), "run beta superseded", "confirm verta superseded"];
        bench.check(1, "ignored", &jobs).await;
        assert_eq!(bench.count("select count(*) from verdict").await, 0);
        bench.check(2, "open", &["run alpha due", "run beta due", "confirm verta held"]).await;
    }
}

#[tokio::test]
async fn a_hint_overtakes_nobody_until_the_registry_has_confirmed_it() {
    let bench = Bench::new().await;
    bench.accept(to("a", "PRODUCTION"), &latest(&[])).await;
    bench.end("registry:verta", confirmed()).await;
    let acting = bench.claim("plugin:deploy").await;
    bench.accept(to("b", "PRODUCTION"), &latest(&[])).await;
    bench.accept(to("c", "PRODUCTION"), &Plan { confirm_first: true, ..latest(&[]) }).await;
    bench.check(3, "open", &["ask verta due", "confirm verta waiting"]).await;
    bench.check(2, "open", &["confirm verta waiting"]).await;
    let mut asked = bench.claim_at("registry:verta", 9, NOW).await.jobs;
    asked.retain(|job| job.phase == Phase::Ask);
    bench.settle(&asked[0], confirmed()).await;
    bench.check(2, "ignored", &OVERTAKEN).await;
    bench.settle(&acting, acted(Status::Failed)).await;
    bench.check(3, "open", &["ask verta done", "confirm verta due"]).await;
}

#[tokio::test]
async fn one_that_a_person_replays_is_done_though_it_was_overtaken() {
    let bench = Bench::new().await;
    bench.accept(to("a", "PRODUCTION"), &latest(&[])).await;
    bench.accept(to("b", "PRODUCTION"), &latest(&[])).await;
    bench.check(1, "ignored", &OVERTAKEN).await;
    let replayed = bench.store.replay(1, Keep::Outcomes, by("it is wanted"), NOW, |_| Ok(latest(&[]))).await.unwrap();
    assert_eq!(replayed, Replayed::Round(2));
    bench.check(1, "open", &["confirm verta superseded", "2 confirm verta waiting"]).await;
    let second = bench.claim("registry:verta").await;
    bench.settle(&second, Next::End(Ending::NotConfirmed { reason: "gone".to_owned() })).await;
    bench.end("registry:verta", confirmed()).await;
    assert_eq!(bench.claim("plugin:deploy").await.delivery, 1);
}
