//! The store's way out, in, and up: export and import, and files of older and newer versions.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, scan_request, until};

fn ok(site: &Site, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = site.run(arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}: {stdout}");
    stdout
}

fn store(site: &Site) -> PathBuf {
    site.path("state/scanrelay.db")
}

async fn all_ended(daemon: &Daemon) -> Vec<Value> {
    let all = || async { daemon.get("/api/v1/deliveries?limit=1000").await.1 };
    let ended = |rows: &Value| rows.as_array().is_some_and(|rows| rows.iter().all(|row| row["state"] != "open"));
    until("the end of all deliveries", all, ended).await.as_array().unwrap().clone()
}

fn remove(site: &Site) {
    for name in ["", "-wal", "-shm", ".lock"] {
        let _ = fs::remove_file(site.path(&format!("state/scanrelay.db{name}")));
    }
}

#[tokio::test]
async fn an_export_of_a_working_daemon_becomes_a_store_that_carries_on() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (_, version) = registry.version("fraud").await;
    let mut builds = Vec::new();
    for _ in 0..6 {
        builds.push(registry.build(&version).await);
    }
    let daemon = Daemon::start(&site);
    for build in &builds[..3] {
        assert_eq!(daemon.deliver(&scan_request(&format!("build-{build}"), *build)).await.0, 202);
    }
    all_ended(&daemon).await;
    ok(&site, &["pause", "scan", "--reason", "moving"]);
    for build in &builds[3..] {
        assert_eq!(daemon.deliver(&scan_request(&format!("build-{build}"), *build)).await.0, 202);
    }
    let file = site.path("backup.jsonl").display().to_string();
    let (all, _) = (ok(&site, &["store", "export"]), ok(&site, &["store", "export", &file]));
    let (code, _, stderr) = site.run(&["store", "export", &file]);
    assert!(code == 1 && stderr.contains("backup.jsonl"), "nothing is overwritten: {stderr}");
    assert!(all.lines().next().unwrap().contains("\"scanrelay_export\":1"));
    assert_eq!(all.lines().filter(|line| line.starts_with("{\"delivery\"")).count(), 6);
    let (code, _, stderr) = site.run(&["store", "import", &file]);
    assert!(code == 1 && stderr.contains("is in use by another scanrelay"), "{stderr}");
    daemon.kill();
    let (code, _, stderr) = site.run(&["store", "import", &file]);
    assert!(code == 1 && stderr.contains("move this one away first"), "{stderr}");

    remove(&site);
    let cut = site.write("cut.jsonl", &all[..all.len() / 2], 0o600).display().to_string();
    let (code, _, stderr) = site.run(&["store", "import", &cut]);
    assert!(code == 1 && stderr.contains("nothing was imported: line "), "{stderr}");
    assert!(!store(&site).exists());
    let said = ok(&site, &["store", "import", &file, "--reason", "moved"]);
    assert!(said.starts_with("imported 6 deliveries, "), "{said}");
    assert_eq!(ok(&site, &["store", "check"]), "the store is sound\n");

    let daemon = Daemon::start(&site);
    for build in &builds {
        let again = daemon.deliver(&scan_request(&format!("build-{build}"), *build)).await;
        assert_eq!(again.0, 200, "it is known: {}", again.1);
    }
    ok(&site, &["resume", "scan"]);
    let ended = all_ended(&daemon).await;
    for build in &builds {
        assert_eq!(registry.scan(*build).await["safety_status"], "safe");
    }
    let results =
        registry.writes().await.iter().filter(|write| write["body"].to_string().contains("\"scanned\"")).count();
    assert_eq!((ended.len(), results), (6, 6));
    println!("accepted 6, ended 6, lost 0, doubled 0");
}

#[tokio::test]
async fn a_store_of_version_1_is_migrated_and_carried_to_the_end() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (model, version) = registry.version("fraud").await;
    let mut builds = Vec::new();
    for _ in 0..6 {
        builds.push(registry.build(&version).await);
    }
    registry.promote(&version).await;
    fs::create_dir(site.path("state")).unwrap();
    let old = Connection::open(store(&site)).unwrap();
    old.execute_batch(include_str!("../stores/v1.sql")).unwrap();
    old.pragma_update(None, "journal_mode", "wal").unwrap();
    let text = |query: &str| old.query_row(query, [], |row| row.get::<_, String>(0)).unwrap();
    let states = text("select group_concat(state, ' ') from (select state from delivery order by id)");
    assert_eq!(states, "done dead done done open open open", "the file was made for this test");
    let bodies: Vec<Vec<u8>> = {
        let mut statement = old.prepare("select body from delivery order by id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let body: Value = serde_json::from_slice(&bodies[6]).unwrap();
    let subject = &body["new_entity"]["model_version"];
    assert_eq!(
        (subject["id"].as_str(), subject["registered_model_id"].as_str()),
        (Some(version.as_str()), Some(model.as_str()))
    );
    old.close().unwrap();

    let (code, _, stderr) = site.run(&["store", "check"]);
    assert!(code == 1 && stderr.contains("is of version 1: start scanrelay serve once, which migrates it"), "{stderr}");
    let daemon = Daemon::start(&site);
    let copy = fs::read_dir(site.path("state")).unwrap().map(|entry| entry.unwrap().path());
    let copy: Vec<PathBuf> = copy.filter(|path| path.to_string_lossy().contains(".db.v1-")).collect();
    assert_eq!(copy.len(), 1, "a copy is kept");
    let log = daemon.log();
    assert!(log.contains("the store was migrated") && log.contains(copy[0].to_str().unwrap()), "{log}");
    for body in &bodies {
        assert_eq!(daemon.deliver(body).await.0, 200, "it is known");
    }
    ok(&site, &["resume"]);
    let ended = all_ended(&daemon).await;
    let states: Vec<&str> = ended.iter().rev().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["done", "dead", "done", "done", "done", "done", "done"]);
    for build in &builds[4..] {
        assert_eq!(registry.scan(*build).await["safety_status"], "safe", "what was open is told");
    }
    let attributes = registry.model_version(&version).await.to_string();
    assert!(attributes.contains("https://models.example.com/1"), "{attributes}");
    let said = ok(&site, &["jobs", "retry", "--dead"]);
    assert!(said.starts_with("1 dead job is retried"), "{said}");
    all_ended(&daemon).await;
    assert_eq!(registry.scan(builds[1]).await["safety_status"], "safe", "what was dead can be retried");
    assert_eq!(ok(&site, &["store", "check"]), "the store is sound\n");
    println!("accepted 7, ended 7, lost 0, doubled 0");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_not_touched() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    Daemon::start(&site).kill();
    let newer = Connection::open(store(&site)).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    newer.close().unwrap();
    let before = fs::read(store(&site)).unwrap();
    for arguments in [&["serve"][..], &["store", "stats"], &["store", "check"], &["store", "export"]] {
        let (code, stdout, stderr) = site.run(arguments);
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(stderr.contains("has schema version 99, this scanrelay knows up to 7: install the newer"), "{stderr}");
    }
    assert!(fs::read(store(&site)).unwrap() == before);
    let older = Connection::open(store(&site)).unwrap();
    older.pragma_update(None, "user_version", 7).unwrap();
    older.close().unwrap();
    let daemon = Daemon::start(&site);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    assert_eq!(all_ended(&daemon).await.len(), 1);
    println!("accepted 1, ended 1, lost 0, doubled 0");
}

#[tokio::test]
async fn what_is_not_there_is_said_so_and_made_by_nobody() {
    let site = Site::new("http://127.0.0.1:9");
    fs::create_dir(site.path("state")).unwrap();
    for arguments in [&["store", "stats"][..], &["store", "check"], &["store", "export"]] {
        let (code, _, stderr) = site.run(arguments);
        assert!(code == 1 && stderr.contains("there is no store at "), "{stderr}");
    }
    assert_eq!(fs::read_dir(site.path("state")).unwrap().count(), 0);
}
