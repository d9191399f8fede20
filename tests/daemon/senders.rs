//! Senders that cannot sign: a secret in the path, addresses behind a proxy, and nothing at all.

use crate::harness::{Daemon, LONG, Site, client, scan_request, sign};

const PATH_SECRET: &str = "0123456789abcdef-the-path";
const UNREACHED: &str = "http://127.0.0.1:9";

fn site(webhook: &str) -> Site {
    let site = Site::new(UNREACHED).and_signed("other", UNREACHED, webhook).routes("");
    site.write("path-secret", PATH_SECRET, 0o600);
    site
}

/// With trust in who is on this machine.
fn behind_a_proxy(site: &Site) -> Daemon {
    let bind = "bind = \"127.0.0.1:0\"\n[admin]";
    let proxied = "bind = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n[admin]";
    let configuration = site.configuration();
    assert!(configuration.contains(bind), "{configuration}");
    Daemon::start_as(site, &configuration.replacen(bind, proxied, 1))
}

#[tokio::test]
async fn a_path_secret_is_asked_for_and_told_nobody() {
    let site = site("{ path_secret = { file = \"path-secret\" } }");
    let daemon = Daemon::start(&site);
    let body = scan_request("a", 1);
    let (status, answer) = daemon.post(&format!("/hooks/other/{PATH_SECRET}"), &[], &body).await;
    assert_eq!(status, 202, "{answer}");
    let wrong = format!("{}x", &PATH_SECRET[..PATH_SECRET.len() - 1]);
    for path in
        ["/hooks/other", "/hooks/other/", &format!("/hooks/other/{wrong}"), &format!("/hooks/other/{PATH_SECRET}/")]
    {
        let (status, answer) = daemon.post(path, &[], &body).await;
        assert_eq!((status, answer["error"].as_str()), (401, Some("unverified")), "{path}: {answer}");
        assert!(answer["rejection"].is_string(), "{answer}");
    }
    for path in [&format!("/hooks/verta/{PATH_SECRET}"), &format!("/hooks/none/{PATH_SECRET}"), "/hooks/verta/"] {
        assert_eq!(daemon.post(path, &[], &body).await.0, 404, "{path}");
    }
    let refused = client().get(format!("http://{}/metrics", daemon.admin)).timeout(LONG).send().await.unwrap();
    let metrics = refused.text().await.unwrap();
    assert!(metrics.contains("scanrelay_rejected_total{registry=\"other\",reason=\"path_secret\"} 4"), "{metrics}");
    let shown =
        [site.run(&["check"]), site.run(&["rejections", "--json"]), site.run(&["deliveries", "show", "1", "--json"])];
    assert!(shown[0].1.contains("receives at /hooks/other/SECRET"), "{shown:?}");
    assert!(shown[1].1.contains("the path does not end with the secret"), "{shown:?}");
    assert!(shown[2].1.contains("path secret"), "{shown:?}");
    let everything = format!("{shown:?}{metrics}{}", daemon.log());
    for told in [PATH_SECRET, &wrong] {
        assert!(!everything.contains(told), "{everything}");
    }
}

#[tokio::test]
async fn a_path_secret_beside_a_signature_is_asked_for_too() {
    let site = site("{ secrets = [{ file = \"webhook-secret\" }], path_secret = { file = \"path-secret\" } }");
    let daemon = Daemon::start(&site);
    let body = scan_request("a", 1);
    let signed = sign(&body);
    let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path = format!("/hooks/other/{PATH_SECRET}");
    assert_eq!(daemon.post("/hooks/other", &headers, &body).await.0, 401);
    assert_eq!(daemon.post(&path, &[], &body).await.0, 401);
    assert_eq!(daemon.post(&path, &headers, &body).await.0, 202);
}

#[tokio::test]
async fn addresses_narrow_by_what_a_trusted_proxy_says() {
    let site =
        site("{ secrets = [{ file = \"webhook-secret\" }], allow_ips = [\"203.0.113.0/24\", \"2001:db8::/32\"] }");
    let daemon = behind_a_proxy(&site);
    let body = scan_request("a", 1);
    let signed = sign(&body);
    let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let from = async |said: &[&str], headers: &[(&str, &str)]| {
        let said: Vec<(&str, &str)> = said.iter().map(|said| ("X-Forwarded-For", *said)).collect();
        daemon.post("/hooks/other", &[&said, headers].concat(), &body).await
    };
    // The first delivery, and then the same one again.
    assert_eq!(from(&["203.0.113.9"], &headers).await.0, 202);
    for good in [
        &["198.51.100.1, 203.0.113.9"][..],
        &["2001:db8::7, 10.1.1.1"],
        &["198.51.100.1", "[2001:db8::7]:44, 10.1.1.1"],
    ] {
        assert_eq!(from(good, &headers).await.0, 200, "{good:?}");
    }
    for bad in [
        &[][..],
        &["198.51.100.1"],
        &["203.0.113.9, 198.51.100.1"],
        &["203.0.113.9", "198.51.100.1"],
        &["unknown"],
        &["203.0.113.9,"],
    ] {
        let (status, answer) = from(bad, &headers).await;
        assert_eq!((status, answer["error"].as_str()), (401, Some("unverified")), "{bad:?}");
    }
    assert_eq!(from(&["203.0.113.9"], &[]).await.0, 401, "an address does not sign");
    let (_, shown, _) = site.run(&["deliveries", "show", "1", "--json"]);
    assert!(shown.contains("203.0.113.9"), "{shown}");
}

#[tokio::test]
async fn what_a_stranger_says_of_himself_is_not_believed() {
    let site = site("{ secrets = [{ file = \"webhook-secret\" }], allow_ips = [\"203.0.113.0/24\"] }");
    let daemon = Daemon::start(&site);
    let body = scan_request("a", 1);
    let signed = sign(&body);
    let mut headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push(("X-Forwarded-For", "203.0.113.9"));
    let (status, answer) = daemon.post("/hooks/other", &headers, &body).await;
    assert_eq!(status, 401, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("127.0.0.1 is no address"), "{answer}");
}

#[tokio::test]
async fn who_is_believed_without_a_secret_is_told_at_every_start() {
    let site = site("{ allow_ips = [\"203.0.113.9\"], insecure_ip_only = true }").and_signed(
        "anybody",
        UNREACHED,
        "{ insecure_unsigned = true }",
    );
    for start in 0..2 {
        let daemon = behind_a_proxy(&site);
        let body = scan_request(&format!("a{start}"), 1);
        let forwarded = |address| [("X-Forwarded-For", address)];
        assert_eq!(daemon.post("/hooks/other", &forwarded("203.0.113.9"), &body).await.0, 202);
        assert_eq!(daemon.post("/hooks/other", &forwarded("203.0.113.8"), &body).await.0, 401);
        assert_eq!(daemon.post("/hooks/anybody", &[], &body).await.0, 202);
        let log = daemon.log();
        assert!(log.contains("registries.other.webhook.insecure_ip_only is on: whoever can send"), "{log}");
        assert!(log.contains("registries.anybody.webhook.insecure_unsigned is on: whoever can connect"), "{log}");
    }
}
