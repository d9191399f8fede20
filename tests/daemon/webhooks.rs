//! A registry's webhook to the daemon, made by the command, and the doctor's word on it.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Daemon, Registry, Site, WEBHOOK_SECRET, ended, scan_request};

/// The command, with the address that the daemon got for the one that registries post to.
fn command(site: &Site, daemon: &Daemon, arguments: &[&str]) -> (i32, String, String) {
    let text =
        site.configuration().replace("[server]\n", &format!("[server]\npublic_url = \"http://{}\"\n", daemon.intake));
    let file = site.write("commands.toml", &text, 0o600);
    let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
    let (code, stdout, stderr) = ended(command.arg("--config").arg(file).args(arguments));
    assert!(!format!("{stdout}{stderr}").contains(WEBHOOK_SECRET), "{stdout}{stderr}");
    (code, stdout, stderr)
}

#[tokio::test]
async fn a_webhook_is_made_once_tried_and_deleted() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    let webhook = |act: &str| command(&site, &daemon, &["webhook", act, "--registry", "verta"]);
    let doctor = || {
        let (code, stdout, _) = command(&site, &daemon, &["doctor", "--json"]);
        let rows: Value = serde_json::from_str(&stdout).unwrap();
        let failed = rows.as_array().unwrap().iter().filter(|row| row["state"] == "fail");
        (code, failed.map(|row| row["check"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(doctor(), (1, vec!["webhook".to_owned()]));
    let (code, stdout, _) = webhook("create");
    assert!(code == 0 && stdout.starts_with("created"), "{stdout}");
    let (code, stdout, _) = webhook("create");
    assert_eq!((code, stdout.as_str()), (0, "it is as it should be\n"));
    let (_, stdout, _) = command(&site, &daemon, &["webhook", "list", "--registry", "verta", "--json"]);
    let hooks: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(hooks.as_array().unwrap().len(), 1, "{hooks}");
    assert_eq!((&hooks[0]["ours"], &hooks[0]["missing"]), (&json!(true), &json!([])));
    let (code, stdout, stderr) = webhook("test");
    assert!(code == 0 && stdout.starts_with("the test was accepted"), "{stdout}{stderr}");
    assert_eq!(doctor(), (0, Vec::new()));

    let (_, rows) = daemon.get("/api/v1/deliveries").await;
    assert!(rows.as_array().unwrap().len() >= 2, "{rows}");
    assert_eq!(daemon.deliver(&scan_request("e-1", 5150)).await.0, 202, "the secret is the same");
    let (code, stdout, _) = webhook("delete");
    assert_eq!((code, stdout.as_str()), (0, "deleted: 1\n"));
    let (code, stdout, _) = webhook("delete");
    assert_eq!((code, stdout.as_str()), (0, "there was none that posts here\n"));
    let (code, _, stderr) = webhook("test");
    assert!(code == 1 && stderr.contains("there is no webhook to test: create it"), "{stderr}");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_cure() {
    let registry = Registry::start();
    let mut site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    // Another secret than the daemon has.
    site.write("other-secret", "another secret", 0o600);
    site.secrets("[{ file = \"other-secret\" }]");
    assert_eq!(command(&site, &daemon, &["webhook", "create", "--registry", "verta"]).0, 0);
    let (code, _, stderr) = command(&site, &daemon, &["webhook", "test", "--registry", "verta"]);
    assert!(code == 1 && stderr.contains("was answered 401: see scanrelay rejections"), "{stderr}");
    let (code, stdout, _) = command(&site, &daemon, &["doctor"]);
    assert!(code == 1 && stdout.contains("its secret is another one, scanrelay webhook create"), "{stdout}");
    // No address for registries.
    let (code, _, stderr) = site.run(&["webhook", "list", "--registry", "verta"]);
    assert!(code == 2 && stderr.contains("server.public_url is not set"), "{stderr}");
    assert_eq!(site.run(&["webhook", "list", "--registry", "nobody"]).0, 2);
    // Nobody there.
    drop(registry);
    let (code, stdout, _) = command(&site, &daemon, &["doctor"]);
    assert!(code == 1 && stdout.contains("reachable") && stdout.contains("fail"), "{stdout}");
}
