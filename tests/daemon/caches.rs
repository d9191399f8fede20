//! The cache of a scanner, on a real daemon: filled before the first run, replaced in one step, kept when an update fails.

use std::fs;

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, client, scan_request, until};

/// Says where its cache is, and tells what stands in it: both files are of the same update.
const SCAN: &str = "read one < \"$SCANRELAY_CACHE/one\"; read two < \"$SCANRELAY_CACHE/two\"; \
                    echo \"$one $two $1\" >> $SITE/seen; test \"$one\" = \"$two\" || exit 3; \
                    echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";
/// The next number, in two files; or a failure half way.
const UPDATE: &str = "cd \"$1\" || exit 9; last=$(cat one 2>/dev/null || echo 0); \
                      echo $((last + 1)) > one; test -e $SITE/broken && { echo 'no route to the mirror'; exit 4; }; \
                      echo $((last + 1)) > two; echo updated >> $SITE/updates";

fn site(registry: &Registry, every: &str) -> Site {
    let site = Site::new(&registry.url);
    let folder = site.path("").display().to_string();
    let keys = format!("cache = true\nupdate = [\"{folder}/update\", \"{{cache}}\"]\nupdate_every = \"{every}\"");
    let site = site.plugin_keys(&keys);
    site.plugin("scan", SCAN);
    site.plugin("update", UPDATE);
    site
}

async fn cache(daemon: &Daemon) -> Value {
    daemon.get("/api/v1/status").await.1["caches"][0].clone()
}

async fn scanned(registry: &Registry, daemon: &Daemon, id: &str) -> u64 {
    let (_, version) = registry.version(id).await;
    let build = registry.build(&version).await;
    assert_eq!(daemon.deliver(&scan_request(id, build)).await.0, 202);
    build
}

async fn is_safe(registry: &Registry, build: u64) {
    until("the verdict", || registry.scan(build), |scan| scan["safety_status"] == "safe").await;
}

fn words(site: &Site) -> Vec<String> {
    site.lines("seen").iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn it_is_filled_before_the_first_run_and_an_update_that_fails_leaves_it() {
    let registry = Registry::start();
    let site = site(&registry, "1h");
    site.write("broken", "", 0o600);
    let daemon = Daemon::start(&site);
    let failed = until("the failure", || cache(&daemon), |row| !row["failure"].is_null()).await;
    assert!(failed["updated_at"].is_null());
    assert_eq!(failed["failure"], "exited with 4; it said: no route to the mirror");
    let build = scanned(&registry, &daemon, "first").await;
    let jobs = async || daemon.get("/api/v1/jobs?state=due").await.1;
    let put_off = |jobs: &Value| jobs[0]["deferrals"].as_u64() > Some(0);
    let put_off = until("the scan's wait", jobs, put_off).await;
    assert!(put_off[0]["result"].as_str().unwrap().contains("the cache of scan was never filled"), "{put_off}");
    let (code, said, _) = site.run(&["status"]);
    assert!(code == 0 && said.contains("the cache of scan was never filled"), "{said}");
    let (code, _, said) = site.run(&["plugin", "update", "scan"]);
    assert!(code == 1 && said.contains("stays as it was: exited with 4"), "{said}");

    fs::remove_file(site.path("broken")).unwrap();
    let (code, said, _) = site.run(&["plugin", "update", "scan"]);
    assert_eq!((code, said.as_str()), (0, "the cache of scan is up to date\n"));
    is_safe(&registry, build).await;
    assert_eq!(words(&site), ["1 1"]);

    // It goes wrong half way: the next scan sees what was there.
    site.write("broken", "", 0o600);
    assert_eq!(site.run(&["plugin", "update", "scan"]).0, 1);
    let build = scanned(&registry, &daemon, "second").await;
    is_safe(&registry, build).await;
    assert_eq!(words(&site), ["1 1", "1 1"]);
    let text = client().get(format!("http://{}/metrics", daemon.admin)).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("scanrelay_cache_updates_total{plugin=\"scan\",result=\"failed\"} 1"), "{text}");
    assert!(fs::read_dir(site.path("state/work")).unwrap().next().is_none(), "no working directory is left");
    let generations = fs::read_dir(site.path("state/cache/scan")).unwrap().count();
    assert_eq!(generations, 4, "the lock, the link, and what it leads to with the lock of who uses that");
}

#[tokio::test]
async fn a_scan_that_runs_keeps_what_it_began_with() {
    let registry = Registry::start();
    let site = site(&registry, "1h");
    site.pipe("told");
    site.pipe("gate");
    site.plugin(
        "scan",
        &format!("read first < \"$SCANRELAY_CACHE/one\"; echo up > $SITE/told; read go < $SITE/gate; {SCAN}"),
    );
    let daemon = Daemon::start(&site);
    until("the first update", || cache(&daemon), |row| row["updated_at"].is_number()).await;
    let build = scanned(&registry, &daemon, "first").await;
    site.told("told").await;
    for _ in 0..2 {
        assert_eq!(site.run(&["plugin", "update", "scan"]).0, 0);
    }
    site.tell("gate").await;
    is_safe(&registry, build).await;
    let build = scanned(&registry, &daemon, "second").await;
    site.told("told").await;
    site.tell("gate").await;
    is_safe(&registry, build).await;
    assert_eq!(words(&site), ["1 1", "3 3"]);
}

#[tokio::test]
async fn it_is_brought_up_to_date_at_the_start_only_where_that_is_long_ago_and_then_so_often() {
    let registry = Registry::start();
    let quick = site(&registry, "1s");
    let daemon = Daemon::start(&quick);
    until("three updates", async || quick.lines("updates").len(), |updates| *updates >= 3).await;
    drop(daemon);

    let slow = site(&registry, "1h");
    let daemon = Daemon::start(&slow);
    until("the first update", || cache(&daemon), |row| row["updated_at"].is_number()).await;
    daemon.kill();
    let daemon = Daemon::start(&slow);
    // It has looked: the row is there, and nothing was to be done.
    let row = until("the look", || cache(&daemon), |row| row["plugin"] == "scan").await;
    assert!(row["updated_at"].is_number() && row["failure"].is_null(), "{row}");
    assert_eq!(slow.lines("updates"), ["updated"]);
}

#[tokio::test]
async fn a_scan_that_locks_its_cache_keeps_nobody_from_it() {
    let registry = Registry::start();
    let site = site(&registry, "1h");
    site.pipe("told");
    site.pipe("gate");
    let locks = "exec 9< \"$SCANRELAY_CACHE\"; flock 9; echo up > $SITE/told; read go < $SITE/gate";
    site.plugin("scan", &format!("[ -e $SITE/locked ] || {{ echo > $SITE/locked; {locks}; }}; {SCAN}"));
    let daemon = Daemon::start(&site);
    until("the first update", || cache(&daemon), |row| row["updated_at"].is_number()).await;
    let first = scanned(&registry, &daemon, "first").await;
    site.told("told").await;
    let second = scanned(&registry, &daemon, "second").await;
    is_safe(&registry, second).await;
    assert_eq!(site.run(&["plugin", "update", "scan"]).0, 0);
    site.tell("gate").await;
    is_safe(&registry, first).await;
    assert_eq!(words(&site), ["1 1", "1 1"]);
}
