//! Deliveries come in without their jobs, which are made before anybody looks for them.

use std::path::Path;

use super::*;

/// How many deliveries have no jobs yet, as the file says.
fn folded(path: &Path) -> i64 {
    let query = "select count(*) from delivery
                  where state = 'open' and not exists (select 1 from job where job.delivery = delivery.id)";
    Connection::open(path).unwrap().query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn jobs_are_made_when_somebody_reads_or_claims_and_are_as_old_as_their_delivery() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    bench.accept(scan("b", "2"), &plan(&["alpha"], &[])).await;
    assert_eq!(folded(&bench.path()), 2);
    let claimed = bench.claim_at("plugin:alpha", 1, NOW.after(LEASE)).await;
    assert_eq!((claimed.jobs.len(), folded(&bench.path())), (1, 0));
    bench.accept(scan("c", "3"), &plan(&["alpha"], &[])).await;
    assert_eq!(folded(&bench.path()), 1);
    assert_eq!(bench.count("select count(*) from job where created_at <> 1800000000000").await, 0);
    assert_eq!((bench.count("select count(*) from job").await, folded(&bench.path())), (6, 0));
}

#[tokio::test]
async fn what_came_before_the_daemon_died_has_its_jobs_afterwards_once() {
    let bench = Bench::new().await;
    for number in 0..3 {
        bench.accept(scan(&format!("scan {number}"), &number.to_string()), &plan(&["alpha"], &[])).await;
    }
    let bench = bench.reopen().await;
    assert_eq!(folded(&bench.path()), 3);
    assert_eq!(bench.claim_at("plugin:alpha", 9, NOW).await.jobs.len(), 3);
    let bench = bench.reopen().await;
    assert_eq!(bench.count("select count(*) from job").await, 6);
}

#[tokio::test]
async fn a_claim_makes_a_step_of_them_and_says_that_there_are_more() {
    let bench = Bench::new().await;
    let many = 600;
    for number in 0..many {
        bench.accept(scan(&format!("scan {number}"), &number.to_string()), &plan(&["alpha"], &[])).await;
    }
    let claim = async |slots| {
        let Claimed { jobs, more, .. } = bench.store.claim(vec![want("plugin:alpha", slots)], 1000, NOW).await.unwrap();
        (jobs.len(), more, folded(&bench.path()))
    };
    assert_eq!(claim(1).await, (1, false, 344), "a step of 256");
    assert_eq!(claim(1).await, (1, false, 342), "2, since nobody could start more");
    assert_eq!(claim(600).await, (512, true, 86), "what was there, and another step");
    assert_eq!(claim(1).await, (1, false, 0), "what is less than a step is made at once");
}

#[tokio::test]
async fn what_took_no_route_and_is_replayed_among_others_gets_the_jobs_of_its_new_round_alone() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let ignored = bench.store.insert(
        Intake { delivery: delivery("verta", &scan("b", "2")), plan: Err("no route".to_owned()) },
        BOUNDS,
        NOW,
    );
    let Inserted::New(ignored) = ignored.await.unwrap() else { panic!("it is new") };
    let replayed = bench.store.replay(ignored, Keep::Outcomes, by("seen"), NOW, |_| Ok(plan(&["alpha"], &[])));
    assert_eq!(replayed.await.unwrap(), Replayed::Round(2));
    assert_eq!(
        (bench.standing(ignored - 1).await.1, bench.standing(ignored).await.1),
        (
            vec!["progress verta due".to_owned(), "run alpha due".to_owned()],
            vec!["2 progress verta due".to_owned(), "2 run alpha due".to_owned()],
        )
    );
}

#[tokio::test]
async fn an_export_among_them_is_imported_with_what_is_to_be_made() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    bench.claim("plugin:alpha").await;
    bench.accept(scan("b", "2"), &plan(&["alpha"], &[])).await;
    let mut lines = Vec::new();
    Moment::open(&bench.path()).unwrap().export(&mut lines, |_| ()).unwrap();
    assert_eq!(Moment::open(&bench.path()).unwrap().check(), []);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    Store::import(&path, &mut lines.as_slice(), &by("moved"), NOW, |_| ()).unwrap();
    let imported = Bench { store: Store::open(&path, 256).await.unwrap(), folder };
    assert_eq!(imported.claim_at("plugin:alpha", 9, NOW).await.jobs.len(), 2);
}

#[tokio::test]
async fn keys_that_are_many_are_read_beside_and_no_delivery_is_taken_twice_for_it() {
    let bench = Bench::new().await;
    let body = scan("a", "1");
    let id = bench.accept(body.clone(), &plan(&["alpha"], &[])).await;
    let more = "with recursive n (i) as (select 2 union all select i + 1 from n where i < 200000)
                insert into dedupe (id, registry, key, body, delivery, forget_at)
                select i, 'other', randomblob(16), x'00', i, 0 from n";
    Connection::open(bench.path()).unwrap().execute_batch(more).unwrap();
    let bench = bench.reopen().await;
    assert_eq!(bench.insert(delivery("verta", &body), &plan(&["alpha"], &[])).await, Inserted::Duplicate(id));
}

#[tokio::test]
async fn retention_does_not_wait_for_a_burst() {
    let bench = Bench::new().await;
    for number in 0..10 {
        bench.accept(scan(&format!("scan {number}"), &number.to_string()), &plan(&["alpha"], &[])).await;
    }
    let retention = Retention { done: LEASE, dead: LEASE, bodies: None, logs: None, verdicts: None };
    bench.store.purge(retention, NOW).await.unwrap();
    assert_eq!(folded(&bench.path()), 8);
}

#[tokio::test]
async fn with_all_runs_taken_some_more_are_made_before_long_and_the_last_step_at_once() {
    let bench = Bench::new().await;
    for number in 0..260 {
        bench.accept(scan(&format!("scan {number}"), &number.to_string()), &plan(&["alpha"], &[])).await;
    }
    let wants = || vec![want("plugin:alpha", 1), want("registry:verta", 1)];
    let claimed = bench.store.claim(wants(), 0, NOW).await.unwrap();
    assert_eq!((folded(&bench.path()), claimed.more), (258, false));
    assert_eq!(claimed.next_due, Some(NOW.after(Duration::from_millis(500))));
    for left in [256, 0] {
        bench.store.claim(wants(), 0, NOW).await.unwrap();
        assert_eq!(folded(&bench.path()), left);
    }
}

#[tokio::test]
async fn a_store_that_says_it_wrongly_is_not_sound() {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    bench.claim("plugin:alpha").await;
    let faults = |change: &str| {
        Connection::open(bench.path()).unwrap().execute_batch(change).unwrap();
        let findings = Moment::open(&bench.path()).unwrap().check();
        findings.into_iter().map(|finding| format!("{}: {}", finding.what, finding.fault)).collect::<Vec<_>>()
    };
    let says_nothing = ["the store: it does not say which deliveries have their jobs"];
    assert_eq!(faults("update meta set value = '1' where key = 'unfolded_to'"), [""; 0]);
    assert_eq!(faults("update meta set value = '2' where key = 'unfolded_to'"), says_nothing);
    assert!(
        faults("update meta set value = '0' where key = 'unfolded_to'")
            .contains(&"delivery 1: it has jobs, and the store says that they are yet to be made".to_owned())
    );
    assert_eq!(faults("delete from meta where key = 'unfolded_to'"), says_nothing);
}
