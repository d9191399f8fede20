//! What the token vouches for is a hint: the registry has the last word.

use serde_json::{Value, json};

use crate::client::{Client, WORKSPACE};
use crate::harness::weather::{Weather, Weathered};
use crate::harness::{Daemon, Registry, until};
use crate::site::{Gate, TOKEN, call, ended, plain_webhook, webhook, words};

const ACT: &str = "cat > /dev/null; echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"status\":\"complete\"}'";

/// Comet's own body.
fn body(model: &str, stages: &[&str]) -> Vec<u8> {
    let body = json!({ "workspaceName": WORKSPACE, "registryModelName": model, "version": "1.0.0", "stages": stages });
    body.to_string().into_bytes()
}

async fn deliver(daemon: &Daemon, authorization: &str, body: &[u8]) -> u16 {
    daemon.post("/hooks/comet", &[("Authorization", authorization)], body).await.0
}

fn reason(row: &Value) -> &str {
    row["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_stage_that_was_taken_back_before_anybody_asked_starts_nothing_and_counts_when_it_is_given_again() {
    let registry = Registry::start();
    let sky = Weathered::new(&registry.url);
    let gate = Gate::new(&sky.url, "");
    gate.site.plugin("act", ACT);
    let daemon = gate.start();
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    plain_webhook(&registry, &daemon).await;

    // Nobody can ask while the stage is there.
    sky.turns(Weather::Down);
    ada.changes("add_tag", "fraud", "tag", "Production");
    let asked = || std::future::ready(sky.asked().len());
    until("the question", asked, |asked| *asked > 0).await;
    ada.changes("delete_tag", "fraud", "tag", "Production");
    sky.turns(Weather::Fine);
    let rows = ended(&daemon, 2).await;
    assert_eq!(words(&rows[1]), ("promotion", "ignored"));
    assert_eq!(reason(&rows[1]), "not confirmed: the version has no stage now, not production");
    assert_eq!(gate.acted(), 0);

    // The same bytes within a minute, and this time it stands.
    ada.changes("add_tag", "fraud", "tag", "Production");
    let rows = ended(&daemon, 3).await;
    assert_eq!(words(&rows[0]), ("promotion", "done"));
    assert_eq!(gate.acted(), 1);
}

#[tokio::test]
async fn a_stage_that_was_taken_back_during_the_scan_starts_no_action() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "").guarded();
    gate.site.pipe("go");
    gate.site.plugin("act", ACT);
    gate.site.plugin(
        "scan",
        "echo ran >> $SITE/scanned; read word < $SITE/go; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'",
    );
    let daemon = gate.start();
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    plain_webhook(&registry, &daemon).await;
    ada.changes("set_status", "fraud", "status", "Production");
    until("the scan", || std::future::ready(gate.site.lines("scanned").len()), |runs| *runs == 1).await;
    ada.changes("set_status", "fraud", "status", "QA");
    gate.site.tell("go").await;
    let rows = ended(&daemon, 2).await;
    assert_eq!(words(&rows[1]), ("promotion", "ignored"));
    assert_eq!(reason(&rows[1]), "not confirmed: the version is at qa now, not at production");
    assert_eq!(gate.acted(), 0);

    // Once more, and it stays.
    gate.site.plugin("scan", "echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    ada.changes("set_status", "fraud", "status", "Production");
    let rows = ended(&daemon, 3).await;
    assert_eq!(words(&rows[0]), ("promotion", "done"));
    assert_eq!(gate.acted(), 1);
}

#[tokio::test]
async fn the_same_bytes_are_one_event_for_a_minute_and_then_another() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "");
    gate.site.plugin("act", ACT);
    let mut ada = Client::start(&registry.url);
    // At first sight it is there already, and asks for nothing.
    ada.registers("fraud");
    let daemon = gate.start();
    plain_webhook(&registry, &daemon).await;
    ada.changes("add_tag", "fraud", "tag", "Production");
    ended(&daemon, 1).await;
    assert_eq!(deliver(&daemon, TOKEN, &body("fraud", &["Production"])).await, 200, "a sender's second try");
    ada.changes("delete_tag", "fraud", "tag", "Production");
    ended(&daemon, 2).await;
    assert_eq!(gate.acted(), 1);
    drop(daemon);

    let daemon = gate.start_later("+120");
    plain_webhook(&registry, &daemon).await;
    ada.changes("add_tag", "fraud", "tag", "Production");
    let rows = ended(&daemon, 3).await;
    assert_eq!(words(&rows[0]), ("promotion", "done"), "A, B and A again are three events");
    assert_eq!(gate.acted(), 2);
}

#[tokio::test]
async fn what_the_registry_does_not_know_starts_nothing() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "");
    gate.site.plugin("act", ACT);
    gate.site.plugin("scan", "echo ran >> $SITE/acted; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let daemon = gate.start();
    for stages in [["Production"], ["Scan me"]] {
        assert_eq!(deliver(&daemon, TOKEN, &body("nobody-s", &stages)).await, 202);
    }
    for row in ended(&daemon, 2).await {
        assert_eq!(row["state"], "ignored");
        assert_eq!(reason(&row), "not confirmed: the registry does not know the version: it answered 404");
    }
    assert_eq!(gate.acted(), 0);
}

#[tokio::test]
async fn only_who_knows_the_token_is_heard() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "");
    gate.site.plugin("act", ACT);
    let daemon = gate.start();
    let production = body("fraud", &["Production"]);
    let bearer = format!("Bearer {TOKEN}");
    for wrong in ["", "wrong", "Bearer wrong", "Basic dGhl", &TOKEN[1..], &format!("{TOKEN}x")] {
        assert_eq!(deliver(&daemon, wrong, &production).await, 401, "{wrong:?}");
    }
    assert_eq!(daemon.post("/hooks/comet", &[], &production).await.0, 401);

    // A registry that was told the wrong one is refused as well, and one that says Bearer is not.
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    webhook(&registry, &daemon, &json!({ "Authorization": "wrong", "Other": "x" }), &[]).await;
    ada.changes("add_tag", "fraud", "tag", "Production");
    let refused = || async { daemon.get("/api/v1/rejections").await.1 };
    let all = until("the refusal", refused, |all| all.to_string().contains("\"other\"")).await;
    assert!(!all.to_string().contains("wrong"), "no token is shown: {all}");
    assert_eq!(gate.acted(), 0);
    webhook(&registry, &daemon, &json!({ "Authorization": bearer }), &[]).await;
    ada.changes("add_tag", "fraud", "tag", "beside it");
    assert_eq!(words(&ended(&daemon, 1).await[0]), ("promotion", "done"));
}

#[tokio::test]
async fn versions_of_the_same_name_in_two_workspaces_are_two() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "");
    gate.site.plugin("act", ACT);
    let daemon = gate.start();
    let mut ada = Client::start(&registry.url);
    for workspace in ["acme", "emca"] {
        ada.does("register", &json!({ "workspace": workspace, "model": "fraud", "version": "1.0.0" }));
        let address =
            json!({ "url": format!("http://{}/hooks/comet", daemon.intake), "header": { "Authorization": TOKEN } });
        let config = json!({ "webhookConfigs": [{ "workspaceName": workspace, "modelName": "fraud", "webhookUrls": [address] }] });
        assert_eq!(call(&registry, "POST", "webhooks/config", &config).await.0, 200);
        assert_eq!(
            call(&registry, "GET", &format!("webhooks/config?workspaceName={workspace}"), &Value::Null).await.1,
            config
        );
        let tag = json!({ "workspace": workspace, "model": "fraud", "version": "1.0.0", "tag": "Production" });
        ada.does("add_tag", &tag);
    }
    let rows = ended(&daemon, 2).await;
    assert!(rows.iter().all(|row| words(row) == ("promotion", "done")), "{rows:?}");
    let read = ada.does("read", &json!({ "workspace": "emca", "model": "fraud", "version": "1.0.0" }));
    assert_eq!(read["metadata"]["scanrelay.deployment_status"], "complete");
    assert_eq!(gate.acted(), 2);
}

#[tokio::test]
async fn a_scan_that_is_asked_for_beside_production_runs_and_promotes_nothing_again() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "reconcile_every = \"1s\"");
    gate.site.plugin("act", ACT);
    gate.site.plugin("scan", "cat > /dev/null; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    let daemon = gate.start();
    let first = daemon.surveyed(0).await;
    plain_webhook(&registry, &daemon).await;
    ada.changes("add_tag", "fraud", "tag", "Production");
    ended(&daemon, 1).await;

    ada.changes("add_tag", "fraud", "tag", "Scan me");
    let rows = ended(&daemon, 3).await;
    let mut told: Vec<(&str, &str, &str)> = rows.iter().map(|row| (words(row).0, words(row).1, reason(row))).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [("promotion", "done", ""), ("promotion", "ignored", "nothing changed"), ("scan_request", "done", "")]
    );
    // One look may have begun before; the next has not.
    let second = daemon.surveyed(daemon.surveyed(first).await).await;
    daemon.surveyed(second).await;
    assert_eq!((ended(&daemon, 3).await.len(), gate.acted()), (3, 1));
    assert_eq!(ada.reads("fraud")["metadata"]["scanrelay.verdict"], "safe");
}
