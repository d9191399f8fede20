//! Both sides on real sockets.

use reqwest::{Client, Method};
use scanrelay::registry::{Registry, Verta};
use scanrelay::{Caller, Delivery, Receiver, Scheme, Timestamp, Verifier};
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::daemon::job::plan::Plan;
use crate::daemon::job::{Ending, Next};
use crate::daemon::store::{Attempt, Bounds, Inserted, Intake, Want};
use crate::daemon::verdict::Policy;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const TOKEN: &str = "a token of the admin's tests";

/// A store with one dead delivery, and the admin's two sides.
struct Bench {
    folder: TempDir,
    admin: Admin,
    dead: i64,
}

fn terms(token: Option<Secret>) -> View<Terms> {
    let queues = vec!["plugin:alpha".to_owned()];
    let room = Room { min_free: 0, max_size: None };
    View::from(Terms { queues, route: Arc::new(|_| Err("no route".to_owned())), token, room, certificate: None })
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), 16).await.unwrap();
        let dead = dead_job(&store).await;
        let admin = Admin {
            metrics: Metrics::new(store.counts(), NOW),
            store,
            clock: Clock::simulated(NOW),
            wake: Wake::default(),
            acted: Arc::new(Notify::new()),
            running: Running::default(),
            breakers: Breakers::default(),
            caches: Caches::default(),
            rejections: Rejections::new(NOW),
            terms: terms(None),
        };
        Self { folder, admin, dead }
    }

    fn with_token(mut self) -> Self {
        self.admin.terms = terms(Some(Secret::new(TOKEN).unwrap()));
        self
    }

    fn serve(&self) -> Tcp {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(&self.admin, listener).unwrap());
        Tcp { url, client: client().build().unwrap() }
    }

    fn serve_socket(&self) -> Client {
        let path = self.folder.path().join("admin.sock");
        tokio::spawn(serve_socket(&self.admin, UnixListener::bind(&path).unwrap()).unwrap());
        client().unix_socket(path).build().unwrap()
    }

    /// What was done by hand, out of the file.
    fn audit(&self) -> Vec<String> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let file = rusqlite::Connection::open_with_flags(self.folder.path().join("store.db"), flags).unwrap();
        let mut rows = file.prepare("select uid || ' ' || act || ' ' || subject || ' ' || reason from audit").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    async fn state(&self) -> String {
        self.admin.store.delivery(1).await.unwrap().unwrap().state
    }
}

/// The read-only side, as a client sees it.
struct Tcp {
    url: String,
    client: Client,
}

impl Tcp {
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> u16 {
        let request = self.client.request(method, format!("{}{path}", self.url)).timeout(Duration::from_mins(1));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.ask(Method::GET, path, headers).await
    }
}

fn client() -> reqwest::ClientBuilder {
    // As the command does at its start; another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy()
}

fn delivery() -> Delivery {
    let secret = Secret::new("a secret of the admin's tests").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    let receiver = Receiver::new("verta", Registry::Verta(Verta::default()), verifier);
    let body = br#"{"event_type":"REQUEST_SCAN","new_entity":{"scan_request":{"buildId":"5150"}}}"#.as_slice();
    let headers = receiver.verifier().sign(None, NOW, body).unwrap();
    let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    receiver.verify_at(&caller, body.into(), NOW).unwrap()
}

/// Stores a delivery whose only scanner is dead, and with it the delivery.
async fn dead_job(store: &Store) -> i64 {
    let plan = Plan {
        route: 1,
        scanners: vec!["alpha".to_owned()],
        advisory: Vec::new(),
        policy: Policy::All,
        error_is_unsafe: false,
        actions: Vec::new(),
        report: false,
        latest_only: false,
        confirm_first: false,
        configuration: "tested".to_owned(),
    };
    let room = Room { min_free: 0, max_size: None };
    let bounds = Bounds { pending: 9, pending_per_registry: 9, room };
    let inserted = store.insert(Intake { delivery: delivery(), plan: Ok(plan) }, bounds, NOW).await.unwrap();
    assert_eq!(inserted, Inserted::New(1));
    let want =
        Want { queue: "plugin:alpha".to_owned(), slots: 1, lease: Duration::from_mins(1), waited: Duration::ZERO };
    let job = store.claim(vec![want], 1, NOW).await.unwrap().jobs.remove(0);
    let dead = Next::End(Ending::Dead { reason: "it crashed".to_owned(), evidence: Box::default() });
    let attempt = Attempt { result: "dead: it crashed".to_owned(), log: None, written: Vec::new() };
    store.settle(&job, dead, attempt, NOW).await.unwrap();
    job.id
}

#[tokio::test]
async fn only_who_names_this_machine_is_let_in() {
    let bench = Bench::new().await;
    let tcp = bench.serve();
    let check = async |host: &str, expected: u16| {
        for path in ["/healthz", "/readyz", "/metrics", "/api/v1/deliveries", "/api/v1/jobs/1"] {
            assert_eq!(tcp.get(path, &[("Host", host)]).await, expected, "{host} {path}");
        }
    };
    for host in ["127.0.0.1", "127.0.0.1:1", "127.9.9.9:80", "[::1]", "[::1]:8080", "localhost", "LocalHost:9"] {
        check(host, 200).await;
    }
    for host in [
        "evil.example.com",
        "evil.example.com:80",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "192.0.2.1",
        "[2001:db8::1]",
    ] {
        check(host, 403).await;
    }
    assert_eq!(tcp.get("/nothing", &[("Host", "evil.example.com")]).await, 403, "nothing is told apart");
    assert_eq!(tcp.get("/nothing", &[]).await, 404);
}

#[tokio::test]
async fn where_there_is_a_token_nobody_is_let_in_without_it() {
    let bench = Bench::new().await.with_token();
    let tcp = bench.serve();
    let right = format!("Bearer {TOKEN}");
    let longer = format!("{right}x");
    let bare = TOKEN.to_owned();
    for path in ["/metrics", "/api/v1/deliveries", "/api/v1/jobs/1", "/api/v1/deliveries/1"] {
        assert_eq!(tcp.get(path, &[]).await, 403, "{path}");
        for wrong in ["Bearer ", "Bearer a token", &longer, &bare, ""] {
            assert_eq!(tcp.get(path, &[("Authorization", wrong)]).await, 403, "{path} {wrong}");
        }
        // With the token, the listener may be known by any name.
        assert_eq!(tcp.get(path, &[("Authorization", &right), ("Host", "relay.example.com")]).await, 200, "{path}");
    }
}

#[tokio::test]
async fn the_tcp_side_changes_nothing() {
    let bench = Bench::new().await;
    let tcp = bench.serve();
    let retry = format!("/api/v1/jobs/{}/retry", bench.dead);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::GET] {
        assert_eq!(tcp.ask(method.clone(), &retry, &[]).await, 404, "{method}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for path in
            ["/api/v1/jobs", "/api/v1/jobs/1", "/api/v1/deliveries", "/api/v1/deliveries/1", "/readyz", "/metrics"]
        {
            assert_eq!(tcp.ask(method.clone(), path, &[]).await, 405, "{method} {path}");
        }
    }
    assert_eq!(bench.state().await, "dead");
}

#[tokio::test]
async fn a_retry_over_the_socket_is_written_down_with_who_asked() {
    let bench = Bench::new().await;
    let socket = bench.serve_socket();
    let retry = async |job: i64| {
        let request = socket.post(format!("http://scanrelay/api/v1/jobs/{job}/retry"));
        let answer = request.json(&json!({ "reason": "mended" })).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(
        retry(bench.dead).await,
        (200, json!({ "delivery": 1, "round": 2, "words": "job 1: delivery 1 is open again, round 2" }))
    );
    assert_eq!(bench.state().await, "open");
    // The worker is woken: this returns at once.
    tokio::time::timeout(Duration::from_mins(1), bench.admin.acted.notified()).await.unwrap();
    let (status, answer) = retry(999).await;
    assert_eq!((status, answer["message"].as_str()), (404, Some("there is no job 999: see scanrelay jobs list")));
    let (status, answer) = retry(bench.dead).await;
    assert_eq!((status, answer["error"].as_str()), (409, Some("conflict")));
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(bench.audit(), [format!("{uid} retry job {} mended", bench.dead)], "what was refused is not in it");
}

#[tokio::test]
async fn the_figures_are_what_prometheus_reads() {
    let bench = Bench::new().await;
    let tcp = bench.serve();
    let there = client().build().unwrap().get(format!("{}/metrics", tcp.url)).send().await.unwrap();
    assert_eq!(there.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let by_socket = bench.serve_socket().get("http://scanrelay/metrics").send().await.unwrap();
    for text in [there.text().await.unwrap(), by_socket.text().await.unwrap()] {
        for line in [
            "# TYPE scanrelay_jobs gauge",
            "scanrelay_jobs{queue=\"plugin:alpha\",state=\"dead\"} 1",
            "scanrelay_jobs_dead 1",
            "# TYPE scanrelay_verdicts_total counter",
            "scanrelay_verdicts_total{verdict=\"error\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}

#[tokio::test]
async fn the_socket_reads_as_well() {
    let bench = Bench::new().await;
    let socket = bench.serve_socket();
    let get = async |path: &str| {
        let answer = socket.get(format!("http://scanrelay{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, shown) = get("/api/v1/deliveries/1").await;
    assert_eq!((status, shown["delivery"]["state"].as_str()), (200, Some("dead")));
    assert_eq!(
        (shown["jobs"][0]["state"].as_str(), shown["verdicts"][0]["verdict"].as_str()),
        (Some("dead"), Some("error"))
    );
    let (status, shown) = get(&format!("/api/v1/jobs/{}", bench.dead)).await;
    assert_eq!((status, shown["attempts"][0]["result"].as_str()), (200, Some("dead: it crashed")));
    assert_eq!(get("/api/v1/jobs?state=dead").await.1.as_array().unwrap().len(), 1);
    assert_eq!(get("/api/v1/jobs?state=due").await.1.as_array().unwrap().len(), 0);
    assert_eq!(get("/api/v1/jobs/999").await.0, 404);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_as_every_error_is() {
    let bench = Bench::new().await;
    let (tcp, socket) = (bench.serve(), bench.serve_socket());
    for path in ["/api/v1/verdicts?digest=zz", "/api/v1/deliveries?limit=x", "/api/v1/jobs/x", "/api/v1/verdicts"] {
        let answer = tcp.client.get(format!("{}{path}", tcp.url)).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
        let said: Value = answer.json().await.unwrap();
        assert!(said["error"] == "bad_request" && said["message"].is_string(), "{path}: {said}");
    }
    let answer = socket.post("http://admin/api/v1/waivers").body("{").header("content-type", "application/json");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "bad_request");
}
