//! What happens while nobody listens, or behind our back: the daemon asks the server how things stand.

use serde_json::{Value, json};

use crate::client::{Client, HARMLESS, MALICIOUS};
use crate::gate::{Gate, count, ended};
use crate::harness::until;
use crate::server::Server;

fn set(model: &str, version: &str) -> Value {
    json!({ "name": model, "alias": "production", "version": version })
}

fn is_of(row: &Value, model: &str) -> bool {
    row["subject"].as_str().unwrap().starts_with(&format!("version:{model}/"))
}

#[tokio::test]
async fn what_came_while_the_daemon_was_down_is_found_once_and_what_stood_before_starts_nothing() {
    let (server, _turn) = Server::turn().await;
    let gate = Gate::new(&server.url);
    let mut ada = Client::start(&server.url);
    let version = ada.version("settled", HARMLESS);
    ada.does("set_alias", &set("settled", &version));
    let daemon = gate.start();
    let first = daemon.surveyed(0).await;
    assert_eq!(daemon.get("/api/v1/deliveries").await.1, json!([]), "first sight starts nothing");
    let (code, out, err) = gate.run(&["prove", "--since", "1h", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&out).unwrap();
    let settled = rows.iter().find(|row| is_of(row, "settled") && row["kind"] == "promotion").unwrap();
    assert!(settled["gap"].as_str().unwrap().contains("when the registry was first asked"), "{settled}");
    assert_eq!(code, 1, "{err}");
    daemon.kill();

    let version = ada.version("missed", HARMLESS);
    ada.does("set_alias", &set("missed", &version));
    let daemon = gate.start();
    let read = || std::future::ready(ada.tags("missed", &version));
    let told = |tags: &Value| tags["scanrelay.deployment_url"].is_string() && tags["scanrelay.verdict"] == "safe";
    until("both outcomes", read, told).await;
    let again = daemon.surveyed(first).await;
    let rows = ended(&daemon, 2).await;
    assert_eq!((count(&rows, "promotion", "done"), count(&rows, "scan_request", "done"), rows.len()), (1, 1, 2));
    assert!(rows.iter().all(|row| row["verified_by"] == "catch-up"), "{rows:?}");
    let (_, out, _) = gate.run(&["prove", "--since", "1h", "--json"]);
    let proof: Vec<Value> = serde_json::from_str(&out).unwrap();
    let missed: Vec<&Value> = proof.iter().filter(|row| is_of(row, "missed")).collect();
    assert!(missed.len() == 2 && missed.iter().all(|row| row["gap"].is_null() && row["state"] == "done"), "{missed:?}");
    let (_, _, log) = gate.run(&["prove", "--since", "yesterday"]);
    assert!(log.contains("--since"), "{log}");
    daemon.kill();

    let daemon = gate.start();
    daemon.surveyed(again).await;
    assert_eq!(ended(&daemon, 2).await.len(), 2, "found once");
    assert_eq!(gate.acted(), 1);
}

#[tokio::test]
async fn webhook_and_catch_up_make_one_delivery_and_a_forged_verdict_is_put_right() {
    let (server, _turn) = Server::turn().await;
    let gate = Gate::new(&server.url).asks_every("1s");
    let daemon = gate.start();
    let first = daemon.surveyed(0).await;
    let mut ada = Client::start(&server.url);
    let kinds = [("MODEL_VERSION_ALIAS", "CREATED"), ("MODEL_VERSION", "CREATED"), ("MODEL_VERSION_TAG", "SET")];
    let webhook = server.webhook(&daemon, &kinds).await;
    let version = ada.version("raced", MALICIOUS);
    ada.does("set_alias", &set("raced", &version));
    let read = || std::future::ready(ada.tags("raced", &version));
    until("the verdict", read, |tags| tags["scanrelay.verdict"] == "unsafe").await;
    let second = daemon.surveyed(daemon.surveyed(first).await).await;
    let rows = ended(&daemon, 2).await;
    let acted = |rows: &[Value]| (count(rows, "promotion", "done"), count(rows, "scan_request", "done"));
    assert_eq!((acted(&rows), gate.acted()), ((1, 1), 1), "{rows:?}");

    let forged = json!({ "name": "raced", "version": version, "key": "scanrelay.verdict", "value": "safe" });
    ada.does("set_tag", &forged);
    let all = || async { daemon.get("/api/v1/deliveries").await.1 };
    let is_tampered = |row: &Value| row["reason"].as_str().is_some_and(|reason| reason.starts_with("tampered: "));
    until("the warning", all, |rows| rows.as_array().unwrap().iter().any(is_tampered)).await;
    let read = || std::future::ready(ada.tags("raced", &version));
    until("the verdict that was put right", read, |tags| tags["scanrelay.verdict"] == "unsafe").await;
    daemon.surveyed(second).await;
    let rows = ended(&daemon, 3).await;
    assert_eq!((acted(&rows), gate.acted()), ((1, 1), 1), "nothing runs for it: {rows:?}");
    let metrics = reqwest::get(format!("http://{}/metrics", daemon.admin)).await.unwrap().text().await.unwrap();
    let counted = |result: &str| {
        let line = format!("scanrelay_deliveries_total{{registry=\"mlflow\",result=\"{result}\"}} ");
        metrics.lines().find_map(|text| text.strip_prefix(&line)?.parse::<u32>().ok()).unwrap()
    };
    assert!(counted("tampered") >= 1 && counted("echo") >= 1, "{metrics}");
    server.forget(&webhook).await;
}
