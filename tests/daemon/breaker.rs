//! A plugin that fails again and again: it is not fed, everybody is told so, and what waits for it is neither lost nor safe.

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, client, scan_request, until};

/// Fails for as long as the site has a file `broken`.
const BREAKS: &str = "test -e $SITE/broken && exit 3; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";

async fn breaking(registry: &Registry, keys: &str) -> (Site, u64, u64) {
    let site = Site::new(&registry.url).limits("plugin_attempts = 1000").plugin_keys(keys);
    site.plugin("scan", BREAKS);
    site.write("broken", "", 0o600);
    let (_, version) = registry.version("fraud").await;
    let (first, second) = (registry.build(&version).await, registry.build(&version).await);
    (site, first, second)
}

async fn breakers(daemon: &Daemon) -> Value {
    daemon.get("/api/v1/status").await.1["breakers"].clone()
}

async fn metric(daemon: &Daemon) -> String {
    let asked = client().get(format!("http://{}/metrics", daemon.admin)).send().await.unwrap();
    let text = asked.text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("scanrelay_breaker_open{plugin=\"scan\"}")).unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_plugin_that_fails_in_a_row_is_not_fed_until_it_works_again() {
    let registry = Registry::start();
    let (site, first, second) = breaking(&registry, "breaker = 2").await;
    let daemon = Daemon::start(&site);
    assert_eq!(metric(&daemon).await, "0");
    assert_eq!(daemon.deliver(&scan_request("one", first)).await.0, 202);
    let open = until("the open breaker", || breakers(&daemon), |open| open[0]["plugin"] == "scan").await;
    assert!(open[0]["reason"].as_str().is_some_and(|reason| reason.contains('3')), "{open}");
    assert_eq!(daemon.deliver(&scan_request("two", second)).await.0, 202);
    assert_eq!(metric(&daemon).await, "1");
    assert!(daemon.log().contains("the breaker has opened: scan fails again and again"));
    let (code, said, _) = site.run(&["status"]);
    assert!(code == 0 && said.contains("scan is stopped by its breaker for "), "{said}");
    // What is asked of the intake is done: it is ready.
    assert_eq!(daemon.get("/readyz").await.0, 200);

    std::fs::remove_file(site.path("broken")).unwrap();
    for build in [first, second] {
        until("the verdict", || registry.scan(build), |scan| scan["safety_status"] == "safe").await;
    }
    until("the closed breaker", || breakers(&daemon), |open| open.as_array().is_some_and(Vec::is_empty)).await;
    assert_eq!(metric(&daemon).await, "0");
    assert!(daemon.log().contains("the breaker has closed: scan works again"));
}

#[tokio::test]
async fn what_waits_for_it_too_long_ends_as_an_error_and_was_not_run() {
    let registry = Registry::start();
    let (site, first, second) = breaking(&registry, "breaker = 1").await;
    site.plugin("scan", "echo run >> $SITE/runs; exit 3");
    // No probe comes before the second one has waited for too long.
    let schedule = [("RETRY_FIRST", "30s"), ("RETRY_MAX", "1m"), ("RETRY_FOR", "1s")];
    let schedule = schedule.map(|(key, value)| (format!("SCANRELAY__LIMITS__{key}"), value));
    let schedule: Vec<(&str, &str)> = schedule.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let daemon = Daemon::start_with(&site, &schedule);
    assert_eq!(daemon.deliver(&scan_request("one", first)).await.0, 202);
    until("the open breaker", || breakers(&daemon), |open| open[0]["plugin"] == "scan").await;
    assert_eq!(daemon.deliver(&scan_request("two", second)).await.0, 202);
    until("the error", || registry.scan(second), |scan| scan["scan_status"] == "error").await;
    let found = daemon.get("/api/v1/deliveries/2").await.1;
    assert_eq!(found["verdicts"][0]["verdict"], "error");
    let vote = found["verdicts"][0]["votes"][0]["summary"].as_str().unwrap();
    assert!(vote.starts_with("not run within 1s: the breaker of scan is open after 1 failures in a row"), "{vote}");
    assert_eq!(site.lines("runs"), ["run"], "the second one was never run");
}
