//! What is said of bytes in the end: by whom, when, and for how long.

use serde_json::{Value, json};

use crate::harness::{Daemon, Registry, Site, until};

/// Says what the file of its own name in the site has, and `safe` without one: `crash` is no word.
const SAYS: &str = r#"cat > /dev/null
word=$(cat "$SITE/$SCANRELAY_PLUGIN.says" 2>/dev/null || echo safe)
[ "$word" != crash ] || exit 1
echo '{"type":"finding","id":"word","severity":"low","message":"said"}'
echo "{\"type\":\"result\",\"verdict\":\"$word\"}""#;

/// Says `safe` when the site lets it.
const SLOW: &str = r#"cat > /dev/null; read -r _ < "$SITE/gate"; echo '{"type":"result","verdict":"safe"}'"#;

fn site(registry: &Registry, scan: &str) -> Site {
    let routes = format!(
        r#"[plugins.advice]
kind = "scanner"
command = ["SITE/advice"]
artifact = true
write = ["SITE"]
env = {{ SITE = "SITE" }}
[plugins.slow]
kind = "scanner"
command = ["SITE/slow"]
write = ["SITE"]
env = {{ SITE = "SITE" }}
[[routes]]
on = "scan_request"
{scan}
[[routes]]
on = "promotion"
scanners = ["scan"]
actions = ["act"]
"#
    );
    let site = Site::new(&registry.url).plugin_keys("artifact = true").limits("plugin_attempts = 1");
    let folder = site.path("").display().to_string();
    let site = site.routes(&routes.replace("SITE/", &folder).replace("\"SITE\"", &format!("{folder:?}")));
    site.plugin("scan", SAYS);
    site.plugin("advice", SAYS);
    site.plugin("slow", SLOW);
    site.plugin("act", r#"cat > /dev/null; echo ran >> "$SITE/ran"; echo '{"type":"result","status":"complete"}'"#);
    site
}

/// A model of one file, with a build, and what `scanrelay digest` says of it.
async fn model(registry: &Registry, site: &Site) -> (String, u64, String) {
    let (_, version) = registry.version("fraud").await;
    registry.upload(&version, b"the weights").await;
    let build = registry.build(&version).await;
    let copy = site.write("a copy", "the weights", 0o600);
    let (code, digest, stderr) = site.run(&["digest", copy.to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    (version, build, digest.trim().to_owned())
}

/// Asks for a scan and waits until its delivery has ended: its id.
async fn scanned(registry: &Registry, daemon: &Daemon, build: u64) -> String {
    let before = daemon.get("/api/v1/deliveries").await.1.as_array().map_or(0, Vec::len);
    registry.request_scan(build).await;
    let newest = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |found: &Value| found.as_array().is_some_and(|all| all.len() > before) && found[0]["state"] != "open";
    until("the scan", newest, ended).await[0]["id"].to_string()
}

fn says(site: &Site, plugin: &str, word: &str) {
    site.write(&format!("{plugin}.says"), word, 0o600);
}

fn required(site: &Site, digest: &str, more: &[&str], expected: Result<(), &str>) {
    let (code, _, stderr) = site.run(&[&["verdict", digest, "--require", "safe"], more].concat());
    match expected {
        Ok(()) => assert_eq!((code, stderr.as_str()), (0, "")),
        Err(words) => assert!(code == 1 && stderr.contains(words), "{code} {stderr:?} is not {words:?}"),
    }
}

#[tokio::test]
async fn what_is_settled_again_is_as_old_as_its_scans() {
    let registry = Registry::start();
    let site = site(&registry, r#"scanners = ["scan"]"#);
    let (_, build, digest) = model(&registry, &site).await;
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    let first = scanned(&registry, &daemon, build).await;
    required(&site, &digest, &["--from", "scan"], Ok(()));
    says(&site, "scan", "unsafe");
    let second = scanned(&registry, &daemon, build).await;
    let words = format!("the last verdict is unsafe (delivery {second})");
    required(&site, &digest, &[], Err(&words));

    // Nothing is scanned again, so nothing newer is known.
    assert_eq!(site.run(&["deliveries", "replay", &first]).0, 0);
    let shown = || async { daemon.get(&format!("/api/v1/deliveries/{first}")).await.1 };
    until("the replay", shown, |found| found["delivery"]["round"] == 2 && found["delivery"]["state"] == "done").await;
    required(&site, &digest, &[], Err(&words));
    required(&site, &digest, &["--from", "scan"], Err(&words));
    assert_eq!(registry.scan(build).await["safety_status"], "unsafe", "and nothing newer is told");
    let (_, shown, _) = site.run(&["deliveries", "show", &first]);
    assert!(shown.contains(&format!("delivery {second} says unsafe since then")), "{shown}");
    says(&site, "scan", "safe");
    scanned(&registry, &daemon, build).await;
    required(&site, &digest, &["--from", "scan", "--max-age", "10m"], Ok(()));
}

#[tokio::test]
async fn a_scan_that_broke_off_says_so_of_its_bytes() {
    let registry = Registry::start();
    let site = site(&registry, r#"scanners = ["scan"]"#);
    let (_, build, digest) = model(&registry, &site).await;
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    scanned(&registry, &daemon, build).await;
    required(&site, &digest, &[], Ok(()));
    says(&site, "scan", "crash");
    let broken = scanned(&registry, &daemon, build).await;
    required(&site, &digest, &[], Err(&format!("the last verdict is error (delivery {broken})")));
    let (_, shown, _) = site.run(&["deliveries", "show", &broken]);
    assert!(shown.contains(&format!("scan looked at files sha256:{digest}")), "{shown}");
}

#[tokio::test]
async fn advice_is_known_as_soon_as_it_is_given() {
    let registry = Registry::start();
    let site = site(&registry, "scanners = [\"scan\"]\nadvisory = [\"advice\", \"slow\"]");
    let (_, build, digest) = model(&registry, &site).await;
    site.pipe("gate");
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    says(&site, "advice", "unsafe");
    registry.request_scan(build).await;
    let shown = || async { daemon.get("/api/v1/deliveries/1").await.1 };
    let has_ended = |found: &Value| {
        let jobs = found["jobs"].as_array().into_iter().flatten();
        jobs.filter(|job| ["scan", "advice"].map(Value::from).contains(&job["name"])).all(|job| job["state"] == "done")
            && found["jobs"].as_array().is_some_and(|jobs| !jobs.is_empty())
    };
    let found = until("both votes", shown, has_ended).await;
    assert_eq!(found["delivery"]["state"], "open", "the slow one still runs: {found}");
    required(&site, &digest, &[], Ok(()));
    required(&site, &digest, &["--from", "advice"], Err("advice says unsafe (delivery 1)"));
    required(&site, &digest, &["--from", "slow"], Err("slow has never looked at it"));
    site.tell("gate").await;
    until("the end", shown, |found| found["delivery"]["state"] == "done").await;
    // It was given no files, and so it says nothing of these.
    required(&site, &digest, &["--from", "slow"], Err("slow has never looked at it"));
}

#[tokio::test]
async fn an_action_does_not_rest_on_a_waiver_that_has_ended() {
    let registry = Registry::start();
    let site = site(&registry, r#"scanners = ["scan"]"#);
    let (version, _, digest) = model(&registry, &site).await;
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    says(&site, "scan", "unsafe");
    let waive = ["waive", "--digest", &digest, "--finding", "word", "--until", "30d", "--reason", "ours"];
    let (code, _, stderr) = site.run(&waive);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(site.run(&["pause", "act"]).0, 0);
    registry.promote(&version).await;
    let newest = || async { daemon.get("/api/v1/deliveries/1").await.1 };
    let waits = |found: &Value| {
        let jobs = found["jobs"].as_array().into_iter().flatten();
        jobs.filter(|job| job["name"] == "act").any(|job| job["state"] == "due")
    };
    until("the action", newest, waits).await;
    assert_eq!(site.run(&["waive", "--revoke", "1", "--reason", "not ours"]).0, 0);
    assert_eq!(site.run(&["resume", "act"]).0, 0);
    let found = until("the end", newest, |found| found["delivery"]["state"] == "done").await;
    let jobs = found["jobs"].as_array().unwrap();
    let conclusion = &jobs.iter().find(|job| job["name"] == "act").unwrap()["outcome"]["conclusion"];
    let words = "not run: a waiver that the verdict rests on has ended";
    assert_eq!((&conclusion["status"], &conclusion["summary"]), (&json!("failed"), &json!(words)), "{found}");
    assert!(site.lines("ran").is_empty());
}
