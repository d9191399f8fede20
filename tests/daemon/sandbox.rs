//! What the daemon says and does where the kernel cannot enforce all of a cell: one without Landlock, by way of strace.

use std::process::Command;

use serde_json::json;

use crate::harness::{Daemon, Registry, Site, ended, until};

/// The daemon's command on a kernel that knows no Landlock. It is our own child, and strace beside it.
fn without_landlock(site: &Site, arguments: &[&str]) -> Command {
    let plain = site.command(arguments);
    let mut traced = Command::new("strace");
    traced.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=landlock_create_ruleset"]);
    traced.args(["-e", "inject=landlock_create_ruleset:error=ENOSYS"]);
    traced.arg(plain.get_program()).args(plain.get_args()).stdin(std::process::Stdio::null());
    traced
}

#[tokio::test]
async fn auto_says_what_is_missing_at_the_start_and_with_every_result() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start_by(&mut without_landlock(&site, &["--log", "info", "serve"]));
    assert!(daemon.log().contains("confines plugins in part only"), "{}", daemon.log());
    registry.webhook(&daemon).await;
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    registry.request_scan(build).await;
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    let missing = [
        "it can open every file that its user can (no Landlock: Linux 5.13, and lsm=landlock)",
        "it can signal every process of its user (Landlock 6: Linux 6.12)",
    ];
    let delivery = daemon.get("/api/v1/deliveries/1").await.1;
    assert_eq!(delivery["verdicts"][0]["votes"][0]["sandboxed"], json!({ "partly": missing }), "{delivery}");
    let jobs = daemon.get("/api/v1/jobs?limit=9").await.1;
    let job = jobs.as_array().unwrap().iter().find(|job| job["phase"] == "run").unwrap()["id"].to_string();
    let (code, said, stderr) = site.run(&["jobs", "show", &job]);
    assert!(code == 0 && said.contains(&format!("sandboxed    partly: {}", missing.join(", and "))), "{said}{stderr}");
}

#[test]
fn require_does_not_start_and_says_why() {
    let site = Site::new("http://127.0.0.1:9");
    let configuration = format!("sandbox = \"require\"\n{}", site.configuration());
    for command in ["serve", "check"] {
        let mut traced = without_landlock(&site, &[command]);
        site.write("scanrelay.toml", &configuration, 0o600);
        let (code, said, stderr) = ended(&mut traced);
        assert_eq!((code, said.as_str()), (2, ""), "{stderr}");
        for words in ["sandbox = \"require\"", "no Landlock", "take a newer kernel, or write sandbox = \"auto\""] {
            assert!(stderr.contains(words), "{stderr}");
        }
    }
    let mut check = site.command(&["check"]);
    site.write("scanrelay.toml", &configuration, 0o600);
    let (code, said, stderr) = ended(&mut check);
    assert!(code == 0 && said.contains("sandbox   require, fully enforced (Landlock "), "{said}{stderr}");
}
