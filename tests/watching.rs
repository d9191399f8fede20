//! What watches the daemon: the alerts fire when they should, and alerts, dashboard and README name what it really exposes.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stderr, reason = "tests say what they saw")]

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the process tests use all of it")]
mod harness;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Daemon, Registry, Site, client, ended, scan_request, until};
use serde_json::Value;

const RULES: &str = include_str!("../packaging/prometheus/scanrelay.rules.yml");
const RULE_TESTS: &str = include_str!("../packaging/prometheus/scanrelay.rules.test.yml");
const DASHBOARD: &str = include_str!("../packaging/grafana/scanrelay.json");
const README: &str = include_str!("../README.md");

fn packaged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus").join(name)
}

fn promtool(arguments: &[&str], file: &Path) {
    let (code, stdout, stderr) = ended(Command::new("promtool").args(arguments).arg(file));
    assert_eq!(code, 0, "{stdout}{stderr}");
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_should() {
    promtool(&["check", "rules"], &packaged("scanrelay.rules.yml"));
    promtool(&["test", "rules"], &packaged("scanrelay.rules.test.yml"));
}

/// The values of that key.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let prefix = format!("{key}: ");
    text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(&prefix)).collect()
}

#[test]
fn every_alert_is_tested_and_says_what_to_type() {
    let alerts = values(RULES, "alert");
    assert!(alerts.len() >= 8, "{alerts:?}");
    for key in ["for", "severity", "summary", "runbook"] {
        assert_eq!(values(RULES, key).len(), alerts.len(), "each alert has {key}");
    }
    for alert in alerts {
        assert!(
            RULE_TESTS.contains(&format!("alertname: {alert}\n        exp_alerts:\n          - ")),
            "{alert} never fires"
        );
        assert!(RULE_TESTS.contains(&format!("alertname: {alert}, exp_alerts: [] }}")), "{alert} fires always");
    }
}

#[test]
fn every_command_of_a_runbook_is_one() {
    let mut ours = 0;
    for runbook in values(RULES, "runbook") {
        for command in runbook.trim_matches('"').split("; ").filter_map(|command| command.strip_prefix("scanrelay ")) {
            // Wrong arguments are 2. The store is no daemon's, so a good command may fail, and not for its arguments.
            let words = command.replace("ID", "1").replace("{{ $labels.registry }}", "verta");
            let site = Site::new("http://127.0.0.1:1");
            let (code, _, stderr) = site.run(&words.split(' ').collect::<Vec<_>>());
            assert!(code == 0 || code == 1 && !stderr.contains("Usage"), "{command}: {code} {stderr}");
            ours += 1;
        }
    }
    assert!(ours > 8, "{ours}");
}

/// What a scrape of a daemon shows that has done a little.
async fn scrape() -> String {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", 1)).await.0, 202);
    let text =
        async || client().get(format!("http://{}/metrics", daemon.admin)).send().await.unwrap().text().await.unwrap();
    until("a verdict", text, |text| text.contains("scanrelay_verdicts_total{verdict=\"safe\"} 1")).await
}

/// The metrics of a scrape, each with its type.
fn exposed(scrape: &str) -> Vec<(String, String)> {
    let types = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split_once(' ').unwrap()).map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The words of a text that are metrics of ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("scanrelay_") || word.starts_with("process_")).map(str::to_owned).collect()
}

fn is_series_of(name: &str, (metric, kind): &(String, String)) -> bool {
    let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    suffixes.iter().any(|suffix| name == format!("{metric}{suffix}"))
}

#[tokio::test]
async fn alerts_dashboard_and_readme_name_what_is_exposed() {
    let text = scrape().await;
    let exposed = exposed(&text);
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let queries: Vec<String> = panels(&dashboard).iter().flat_map(expressions).collect();
    for (place, used) in [("an alert", named(RULES)), ("a panel", named(&queries.join(" ")))] {
        assert!(!used.is_empty());
        for name in used {
            assert!(exposed.iter().any(|metric| is_series_of(&name, metric)), "{place} uses {name}, and there is none");
        }
    }
    let shown = named(&queries.join(" "));
    let table: BTreeSet<&str> = README
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['{', '`']).next())
        .filter(|name| name.starts_with("scanrelay_"))
        .collect();
    for metric in &exposed {
        assert!(shown.iter().any(|name| is_series_of(name, metric)), "no panel shows {}", metric.0);
        assert!(
            metric.0.starts_with("process_") || table.contains(metric.0.as_str()),
            "README does not tell of {}",
            metric.0
        );
    }
    for name in table {
        assert!(exposed.iter().any(|(metric, _)| metric == name), "README tells of {name}, and there is none");
    }
    check_labels(&text);
}

/// README's rows say which labels a metric has: `name{label,label}`.
fn check_labels(scrape: &str) {
    for row in README.lines().filter_map(|line| line.strip_prefix("| `scanrelay_")?.split('`').next()) {
        let (name, labels) = row.trim_end_matches('}').split_once('{').unwrap_or((row, ""));
        let series =
            scrape.lines().find(|line| line.starts_with(&format!("scanrelay_{name}")) && !line.starts_with('#'));
        let series = series.unwrap_or_else(|| panic!("no series of scanrelay_{name}"));
        let found: BTreeSet<&str> = series
            .split_once('{')
            .map_or("", |(_, labels)| labels.split('}').next().unwrap())
            .split(',')
            .filter_map(|label| Some(label.split_once('=')?.0))
            .filter(|label| *label != "le")
            .collect();
        assert_eq!(found, labels.split(',').filter(|label| !label.is_empty()).collect(), "{series}");
    }
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

fn expressions(panel: &Value) -> Vec<String> {
    panel["targets"].as_array().unwrap().iter().map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_dashboard_is_one() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let variables: Vec<&str> =
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|each| each["type"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "query"]);
    assert!(dashboard["schemaVersion"].is_u64() && dashboard["uid"] == "scanrelay" && dashboard["id"].is_null());
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has another's id");
        for source in panel["targets"].as_array().unwrap().iter().chain([panel]) {
            assert_eq!(source["datasource"]["uid"], "${datasource}", "{title}");
        }
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(cells.insert((x, y)), "{title} lies on another panel");
            }
        }
        for expression in expressions(panel) {
            // As Grafana fills it in.
            let query = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("query.yml");
            std::fs::write(&file, serde_json::to_string(&rule(&query)).unwrap()).unwrap();
            promtool(&["check", "rules"], &file);
        }
    }
}

/// A file of rules, which is YAML and so JSON, with this query.
fn rule(query: &str) -> Value {
    serde_json::json!({ "groups": [{ "name": "panel", "rules": [{ "record": "panel:query", "expr": query }] }] })
}
