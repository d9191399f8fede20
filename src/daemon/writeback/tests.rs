//! Against a real HTTP server.

use scanrelay::registry::{Registry, Step, Verta, verta};
use scanrelay::{Event, EventKind};

use super::script::{Reply, Script, answer};
use super::*;

const SECRET: &str = "hunter2-is-the-secret";

fn target(url: &str) -> Target {
    Target {
        key: "registries.verta".to_owned(),
        url: Url::parse(url).unwrap(),
        credentials: registry().credentials(),
        timeout: Duration::from_mins(1),
        max_answer: 100,
        authority: None,
        proxy: None,
    }
}

fn registry() -> Registry {
    let mut verta = Verta::default();
    verta.workspace = Some("acme".to_owned());
    verta.credentials = Some(verta::Credentials::new("bot@example.com", Secret::new(SECRET).unwrap()));
    Registry::Verta(verta)
}

/// A request of the registry's own making: `PUT …/scan`, with a body.
fn request() -> Request {
    let mut event = Event::new(EventKind::ScanRequest, "verta");
    event.build.id = Some("5150".to_owned());
    match registry().next(&event, &scanrelay::registry::Outcome::Scanning, &[]) {
        Step::Send(request) => request,
        other => panic!("{other:?}"),
    }
}

const REQUEST: &str = "PUT /api/v1/deployment/workspace/acme/builds/5150/scan";

fn writeback(target: &Target) -> Writeback {
    // As the command does at its start; another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Writeback::new(target).unwrap()
}

async fn send(script: &Script, change: impl FnOnce(&mut Target)) -> Result<Answer, Unreachable> {
    let mut target = target(&script.url());
    change(&mut target);
    writeback(&target).send(&request(), None).await
}

/// The request ends without an answer, for this reason, and the reason tells nothing else.
async fn check_unreachable(reply: Reply, change: impl FnOnce(&mut Target), reason: &str) {
    let script = Script::new([reply]);
    let Err(error) = send(&script, change).await else { panic!("not {reason}: answered") };
    check_words(&error, reason);
}

fn check_words(error: &Unreachable, reason: &str) {
    let words = error.to_string();
    assert_eq!(words, format!("{REQUEST}: {reason}"));
    for secret in [SECRET, "http", "127.0.0.1", "bot@"] {
        assert!(!words.contains(secret), "{words}");
    }
}

#[tokio::test]
async fn a_request_arrives_as_the_registry_made_it() {
    let mut script = Script::new([answer(200, "Server: sample/1\r\n", "{}")]);
    let answer = send(&script, |_| {}).await.unwrap();
    assert_eq!((answer.exchange.status, &answer.exchange.body[..]), (200, &b"{}"[..]));
    assert_eq!(answer.exchange.request, request());
    assert_eq!((answer.server.as_deref(), answer.retry_after), (Some("sample/1"), None));
    let asked = script.asked().await;
    assert_eq!(asked.request, REQUEST);
    assert_eq!(asked.body, r#"{"scan_status":"scanning"}"#);
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("user-agent"), Some(concat!("scanrelay/", env!("CARGO_PKG_VERSION"))));
    // Servers read the one spelling, proxies pass the other.
    assert_eq!(asked.header("grpc-metadata-developer_key"), Some(SECRET));
    assert_eq!(asked.header("grpc-metadata-developer-key"), Some(SECRET));
    assert_eq!(asked.header("grpc-metadata-email"), Some("bot@example.com"));
}

#[tokio::test]
async fn a_path_stands_under_the_configured_one() {
    for base in ["/registry", "/registry/"] {
        let mut script = Script::new([answer(200, "", "{}")]);
        let url = format!("{}{base}", script.url());
        send(&script, |target| target.url = Url::parse(&url).unwrap()).await.unwrap();
        assert_eq!(script.asked().await.request, REQUEST.replace("/api", "/registry/api"));
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_a_way() {
    let mut elsewhere = Script::new([answer(200, "", "{}")]);
    let location = format!("Location: {}/api\r\n", elsewhere.url());
    let mut script = Script::new([answer(307, &location, ""), answer(200, "", "{}")]);
    assert_eq!(send(&script, |_| {}).await.unwrap().exchange.status, 307);
    assert_eq!((script.rest().len(), elsewhere.rest().len()), (1, 0));
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit() {
    let script = Script::new([answer(200, "", &"x".repeat(100))]);
    assert_eq!(send(&script, |_| {}).await.unwrap().exchange.body.len(), 100);
    let reason = "the answer is longer than 100 bytes";
    check_unreachable(answer(200, "", &"x".repeat(101)), |_| {}, reason).await;
    // Without a length, and without an end.
    let endless = format!("HTTP/1.1 200 Scripted\r\n\r\n{}", "x".repeat(1 << 20));
    check_unreachable(Reply::Says(endless), |_| {}, reason).await;
}

#[tokio::test]
async fn silence_has_an_end() {
    let short = |target: &mut Target| target.timeout = Duration::from_millis(200);
    check_unreachable(Reply::Silence, short, "no answer in time").await;
}

#[tokio::test]
async fn a_request_names_the_trace_that_it_is_done_for() {
    let mut script = Script::new([answer(200, "", "{}"), answer(200, "", "{}")]);
    let trace = TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let writeback = writeback(&target(&script.url()));
    writeback.send(&request(), trace).await.unwrap();
    let expected = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(script.asked().await.header("traceparent"), Some(expected));
    writeback.send(&request(), None).await.unwrap();
    assert_eq!(script.asked().await.header("traceparent"), None);
}

#[tokio::test]
async fn a_closed_port_is_named_by_its_cause_alone() {
    // Not one that was free a moment ago: another test may have it by now.
    let Err(error) = writeback(&target("http://127.0.0.1:1")).send(&request(), None).await else {
        panic!("somebody answered")
    };
    check_words(&error, "Connection refused (os error 111)");
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let script = Script::new([Reply::Says("220 mail.example.com ready\r\n".to_owned())]);
    let Err(error) = send(&script, |_| {}).await else { panic!("it was taken for an answer") };
    check_words(&error, "invalid HTTP version parsed");
}

#[tokio::test]
async fn retry_after_counts_in_seconds_and_up_to_an_hour() {
    let check = async |value: &str, expected: Option<u64>| {
        let script = Script::new([answer(503, &format!("Retry-After: {value}\r\n"), "")]);
        let answer = send(&script, |_| {}).await.unwrap();
        assert_eq!((answer.exchange.status, answer.retry_after), (503, expected.map(Duration::from_secs)), "{value}");
    };
    check("7", Some(7)).await;
    check("3600", Some(3600)).await;
    check("3601", Some(3600)).await;
    check("18446744073709551615", Some(3600)).await;
    check("-1", None).await;
    check("Fri, 31 Dec 1999 23:59:59 GMT", None).await;
}

#[test]
fn a_credential_that_no_header_carries_is_refused_without_being_shown() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut target = target("http://127.0.0.1:1");
    target.credentials = vec![("Grpc-Metadata-developer_key".into(), Secret::new(format!("{SECRET}\nX: y")).unwrap())];
    let Err(error) = Writeback::new(&target) else { panic!("it was taken") };
    let words = error.to_string();
    assert!(words.starts_with("registries.verta: a credential has bytes that no header can carry"), "{words}");
    assert!(!words.contains(SECRET), "{words}");
}
