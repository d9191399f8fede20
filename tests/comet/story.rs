//! What people do with `comet_ml`, and what they read there afterwards.

use scanrelay::Timestamp;
use serde_json::{Value, json};

use crate::client::{Client, version};
use crate::harness::{Registry, until};
use crate::site::{Gate, TOKEN, ended, plain_webhook, webhook, words};

#[tokio::test]
async fn a_status_that_somebody_sets_is_a_promotion_and_its_outcome_is_read_in_comet_s_client() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "write_back = { status = { complete = \"Approved\" } }");
    let url = "https://models.example.com/1";
    gate.site.plugin("act", &format!("cat > $SITE/input; echo ran >> $SITE/acted; echo '{{\"type\":\"result\",\"status\":\"complete\",\"url\":\"{url}\"}}'"));
    let daemon = gate.start();
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    plain_webhook(&registry, &daemon).await;

    ada.changes("add_tag", "fraud", "tag", "candidate");
    ada.changes("set_status", "fraud", "status", "Production");
    let ask = || std::future::ready(ada.reads("fraud"));
    let read = until("the promotion's end", ask, |read| read["status"] == "Approved").await;
    assert_eq!(read["metadata"]["scanrelay.deployment_status"], "complete");
    assert_eq!(read["metadata"]["scanrelay.deployment_url"], url);
    assert_eq!(read["metadata"]["owner"], "ada", "other people's keys stay");
    assert_eq!(read["comment"], format!("by ada\n[scanrelay promotion] complete {url}"));
    assert_eq!(read["tags"], json!(["candidate"]));

    // The tag, the promotion, and the status that scanrelay set itself.
    let rows = ended(&daemon, 3).await;
    let kinds: Vec<(&str, &str)> = rows.iter().map(words).collect();
    assert_eq!(kinds, [("stage_changed", "ignored"), ("promotion", "done"), ("stage_changed", "ignored")]);
    assert_eq!(gate.acted(), 1);
    let input: Value = serde_json::from_slice(&std::fs::read(gate.site.path("input")).unwrap()).unwrap();
    let event = &input["event"];
    assert_eq!(
        (&event["workspace"], &event["model"]["name"], &event["version"]["name"], &event["change"]["stage_to"]),
        (&json!("acme"), &json!("fraud"), &json!("1.0.0"), &json!("production"))
    );
}

/// What the client's own `pickle.dumps` makes of a list, and what calls a program when it is loaded.
const HARMLESS: &[u8] = b"\x80\x04]\x94(K\x01K\x02K\x03e.";
const MALICIOUS: &[u8] = b"cos\nsystem\n(S'true'\ntR.";

#[tokio::test]
async fn a_model_that_is_registered_is_scanned_with_its_files_and_the_verdict_is_read_in_comet_s_client() {
    let registry = Registry::start();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/pickle-imports");
    // Without its manifest, what stands beside the program has to be named.
    let scanner = format!(
        "kind = \"scanner\"\ncommand = [\"{folder}/pickle-imports\"]\nread = [\"{folder}\"]\nfail_on = \"high\"\nartifact = true\n"
    );
    let more = "write_back = { status = { safe = \"Approved\", unsafe = \"Rejected\" } }";
    let gate = Gate::new(&registry.url, more).scanner(&scanner);
    let daemon = gate.start();
    webhook(&registry, &daemon, &json!({ "Authorization": TOKEN }), &["MODEL_VERSION_CREATED"]).await;
    let mut ada = Client::start(&registry.url);
    let hex = |bytes: &[u8]| base16ct::lower::encode_string(bytes);
    for (model, bytes, verdict, status) in
        [("harmless", HARMLESS, "safe", "Approved"), ("malicious", MALICIOUS, "unsafe", "Rejected")]
    {
        let mut with = version(model);
        with["file"] = json!(hex(bytes));
        ada.does("register", &with);
        let read = until("the verdict", || std::future::ready(ada.reads(model)), |read| read["status"] == status).await;
        assert_eq!(read["metadata"]["scanrelay.verdict"], verdict, "{read}");
        let at = read["metadata"]["scanrelay.scanned_at"].as_str().unwrap();
        assert!(Timestamp::from_rfc3339(at).is_some(), "{at}");
        let said = read["metadata"]["scanrelay.summary"].as_str().unwrap();
        assert!(said.starts_with(&format!("scan: {verdict}")), "{said}");
        assert_eq!(read["comment"], format!("by ada\n[scanrelay scan] {verdict}: {said} ({at})"));
        assert_eq!(ada.does("downloaded", &version(model)), json!({ "model.pkl": hex(bytes) }));
    }
    let rows = ended(&daemon, 2).await;
    assert!(rows.iter().all(|row| words(row) == ("scan_request", "done")), "{rows:?}");
}

#[tokio::test]
async fn what_other_people_write_afterwards_stays_when_the_version_is_scanned_again() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "");
    gate.site
        .plugin("scan", "echo '{\"type\":\"result\",\"verdict\":\"safe\",\"url\":\"https://scans.example.com/1\"}'");
    let daemon = gate.start();
    plain_webhook(&registry, &daemon).await;
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    ada.changes("add_tag", "fraud", "tag", "Scan me");
    ended(&daemon, 1).await;
    let first = ada.reads("fraud");
    let ours = first["comment"].as_str().unwrap().lines().last().unwrap();
    assert!(ours.starts_with("[scanrelay scan] safe: scan: safe https://scans.example.com/1 ("), "{ours}");
    ada.changes("set_comment", "fraud", "comment", &format!("first\n{ours}\nlast"));

    gate.site.plugin("scan", "echo '{\"type\":\"result\",\"verdict\":\"unsafe\"}'");
    // Asked for anew, in other bytes: the same within a minute are the same event.
    ada.changes("delete_tag", "fraud", "tag", "Scan me");
    ada.changes("add_tag", "fraud", "tag", "urgent");
    ada.changes("add_tag", "fraud", "tag", "Scan me");
    ended(&daemon, 4).await;
    let second = ada.reads("fraud");
    let lines: Vec<&str> = second["comment"].as_str().unwrap().lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (3, "first", "last"), "{lines:?}");
    assert!(lines[1].starts_with("[scanrelay scan] unsafe: scan: unsafe ("), "{lines:?}");
    assert_eq!(second["metadata"]["scanrelay.report_url"], "", "the old link is not the new verdict's");
    assert_eq!(
        ada.does("versions", &json!({ "workspace": "acme", "model": "fraud", "tag": "urgent" })),
        json!(["1.0.0"])
    );
}

#[tokio::test]
async fn a_status_that_the_workspace_does_not_allow_is_a_dead_report_that_says_so() {
    let registry = Registry::start();
    let gate = Gate::new(&registry.url, "write_back = { status = { complete = \"No such status\" } }");
    let daemon = gate.start();
    plain_webhook(&registry, &daemon).await;
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    let allowed = ada.does("allowed", &json!({ "workspace": "acme" }));
    assert!(!allowed.as_array().unwrap().contains(&json!("No such status")));
    ada.changes("set_status", "fraud", "status", "Production");
    let rows = ended(&daemon, 1).await;
    assert_eq!(words(&rows[0]), ("promotion", "dead"));
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(
        reason.ends_with("\"No such status\" of write_back.status may be none that the workspace allows"),
        "{reason}"
    );
    assert_eq!(ada.reads("fraud")["metadata"]["scanrelay.deployment_status"], "complete", "the rest is written");
}
