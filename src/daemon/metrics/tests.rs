//! What is counted, as Prometheus reads it.

use std::path::Path;

use scanrelay::plugin::{Conclusion, Verdict};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    metrics: Metrics,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Path::new(folder.path()).join("store.db"), 16).await.unwrap();
        let metrics = Metrics::new(store.counts(), NOW);
        metrics.know(["verta"].into_iter(), ["scan"].into_iter());
        Self { _folder: folder, store, metrics }
    }

    async fn scrape(&self) -> Vec<String> {
        let queues = ["plugin:scan".to_owned(), "registry:verta".to_owned()];
        self.metrics.scrape(&self.store, &queues, NOW).await.lines().map(str::to_owned).collect()
    }

    async fn check(&self, lines: &[&str]) {
        let found = self.scrape().await;
        for line in lines {
            assert!(found.iter().any(|found| found == line), "{line} is not in\n{}", found.join("\n"));
        }
    }
}

fn job(phase: Phase, name: &str) -> Job {
    let event = serde_json::from_value(serde_json::json!({ "kind": "scan_request", "registry": "verta" })).unwrap();
    Job {
        id: 1,
        delivery: 1,
        phase,
        name: name.to_owned(),
        queue: String::new(),
        token: 1,
        attempts: 1,
        deferrals: 0,
        run_id: String::new(),
        checkpoint: None,
        tell: None,
        event,
        body: bytes::Bytes::new(),
        trace: None,
        on_waivers: false,
    }
}

#[tokio::test]
async fn every_known_series_is_there_before_anything_happened() {
    let bench = Bench::new().await;
    bench
        .check(&[
            "# TYPE scanrelay_deliveries_total counter",
            "scanrelay_deliveries_total{registry=\"verta\",result=\"accepted\"} 0",
            "scanrelay_deliveries_total{registry=\"verta\",result=\"full\"} 0",
            "# TYPE scanrelay_rejected_total counter",
            "scanrelay_rejected_total{registry=\"verta\",reason=\"mismatch\"} 0",
            "scanrelay_last_accepted_timestamp_seconds{registry=\"verta\"} 0.0",
            "# TYPE scanrelay_run_duration_seconds histogram",
            "scanrelay_run_duration_seconds_count{plugin=\"scan\",end=\"concluded\"} 0",
            "scanrelay_run_duration_seconds_bucket{plugin=\"scan\",end=\"dead\",le=\"+Inf\"} 0",
            "scanrelay_writebacks_total{registry=\"verta\",result=\"told\"} 0",
            "scanrelay_confirmations_total{registry=\"verta\",result=\"not_confirmed\"} 0",
            "scanrelay_jobs{queue=\"plugin:scan\",state=\"due\"} 0",
            "scanrelay_jobs{queue=\"registry:verta\",state=\"dead\"} 0",
            "scanrelay_queue_oldest_seconds{queue=\"registry:verta\"} 0.0",
            "scanrelay_jobs_dead 0",
            "scanrelay_verdicts_total{verdict=\"inconclusive\"} 0",
            "scanrelay_commit_batch_size_bucket{le=\"1\"} 0",
            "scanrelay_commit_batch_size_count 0",
            "process_start_time_seconds 1800000000.0",
        ])
        .await;
    let text = bench.scrape().await;
    let version = format!("scanrelay_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text:?}");
    for name in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"] {
        let line =
            text.iter().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("no {name}"));
        let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(value > 0.0, "{line}");
    }
}

#[tokio::test]
async fn an_outcome_is_counted_under_what_is_configured() {
    let bench = Bench::new().await;
    let concluded =
        Next::End(Ending::Concluded { conclusion: Conclusion::of_scan(Verdict::Safe), evidence: Box::default() });
    let later = |counted| Next::Retry { at: NOW, reason: String::new(), counted };
    let dead = || Next::End(Ending::Dead { reason: String::new(), evidence: Box::default() });
    let took = Some(Duration::from_secs(2));
    let settled = |phase, name, next: &Next| bench.metrics.settled(&job(phase, name), next, took);
    settled(Phase::Run, "scan", &concluded);
    settled(Phase::Run, "scan", &later(true));
    settled(Phase::Run, "scan", &later(false));
    settled(Phase::Run, "scan", &Next::Release);
    settled(Phase::Run, "gone", &concluded);
    bench.metrics.settled(&job(Phase::Run, "scan"), &dead(), None);
    settled(Phase::Report, "verta", &Next::End(Ending::Told));
    settled(Phase::Progress, "verta", &Next::End(Ending::Skipped { reason: String::new() }));
    settled(Phase::Report, "verta", &later(true));
    settled(Phase::Report, "gone", &dead());
    settled(Phase::Confirm, "verta", &Next::End(Ending::NotConfirmed { reason: String::new() }));
    bench
        .check(&[
            "scanrelay_run_duration_seconds_sum{plugin=\"scan\",end=\"concluded\"} 2.0",
            "scanrelay_run_duration_seconds_bucket{plugin=\"scan\",end=\"concluded\",le=\"1\"} 0",
            "scanrelay_run_duration_seconds_bucket{plugin=\"scan\",end=\"concluded\",le=\"2.5\"} 1",
            "scanrelay_run_duration_seconds_count{plugin=\"scan\",end=\"failed\"} 1",
            "scanrelay_run_duration_seconds_count{plugin=\"scan\",end=\"later\"} 1",
            "scanrelay_run_duration_seconds_count{plugin=\"scan\",end=\"stopped\"} 1",
            "scanrelay_run_duration_seconds_count{plugin=\"scan\",end=\"dead\"} 0",
            "scanrelay_writebacks_total{registry=\"verta\",result=\"told\"} 1",
            "scanrelay_writebacks_total{registry=\"verta\",result=\"skipped\"} 1",
            "scanrelay_writebacks_total{registry=\"verta\",result=\"retried\"} 1",
            "scanrelay_confirmations_total{registry=\"verta\",result=\"not_confirmed\"} 1",
        ])
        .await;
    let text = bench.scrape().await;
    assert!(!text.iter().any(|line| line.contains("gone")), "{text:?}");
}

#[tokio::test]
async fn what_becomes_configured_later_appears_and_keeps_what_was_counted() {
    let bench = Bench::new().await;
    bench.metrics.intake("verta").count(Result::Accepted);
    bench.metrics.know(["verta", "second"].into_iter(), ["scan"].into_iter());
    bench
        .check(&[
            "scanrelay_deliveries_total{registry=\"verta\",result=\"accepted\"} 1",
            "scanrelay_deliveries_total{registry=\"second\",result=\"accepted\"} 0",
        ])
        .await;
}
