//! A scanner that gets the model's files, from the registry through the daemon.

use serde_json::{Value, json};

use crate::harness::{Daemon, Registry, Site, until};

/// Says safe when its file's bytes are those that the document speaks of, and shows what it saw.
const LOOK: &str = r#"cat > $SITE/document
sum=$(sha256sum artifact/1.pkl | cut -d' ' -f1)
if grep -q "\"path\":\"artifact/1.pkl\",\"name\":\"model\",\"sha256\":\"$sum\"" $SITE/document; then
    echo '{"type":"result","verdict":"safe"}'
else
    echo '{"type":"result","verdict":"unsafe"}'
fi"#;

fn site(registry: &str) -> Site {
    let site = Site::new(registry).plugin_keys("artifact = true").limits("plugin_attempts = 1");
    site.plugin("scan", LOOK);
    site
}

#[tokio::test]
async fn a_scanner_sees_the_very_bytes_and_the_verdict_keeps_their_digest() {
    let registry = Registry::start();
    let site = site(&registry.url);
    let (_, version) = registry.version("fraud").await;
    registry.upload(&version, b"the weights").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    registry.request_scan(build).await;
    let scan = until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(scan["safety_status"], "safe", "{:?}", site.lines("document"));

    let document: Value = serde_json::from_str(&site.lines("document")[0]).unwrap();
    assert_eq!(document["artifact"]["files"].as_array().unwrap().len(), 1);
    assert_eq!(document["artifact"]["size"], 11);
    let digest = document["artifact"]["sha256"].as_str().unwrap();
    let found = daemon.get("/api/v1/deliveries/1").await.1;
    assert_eq!(found["verdicts"][0]["votes"][0]["artifact"], json!(digest));
    let (code, shown, stderr) = site.run(&["deliveries", "show", "1"]);
    assert!(code == 0 && shown.contains(digest), "{shown}{stderr}");
    assert_eq!(std::fs::read_dir(site.path("state/work")).unwrap().count(), 0, "no file is left");
}

#[tokio::test]
async fn a_version_without_a_model_is_an_error_and_never_safe() {
    let registry = Registry::start();
    let site = site(&registry.url);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let daemon = Daemon::start(&site);
    registry.webhook(&daemon).await;
    registry.request_scan(build).await;
    let scan = until("the error", || registry.scan(build), |scan| scan["scan_status"] == "error").await;
    assert_ne!(scan["safety_status"], "safe");
    assert!(site.lines("document").is_empty(), "nothing ran without its files");
}
