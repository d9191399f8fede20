//! What people type, with the daemon running and with it stopped.

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, WEBHOOK_SECRET, scan_request, until};

fn rows(stdout: &str) -> Vec<Value> {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

async fn all_ended(daemon: &Daemon) {
    let all = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |rows: &Value| rows.as_array().is_some_and(|rows| rows.iter().all(|row| row["state"] != "open"));
    until("the end of all deliveries", all, ended).await;
}

/// The command must go well: its stdout.
fn ok(site: &Site, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = site.run(arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    stdout
}

#[tokio::test]
async fn a_sent_delivery_is_listed_and_shown_with_the_daemon_running_and_stopped() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.plugin(
        "scan",
        "echo 'looking around' >&2; echo '{\"type\":\"result\",\"verdict\":\"safe\",\"summary\":\"nothing found\"}'",
    );
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    let body = site.write("body.json", std::str::from_utf8(&scan_request("one", build)).unwrap(), 0o600);
    let (url, body) = (format!("http://{}/hooks/verta", daemon.intake), body.display().to_string());
    let send = ["send", "verta", &body, "--url", &url];
    assert_eq!(ok(&site, &send), "accepted: scanrelay deliveries show 1\n");
    assert_eq!(ok(&site, &send), "a duplicate of delivery 1: scanrelay deliveries show 1\n");
    all_ended(&daemon).await;

    let seen = || {
        let list = rows(&ok(&site, &["deliveries", "list", "--json"]));
        assert_eq!(list.len(), 1);
        assert_eq!((&list[0]["state"], &list[0]["kind"]), (&"done".into(), &"scan_request".into()));
        let jobs = rows(&ok(&site, &["jobs", "list", "--json", "--delivery", "1"]));
        let phases: Vec<&str> = jobs.iter().map(|job| job["phase"].as_str().unwrap()).collect();
        assert_eq!(phases, ["report", "run", "progress"], "newest first");
        let run = jobs[1]["id"].to_string();
        (ok(&site, &["deliveries", "show", "1"]), ok(&site, &["jobs", "show", &run]))
    };
    let (delivery, run) = seen();
    for words in ["scan_request", "verified by  github", "done"] {
        assert!(delivery.contains(words), "{delivery}\ndoes not say {words}");
    }
    // The scanner's row of the matrix.
    let said = |shown: &str| {
        let row = shown.lines().find(|line| line.contains("nothing found")).unwrap_or_default().to_owned();
        row.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(said(&delivery), ["scan", "safe", "yes", "0", "-", "nothing", "found"], "{delivery}");
    assert!(run.contains("attempt 1") && run.contains("  looking around"), "{run}");

    daemon.kill();
    let (stopped, _) = seen();
    assert_eq!(said(&stopped), said(&delivery), "{stopped}");
}

#[tokio::test]
async fn a_dead_job_is_retried_by_hand_and_the_act_is_recorded() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 1");
    site.plugin("scan", "echo ran >> $SITE/runs; exit 1");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    all_ended(&daemon).await;
    assert_eq!(registry.scan(build).await["scan_status"], "error");
    let dead = rows(&ok(&site, &["jobs", "list", "--state", "dead", "--json"]));
    assert_eq!(dead.len(), 1);
    let job = dead[0]["id"].to_string();

    site.plugin("scan", "echo ran >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let said = ok(&site, &["jobs", "retry", &job, "--reason", "the scanner was mended"]);
    assert!(said.contains("delivery 1 is open again, round 2"), "{said}");
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    all_ended(&daemon).await;
    assert_eq!(site.lines("runs").len(), 2);
    let (code, _, stderr) = site.run(&["jobs", "retry", &job]);
    assert_eq!(code, 1, "{stderr}");

    daemon.kill();
    let audit = rusqlite::Connection::open(site.path("state/scanrelay.db")).unwrap();
    let (uid, reason): (u32, String) =
        audit.query_row("select uid, reason from audit", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((uid, reason.as_str()), (rustix::process::getuid().as_raw(), "the scanner was mended"));
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (code, _, stderr) = site.run(&["jobs", "list"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("no daemon listens on") && stderr.contains("start scanrelay serve"), "{stderr}");

    let daemon = Daemon::start(&site);
    for (arguments, words) in [
        (["deliveries", "show", "7"], "there is no delivery 7: see scanrelay deliveries list"),
        (["jobs", "show", "7"], "there is no job 7: see scanrelay jobs list"),
        (["jobs", "retry", "7"], "there is no job 7"),
    ] {
        let (code, stdout, stderr) = site.run(&arguments);
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(stderr.contains(words), "{stderr}");
    }
    let body = site.write("body.json", "{", 0o600).display().to_string();
    let url = format!("http://{}/hooks/verta", daemon.intake);
    let (code, _, stderr) = site.run(&["send", "verta", &body, "--url", &url]);
    assert!(code == 1 && stderr.contains("answered 400 Bad Request"), "{stderr}");
    let (code, _, stderr) = site.run(&["send", "werta", &body, "--url", &url]);
    assert!(code == 2 && stderr.contains("registry werta is not configured: there is verta"), "{stderr}");
}

#[tokio::test]
async fn no_secret_stands_in_log_or_store_or_answer() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.plugin("scan", "env >&2; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    assert_eq!(daemon.post("/hooks/verta", &[("X-Hub-Signature-256", WEBHOOK_SECRET)], b"{}").await.0, 401);
    all_ended(&daemon).await;
    let shown = ok(&site, &["deliveries", "show", "1", "--json"]) + &ok(&site, &["check", "--json"]) + &daemon.log();
    daemon.kill();
    let mut kept = Vec::new();
    for file in std::fs::read_dir(site.path("state")).unwrap().flatten() {
        kept.extend(std::fs::read(file.path()).unwrap_or_default());
    }
    assert!(!kept.is_empty());
    for secret in [WEBHOOK_SECRET, crate::harness::DEVELOPER_KEY] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!kept.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret is in the store");
    }
}
