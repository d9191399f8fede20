//! What is stored, what was stored before, and what there is no room for.

use super::*;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_new_delivery_stands_with_its_first_jobs() {
    let bench = Bench::new().await;
    let scanned = bench.accept(scan("a", "1"), &plan(&["alpha", "beta"], &[])).await;
    bench.check(scanned, "open", &["progress verta due", "run alpha due", "run beta due"]).await;
    let acted = bench.accept(promotion("b", "1", "10"), &plan(&[], &["deploy"])).await;
    bench.check(acted, "open", &["confirm verta due"]).await;
    let careful = bench.accept(promotion("c", "2", "20"), &plan(&["alpha"], &["deploy"])).await;
    bench.check(careful, "open", &["run alpha due", "confirm verta held"]).await;
    let row = bench.store.delivery(scanned).await.unwrap().unwrap();
    assert_eq!((row.registry.as_str(), row.kind.as_str(), row.subject.as_str()), ("verta", "scan_request", "build:1"));
    assert_eq!((row.received_at, row.ended_at, row.conflict, row.round), (NOW, None, false, 1));
}

#[tokio::test]
async fn without_a_route_it_is_kept_and_ignored() {
    let bench = Bench::new().await;
    let intake =
        || Intake { delivery: delivery("verta", &scan("a", "1")), plan: Err("no route: none fits".to_owned()) };
    let none = Bounds { pending: 0, pending_per_registry: 0, room: ROOM };
    assert_eq!(bench.store.insert(intake(), none, NOW).await.unwrap(), Inserted::New(1), "it takes no room");
    bench.check(1, "ignored", &[]).await;
    let row = bench.store.delivery(1).await.unwrap().unwrap();
    assert_eq!((row.reason.as_deref(), row.ended_at), (Some("no route: none fits"), Some(NOW)));
    assert_eq!(bench.store.insert(intake(), none, NOW).await.unwrap(), Inserted::Duplicate(1));
}

#[tokio::test]
async fn the_same_delivery_is_a_duplicate_of_the_first() {
    let bench = Bench::new().await;
    let plan = plan(&["alpha"], &[]);
    let again = || delivery("verta", &scan("a", "1"));
    let first = bench.accept(scan("a", "1"), &plan).await;
    bench.accept(scan("b", "1"), &plan).await;
    assert_eq!(bench.insert(again(), &plan).await, Inserted::Duplicate(first));
    let bench = bench.reopen().await;
    assert_eq!(bench.insert(again(), &plan).await, Inserted::Duplicate(first));
    bench.check(first, "open", &["progress verta superseded", "run alpha due"]).await;
    assert_eq!(bench.count("select count(*) from delivery").await, 2);
}

#[tokio::test]
async fn a_key_is_remembered_as_long_as_its_delivery_asks() {
    let bench = Bench::new().await;
    let at = async |now| {
        let intake = Intake { delivery: delivery("verta", &scan("a", "1")), plan: Ok(plan(&["alpha"], &[])) };
        bench.store.insert(intake, BOUNDS, now).await.unwrap()
    };
    assert_eq!(delivery("verta", &scan("a", "1")).remember(), 400 * DAY);
    assert_eq!(at(NOW).await, Inserted::New(1));
    let last = NOW.after((400 * DAY).saturating_sub(Duration::from_millis(1)));
    assert_eq!(at(last).await, Inserted::Duplicate(1));
    assert_eq!(at(NOW.after(400 * DAY)).await, Inserted::New(2));
    assert!(!bench.store.delivery(2).await.unwrap().unwrap().conflict);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_stored_and_flagged() {
    let bench = Bench::new().await;
    let plan = plan(&["alpha"], &[]);
    let first = bench.accept(scan("a", "1"), &plan).await;
    let Inserted::Conflict(second) = bench.insert(delivery("verta", &scan("a", "2")), &plan).await else {
        panic!("it was not told")
    };
    let conflict = async |id| bench.store.delivery(id).await.unwrap().unwrap().conflict;
    assert_eq!((conflict(first).await, conflict(second).await), (false, true));
    assert_eq!(bench.insert(delivery("verta", &scan("a", "1")), &plan).await, Inserted::Duplicate(first));
    assert_eq!(bench.insert(delivery("verta", &scan("a", "2")), &plan).await, Inserted::Duplicate(second));
    // Two registries may give the same id to different things.
    assert_eq!(bench.insert(delivery("other", &scan("a", "3")), &plan).await, Inserted::New(3));
    assert!(!conflict(3).await);
}

#[tokio::test]
async fn it_is_full_at_either_bound_and_has_room_after_an_end() {
    let bench = Bench::new().await;
    let bounds = Bounds { pending: 3, pending_per_registry: 2, room: ROOM };
    let insert = async |registry: &str, id: &str| {
        let intake = Intake { delivery: delivery(registry, &scan(id, id)), plan: Ok(plan(&["alpha"], &[])) };
        bench.store.insert(intake, bounds, NOW).await.unwrap()
    };
    assert_eq!(insert("verta", "a").await, Inserted::New(1));
    assert_eq!(insert("verta", "b").await, Inserted::New(2));
    assert_eq!(insert("verta", "c").await, Inserted::Full, "two of one registry");
    assert_eq!(insert("other", "a").await, Inserted::New(3));
    assert_eq!(insert("third", "a").await, Inserted::Full, "three in all");
    assert_eq!(insert("verta", "b").await, Inserted::Duplicate(2), "what is stored needs no room");

    let runs = bench.claim_at("plugin:alpha", 100, NOW).await.jobs;
    bench.settle(&runs[0], voted(Verdict::Safe)).await;
    assert_eq!(insert("verta", "c").await, Inserted::Full, "its report is not told yet");
    let reports = bench.claim_at("registry:verta", 100, NOW).await.jobs;
    bench.settle(reports.iter().find(|job| job.delivery == 1).unwrap(), told()).await;
    bench.check(1, "done", &["progress verta superseded", "run alpha done", "report verta done"]).await;
    assert_eq!(insert("verta", "c").await, Inserted::New(4));
    assert_eq!(insert("verta", "d").await, Inserted::Full);
}

#[tokio::test]
async fn without_room_nothing_new_is_taken_and_what_was_accepted_goes_on() {
    let bench = Bench::new().await;
    let plan = plan(&["alpha"], &[]);
    let none = Bounds { room: Room { min_free: u64::MAX, ..ROOM }, ..BOUNDS };
    let small = Bounds { room: Room { max_size: Some(1), ..ROOM }, ..BOUNDS };
    let insert = async |id: &str, bounds, seconds| {
        let intake = Intake { delivery: delivery("verta", &scan(id, id)), plan: Ok(plan.clone()) };
        bench.store.insert(intake, bounds, NOW.after(Duration::from_secs(seconds))).await.unwrap()
    };
    assert_eq!(insert("a", BOUNDS, 0).await, Inserted::New(1));
    assert_eq!(insert("b", none, 1).await, Inserted::NoRoom);
    assert_eq!(insert("b", small, 2).await, Inserted::NoRoom);
    assert_eq!(insert("a", small, 2).await, Inserted::Duplicate(1), "what is stored needs no room");
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    bench.end("registry:verta", told()).await;
    assert_eq!(bench.store.delivery(1).await.unwrap().unwrap().state, "done");
    assert_eq!(insert("b", BOUNDS, 3).await, Inserted::New(2), "and again when there is room");
    assert!(bench.store.shortage(none.room).await.unwrap().is_some());
    assert_eq!(bench.store.shortage(ROOM).await.unwrap(), None);
}
