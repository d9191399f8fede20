//! The file itself: whose it is, which version it has, and what it holds after a death.

use std::fs;
use std::path::Path;

use super::*;

async fn refused(path: &Path) -> StoreError {
    match Store::open(path, 256).await {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

/// The file is refused, and neither a byte of it nor anything beside it but the lock is changed.
async fn refused_untouched(folder: &TempDir) -> StoreError {
    let path = folder.path().join("store.db");
    let before = fs::read(&path).unwrap();
    let error = refused(&path).await;
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
    let mut names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["store.db", "store.db.lock"]);
    error
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let bench = Bench::new().await;
    let error = refused(&bench.path()).await;
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("store.db is in use by another scanrelay"), "{error}");
    let clone = bench.store.clone();
    let Bench { folder, store } = bench;
    drop(store);
    assert!(matches!(refused(&folder.path().join("store.db")).await, StoreError::InUse { .. }), "a clone holds it");
    drop(clone);
    assert!(Store::open(&folder.path().join("store.db"), 256).await.is_ok());
}

#[tokio::test]
async fn somebody_else_s_database_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("store.db")).unwrap();
    connection.execute_batch("create table theirs (id integer); insert into theirs values (1)").unwrap();
    connection.close().unwrap();
    let error = refused_untouched(&folder).await;
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("move it away or change store.url"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.db"), "notes of somebody, longer than a header\n".repeat(100)).unwrap();
    let error = refused_untouched(&folder).await;
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_not_touched() {
    let Bench { folder, store } = Bench::new().await;
    drop(store);
    fs::remove_file(folder.path().join("store.db.lock")).unwrap();
    let connection = Connection::open(folder.path().join("store.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.close().unwrap();
    let error = refused_untouched(&folder).await;
    assert!(matches!(error, StoreError::TooNew { found: 99, known: 7, .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(&folder.path().join("nowhere/store.db")).await;
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
    assert!(error.to_string().contains("check that the folder exists"), "{error}");
}

#[tokio::test]
async fn a_store_keeps_its_id_and_shares_it_with_no_other() {
    let bench = Bench::new().await;
    let id = bench.store.id().to_owned();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(bench.reopen().await.store.id(), id);
    assert_ne!(Bench::new().await.store.id(), id);
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_death() {
    let bench = Bench::new().await;
    let delivery = bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    // What a killed daemon leaves: the file and its log as they are now, with the store still open.
    let folder = tempfile::tempdir().unwrap();
    for name in ["store.db", "store.db-wal"] {
        fs::copy(bench.folder.path().join(name), folder.path().join(name)).unwrap();
    }
    let store = Store::open(&folder.path().join("store.db"), 256).await.unwrap();
    let dead = Bench { folder, store };
    dead.check(delivery, "open", &["progress verta due", "run alpha due"]).await;
    let bench = bench.reopen().await;
    bench.check(delivery, "open", &["progress verta due", "run alpha due"]).await;
}

/// A store that was there, and what remains of it.
async fn remains(change: impl Fn(&Path)) -> TempDir {
    let bench = Bench::new().await;
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let Bench { folder, store } = bench;
    drop(store);
    // Whoever closes it last takes its log along.
    let connection = Connection::open(folder.path().join("store.db")).unwrap();
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    connection.close().unwrap();
    change(&folder.path().join("store.db"));
    folder
}

#[tokio::test]
async fn a_store_that_has_gone_missing_is_no_first_start() {
    for change in [|path: &Path| fs::remove_file(path).unwrap(), |path: &Path| fs::write(path, "").unwrap()] {
        let folder = remains(change).await;
        let path = folder.path().join("store.db");
        let size = fs::metadata(&path).map(|file| file.len()).ok();
        let error = refused(&path).await;
        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
        assert_eq!(fs::metadata(&path).map(|file| file.len()).ok(), size, "nothing was made in its place");
        fs::remove_file(folder.path().join("store.db.lock")).unwrap();
        assert!(Store::open(&path, 256).await.is_ok(), "to begin anew is a person's decision");
    }
}

#[tokio::test]
async fn an_empty_file_that_never_was_a_store_becomes_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, "").unwrap();
    assert!(Store::open(&path, 256).await.is_ok());
}

#[tokio::test]
async fn a_store_with_a_damaged_head_is_refused_as_damaged_and_not_touched() {
    let folder = remains(|path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[..100].fill(b'x');
        fs::write(path, bytes).unwrap();
    })
    .await;
    let error = refused_untouched(&folder).await;
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("put a backup there (scanrelay store import)"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_deleted_or_replaced_takes_nothing_more() {
    let delete = |path: &Path| fs::remove_file(path).unwrap();
    let delete_log = |path: &Path| fs::remove_file(path.with_extension("db-wal")).unwrap();
    let replace = |path: &Path| {
        fs::copy(path, path.with_extension("new")).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    };
    for change in [delete as fn(&Path), delete_log, replace] {
        let bench = Bench::new().await;
        bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
        change(&bench.path());
        let intake = || Intake { delivery: delivery("verta", &scan("b", "1")), plan: Ok(plan(&["alpha"], &[])) };
        let first = bench.store.insert(intake(), BOUNDS, NOW).await;
        assert!(matches!(&first, Err(StoreError::Commit(cause)) if cause.contains("deleted or replaced")), "{first:?}");
        let next = bench.store.insert(intake(), BOUNDS, NOW).await;
        assert!(matches!(next, Err(StoreError::Refused(_))), "{next:?}");
    }
}
