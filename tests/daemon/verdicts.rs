//! What was said of which bytes: the digest, the gate for scripts, the action that demands a verdict, and what is waived.

use scanrelay::plugin::{Artifact, ArtifactFile};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::harness::{Daemon, Registry, Site, until};

/// Finds what the file names.
const FIND: &str = r#"cat > /dev/null
grep -q 'os.system' artifact/1.pkl &&
    echo '{"type":"finding","id":"os.system","severity":"critical","message":"runs a command"}'
echo '{"type":"result","verdict":"safe","version":"find 7, words of 2026-11-20"}'"#;

const DEPLOY: &str =
    r#"cat > /dev/null; echo deployed >> $SITE/deployed; echo '{"type":"result","status":"complete"}'"#;

fn site(registry: &str) -> Site {
    let routes = r#"[[routes]]
on = "scan_request"
scanners = ["scan"]
[[routes]]
on = "promotion"
actions = ["act"]
"#;
    let site = Site::new(registry).plugin_keys("artifact = true").limits("plugin_attempts = 1").routes(routes);
    site.plugin("scan", FIND);
    site.plugin("act", DEPLOY);
    site
}

/// The site's configuration, with what the action demands.
fn demanding(site: &Site, demand: &str) -> String {
    let configuration = site.configuration();
    let (before, after) = configuration.split_once("[plugins.act]").expect("the action");
    format!("{before}[plugins.act]\nrequire_verdict = {demand}{after}")
}

async fn scanned(registry: &Registry, build: u64, verdict: &str) -> Value {
    until(verdict, || registry.scan(build), |scan| scan["safety_status"] == verdict).await
}

/// How the promotion of a version ended.
async fn promoted(registry: &Registry, daemon: &Daemon, version: &str) -> Value {
    let before = daemon.get("/api/v1/deliveries").await.1.as_array().map_or(0, Vec::len);
    registry.promote(version).await;
    let newest = || async { daemon.get("/api/v1/deliveries").await.1 };
    let ended = |found: &Value| {
        found.as_array().is_some_and(|all| all.len() > before)
            && found[0]["kind"] == "promotion"
            && found[0]["state"] == "done"
    };
    let found = until("the promotion", newest, ended).await;
    let found = daemon.get(&format!("/api/v1/deliveries/{}", found[0]["id"])).await.1;
    let jobs = found["jobs"].as_array().unwrap();
    jobs.iter().find(|job| job["phase"] == "run").unwrap()["outcome"]["conclusion"].clone()
}

#[tokio::test]
async fn a_verdict_is_of_bytes_and_what_is_waived_ends() {
    let registry = Registry::start();
    let site = site(&registry.url);
    let (_, version) = registry.version("fraud").await;
    registry.upload(&version, b"os.system").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start_as(&site, &demanding(&site, r#"{ is = "safe", from = ["scan"], max_age = "1h" }"#));
    registry.webhook(&daemon).await;

    // Nothing was said yet.
    let undeployed = promoted(&registry, &daemon, &version).await;
    let words = undeployed["summary"].as_str().unwrap();
    assert!(undeployed["status"] == "failed" && words.contains("nothing was ever scanned"), "{undeployed}");

    registry.request_scan(build).await;
    scanned(&registry, build, "unsafe").await;
    let local = site.write("a copy", "os.system", 0o600);
    let (code, digest, stderr) = site.run(&["digest", local.to_str().unwrap()]);
    let digest = digest.trim();
    assert_eq!((code, stderr.as_str()), (0, ""));
    let (code, _, stderr) = site.run(&["verdict", digest, "--require", "safe"]);
    assert!(code == 1 && stderr.contains("the last verdict is unsafe"), "{code} {stderr}");
    let undeployed = promoted(&registry, &daemon, &version).await;
    let words = undeployed["summary"].as_str().unwrap();
    assert!(undeployed["status"] == "failed" && words.contains(digest) && words.contains("unsafe"), "{undeployed}");
    assert!(site.lines("deployed").is_empty());

    let waive = ["waive", "--digest", digest, "--finding", "os.system", "--until", "30d", "--reason", "ours"];
    let (code, said, stderr) = site.run(&waive);
    assert!(code == 0 && said.starts_with(&format!("waiver 1: os.system of sha256:{digest} until ")), "{said}{stderr}");
    let deliveries = daemon.get("/api/v1/deliveries").await.1;
    let scan = deliveries.as_array().unwrap().iter().find(|row| row["kind"] == "scan_request").unwrap();
    let id = scan["id"].to_string();
    assert_eq!(site.run(&["deliveries", "replay", &id]).0, 0);
    scanned(&registry, build, "safe").await;
    let (code, shown, _) = site.run(&["deliveries", "show", &id]);
    assert!(
        code == 0 && shown.contains("os.system is waived until ") && shown.contains("by waiver 1: ours"),
        "{shown}"
    );
    let by = format!("scan (find 7, words of 2026-11-20) looked at files sha256:{digest}, by program sha256:");
    assert!(shown.contains(&by), "{shown}");
    let (code, shown, stderr) = site.run(&["verdict", digest, "--require", "safe", "--from", "scan", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, stderr.as_str(), &shown["enough"]), (0, "", &json!(true)), "{shown}");
    assert_eq!(shown["verdicts"].as_array().unwrap().len(), 2, "the first one is still there");
    assert_eq!(shown["verdicts"][0]["votes"][0]["version"], "find 7, words of 2026-11-20", "{shown}");
    let deployed = promoted(&registry, &daemon, &version).await;
    assert_eq!((&deployed["status"], site.lines("deployed").len()), (&json!("complete"), 1), "{deployed}");

    let (code, said, _) = site.run(&["waive", "--revoke", "1", "--reason", "not ours after all"]);
    assert!(code == 0 && said.starts_with("waiver 1 is revoked"), "{said}");
    let subject = scan["subject"].as_str().unwrap();
    let (code, shown, stderr) = site.run(&["verdict", subject, "--require", "safe"]);
    assert!(code == 1 && stderr.contains("a waiver that it rests on has ended"), "{code} {stderr}");
    assert!(shown.starts_with(&format!("{subject}: unsafe")), "{shown}");
    let undeployed = promoted(&registry, &daemon, &version).await;
    assert_eq!((&undeployed["status"], site.lines("deployed").len()), (&json!("failed"), 1), "{undeployed}");

    daemon.kill();
    let (code, listed, stderr) = site.run(&["waive", "--list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (code, &listed[0]["finding"], &listed[0]["reason"]),
        (0, &json!("os.system"), &json!("ours")),
        "{stderr}"
    );
    assert!(listed[0]["revoked_at"].is_number(), "{listed}");
}

#[tokio::test]
async fn other_bytes_than_those_that_were_scanned_are_not_deployed() {
    let registry = Registry::start();
    let site = site(&registry.url);
    let (_, version) = registry.version("fraud").await;
    registry.upload(&version, b"the weights").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start_as(&site, &demanding(&site, r#"{ is = "safe" }"#));
    registry.webhook(&daemon).await;
    registry.request_scan(build).await;
    scanned(&registry, build, "safe").await;
    registry.upload(&version, b"others").await;
    let undeployed = promoted(&registry, &daemon, &version).await;
    assert_eq!((&undeployed["status"], site.lines("deployed").len()), (&json!("failed"), 0), "{undeployed}");
    registry.upload(&version, b"the weights").await;
    let deployed = promoted(&registry, &daemon, &version).await;
    assert_eq!((&deployed["status"], site.lines("deployed").len()), (&json!("complete"), 1), "{deployed}");
}

#[test]
fn the_digest_is_the_same_wherever_the_files_lie() {
    let site = Site::new("http://127.0.0.1:1");
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("one/MLmodel", "flavors");
    write("one/data/model.pkl", "weights");
    write("two/deep/er/MLmodel", "flavors");
    write("two/deep/er/data/model.pkl", "weights");
    std::fs::create_dir(folder.path().join("three")).unwrap();
    write("blob", "flavors");
    std::os::unix::fs::symlink("../blob", folder.path().join("three/MLmodel")).unwrap();
    write("three/data/model.pkl", "weights");
    let digest = |path: &str| {
        let (code, digest, stderr) = site.run(&["digest", folder.path().join(path).to_str().unwrap()]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{path}");
        digest.trim().to_owned()
    };
    let hash = |text: &str| base16ct::lower::encode_string(&sha2::Sha256::digest(text));
    let file = |name: &str, text: &str| ArtifactFile::new("artifact/1.bin", name, hash(text), 7);
    let expected = Artifact::of(vec![file("model/MLmodel", "flavors"), file("model/data/model.pkl", "weights")]).sha256;
    for path in ["one", "two", "three"] {
        assert_eq!(digest(path), expected, "{path}");
    }
    assert_ne!(digest("one/data"), expected);

    let refused = |path: &str, words: &str| {
        let (code, stdout, stderr) = site.run(&["digest", folder.path().join(path).to_str().unwrap()]);
        assert!(code == 1 && stdout.is_empty() && stderr.contains(words), "{path}: {code} {stdout}{stderr}");
    };
    refused("missing", "No such file");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    refused("empty", "there is no file in it");
    std::os::unix::fs::symlink(".", folder.path().join("one/circle")).unwrap();
    refused("one", "neither a file nor a folder");
}
