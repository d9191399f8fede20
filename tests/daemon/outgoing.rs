//! The way out: a registry of a private certificate authority, and one behind a proxy. Reports and files go the same way.

use crate::harness::{DEVELOPER_KEY, Daemon, Registry, Site, scan_request, until};
use crate::network::{Authority, Front, Proxy};

/// Says safe when it has the model's file.
const LOOK: &str = "cat artifact/1.pkl > $SITE/seen; grep -q weights artifact/1.pkl && echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";
const PASSWORD: &str = "the proxy's password";

fn site(registry: &str) -> Site {
    let site = Site::new(registry).plugin_keys("artifact = true");
    site.plugin("scan", LOOK);
    site
}

/// More keys for the registry.
fn with(site: &Site, keys: &str) -> String {
    site.configuration().replace("workspace = \"acme\"\n", &format!("workspace = \"acme\"\n{keys}\n"))
}

/// A version with its file: its build.
async fn build(registry: &Registry) -> u64 {
    let (_, version) = registry.version("fraud").await;
    registry.upload(&version, b"the weights").await;
    registry.build(&version).await
}

async fn reports_safe(registry: &Registry, site: &Site, daemon: &Daemon, build: u64) {
    assert_eq!(daemon.deliver(&scan_request(&format!("of {build}"), build)).await.0, 202);
    let scan = until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(scan["safety_status"], "safe");
    assert_eq!(site.lines("seen"), ["the weights"]);
}

#[tokio::test]
async fn a_registry_of_a_private_authority() {
    let (registry, authority) = (Registry::start(), Authority::new());
    let front = Front::start(&registry, &authority.identity()).await;
    let site = site(&format!("https://localhost:{}", front.address.port()));
    site.write("ca.pem", &authority.pem(), 0o644);
    let build = build(&registry).await;

    // Nobody knows the authority: nothing is sent, and the reason can be seen.
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    // Nothing here may hold up the front, which is a task of this test.
    let attempts = async || {
        let [first, second] = [daemon.get("/api/v1/jobs/1").await.1, daemon.get("/api/v1/jobs/2").await.1];
        format!("{first}{second}")
    };
    let shown = until("a failed attempt", &attempts, |shown| shown.contains("certificate")).await;
    assert!(shown.contains("registries.verta.ca_file"), "{shown}");
    assert!(registry.writes().await.is_empty());

    // Told so, it goes on with what waits.
    daemon.reload(&site, &with(&site, "ca_file = \"ca.pem\"")).await.unwrap();
    let scan = until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(scan["safety_status"], "safe");
    assert_eq!(site.lines("seen"), ["the weights"], "fetched over TLS, too");
}

/// There is nobody at the registry's address: only the proxy knows the way.
#[tokio::test]
async fn a_registry_behind_a_proxy() {
    let (registry, authority) = (Registry::start(), Authority::new());
    let front = Front::start(&registry, &authority.identity()).await;
    let proxy = Proxy::start(front.address.to_string(), "bot", PASSWORD).await;
    let site = site("https://localhost:1");
    site.write("ca.pem", &authority.pem(), 0o644);
    site.write("proxy-password", "a wrong one", 0o600);
    let keys = format!(
        "ca_file = \"ca.pem\"\nproxy = {{ url = \"http://{}\", user = \"bot\", password = {{ file = \"proxy-password\" }} }}",
        proxy.address
    );
    let configuration = with(&site, &keys);
    let build = build(&registry).await;

    let daemon = Daemon::start_as(&site, &configuration);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    let attempts = async || {
        let [first, second] = [daemon.get("/api/v1/jobs/1").await.1, daemon.get("/api/v1/jobs/2").await.1];
        format!("{first}{second}")
    };
    let refused = until("a refusal", &attempts, |refused| refused.contains("proxy")).await;
    assert!(refused.contains("registries.verta.proxy"), "{refused}");

    site.write("proxy-password", PASSWORD, 0o600);
    daemon.reload(&site, &configuration).await.unwrap();
    let scan = until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    assert_eq!(scan["safety_status"], "safe");
    assert_eq!(site.lines("seen"), ["the weights"]);
    let heard = proxy.heard();
    assert!(heard.contains("CONNECT localhost:1 HTTP/1.1"), "{heard}");
    for secret in [DEVELOPER_KEY, "bot@example.com", "/api/v1/"] {
        assert!(!heard.contains(secret), "the proxy hears nothing of what goes through it: {heard}");
    }
    for said in [daemon.log(), site.run(&["jobs", "show", "1", "--json"]).1, site.run(&["check"]).1] {
        assert!(!said.contains(PASSWORD) && !said.contains("a wrong one"), "{said}");
    }
}

#[tokio::test]
async fn a_plain_registry_behind_a_proxy() {
    let registry = Registry::start();
    let to = registry.url.strip_prefix("http://").unwrap().to_owned();
    let proxy = Proxy::start(to, "bot", PASSWORD).await;
    let site = site("http://localhost:1");
    site.write("proxy-password", PASSWORD, 0o600);
    let keys = format!(
        "proxy = {{ url = \"http://{}\", user = \"bot\", password = {{ file = \"proxy-password\" }} }}",
        proxy.address
    );
    let build = build(&registry).await;
    let daemon = Daemon::start_as(&site, &with(&site, &keys));
    reports_safe(&registry, &site, &daemon, build).await;
    let heard = proxy.heard();
    assert!(heard.contains("GET http://localhost:1/api/v1/"), "{heard}");
}
