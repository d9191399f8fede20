//! SIGHUP: what changes, what stays, what is refused, and that nothing is lost meanwhile.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scanrelay::{Scheme, Secret, Timestamp, signature};
use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, WEBHOOK_SECRET, client, reloaded, scan_request, sign, until};
use crate::systemd::Heard;

const NOWHERE: &str = "http://127.0.0.1:1";
const SECOND: &str = "\n[registries.second]\nkind = \"verta\"\nconfirm = false\nwebhook = { secrets = [{ file = \"second-secret\" }] }\n";

fn signed_with(secret: &str, body: &[u8]) -> Vec<(String, String)> {
    let secret = Secret::new(secret).unwrap();
    signature::sign(&Scheme::github(), &secret, None, Timestamp::default(), body).unwrap()
}

async fn post(daemon: &Daemon, path: &str, secret: &str, id: &str) -> u16 {
    let body = scan_request(id, 1);
    let signed = signed_with(secret, &body);
    let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    daemon.post(path, &headers, &body).await.0
}

fn without_the_scanner(site: &Site) -> String {
    let text = site.configuration();
    let (before, after) = (text.find("[plugins.scan]").unwrap(), text.find("[plugins.act]").unwrap());
    let without = [&text[..before], &text[after..]].concat();
    without.replace("[[routes]]\non = \"scan_request\"\nscanners = [\"scan\"]\n", "")
}

async fn jobs(daemon: &Daemon) -> Vec<Value> {
    daemon.get("/api/v1/jobs").await.1.as_array().cloned().unwrap_or_default()
}

/// Senders over connections that they keep, and one that makes a new one each time, while the configuration goes to and fro.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_storm_loses_nothing() {
    const SENDERS: usize = 5;
    const EACH: usize = 40;
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.write("second-secret", WEBHOOK_SECRET, 0o600);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    let sent = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (url, sent) = (format!("http://{}/hooks/verta", daemon.intake), Arc::clone(&sent));
            tokio::spawn(async move {
                let mut http = client();
                for nth in 0..EACH {
                    if sender == 0 {
                        http = client();
                    }
                    let body = scan_request(&format!("{sender}-{nth}"), build);
                    let request = http.post(&url).header("Content-Type", "application/json");
                    let request =
                        sign(&body).iter().fold(request, |request, (name, value)| request.header(name, value));
                    let answer = request.body(body).send().await.unwrap();
                    assert_eq!(answer.status(), 202, "{sender}-{nth}");
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut reloads = 0;
    while reloads < 100 || sent.load(Ordering::Relaxed) < SENDERS * EACH && senders.iter().any(|one| !one.is_finished())
    {
        let other = ["", SECOND, "\n[retention]\ndone = \"1d\"\n"][reloads % 3];
        let limits = format!("[limits]\nconcurrency = {}\n", 1 + reloads % 4);
        let text = site.configuration().replace("[limits]\n", &limits) + other;
        // Whole or not at all: a reload may come at any moment.
        let new = site.write("new.toml", &text, 0o600);
        fs::rename(new, site.path("scanrelay.toml")).unwrap();
        daemon.signal("HUP");
        reloads += 1;
    }
    for sender in senders {
        sender.await.unwrap();
    }
    daemon.reload(&site, &site.configuration()).await.unwrap();
    let log = daemon.log();
    let taken = log.lines().filter(|line| reloaded(line) == Some(true)).count();
    println!("{reloads} signals, {taken} reloads");
    assert!(taken > 2 && !log.lines().any(|line| reloaded(line) == Some(false)), "{taken} reloads");

    let open = || async { daemon.get("/api/v1/deliveries?state=open&limit=1").await.1 };
    until("the end of all deliveries", open, |rows| rows.as_array().is_some_and(Vec::is_empty)).await;
    let (_, rows) = daemon.get("/api/v1/deliveries?limit=1000").await;
    let done = rows.as_array().unwrap().iter().filter(|row| row["state"] == "done").count();
    assert_eq!(done, SENDERS * EACH, "what was answered 202 has ended: {rows}");
}

#[tokio::test]
async fn a_fault_changes_nothing_and_is_said() {
    let site = Site::new(NOWHERE);
    let (heard, socket) = Heard::at(&site);
    let daemon = Daemon::start_with(&site, &[("NOTIFY_SOCKET", &socket)]);
    heard.until("READY=1").await;
    let good = site.configuration();
    for (bad, words) in [
        (good.replace("workspace =", "wrkspace ="), "registries.verta.wrkspace: unknown key, did you mean workspace?"),
        (good.replace("{ file = \"webhook-secret\" }", "{ file = \"nowhere\" }"), "nowhere cannot be read"),
        (good.replace("scanners = [\"scan\"]", "scanners = [\"scam\"]"), "plugins.scam: there is no such plugin"),
        (good.replace("[server]", "[server"), "TOML parse error"),
    ] {
        let said = daemon.reload(&site, &bad).await.unwrap_err();
        assert!(said.contains(words) && !said.contains(WEBHOOK_SECRET), "{said}");
        let reloading = heard.until("RELOADING=1").await.pop().unwrap();
        let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim();
        assert!(since.parse::<u64>().is_ok(), "{reloading}");
        let ready = heard.until("READY=1").await.pop().unwrap();
        assert!(ready.contains("; not reloaded: ") && ready.contains(words), "{ready}");
        assert_eq!(post(&daemon, "/hooks/verta", WEBHOOK_SECRET, words).await, 202, "what was in force stays in force");
    }
    daemon.reload(&site, &good).await.unwrap();
    let ready = heard.until("READY=1").await.pop().unwrap();
    assert!(!ready.contains("not reloaded"), "{ready}");
}

#[tokio::test]
async fn a_registry_comes_and_goes() {
    let site = Site::new(NOWHERE);
    site.write("second-secret", "of the second", 0o600);
    let daemon = Daemon::start(&site);
    let second = async |id: &str| post(&daemon, "/hooks/second", "of the second", id).await;
    assert_eq!(second("one").await, 404);
    daemon.reload(&site, &(site.configuration() + SECOND)).await.unwrap();
    assert_eq!(second("one").await, 202);
    assert_eq!(second("one").await, 200);
    assert_eq!(post(&daemon, "/hooks/second", WEBHOOK_SECRET, "two").await, 401);
    let answer = client().get(format!("http://{}/hooks/second", daemon.intake)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (405, "POST"));
    daemon.reload(&site, &site.configuration()).await.unwrap();
    assert_eq!(second("one").await, 404);
    let answer = client().get(format!("http://{}/hooks/second", daemon.intake)).send().await.unwrap();
    assert_eq!(answer.status(), 404, "unknown goes before the method");
    let (_, rejections) = daemon.get("/api/v1/rejections?registry=second").await;
    assert_eq!(rejections.as_array().map(Vec::len), Some(1), "what was refused is remembered: {rejections}");
}

#[tokio::test]
async fn a_secret_is_changed_in_its_place() {
    let site = Site::new(NOWHERE);
    let daemon = Daemon::start(&site);
    assert_eq!(post(&daemon, "/hooks/verta", WEBHOOK_SECRET, "one").await, 202);
    site.write("webhook-secret", "the new one", 0o600);
    assert_eq!(post(&daemon, "/hooks/verta", "the new one", "two").await, 401, "until it is told so");
    daemon.reload(&site, &site.configuration()).await.unwrap();
    assert_eq!(post(&daemon, "/hooks/verta", "the new one", "two").await, 202);
    assert_eq!(post(&daemon, "/hooks/verta", WEBHOOK_SECRET, "three").await, 401);
}

#[tokio::test]
async fn what_runs_goes_on_and_what_comes_takes_the_new() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).plugin_keys("concurrency = 1").limits("concurrency = 1");
    site.pipe("told");
    site.pipe("gate");
    site.plugin("scan", "echo old >> $SITE/runs; echo up > $SITE/told; read go < $SITE/gate; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    site.plugin("better", "echo new >> $SITE/runs; echo '{\"type\":\"result\",\"verdict\":\"unsafe\"}'");
    let (_, version) = registry.version("fraud").await;
    let [first, second] = [registry.build(&version).await, registry.build(&version).await];
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", first)).await.0, 202);
    site.told("told").await;
    let better = site
        .configuration()
        .replace("scanners = [\"scan\"]", "scanners = [\"better\"]")
        .replace("[plugins.act]", &format!("[plugins.better]\nkind = \"scanner\"\ncommand = [\"{0}/better\"]\nwrite = [\"{0}\"]\nenv = {{ SITE = \"{0}\" }}\n[plugins.act]", site.path("").display()));
    // One run at a time, and one runs: the new limit is what lets the second begin.
    let wider = better.replace("concurrency = 1", "concurrency = 2");
    daemon.reload(&site, &wider).await.unwrap();
    assert_eq!(daemon.deliver(&scan_request("two", second)).await.0, 202);
    until("the second's result", || registry.scan(second), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(registry.scan(second).await["safety_status"], "unsafe");
    site.tell("gate").await;
    until("the first's result", || registry.scan(first), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(registry.scan(first).await["safety_status"], "safe");
    assert_eq!(site.lines("runs"), ["old", "new"]);
}

#[tokio::test]
async fn jobs_of_a_plugin_that_left_end_dead_and_say_so() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).plugin_keys("concurrency = 1");
    site.pipe("told");
    site.pipe("gate");
    site.plugin(
        "scan",
        "echo up > $SITE/told; read go < $SITE/gate; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'",
    );
    let (_, version) = registry.version("fraud").await;
    let [first, second] = [registry.build(&version).await, registry.build(&version).await];
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", first)).await.0, 202);
    site.told("told").await;
    assert_eq!(daemon.deliver(&scan_request("two", second)).await.0, 202);
    daemon.reload(&site, &without_the_scanner(&site)).await.unwrap();
    let run = |delivery: i64| {
        let daemon = &daemon;
        async move {
            let jobs = jobs(daemon).await;
            jobs.into_iter().find(|job| job["delivery"] == delivery && job["phase"] == "run").unwrap()
        }
    };
    let dead = until("the second's end", || run(2), |job| job["state"] == "dead").await;
    assert!(dead.to_string().contains("plugin scan left the configuration: add [plugins.scan] again"), "{dead}");
    assert_eq!(run(1).await["state"], "running", "the first is left alone");
    site.tell("gate").await;
    until("the first's result", || registry.scan(first), |scan| scan["scan_status"] == "scanned").await;
    until("the second's error", || registry.scan(second), |scan| scan["scan_status"] == "error").await;

    daemon.reload(&site, &site.configuration()).await.unwrap();
    assert_eq!(daemon.deliver(&scan_request("three", first)).await.0, 202);
    site.told("told").await;
    site.tell("gate").await;
    until("the third's end", || run(3), |job| job["state"] == "done").await;
}

/// Its queue was forgotten when the daemon started without the plugin.
#[tokio::test]
async fn a_retried_job_of_a_plugin_that_left_long_ago_ends_dead_too() {
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 1");
    site.plugin("scan", "exit 1");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    let end = || async { daemon.get("/api/v1/deliveries/1").await.1 };
    until("the end", end, |found| found["delivery"]["state"] == "dead").await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.code(), Some(0));
    let daemon = Daemon::start_as(&site, &without_the_scanner(&site));
    let (code, said, stderr) = site.run(&["jobs", "retry", "--dead"]);
    assert!(code == 0 && said.contains("1 dead job is retried"), "{said}{stderr}");
    let second = || async { jobs(&daemon).await };
    let dead = |jobs: &Vec<Value>| {
        let words = "plugin scan left the configuration";
        jobs.iter().any(|job| job["round"] == 2 && job["state"] == "dead" && job.to_string().contains(words))
    };
    until("the second end", second, dead).await;
}

#[tokio::test]
async fn what_takes_a_restart_is_named() {
    let site = Site::new(NOWHERE);
    let (heard, socket) = Heard::at(&site);
    let daemon = Daemon::start_with(&site, &[("NOTIFY_SOCKET", &socket)]);
    heard.until("READY=1").await;
    let moved = site.configuration().replacen("127.0.0.1:0", "127.0.0.2:0", 1).replace("state/", "elsewhere/");
    daemon.reload(&site, &moved).await.unwrap();
    let ready = heard.until("READY=1").await.pop().unwrap();
    assert!(ready.contains("; a restart is needed for server.bind, store.url\n"), "{ready}");
    for key in ["server.bind", "store.url"] {
        let words = format!("{key} has changed, and takes effect with a restart only");
        assert!(daemon.log().contains(&words), "{}", daemon.log());
    }
    assert_eq!(post(&daemon, "/hooks/verta", WEBHOOK_SECRET, "one").await, 202);
    assert!(!site.path("elsewhere").exists());
    // What would not be safe on the listener that is there is refused whole.
    daemon.reload(&site, &site.configuration()).await.unwrap();
    assert!(!heard.until("READY=1").await.pop().unwrap().contains("restart"));
}
