//! The way out and in, and whether what is there is sound.

use std::fs;
use std::io::Cursor;

use rusqlite::Connection;

use super::*;

/// A store with something of everything: open, done, dead, paused, keys, verdicts, logs.
async fn full() -> Bench {
    let bench = Bench::new().await;
    let log = || Attempt { log: Some(b"line\xff\n".to_vec()), ..attempt("result") };
    bench.accept(scan("a", "1"), &plan(&["alpha"], &[])).await;
    let run = bench.claim("plugin:alpha").await;
    bench.store.settle(&run, voted(Verdict::Safe), log(), NOW).await.unwrap();
    let report = bench.claim("registry:verta").await;
    let written = vec![Written { key: "PUT /x".to_owned(), value: "{}".to_owned() }];
    bench.store.settle(&report, told(), Attempt { written, ..attempt("told") }, NOW).await.unwrap();
    bench.accept(scan("b", "2"), &plan(&["alpha"], &[])).await;
    bench.end("plugin:alpha", dead("it crashed")).await;
    bench.accept(promotion("c", "1", "10"), &plan(&[], &["deploy"])).await;
    bench.accept(scan("d", "3"), &plan(&["alpha"], &[])).await;
    bench.claim("plugin:alpha").await;
    bench.store.survey_begins("verta".to_owned(), NOW).await.unwrap();
    bench.store.survey_ended("verta".to_owned(), Ok(Looked { seen: 1, ..Looked::default() }), NOW).await.unwrap();
    bench.store.pause("plugin:beta".to_owned(), by("later"), NOW).await.unwrap();
    bench
}

fn export(bench: &Bench) -> Vec<u8> {
    let mut lines = Vec::new();
    Moment::open(&bench.path()).unwrap().export(&mut lines, |_| ()).unwrap();
    lines
}

fn import(folder: &TempDir, lines: &[u8]) -> Result<RowCounts, StoreError> {
    Store::import(&folder.path().join("store.db"), &mut Cursor::new(lines), &by("moved"), NOW, |_| ())
}

fn faults(path: &std::path::Path) -> Vec<String> {
    let findings = Moment::open(path).unwrap().check();
    findings.into_iter().map(|finding| format!("{}: {}", finding.what, finding.fault)).collect()
}

#[tokio::test]
async fn what_was_exported_and_imported_is_the_same_store() {
    let bench = full().await;
    assert_eq!(faults(&bench.path()), [""; 0]);
    let lines = export(&bench);
    let folder = tempfile::tempdir().unwrap();
    let counts = import(&folder, &lines).unwrap();
    assert_eq!((counts["delivery"], counts["verdict"], counts["attempt"]), (4, 2, 3));
    assert_eq!(faults(&folder.path().join("store.db")), [""; 0]);
    let mut names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| !name.to_string_lossy().ends_with("-wal") && !name.to_string_lossy().ends_with("-shm"));
    names.sort();
    assert_eq!(names, ["store.db", "store.db.lock"]);

    let (id, folder_of_old) = (bench.store.id().to_owned(), bench.folder);
    drop(bench.store);
    let store = Store::open(&folder.path().join("store.db"), 256).await.unwrap();
    let copy = Bench { folder, store };
    assert_eq!(copy.store.id(), id);
    assert_eq!(copy.count("select count(*) from audit where act = 'import' and reason = 'moved'").await, 1);
    // The same lines come out again, but for the import's own row of the audit and the lease that opening it has voided.
    let again = String::from_utf8(export(&copy)).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let differ: Vec<&str> = lines.lines().filter(|line| !again.lines().any(|other| other == *line)).collect();
    assert!(differ.iter().all(|line| line.contains("\"end\"") || line.contains("\"claimed_at\":18")), "{differ:?}");
    let plan = plan(&["alpha"], &[]);
    assert_eq!(copy.insert(delivery("verta", &scan("a", "1")), &plan).await, Inserted::Duplicate(1));
    assert_eq!(copy.accept(scan("new", "9"), &plan).await, 5);
    let run = copy.claim_at("plugin:alpha", 1, NOW).await.jobs.remove(0);
    assert_eq!((run.delivery, run.attempts), (4, 2), "what was being worked on is due again");
    drop(folder_of_old);
}

/// The export with one change is refused with these words, and nothing is left.
async fn refused(change: impl Fn(&str) -> String, words: &str) {
    let bench = full().await;
    let lines = change(&String::from_utf8(export(&bench)).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let error = import(&folder, lines.as_bytes()).expect_err(words).to_string();
    assert!(error.contains("nothing was imported") && error.contains(words), "{error}\n  does not say\n{words}");
    let names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["store.db.lock"], "{words}");
    assert!(import(&folder, &export(&bench)).is_ok(), "the good one is taken after it");
}

#[tokio::test]
async fn a_bad_export_leaves_nothing() {
    let without = |lines: &str, begins: &str| -> String {
        lines.split_inclusive('\n').filter(|line| !line.starts_with(begins)).collect()
    };
    refused(|_| String::new(), "line 1: it is empty").await;
    refused(|_| "{\"a\":1}\n".to_owned(), "line 1: it is no export of a store").await;
    refused(|lines| lines.replacen("\"schema\":7", "\"schema\":9", 1), "it is of schema version 9").await;
    refused(|lines| without(lines, "{\"end\""), "the end is missing").await;
    refused(|lines| lines[..lines.len() - 5].to_owned(), "it is cut off").await;
    refused(|lines| format!("{lines}{{}}\n"), "something comes after the end").await;
    refused(|lines| without(lines, "{\"verdict\""), "it counts other rows").await;
    refused(
        |lines| lines.replacen("{\"delivery\":{", "{\"delivery\":{\"colour\":1,", 1),
        "delivery has no column colour",
    )
    .await;
    refused(|lines| lines.replacen("\"conflict\":0,", "", 1), "line 2: delivery.conflict is missing").await;
    refused(|lines| lines.replacen("\"conflict\":0", "\"conflict\":\"no\"", 1), "delivery.conflict is no whole number")
        .await;
    refused(|lines| lines.replacen("\"body\":\"", "\"body\":\"%", 1), "delivery.body is no base64").await;
    refused(|lines| lines.replacen("\"state\":\"open\"", "\"state\":\"opened\"", 1), "its state does not fit its end")
        .await;
    refused(|lines| lines.replacen("{\"job\":{", "{\"pending\":{", 1), "there is no such table").await;
}

#[tokio::test]
async fn an_import_replaces_nothing_that_holds_something() {
    let bench = full().await;
    let lines = export(&bench);
    let Bench { folder, store } = bench;
    let path = folder.path().join("store.db");
    assert!(matches!(import(&folder, &lines), Err(StoreError::InUse { .. })), "a daemon has it");
    drop(store);
    assert!(matches!(import(&folder, &lines), Err(StoreError::NotEmpty { .. })));
    // Its log may have been copied into the file meanwhile: what it holds is what counts.
    let bench = Bench { store: Store::open(&path, 256).await.unwrap(), folder };
    let deliveries = |export: &[u8]| {
        let text = String::from_utf8_lossy(export).into_owned();
        text.lines().filter(|line| line.starts_with("{\"delivery\":")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(deliveries(&export(&bench)) == deliveries(&lines));

    // A store that was only just made gives way.
    let Bench { folder, store } = Bench::new().await;
    drop(store);
    import(&folder, &lines).unwrap();
    let store = Store::open(&folder.path().join("store.db"), 256).await.unwrap();
    assert!(store.delivery(4).await.unwrap().is_some());
}

#[tokio::test]
async fn what_does_not_hold_is_found() {
    let check = async |sql: &str, fault: &str| {
        let Bench { folder, store } = full().await;
        drop(store);
        let path = folder.path().join("store.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(&format!("pragma foreign_keys = off; {sql}")).unwrap();
        connection.close().unwrap();
        let found = faults(&path);
        assert!(found.iter().any(|found| found == fault), "{sql}: {found:?}");
    };
    check("delete from meta", "the store: it has no id").await;
    check("update pending set open = open + 1", "registry verta: its open deliveries are counted wrong").await;
    check("delete from pending", "registry verta: its open deliveries are counted wrong").await;
    check("update delivery set ended_at = null where id = 1", "delivery 1: its state does not fit its end").await;
    check(
        "update job set state = 'done', ended_at = 1, claimed_at = null where delivery = 4",
        "delivery 4: it is open, and none of its jobs is",
    )
    .await;
    check("update delivery set body = x'' where id = 4", "delivery 4: it is open, and its payload or its plan is gone")
        .await;
    check(
        "update job set state = 'due', ended_at = null where id = (select max(id) from job where delivery = 1)",
        "job 3: it is open, and its delivery or its round is not",
    )
    .await;
    check("update job set state = 'lost' where id = 1", "job 1: its state does not fit its end").await;
    check(
        "update job set state = 'waiting' where lane is not null and ended_at is null",
        "lane action:verta:1: its jobs wait, and nobody is before them",
    )
    .await;
    check("update delivery set event = '{' where id = 1", "delivery 1: its event, its headers or its plan is no JSON")
        .await;
    check(
        "update job set outcome = '{' where id = 1",
        "job 1: its checkpoint, what it tells or its outcome is no JSON",
    )
    .await;
    check("update dedupe set previous = 9 where id = 1", "key 1: it points to a later one as its former").await;
    check("delete from delivery where id = 1", "the file: row 1 of job refers to a row of delivery that is not there")
        .await;
}

#[tokio::test]
async fn a_damaged_page_is_found_and_told() {
    let Bench { folder, store } = full().await;
    drop(store);
    let path = folder.path().join("store.db");
    Connection::open(&path).unwrap().query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let tables: Vec<(String, u32)> = {
        let connection = Connection::open(&path).unwrap();
        let mut statement = connection.prepare("select name, rootpage from sqlite_schema where rootpage > 0").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let page = tables.iter().find(|(name, _)| name == "written").unwrap().1 as usize - 1;
    bytes[page * 8192..(page + 1) * 8192].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let found = faults(&path);
    assert!(found.iter().any(|found| found.starts_with("the file: ")), "{found:?}");
}

#[tokio::test]
async fn the_figures_are_those_of_the_file() {
    let bench = full().await;
    let stats = Moment::open(&bench.path()).unwrap().stats().unwrap();
    let rows = |table: &str| stats.tables.iter().find(|row| row.table == table).map(|row| (row.rows, row.oldest));
    assert_eq!(rows("delivery"), Some((4, Some(NOW))));
    assert_eq!(rows("dedupe"), Some((4, None)));
    assert_eq!(rows("verdict"), Some((2, Some(NOW))));
    assert_eq!(stats.logs, 6);
    assert_eq!(stats.bodies, bench.count("select sum(length(body)) from delivery").await.cast_unsigned());
    assert_eq!(stats.file, fs::metadata(bench.path()).unwrap().len());
    assert!(stats.write_ahead_log > 0 && stats.disk_free > 0 && stats.gives_back && stats.schema == 7);
}
