//! What goes when, and the room that it leaves.

use super::*;

const DAY: Duration = Duration::from_hours(24);
const FOR_EVER: Duration = Duration::from_hours(24 * 3650);

fn keep() -> Retention {
    Retention { done: FOR_EVER, dead: FOR_EVER, bodies: None, logs: None, verdicts: None }
}

/// A delivery that ended, with a log, at that time.
async fn ended(bench: &Bench, id: &str, how: Next, at: Timestamp) -> i64 {
    let intake = Intake { delivery: delivery("verta", &scan(id, id)), plan: Ok(plan(&["alpha"], &[])) };
    let Inserted::New(delivery) = bench.store.insert(intake, BOUNDS, at).await.unwrap() else { panic!("{id} is new") };
    let run = bench.claim_at("plugin:alpha", 1, at).await.jobs.remove(0);
    let log = Attempt { log: Some(vec![b'x'; 1000]), ..attempt("result") };
    bench.store.settle(&run, how, log, at).await.unwrap();
    let report = bench.claim_at("registry:verta", 1, at).await.jobs.remove(0);
    bench.store.settle(&report, told(), attempt("told"), at).await.unwrap();
    delivery
}

async fn payload(bench: &Bench, delivery: i64) -> usize {
    bench.store.delivery(delivery).await.unwrap().unwrap().payload
}

async fn log(bench: &Bench, delivery: i64) -> bool {
    let filter = Filter { delivery: Some(delivery), ..Filter::default() };
    let jobs = bench.store.jobs(filter).await.unwrap();
    let run = jobs.iter().rfind(|job| job.phase == "run").unwrap();
    bench.store.attempts(run.id).await.unwrap()[0].log.is_some()
}

#[tokio::test]
async fn payloads_and_logs_go_before_their_delivery_each_at_its_time() {
    let bench = Bench::new().await;
    let first = ended(&bench, "1", voted(Verdict::Safe), NOW).await;
    let second = ended(&bench, "2", voted(Verdict::Safe), NOW.after(DAY)).await;
    bench.accept(scan("open", "3"), &plan(&["beta"], &[])).await;
    let retention = Retention { bodies: Some(DAY * 3), logs: Some(DAY), ..keep() };
    let at = async |days: u32| bench.store.purge(retention, NOW.after(DAY * days)).await.unwrap();

    assert_eq!(at(0).await, Purged { next: Some(NOW.after(DAY)), ..Purged::default() });
    let purged = at(1).await;
    assert_eq!((purged.logs, purged.bodies, purged.deliveries), (1, 0, 0));
    assert_eq!((log(&bench, first).await, log(&bench, second).await), (false, true));
    assert_eq!(at(1).await, Purged { next: Some(NOW.after(DAY * 2)), ..Purged::default() });
    let purged = at(3).await;
    assert_eq!((purged.logs, purged.bodies), (1, 1));
    assert_eq!(payload(&bench, first).await, 0);
    assert!(payload(&bench, second).await > 0);
    assert_eq!(at(4).await.bodies, 1);
    assert_eq!(at(100).await.bodies, 0);
    assert!(payload(&bench, 3).await > 0, "what is open keeps it");
    assert_eq!(bench.count("select count(*) from delivery").await, 3);
    let same = bench.insert(delivery("verta", &scan("1", "1")), &plan(&["alpha"], &[])).await;
    assert_eq!(same, Inserted::Duplicate(first));
}

#[tokio::test]
async fn many_that_ended_at_one_moment_are_all_met() {
    let bench = Bench::new().await;
    for id in 0..450 {
        let ignored = Intake { delivery: delivery("verta", &scan(&id.to_string(), "1")), plan: Err("none".to_owned()) };
        bench.store.insert(ignored, BOUNDS, NOW).await.unwrap();
    }
    let retention = Retention { bodies: Some(DAY), ..keep() };
    let mut removed = Vec::new();
    loop {
        let purged = bench.store.purge(retention, NOW.after(DAY)).await.unwrap();
        if purged.next != Some(NOW.after(DAY)) {
            break;
        }
        removed.push(purged.bodies);
    }
    assert_eq!(removed, [200, 200, 50]);
    assert_eq!(bench.count("select count(*) from delivery where length(body) > 0").await, 0);
}

#[tokio::test]
async fn without_its_payload_a_delivery_is_neither_replayed_nor_retried() {
    let bench = Bench::new().await;
    let well = ended(&bench, "1", voted(Verdict::Safe), NOW).await;
    let ill = ended(&bench, "2", dead("it crashed"), NOW).await;
    let retention = Retention { bodies: Some(DAY), ..keep() };
    assert_eq!(bench.store.purge(retention, NOW.after(DAY)).await.unwrap().bodies, 2);
    let route = |_: &scanrelay::Event| Err("none".to_owned());
    let replayed = bench.store.replay(well, Keep::Outcomes, by("again"), NOW, route).await.unwrap();
    assert_eq!(replayed, Replayed::NoPayload);
    assert!(replayed.in_words(well).contains("have the registry send it again"), "{}", replayed.in_words(well));
    let jobs = bench.store.dead(NOW).await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(bench.store.retry(jobs[0], by("again"), NOW).await.unwrap(), Retried::NoPayload(ill));
    assert_eq!(bench.store.retry_dead(NOW, by("again"), NOW).await.unwrap(), [(jobs[0], Retried::NoPayload(ill))]);
    assert_eq!(bench.store.delivery(ill).await.unwrap().unwrap().state, "dead");
}

#[tokio::test]
async fn a_verdict_goes_after_its_delivery_and_only_when_that_was_asked_for() {
    let bench = Bench::new().await;
    let first = ended(&bench, "1", voted(Verdict::Safe), NOW).await;
    ended(&bench, "2", voted(Verdict::Safe), NOW.after(DAY)).await;
    let verdicts = async || bench.count("select count(*) from verdict").await;
    let (kept, bounded) =
        (Retention { done: DAY, ..keep() }, Retention { done: DAY, verdicts: Some(DAY * 2), ..keep() });
    assert_eq!(bench.store.purge(kept, NOW.after(DAY)).await.unwrap().deliveries, 1);
    assert!(bench.store.delivery(first).await.unwrap().is_none());
    bench.store.purge(kept, NOW.after(DAY * 1000)).await.unwrap();
    assert_eq!(verdicts().await, 2, "for ever");
    let purged = bench.store.purge(bounded, NOW.after(DAY)).await.unwrap();
    assert_eq!((purged.verdicts, purged.next), (0, Some(NOW.after(DAY * 2))));
    assert_eq!(bench.store.purge(bounded, NOW.after(DAY * 2)).await.unwrap().verdicts, 1);
    // The newest delivery stands, so that its id does not come twice; so does its verdict.
    assert_eq!(bench.store.purge(bounded, NOW.after(DAY * 1000)).await.unwrap().verdicts, 0);
    assert_eq!(verdicts().await, 1);
}

#[tokio::test]
async fn the_room_of_what_went_is_given_back_in_steps() {
    let bench = Bench::new().await;
    let large = |id: u32| {
        let mut body = scan(&id.to_string(), "1");
        body["filler"] = json!("x".repeat(100_000));
        Intake { delivery: delivery("verta", &body), plan: Err("none".to_owned()) }
    };
    for id in 0..200 {
        bench.store.insert(large(id), BOUNDS, NOW).await.unwrap();
    }
    let file = |bench: &Bench| std::fs::metadata(bench.path()).unwrap().len();
    let retention = Retention { done: DAY, ..keep() };
    while !bench.store.purge(retention, NOW.after(DAY)).await.unwrap().is_nothing() {}
    let first = bench.store.give_back(0).await.unwrap();
    assert_eq!((first.freed, first.left > 0), (256 * 8192, true), "one step is bounded");
    let spare = loop {
        let step = bench.store.give_back(1 << 20).await.unwrap();
        if step.left == 0 {
            break bench.count("pragma freelist_count").await * 8192;
        }
    };
    assert_eq!(spare, 1 << 20, "that much is kept for what comes next");
    let mut vacuum = bench.store.vacuum(by("small"), NOW).await.unwrap();
    while vacuum.step().await.unwrap().is_some() {}
    assert!(file(&bench) < 1 << 20, "the file takes {}", file(&bench));
    assert_eq!(bench.count("pragma freelist_count").await, 0);
    assert_eq!(bench.count("select count(*) from audit where act = 'vacuum' and reason = 'small'").await, 1);
}

#[tokio::test]
async fn an_older_file_that_keeps_its_empty_pages_is_written_anew_once() {
    let Bench { folder, store } = Bench::new().await;
    drop(store);
    let connection = Connection::open(folder.path().join("store.db")).unwrap();
    connection
        .execute_batch(
            "pragma auto_vacuum = none; vacuum; create table filler (x); insert into filler values (randomblob(9000000));
             drop table filler",
        )
        .unwrap();
    connection.close().unwrap();
    let store = Store::open(&folder.path().join("store.db"), 256).await.unwrap();
    let bench = Bench { folder, store };
    assert_eq!(bench.count("pragma auto_vacuum").await, 0);
    assert_eq!(bench.store.give_back(0).await.unwrap(), Vacuumed::default(), "not without being asked");
    let mut vacuum = bench.store.vacuum(by("once"), NOW).await.unwrap();
    let first = vacuum.step().await.unwrap().unwrap();
    assert!(first.freed > 8 << 20, "{first:?}");
    while vacuum.step().await.unwrap().is_some() {}
    drop(vacuum);
    assert!(std::fs::metadata(bench.path()).unwrap().len() < 1 << 20);
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let bench = bench.reopen().await;
    assert_eq!(bench.count("pragma auto_vacuum").await, 2);
    bench.claim("plugin:alpha").await;
}
