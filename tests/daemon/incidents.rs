//! Each incident of README's page, provoked, seen and solved with the commands named there.

use std::process::Command;

use scanrelay::{Scheme, Secret, Timestamp, signature};

use crate::harness::{Daemon, Registry, Site, ended, scan_request, until};

const README: &str = include_str!("../../README.md");

/// The commands of the row that begins so: to see, and to act.
fn row(begins: &str) -> (String, String) {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let found = README.lines().map(cells).find(|cells| cells.len() == 5 && cells[1].starts_with(begins));
    let cells = found.unwrap_or_else(|| panic!("README has no incident {begins:?}"));
    (cells[2].trim_matches('`').to_owned(), cells[3].trim_matches('`').to_owned())
}

/// Runs a command of README, `ID` being that.
fn run(site: &Site, command: &str, id: &str) -> String {
    let words = command.strip_prefix("scanrelay ").unwrap_or_else(|| panic!("{command:?} is no command of ours"));
    let arguments: Vec<&str> = words.split(' ').map(|word| if word == "ID" { id } else { word }).collect();
    let (code, stdout, stderr) = site.run(&arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{command}: {stdout}");
    stdout
}

/// The id in the first row of a table.
fn first_id(table: &str) -> String {
    let row = table.lines().nth(1).unwrap_or_else(|| panic!("no row: {table}"));
    row.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_scan_that_does_not_end() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.pipe("told");
    site.plugin("scan", "echo up > $SITE/told; exec sleep 1000");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    site.told("told").await;
    let (see, act) = row("**A scan does not end.**");
    let seen = run(&site, &see, "");
    assert!(seen.contains("scan") && seen.contains("running"), "{seen}");
    run(&site, &act, &first_id(&seen));
    until("the error", || registry.scan(build), |scan| scan["scan_status"] == "error").await;
}

#[tokio::test]
async fn jobs_that_are_dead() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 1");
    site.plugin("scan", "exit 1");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    let first = || async { daemon.get("/api/v1/deliveries/1").await.1 };
    until("the end", first, |found| found["delivery"]["state"] == "dead").await;
    let (see, act) = row("**Jobs are dead.**");
    let seen = run(&site, &see, "");
    assert!(seen.contains("exited with 1"), "{seen}");
    site.plugin("scan", "echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    run(&site, &act, "");
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
}

#[tokio::test]
async fn a_registry_that_is_down() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    registry.misbehave("503").await;
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    let reports = || async { daemon.get("/api/v1/jobs").await.1 };
    let tried = |rows: &serde_json::Value| {
        rows.as_array().unwrap().iter().any(|row| row["phase"] == "report" && row["attempts"].as_u64() > Some(1))
    };
    until("a second try", reports, tried).await;
    let (see, act) = row("**The registry is down.**");
    assert!(run(&site, &see, "").contains("registry:verta"));
    assert_eq!(run(&site, &act, ""), "registry:verta is paused\n");
    registry.misbehave("none").await;
    let (see, act) = row("… and when it is back:");
    assert!(run(&site, &see, "").contains("registry:verta is paused"));
    assert_eq!(registry.scan(build).await["scan_status"], "unscanned", "it is left alone");
    run(&site, &act, "");
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
}

/// A limit on the size of files answers as a full disk does: the write fails, and goes well again when there is room.
#[tokio::test]
async fn a_disk_that_is_full() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    let limit = |bytes: &str| {
        let status = Command::new("prlimit").args(["--pid", &daemon.pid(), &format!("--fsize={bytes}:")]).status();
        assert!(status.unwrap().success());
    };
    limit("4096");
    let (status, answer) = daemon.deliver(&scan_request("two", build)).await;
    assert_eq!((status, answer["error"].as_str()), (503, Some("store_failed")), "{answer}");
    assert_eq!(daemon.get("/readyz").await.0, 503);
    let (see, act) = row("**The disk is full.**");
    assert!(run(&site, &see, "").contains("delivery"));
    limit("unlimited");
    assert_eq!(daemon.deliver(&scan_request("two", build)).await.0, 202, "there is room, and nothing was restarted");
    assert_eq!(daemon.get("/readyz").await.0, 200);
    assert!(run(&site, &act, "").contains("given back"));
}

#[tokio::test]
async fn a_secret_that_was_changed() {
    let registry = Registry::start();
    let mut site = Site::new(&registry.url);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let body = scan_request("one", build);
    let new = "the registry's new secret";
    let signed =
        signature::sign(&Scheme::github(), &Secret::new(new).unwrap(), None, Timestamp::default(), &body).unwrap();
    let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.post("/hooks/verta", &headers, &body).await.0, 401);
    let (see, act) = row("**The secret was changed.**");
    let seen = run(&site, &see, "");
    assert!(seen.contains("verta") && seen.contains("401"), "{seen}");

    site.write("new-secret", new, 0o600);
    site.secrets("[{ file = \"new-secret\" }, { file = \"webhook-secret\" }]");
    assert!(run(&site, &act, "").contains("(2 secrets)"));
    daemon.reload(&site, &site.configuration()).await.unwrap();
    assert_eq!(daemon.post("/hooks/verta", &headers, &body).await.0, 202);
    let old = scan_request("two", build);
    assert_eq!(daemon.deliver(&old).await.0, 202, "the old one still holds");
}

#[test]
fn every_command_of_the_page_is_one() {
    let page = README.split("## When something is wrong").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands: Vec<&str> = page.split('`').filter(|text| text.starts_with("scanrelay ")).collect();
    assert!(commands.len() > 10);
    for command in commands {
        let words = command.strip_prefix("scanrelay ").unwrap().split(' ').take_while(|word| !word.starts_with("ID"));
        let names: Vec<&str> = words.take_while(|word| !word.starts_with('-') && *word != "verta").collect();
        let mut help = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
        let (code, _, stderr) = ended(help.args(names).arg("--help"));
        assert_eq!(code, 0, "{command}: {stderr}");
    }
}
