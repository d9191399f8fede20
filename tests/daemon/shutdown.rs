//! SIGTERM, a second signal, and addresses or files that cannot be had.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, scan_request, until};

const GATED: &str = "echo run >> $SITE/runs; echo up > $SITE/told; read go < $SITE/gate; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";

fn gated(registry: &Registry, limits: &str) -> Site {
    let site = Site::new(&registry.url).limits(limits);
    site.pipe("told");
    site.pipe("gate");
    site.plugin("scan", GATED);
    site
}

#[tokio::test]
async fn sigterm_lets_running_jobs_end() {
    let registry = Registry::start();
    let site = gated(&registry, "shutdown_grace = \"50s\"");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    let intake = daemon.intake.clone();
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    site.told("told").await;
    daemon.signal("TERM");
    let refused = || async { std::net::TcpStream::connect(&intake).is_err() };
    until("the intake's end", refused, |refused| *refused).await;
    site.tell("gate").await;
    assert_eq!(daemon.ended().await.code(), Some(0));

    let _daemon = Daemon::start(&site);
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(site.lines("runs"), ["run"], "the outcome of the drained run was kept");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_stopped_and_its_attempt_not_counted() {
    let registry = Registry::start();
    let site = gated(&registry, "shutdown_grace = \"200ms\"\nkill_grace = \"1s\"");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    site.told("told").await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.code(), Some(0));
    assert_eq!(fs::read_dir(site.path("state/work")).unwrap().count(), 0);

    let (code, jobs, stderr) = site.run(&["jobs", "list", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let jobs: Value = serde_json::from_str(&jobs).unwrap();
    let run = jobs.as_array().unwrap().iter().find(|job| job["phase"] == "run").unwrap();
    assert_eq!((run["state"].as_str(), run["attempts"].as_u64()), (Some("due"), Some(0)), "{run}");

    let _daemon = Daemon::start(&site);
    site.told("told").await;
    site.tell("gate").await;
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
}

#[tokio::test]
async fn a_second_signal_exits_at_once() {
    let registry = Registry::start();
    let site = gated(&registry, "shutdown_grace = \"10m\"");
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", 1)).await.0, 202);
    site.told("told").await;
    daemon.signal("TERM");
    let draining = || async { daemon.log().contains("shutting down") };
    until("the first signal's effect", draining, |draining| *draining).await;
    daemon.signal("INT");
    // Far sooner than the grace.
    assert_eq!(daemon.ended().await.code(), Some(1));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let site = Site::new("http://127.0.0.1:1");
    let mut serve = site.command(&["serve"]);
    serve.env("SCANRELAY__SERVER__BIND", &address);
    let (code, stdout, stderr) = crate::harness::ended(&mut serve);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains(&format!("server.bind: {address} is in use")), "{stderr}");
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_named_and_left_alone() {
    let site = Site::new("http://127.0.0.1:1");
    fs::create_dir(site.path("state")).unwrap();
    let file = site.write(
        "state/scanrelay.db",
        "this is no database, it is somebody's notes, and it is long enough to look at\n",
        0o600,
    );
    let (code, _, stderr) = site.run(&["serve"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("scanrelay.db"), "{stderr}");
    assert!(fs::read_to_string(&file).unwrap().starts_with("this is no database"));

    fs::remove_file(&file).unwrap();
    fs::write(site.path("plain"), "").unwrap();
    let mut serve = site.command(&["serve"]);
    serve.env("SCANRELAY__STORE__URL", format!("sqlite://{}/below/scanrelay.db", site.path("plain").display()));
    let (code, _, stderr) = crate::harness::ended(&mut serve);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("plain/below"), "{stderr}");
    assert!(fs::metadata(site.path("plain")).unwrap().permissions().mode() & 0o777 != 0);
}

#[tokio::test]
async fn a_full_queue_answers_503_with_a_short_retry_after() {
    let registry = Registry::start();
    let site = gated(&registry, "pending = 2\nconcurrency = 1");
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("a", 1)).await.0, 202);
    assert_eq!(daemon.deliver(&scan_request("b", 2)).await.0, 202);
    let body = scan_request("c", 3);
    let signed = crate::harness::sign(&body);
    let request = crate::harness::client()
        .post(format!("http://{}/hooks/verta", daemon.intake))
        .header("Content-Type", "application/json");
    let request = signed.iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.body(body.clone()).send().await.unwrap();
    let retry_after: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(answer.status() == 503 && retry_after <= 60, "{answer:?}");
    assert_eq!(daemon.deliver(&scan_request("a", 1)).await.0, 200, "a duplicate is still told so");

    for _ in 0..2 {
        site.told("told").await;
        site.tell("gate").await;
    }
    let room = || async { daemon.deliver(&body).await.0 };
    until("room", room, |status| *status == 202).await;
}
