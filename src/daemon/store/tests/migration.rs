//! A file of an older version becomes one of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

/// What a daemon of version 1 has left: deliveries that are done, dead and open, one of them in the middle of its run, and two
/// bodies under one key.
const V1: &str = include_str!("../../../../tests/stores/v1.sql");

/// A file of version 1, with a change.
fn v1(change: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("store.db")).unwrap();
    connection.execute_batch(V1).unwrap();
    connection.execute_batch(change).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.close().unwrap();
    folder
}

async fn opened(folder: TempDir) -> Bench {
    let store = Store::open(&folder.path().join("store.db"), 256).await.unwrap();
    Bench { folder, store }
}

/// The copies beside it.
fn copies(folder: &Path) -> Vec<PathBuf> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().contains(".v1-")).collect()
}

/// Every row of a query, each as one text.
fn rows(path: &Path, query: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values: Result<Vec<_>, _> =
            (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column)).collect();
        Ok(format!("{:?}", values?))
    };
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The texts that a query finds.
fn texts(path: &Path, query: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn every_row_is_carried_over_and_a_copy_is_kept() {
    let Bench { folder, store } = opened(v1("")).await;
    let id = store.id().to_owned();
    drop(store);
    let (path, copies) = (folder.path().join("store.db"), copies(folder.path()));
    let [copy] = &copies[..] else { panic!("{copies:?}") };
    assert_eq!(fs::metadata(copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(rows(copy, "pragma user_version"), ["[Integer(1)]"]);
    assert_eq!(rows(&path, "pragma user_version"), ["[Integer(7)]"]);
    for table in ["delivery", "attempt", "verdict", "written", "audit", "paused", "pending"] {
        // What has been added since is another matter.
        let columns = texts(copy, &format!("select name from pragma_table_info('{table}')")).join(", ");
        let query = format!("select {columns} from {table} order by 1, 2");
        let before = rows(copy, &query);
        assert!(!before.is_empty() || table == "paused", "the fixture has no {table}");
        assert_eq!(rows(&path, &query), before, "{table}");
    }
    // Opening it has voided the lease.
    let jobs =
        "select id, delivery, round, phase, name, queue, lane, state, token, attempts, deferrals, created_at, ended_at,
                       run_id, checkpoint, tell, outcome from job order by id";
    assert_eq!(rows(&path, jobs), rows(copy, jobs));
    assert_eq!(rows(copy, "select count(*) from job where claimed_at is not null"), ["[Integer(1)]"]);
    assert_eq!(rows(&path, "select count(*) from job where claimed_at is not null"), ["[Integer(0)]"]);
    let keys = "select registry, key, body, delivery, forget_at from dedupe order by delivery";
    assert_eq!(rows(&path, keys), rows(copy, keys));
    assert_eq!(rows(&path, "select value from meta where key = 'store_id'"), [format!("[Text({id:?})]")]);
    assert!(Moment::open(&path).unwrap().check().is_empty());
    assert_eq!(copies.len(), 1);
    drop(opened(folder).await);
}

#[tokio::test]
async fn what_was_stored_is_known_by_its_key_also_where_two_bodies_share_it() {
    let bench = opened(v1("")).await;
    let bodies = rows(&bench.path(), "select cast(body as text) from delivery order by id");
    assert!(bodies.len() > 4);
    for (index, body) in bodies.iter().enumerate() {
        let text: String = body.trim_start_matches("[Text(").trim_end_matches(")]").to_owned();
        let text: String = serde_json::from_str(&text).unwrap();
        let again = delivery("verta", &serde_json::from_str(&text).unwrap());
        assert_eq!(again.body().as_ref(), text.as_bytes());
        let id = i64::try_from(index).unwrap() + 1;
        assert_eq!(bench.insert(again, &plan(&["alpha"], &[])).await, Inserted::Duplicate(id), "{text}");
    }
}

#[tokio::test]
async fn its_schema_is_that_of_a_new_file() {
    let (old, new) = (opened(v1("")).await, Bench::new().await);
    let schema = |bench: &Bench| {
        let texts =
            rows(&bench.path(), "select sql from sqlite_schema where sql is not null and name not like 'sqlite_%'");
        let mut texts: Vec<String> = texts.iter().map(|text| plain(text)).collect();
        texts.sort();
        texts
    };
    assert_eq!(schema(&old), schema(&new));
}

/// Without comments, quotes and spaces.
fn plain(text: &str) -> String {
    let lines = text.split("\\n").map(|line| line.split("--").next().unwrap_or_default());
    lines.collect::<String>().replace(['"', '\\', ' '], "").to_lowercase()
}

#[tokio::test]
async fn no_id_comes_twice_though_retention_had_removed_the_newest_rows() {
    let removed = "pragma foreign_keys = off;
         delete from attempt; delete from job where delivery > 2; delete from delivery where id > 2;
         update pending set open = (select count(*) from delivery where state = 'open')";
    let folder = v1(removed);
    let last = |path: &Path| {
        rows(path, "select name, seq from sqlite_sequence where name in ('delivery', 'job') order by name")
    };
    let before = last(&folder.path().join("store.db"));
    let bench = opened(folder).await;
    let number = |text: &str| -> i64 { text.split("Integer(").nth(1).unwrap().trim_end_matches(")]").parse().unwrap() };
    let (deliveries, jobs) = (number(&before[0]), number(&before[1]));
    let placeholder = bench.store.delivery(deliveries).await.unwrap().unwrap();
    assert_eq!((placeholder.state.as_str(), placeholder.payload), ("ignored", 0));
    assert_eq!(bench.accept(scan("new", "1"), &plan(&["alpha"], &[])).await, deliveries + 1);
    let first = bench.count("select min(id) from job where delivery = (select max(id) from delivery)").await;
    assert!(first > jobs, "{first} was a job before: there were {jobs}");
    assert!(Moment::open(&bench.path()).unwrap().check().is_empty());
    assert_eq!(bench.store.deliveries(Filter::default()).await.unwrap().len(), 4);
}

#[tokio::test]
async fn what_cannot_be_migrated_stays_as_it_is() {
    let folder = v1("pragma foreign_keys = off; update job set delivery = 999 where id = 1");
    let path = folder.path().join("store.db");
    for _ in 0..2 {
        let Err(error) = Store::open(&path, 256).await else { panic!("it was opened") };
        assert!(matches!(&error, StoreError::NotMigrated { from: 1, .. }), "{error}");
        assert!(error.to_string().contains("refer to rows that are not there"), "{error}");
    }
    assert!(copies(folder.path()).is_empty(), "a daemon that is started again and again leaves no copies");
    assert_eq!(rows(&path, "pragma user_version"), ["[Integer(1)]"]);
    assert_eq!(rows(&path, "select count(*) from job where delivery = 999"), ["[Integer(1)]"]);
}

#[tokio::test]
async fn what_verta_stands_at_loses_its_time_and_a_registry_that_was_never_asked_is_new() {
    let folder = v1("");
    let path = folder.path().join("store.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    for step in ["v2", "v3", "v4"] {
        let text = fs::read_to_string(format!("src/daemon/store/migrate/{step}.sql")).unwrap();
        connection.execute_batch(&text).unwrap();
    }
    let rows_of = "insert into claimed (registry, aspect, value, delivery, seen_at, found) values
         ('verta', 'version:77/1001', 'production@1669852800000', 1, 1, 0), ('verta', 'build:5150', 'scan@5', 2, 1, 0),
         ('hub', 'created:fraud/3', '', null, 1, 1), ('hub', 'tag:fraud/3/mail', 'a@1', null, 1, 1);
         insert into survey (registry, first_at, begun_at, seen, made) values ('verta', 1, 1, 0, 0), ('hub', 1, 1, 2, 0);
         pragma user_version = 4;";
    connection.execute_batch(rows_of).unwrap();
    connection.close().unwrap();
    let Bench { folder: _folder, store } = opened(folder).await;
    drop(store);
    let values = rows(&path, "select value from claimed order by registry, aspect");
    assert_eq!(values, [r#"[Text("")]"#, r#"[Text("a@1")]"#, r#"[Text("scan")]"#, r#"[Text("production")]"#]);
    assert_eq!(rows(&path, "select registry from survey"), [r#"[Text("hub")]"#]);
}

#[tokio::test]
async fn what_scanners_had_looked_at_is_found_afterwards() {
    let votes = r#"[{"scanner":"a","verdict":"unsafe","findings":0,"advisory":false,"artifact":"aa"},
                    {"scanner":"b","verdict":"error","findings":0,"advisory":true,"artifact":"bb","image":"cc"}]"#;
    let bench = opened(v1(&format!("update verdict set votes = '{votes}'"))).await;
    let first = "select digest from looked_at where verdict = (select min(id) from verdict) order by digest";
    assert_eq!(texts(&bench.path(), first), ["aa", "bb", "cc"]);
    assert!(Moment::open(&bench.path()).unwrap().check().is_empty());
    Connection::open(bench.path()).unwrap().execute_batch("delete from looked_at where digest = 'cc'").unwrap();
    let findings = Moment::open(&bench.path()).unwrap().check();
    assert!(
        findings.iter().any(|finding| finding.fault == "it is not found by what its scanners looked at"),
        "{findings:?}"
    );
    Connection::open(bench.path()).unwrap().execute_batch("delete from verdict").unwrap();
    assert!(texts(&bench.path(), "select digest from looked_at").is_empty());
}
