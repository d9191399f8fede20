//! Bad input gets a clear error, and leaves no row.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::{Daemon, LONG, Registry, Site, WEBHOOK_SECRET, answered, client, scan_request, sign};

struct Case {
    daemon: Daemon,
    _site: Site,
    _registry: Registry,
}

impl Case {
    fn new() -> Self {
        let registry = Registry::start();
        let site = Site::new(&registry.url);
        Self { daemon: Daemon::start(&site), _site: site, _registry: registry }
    }

    async fn rows(&self) -> usize {
        self.daemon.get("/api/v1/deliveries").await.1.as_array().unwrap().len()
    }

    async fn check(&self, what: &str, headers: &[(&str, &str)], body: &[u8], expected: (u16, &str)) {
        let (status, answer) = self.daemon.post("/hooks/verta", headers, body).await;
        assert_eq!((status, answer["error"].as_str().unwrap_or_default()), expected, "{what}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains('\n'), "{what}: {message}");
        for secret in [WEBHOOK_SECRET, "sha256=", "payload"] {
            assert!(!message.contains(secret), "{what} tells too much: {message}");
        }
    }
}

#[tokio::test]
async fn unverified_requests_are_401() {
    let case = Case::new();
    let body = scan_request("one", 1);
    let signature = sign(&body)[0].1.clone();
    let other = sign(b"another body")[0].1.clone();
    let name = "X-Hub-Signature-256";
    let unverified = (401, "unverified");
    case.check("missing", &[], &body, unverified).await;
    case.check("wrong", &[(name, &other)], &body, unverified).await;
    case.check("empty", &[(name, "")], &body, unverified).await;
    case.check("cut", &[(name, &signature[..40])], &body, unverified).await;
    case.check("repeated", &[(name, &signature), (name, &signature)], &body, unverified).await;
    case.check("another prefix", &[(name, &signature.replace("sha256", "sha1"))], &body, unverified).await;
    case.check("another header", &[("X-Signature", &signature)], &body, unverified).await;
    case.check("unverified nonsense", &[(name, &other)], b"payload {{{", unverified).await;
    assert_eq!(case.rows().await, 0);
}

#[tokio::test]
async fn signed_nonsense_is_400() {
    let case = Case::new();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [(&str, &[u8]); 7] = [
        ("truncated", b"{\"event_type\":\"PROM"),
        ("not UTF-8", b"{\"a\":\"\xff\xfe\"}"),
        ("an array", b"[1,2]"),
        ("a string", b"\"payload\""),
        ("empty", b""),
        ("100,000 levels", deep.as_bytes()),
        ("a key twice", b"{\"event_type\":\"CREATE\",\"event_type\":\"PROMOTE\"}"),
    ];
    for (what, body) in bodies {
        let signed = sign(body);
        case.check(what, &[(&signed[0].0, &signed[0].1)], body, (400, "bad_body")).await;
    }
    assert_eq!(case.rows().await, 0);
}

#[tokio::test]
async fn other_requests_are_answered_in_the_design_s_order() {
    let case = Case::new();
    let url = |path: &str| format!("http://{}{path}", case.daemon.intake);
    let word = |answer: &Value| answer["error"].as_str().unwrap_or_default().to_owned();

    let (status, answer) = answered(client().get(url("/hooks/nobody")).send().await.unwrap()).await;
    assert_eq!((status, word(&answer).as_str()), (404, "not_found"), "an unknown registry is 404 before it is 405");

    let answer = client().get(url("/hooks/verta")).send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "POST");
    let (status, answer) = answered(answer).await;
    assert_eq!((status, word(&answer).as_str()), (405, "method_not_allowed"));

    let body = scan_request("one", 1);
    let signed = sign(&body);
    let post = || client().post(url("/hooks/verta")).header(&signed[0].0, &signed[0].1).body(body.clone());
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let (status, answer) = answered(post().header("Content-Type", kind).send().await.unwrap()).await;
        assert_eq!((status, word(&answer).as_str()), (415, "unsupported_media_type"), "{kind}");
    }
    let zipped = post().header("Content-Type", "application/json").header("Content-Encoding", "gzip");
    assert_eq!(answered(zipped.send().await.unwrap()).await.0, 415);

    let large = vec![b' '; 2 * 1024 * 1024];
    let request = client().post(url("/hooks/verta")).header("Content-Type", "application/json").body(large);
    let (status, answer) = answered(request.send().await.unwrap()).await;
    assert_eq!((status, word(&answer).as_str()), (413, "body_too_large"));
    assert_eq!(case.rows().await, 0);

    // A charset is no other media type.
    let good = post().header("Content-Type", "application/json; charset=utf-8");
    assert_eq!(answered(good.send().await.unwrap()).await.0, 202);
}

/// Writes that much of a request and goes silent: what the daemon says before it hangs up.
fn silent_after(case: &Case, request: &str) -> String {
    let mut connection = TcpStream::connect(&case.daemon.intake).unwrap();
    connection.set_read_timeout(Some(LONG)).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn who_is_slow_is_let_go() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let limits = [("SCANRELAY__SERVER__HEADER_TIMEOUT", "1s"), ("SCANRELAY__SERVER__READ_TIMEOUT", "1s")];
    let case = Case { daemon: Daemon::start_with(&site, &limits), _site: site, _registry: registry };
    let head = "POST /hooks/verta HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let answer = silent_after(&case, head);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let answer = silent_after(&case, &format!("{head}Content-Length: 100\r\n\r\n{{\"half\":"));
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(case.rows().await, 0);
}

#[tokio::test]
async fn more_connections_than_may_be_wait_their_turn() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let limits = [("SCANRELAY__SERVER__MAX_CONNECTIONS", "2"), ("SCANRELAY__SERVER__HEADER_TIMEOUT", "2s")];
    let case = Case { daemon: Daemon::start_with(&site, &limits), _site: site, _registry: registry };
    let idle: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(&case.daemon.intake).unwrap()).collect();
    let body = scan_request("one", 1);
    assert_eq!(case.daemon.deliver(&body).await.0, 202, "the idle ones are let go, then it is this one's turn");
    drop(idle);
}
