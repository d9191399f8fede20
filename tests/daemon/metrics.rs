//! What Prometheus is told by a daemon at work.

use crate::harness::{Daemon, Registry, Site, client, scan_request, until};

/// A scrape of that daemon.
pub async fn scrape(daemon: &Daemon) -> String {
    let answer = client().get(format!("http://{}/metrics", daemon.admin)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// Scrapes until each of these lines is there.
async fn shown(daemon: &Daemon, lines: &[&str]) -> String {
    let all = |text: &String| lines.iter().all(|line| text.lines().any(|found| found == *line));
    until("the figures", async || scrape(daemon).await, all).await
}

#[tokio::test]
async fn a_delivery_is_counted_on_its_whole_way() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    let (_, version) = registry.version("counted").await;
    let build = registry.build(&version).await;
    let body = scan_request("one", build);
    assert_eq!(daemon.deliver(&body).await.0, 202);
    assert_eq!(daemon.deliver(&body).await.0, 200);
    let text = shown(
        &daemon,
        &[
            "scanrelay_deliveries_total{registry=\"verta\",result=\"accepted\"} 1",
            "scanrelay_deliveries_total{registry=\"verta\",result=\"duplicate\"} 1",
            "scanrelay_run_duration_seconds_count{plugin=\"scan\",end=\"concluded\"} 1",
            "scanrelay_verdicts_total{verdict=\"safe\"} 1",
            "scanrelay_verdicts_total{verdict=\"error\"} 0",
            // It ended before its beginning would have been told.
            "scanrelay_writebacks_total{registry=\"verta\",result=\"told\"} 1",
            "scanrelay_jobs{queue=\"plugin:scan\",state=\"due\"} 0",
            "scanrelay_jobs{queue=\"registry:verta\",state=\"running\"} 0",
            "scanrelay_jobs_dead 0",
        ],
    )
    .await;
    let last = text
        .lines()
        .find_map(|line| line.strip_prefix("scanrelay_last_accepted_timestamp_seconds{registry=\"verta\"} "));
    assert!(last.unwrap().parse::<f64>().unwrap() > 1_700_000_000.0, "{last:?}");
}

#[tokio::test]
async fn another_body_under_a_known_id_is_counted_and_told() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    let (_, version) = registry.version("counted").await;
    for build in [registry.build(&version).await, registry.build(&version).await] {
        assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    }
    let counted = ["accepted", "conflict"]
        .map(|word| format!("scanrelay_deliveries_total{{registry=\"verta\",result=\"{word}\"}} 1"));
    shown(&daemon, &counted.each_ref().map(String::as_str)).await;
    let log = daemon.log_of();
    until("the warning", async || log(), |log: &String| log.contains("another body has come under the same key")).await;
}

#[tokio::test]
async fn what_is_refused_is_counted_by_its_reason_and_makes_no_label() {
    let site = Site::new("http://127.0.0.1:1");
    let daemon = Daemon::start(&site);
    let body = scan_request("one", 1);
    let wrong = format!("sha256={}", "0".repeat(64));
    assert_eq!(daemon.post("/hooks/verta", &[], &body).await.0, 401);
    assert_eq!(daemon.post("/hooks/verta", &[("X-Hub-Signature-256", &wrong)], &body).await.0, 401);
    assert_eq!(daemon.post("/hooks/nobody", &[], &body).await.0, 404);
    let text = shown(
        &daemon,
        &[
            "scanrelay_rejected_total{registry=\"verta\",reason=\"missing\"} 1",
            "scanrelay_rejected_total{registry=\"verta\",reason=\"mismatch\"} 1",
            "scanrelay_deliveries_total{registry=\"verta\",result=\"accepted\"} 0",
        ],
    )
    .await;
    assert!(!text.contains("nobody"), "{text}");
}

#[tokio::test]
async fn dead_jobs_and_what_could_not_be_told_are_seen() {
    let site = Site::new("http://127.0.0.1:1").limits("plugin_attempts = 1");
    site.plugin("scan", "exit 1");
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", 1)).await.0, 202);
    let text = shown(
        &daemon,
        &[
            "scanrelay_jobs{queue=\"plugin:scan\",state=\"dead\"} 1",
            "scanrelay_jobs_dead 1",
            "scanrelay_run_duration_seconds_count{plugin=\"scan\",end=\"dead\"} 1",
            "scanrelay_verdicts_total{verdict=\"error\"} 1",
        ],
    )
    .await;
    let retried = |text: &String| {
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix("scanrelay_writebacks_total{registry=\"verta\",result=\"retried\"} "));
        found.is_some_and(|retried| retried.parse::<u32>().unwrap() > 0)
    };
    until("a failed report", async || scrape(&daemon).await, retried).await;
    assert!(text.contains("scanrelay_queue_oldest_seconds{queue=\"registry:verta\"}"), "{text}");
}
