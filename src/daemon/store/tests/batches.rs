//! Batches: what shares a transaction shares its COMMIT and nothing else.

use std::sync::mpsc;

use futures_util::FutureExt;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::log::Log;
use super::*;

/// Holds the writer until it is let go, so that what comes meanwhile shares one batch.
struct Held {
    go: mpsc::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Held {
    async fn hold(store: &Store) -> Self {
        let (go, gone) = mpsc::channel();
        let (begun, begins) = oneshot::channel();
        let mut begun = Some(begun);
        let store = store.clone();
        let ended = tokio::spawn(async move {
            store
                .write(move |_| {
                    begun.take().unwrap().send(()).unwrap();
                    gone.recv().unwrap();
                    Ok(())
                })
                .await
        });
        begins.await.unwrap();
        Self { go, ended }
    }

    async fn let_go(self) {
        self.go.send(()).unwrap();
        self.ended.await.unwrap().unwrap();
    }
}

fn note(connection: &Connection, key: &str) -> Result<(), StoreError> {
    connection.execute("insert into meta values (?1, '')", [key])?;
    Ok(())
}

async fn notes(bench: &Bench) -> Vec<String> {
    let read = bench.store.read(|connection| {
        let mut statement = connection.prepare("select key from meta where key like 'note %' order by key")?;
        let keys = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(keys)
    });
    read.await.unwrap()
}

#[tokio::test]
async fn a_member_that_fails_leaves_nothing_and_harms_no_other() {
    let bench = Bench::new().await;
    let plan = plan(&["alpha"], &[]);
    let held = Held::hold(&bench.store).await;
    let fails = bench.store.write(|connection| {
        note(connection, "note of the failing")?;
        Err::<(), _>(StoreError::Closed)
    });
    let (first, failed, second, ()) = tokio::join!(
        bench.insert(delivery("verta", &scan("a", "1")), &plan),
        fails,
        bench.insert(delivery("verta", &scan("b", "2")), &plan),
        held.let_go(),
    );
    assert_eq!((first, second), (Inserted::New(1), Inserted::New(2)));
    assert!(matches!(failed, Err(StoreError::Closed)), "{failed:?}");
    assert_eq!(notes(&bench).await, [""; 0]);
    bench.check(2, "open", &["progress verta due", "run alpha due"]).await;
}

#[tokio::test]
async fn the_same_delivery_twice_in_one_batch_is_one() {
    let bench = Bench::new().await;
    let plan = plan(&["alpha"], &[]);
    let held = Held::hold(&bench.store).await;
    let insert = || bench.insert(delivery("verta", &scan("a", "1")), &plan);
    let (first, second, ()) = tokio::join!(insert(), insert(), held.let_go());
    assert_eq!((first, second), (Inserted::New(1), Inserted::Duplicate(1)));
}

#[tokio::test]
async fn a_full_queue_is_busy_and_empties() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), 2).await.unwrap();
    let bench = Bench { folder, store };
    let held = Held::hold(&bench.store).await;
    let write = |key: &'static str| bench.store.write(move |connection| note(connection, key));
    let (first, second, third, ()) = tokio::join!(write("note 1"), write("note 2"), write("note 3"), held.let_go());
    assert!(first.is_ok() && second.is_ok());
    assert!(matches!(third, Err(StoreError::Busy(2))), "{third:?}");
    write("note 4").await.unwrap();
    assert_eq!(notes(&bench).await, ["note 1", "note 2", "note 4"]);
}

#[tokio::test]
async fn nobody_is_told_yes_when_the_commit_fails() {
    let bench = Bench::new().await;
    let held = Held::hold(&bench.store).await;
    // The job of a delivery that is not there is found out by COMMIT alone.
    let breaks = bench.store.write(|connection| {
        connection.execute_batch(
            "pragma defer_foreign_keys = on;
             insert into job (delivery, round, phase, name, queue, state, due_at, created_at)
             values (999, 1, 'run', 'alpha', 'plugin:alpha', 'due', 0, 0)",
        )?;
        Ok(())
    });
    let (good, broken, ()) =
        tokio::join!(bench.store.write(|connection| note(connection, "note 1")), breaks, held.let_go());
    for answer in [good, broken] {
        assert!(matches!(&answer, Err(StoreError::Commit(_))), "{answer:?}");
    }
    bench.store.write(|connection| note(connection, "note 2")).await.unwrap();
    assert_eq!(notes(&bench).await, ["note 2"]);
}

/// SQLite rolls a whole transaction back when the disk is full, in the middle of a member.
#[tokio::test]
async fn nothing_of_a_batch_that_the_disk_is_too_full_for_is_kept_and_all_of_it_can_come_again() {
    let bench = Bench::new().await;
    let plan = plan(&["alpha"], &[]);
    bench.accept(scan("a", "1"), &plan).await;
    bench.store.may_grow(false).await.unwrap();
    let large = json!({ "padding": "x".repeat(1 << 20), "event_type": "REQUEST_SCAN", "event_uuid": "large" });
    let body = scan("b", "2");
    let held = Held::hold(&bench.store).await;
    let intake = |body| Intake { delivery: delivery("verta", body), plan: Ok(plan.clone()) };
    let (first, second, ()) = tokio::join!(
        bench.store.insert(intake(&large), BOUNDS, NOW),
        bench.store.insert(intake(&body), BOUNDS, NOW),
        held.let_go(),
    );
    for failed in [first, second] {
        assert!(matches!(failed, Err(StoreError::Commit(_))), "{failed:?}");
    }
    bench.store.may_grow(true).await.unwrap();
    assert_eq!(bench.count("select count(*) from delivery").await, 1);
    assert_eq!(bench.accept(large, &plan).await, 2);
    assert_eq!(bench.accept(body, &plan).await, 3);
    assert_eq!(bench.claim_at("plugin:alpha", 9, NOW).await.jobs.len(), 3);
}

#[tokio::test]
async fn nobody_is_told_yes_when_the_disk_refuses_and_nothing_more_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let opened = open::open(&path).unwrap();
    let cannot_be_flushed = Log::of(std::fs::File::open("/dev/null").unwrap(), &path).unwrap();
    let counts = opened.file.memory.counts();
    let writer = Writer::new(opened.file, cannot_be_flushed, opened.backfill, 256);
    let store = Store {
        counts,
        recall: Recall::begin(&path, true, &writer),
        writer,
        reader: Reader::new(opened.read),
        id: opened.id.into(),
        paused: opened.paused,
        look: Arc::new(Look::new(&path)),
        _lock: Arc::new(opened.lock),
    };
    store.commit(|connection| note(connection, "note 1")).await.unwrap();
    let refused = store.write(move |connection| note(connection, "note 2")).await;
    assert!(matches!(&refused, Err(StoreError::Commit(cause)) if cause.contains("did not take it")), "{refused:?}");
    let next = store.commit(move |connection| note(connection, "note 3")).await;
    assert!(matches!(&next, Err(StoreError::Refused(_))), "{next:?}");
    assert_eq!(notes(&Bench { folder, store }).await, ["note 1", "note 2"], "the third was not even tried");
}

#[tokio::test]
async fn a_member_that_panics_takes_its_batch_with_it_and_not_the_store() {
    let bench = Bench::new().await;
    let held = Held::hold(&bench.store).await;
    let panics =
        bench.store.write(|_| -> Result<(), StoreError> { panic!("a member of a batch panics, as it should") });
    let (good, panicked, ()) =
        tokio::join!(bench.store.write(|connection| note(connection, "note 1")), panics, held.let_go());
    for answer in [good, panicked] {
        assert!(matches!(&answer, Err(StoreError::Closed)), "{answer:?}");
    }
    bench.store.write(|connection| note(connection, "note 2")).await.unwrap();
    assert_eq!(notes(&bench).await, ["note 2"]);
}

#[tokio::test]
async fn what_was_asked_for_is_stored_though_nobody_listens_any_more() {
    let bench = Bench::new().await;
    let asked = bench.store.write(|connection| note(connection, "note 1")).now_or_never();
    assert!(asked.is_none_or(|answer| answer.is_ok()));
    bench.store.write(|connection| note(connection, "note 2")).await.unwrap();
    assert_eq!(notes(&bench).await, ["note 1", "note 2"]);
}

/// SQLite's own copying is off: without ours the log would hold all of it for as long as the store is open.
#[tokio::test]
async fn the_log_is_copied_into_the_file_and_begins_anew() {
    let bench = Bench::new().await;
    let log = || std::fs::metadata(open::with_suffix(&bench.path(), "-wal")).unwrap().len();
    let file = || std::fs::metadata(bench.path()).unwrap().len();
    for number in 0..64 {
        let write = bench.store.write(move |connection| {
            connection.execute("insert into meta values (?1, zeroblob(1048576))", [number])?;
            Ok(())
        });
        write.await.unwrap();
    }
    // It is done beside the writer, which is kept going until it is.
    while file() < 32 << 20 {
        bench.store.flushed().await.unwrap();
    }
    assert!(log() < 64 << 20, "the log is {} bytes long", log());
}
