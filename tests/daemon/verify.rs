//! Requests that were refused: why, said afterwards by hand, and learned from a sender that nobody knows yet.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, WEBHOOK_SECRET, scan_request, sign};

const HUB: &str = "X-Hub-Signature-256";
/// As MLflow 3.17.2 sent it.
const CAPTURED: &str = r#"{"headers": [["Host", "127.0.0.1:18099"], ["User-Agent", "python-requests/2.34.2"], ["Accept-Encoding", "gzip, deflate"], ["Accept", "*/*"], ["Connection", "keep-alive"], ["Content-Type", "application/json"], ["X-MLflow-Delivery-Id", "73a977f9-6d5e-43d5-872b-de2aa389370b"], ["X-MLflow-Timestamp", "1795410621"], ["X-MLflow-Signature", "v1,R6yZoGoi3N7tX1OBIvEJTtfInnoRZ1aU34nVzKrs9xg="], ["Content-Length", "181"]], "body": "{\"entity\": \"model_version_alias\", \"action\": \"created\", \"timestamp\": \"2026-11-23T05:10:21.017821+00:00\", \"data\": {\"name\": \"fraud-d\\u00e9tect\", \"alias\": \"production\", \"version\": \"1\"}}"}"#;
const MLFLOW: &str = r#"{ header = "X-MLflow-Signature", encoding = "base64", prefix = "v1,", id_header = "X-MLflow-Delivery-Id", timestamp_header = "X-MLflow-Timestamp", signed = "{id}.{timestamp}.{body}" }"#;

/// A site whose registry is probed, or not.
fn site(registry: &str, probe: bool) -> Site {
    let site = Site::new(registry);
    if probe { site.webhook(", probe = true") } else { site }
}

fn code_and_words(site: &Site, arguments: &[&str]) -> (i32, String) {
    let (code, stdout, stderr) = site.run(arguments);
    assert!(!stdout.contains(WEBHOOK_SECRET) && !stderr.contains(WEBHOOK_SECRET), "{stdout}{stderr}");
    (code, stdout + &stderr)
}

fn rows(site: &Site) -> Vec<Value> {
    let (code, stdout, stderr) = site.run(&["rejections", "--json"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn a_saved_request_is_judged_by_the_configuration() {
    let site = Site::new("http://127.0.0.1:9");
    let body = String::from_utf8(scan_request("one", 1)).unwrap();
    let signature = sign(body.as_bytes())[0].1.clone();
    let request = |name: &str, value: &str, body: &str| {
        let text = format!("POST /hooks/verta HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n{body}");
        site.write("request.http", &text, 0o600).display().to_string()
    };
    let check = |file: &str, code: i32, words: &str| {
        let said = code_and_words(&site, &["verify", file]);
        assert!(said.0 == code && said.1.contains(words), "{said:?}, not {words}");
        said.1
    };
    check(&request(HUB, &signature, &body), 0, "it verifies");
    check(&request(HUB, &signature, &format!("{body}\n")), 1, "only whitespace differs");
    check(&request(HUB, &signature[7..], &body), 1, "wrong encoding: the secret is right");
    check(&request("X-Verta-Signature", &signature, &body), 1, "header X-Verta-Signature");
    check(&request("X-Nothing", "1", &body), 1, "X-Hub-Signature-256 is missing");
    let said = check(&request(HUB, &format!("sha256={}", "0".repeat(64)), &body), 1, "wrong secret");
    assert!(said.ends_with("request.http does not verify\n"), "{said}");

    let file = request(HUB, &signature, &body);
    let (code, stdout, _) = site.run(&["verify", &file, "--json", "--registry", "verta"]);
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &said["verified"], &said["reason"]), (0, &true.into(), &"verified".into()));
    for (arguments, words) in [
        (["verify", "nowhere", "--json"].as_slice(), "nowhere: No such file"),
        (&["verify", &file, "--registry", "werta"], "registry werta is not configured: there is verta"),
        (&["verify", &file, "--at", "yesterday"], "write Unix seconds"),
        (&["verify", &file, "--scheme", "github"], "--secret-file"),
        (&["verify", "webhook-secret-of-nobody"], "No such file"),
    ] {
        let said = code_and_words(&site, arguments);
        assert!(said.0 == 2 && said.1.contains(words), "{arguments:?}: {said:?}");
    }
    let curl = site.write(
        "curl",
        &format!("> POST / HTTP/1.1\n> {HUB}: {signature}\n>\n* done\n< HTTP/1.1 401 Unauthorized\n"),
        0o600,
    );
    let (curl, sent) = (curl.display().to_string(), site.write("body", &body, 0o600).display().to_string());
    let said = code_and_words(&site, &["verify", &curl]);
    assert!(said.0 == 2 && said.1.contains("give it with --body FILE"), "{said:?}");
    assert_eq!(code_and_words(&site, &["verify", &curl, "--body", &sent]).0, 0);
}

#[test]
fn a_request_of_another_registry_is_told_from_a_wrong_secret() {
    let other = "[registries.other]\nkind = \"verta\"\nwebhook = { secrets = [{ file = \"other-secret\" }] }\n";
    let site = Site::new("http://127.0.0.1:9").routes(other);
    let secret = site.write("other-secret", WEBHOOK_SECRET, 0o600);
    site.write("webhook-secret", "not the sender's", 0o600);
    let signature = sign(b"{}")[0].1.clone();
    let request = site.write("request", &format!("{HUB}: {signature}\n\n{{}}"), 0o600).display().to_string();
    let said = code_and_words(&site, &["verify", &request, "--registry", "verta"]);
    let words =
        "wrong registry: it is signed with the secret of registries.other: have the sender post to /hooks/other";
    assert!(said.0 == 1 && said.1.starts_with(words), "{said:?}");
    assert_eq!(code_and_words(&site, &["verify", &request, "--registry", "other"]).0, 0);
    let said = code_and_words(&site, &["verify", &request]);
    assert!(said.0 == 2 && said.1.contains("--registry other|verta"), "{said:?}");
    fs::write(secret, "nobody's").unwrap();
    let said = code_and_words(&site, &["verify", &request, "--registry", "verta"]);
    assert!(said.0 == 1 && said.1.starts_with("wrong secret: "), "{said:?}");
}

#[test]
fn a_request_that_mlflow_sent_is_judged_by_a_scheme_on_the_command_line() {
    let site = Site::new("http://127.0.0.1:9");
    let file = site.write("captured.json", CAPTURED, 0o600).display().to_string();
    let secret = site.write("mlflow-secret", "It's a Secret to Everybody\n", 0o600).display().to_string();
    let check = |scheme: &str, at: &str, code: i32, words: &str| {
        let said = code_and_words(&site, &["verify", &file, "--scheme", scheme, "--secret-file", &secret, "--at", at]);
        assert!(said.0 == code && said.1.contains(words), "{said:?}, not {words}");
    };
    check(MLFLOW, "2026-11-23T05:10:22Z", 0, "it verifies");
    check(MLFLOW, "1795411221", 1, "600 s in the past, the tolerance is 300 s");
    check("github", "1795410621", 1, "another scheme: the secret is right, but the sender signs as mlflow does");
    check("gitlab", "0", 2, "\"gitlab\" is no scheme of this version");
    check("{ header = }", "0", 2, "--scheme: it is none of");
    // Another body with the same length, as a changed value would make it.
    site.write("captured.json", &CAPTURED.replace("production", "PRODUCTION"), 0o600);
    check(MLFLOW, "1795410621", 1, "wrong secret");
    // Parsed and written again on the way.
    site.write("captured.json", &CAPTURED.replace("\\\": \\\"", "\\\":\\\""), 0o600);
    check(MLFLOW, "1795410621", 1, "only whitespace differs, it was signed as Python's json.dumps writes it");
}

#[tokio::test]
async fn a_refused_request_is_listed_with_its_reason_and_no_value() {
    let registry = Registry::start();
    let site = site(&registry.url, false);
    let daemon = Daemon::start(&site);
    let body = scan_request("one", 1);
    let (status, answer) = daemon.post("/hooks/verta", &[(HUB, "sha256=guess"), ("X-Other", "hidden")], &body).await;
    assert_eq!(status, 401);
    let id = answer["rejection"].as_str().unwrap().to_owned();
    let signed = sign(b"[]");
    let (status, answer) = daemon.post("/hooks/verta", &[(&signed[0].0, &signed[0].1)], b"[]").await;
    assert_eq!((status, &answer["rejection"]), (400, &Value::Null), "who signed right needs no id");

    let (_, shown) = daemon.get("/api/v1/rejections").await;
    let listed = rows(&site);
    assert_eq!(shown, Value::from(listed.clone()), "the same on both sides");
    let [bad_body, refused] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&bad_body["status"], &bad_body["error"]), (&400.into(), &"bad_body".into()));
    assert_eq!((refused["id"].as_str(), &refused["status"]), (Some(id.as_str()), &401.into()));
    assert_eq!((&refused["peer"], &refused["length"]), (&"127.0.0.1".into(), &body.len().into()));
    assert!(refused["headers"].as_array().unwrap().contains(&"x-other".into()), "{refused}");
    assert!(refused["reason"].as_str().unwrap().contains("no signature has the scheme's encoding"), "{refused}");
    assert!(refused["finding"].is_null() && refused["saved"] == false, "{refused}");
    let text = shown.to_string() + &daemon.log();
    assert!(!text.contains("hidden") && !text.contains("guess"), "{text}");

    let (code, table) = code_and_words(&site, &["rejections", "--registry", "verta"]);
    assert!(code == 0 && table.contains(&id) && table.contains("x-other"), "{table}");
    assert_eq!(site.run(&["rejections", "--registry", "nobody", "--json"]).1, "[]\n");
    let file = site.path("saved").display().to_string();
    let (code, said) = code_and_words(&site, &["rejections", "save", &id, &file]);
    assert!(code == 1 && said.contains("registries.verta.webhook.probe = true"), "{said}");
    assert!(!site.path("saved").exists(), "nothing half written");
}

#[tokio::test]
async fn a_probe_learns_the_scheme_of_an_unknown_sender_and_accepts_nothing() {
    let registry = Registry::start();
    let site = site(&registry.url, true);
    let daemon = Daemon::start(&site);
    assert!(daemon.log().contains("registries.verta.webhook.probe is on"), "{}", daemon.log());
    let body = scan_request("one", 1);
    let signature = sign(&body)[0].1.clone();
    let unexpected = [("X-Verta-Signature", signature.as_str())];
    let (status, answer) = daemon.post("/hooks/verta", &unexpected, &body).await;
    assert_eq!(status, 401, "a good signature in another header is no good signature");
    let id = answer["rejection"].as_str().unwrap().to_owned();
    assert!(!answer.to_string().contains("fits:"), "the sender hears nothing of it: {answer}");
    assert_eq!(daemon.post("/hooks/verta", &[("X-Verta-Token", WEBHOOK_SECRET)], &body).await.0, 401);
    assert_eq!(daemon.post("/hooks/verta", &[("X-Verta-Signature", &signature)], b"{}").await.0, 401);

    let found: Vec<Value> = rows(&site).iter().map(|row| row["finding"].clone()).collect();
    let words = [
        "it fits no known scheme with a configured secret",
        "it fits: the sender signs as a token, the secret itself, in header x-verta-token",
        "it fits: the sender signs as github does, in header x-verta-signature",
    ];
    assert_eq!(found, words, "the newest first");
    let (_, table) = code_and_words(&site, &["rejections"]);
    assert!(table.contains("set registries.verta.webhook: scheme = { header = \"x-verta-signature\""), "{table}");
    assert_eq!(daemon.get("/api/v1/deliveries").await.1, Value::Array(Vec::new()), "nothing was accepted");

    // The request itself goes to its owner alone, once.
    let (status, _) = daemon.get(&format!("/api/v1/rejections/{id}/save")).await;
    assert_eq!(status, 404, "not over TCP");
    let file = site.path("saved.http");
    let shown = file.display().to_string();
    let (code, said) = code_and_words(&site, &["rejections", "save", &id, &shown, "--reason", "a new sender"]);
    assert_eq!((code, said), (0, format!("saved, and it may hold secrets: scanrelay verify {shown}\n")));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, said) = code_and_words(&site, &["rejections", "save", &id, &shown]);
    assert!(code == 1 && said.contains("name a new one"), "{said}");
    let (code, said) = code_and_words(&site, &["verify", &shown]);
    assert!(code == 1 && said.contains("github does, in header x-verta-signature"), "{said}");
    let (code, said) = code_and_words(&site, &["rejections", "save", "0-1", &site.path("none").display().to_string()]);
    assert!(code == 1 && said.contains("there is no rejection 0-1 any more"), "{said}");

    // What was found, written into the configuration, is what lets the sender in.
    let setting =
        r#", scheme = { header = "x-verta-signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=" }"#;
    assert!(!daemon.log().contains(&signature) && !daemon.log().contains(WEBHOOK_SECRET));
    daemon.kill();
    let site = site.webhook(setting);
    let daemon = Daemon::start(&site);
    assert_eq!(daemon.post("/hooks/verta", &unexpected, &body).await.0, 202);
    assert_eq!(rows(&site), Vec::<Value>::new());
    assert_eq!(code_and_words(&site, &["verify", &shown]).0, 0);
    daemon.kill();
    let store = rusqlite::Connection::open(site.path("state/scanrelay.db")).unwrap();
    let acts: Vec<(String, String, Option<String>)> = store
        .prepare("select act, subject, reason from audit")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(acts, [("save".into(), format!("rejection {id}"), Some("a new sender".into()))]);
}

#[tokio::test]
async fn only_so_many_and_so_long_requests_are_kept() {
    let registry = Registry::start();
    let site = site(&registry.url, true);
    let daemon = Daemon::start(&site);
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(70_000));
    let mut ids = Vec::new();
    for _ in 0..66 {
        let (status, answer) = daemon.post("/hooks/verta", &[(HUB, "x")], b"{}").await;
        assert_eq!(status, 401);
        ids.push(answer["rejection"].as_str().unwrap().to_owned());
    }
    let (_, answer) = daemon.post("/hooks/verta", &[(HUB, "x")], long.as_bytes()).await;
    let last = answer["rejection"].as_str().unwrap();
    let kept = rows(&site);
    assert_eq!(kept.len(), 64);
    assert_eq!((&kept[0]["id"], &kept[0]["saved"], &kept[0]["finding"]), (&last.into(), &false.into(), &Value::Null));
    assert!(kept[1]["saved"] == true && kept.iter().all(|row| row["id"] != ids[0].as_str()), "the oldest is gone");
    let file = site.path("saved").display().to_string();
    let (code, said) = code_and_words(&site, &["rejections", "save", last, &file]);
    assert!(code == 1 && said.contains("longer than 64 KiB"), "{said}");
    let (code, said) = code_and_words(&site, &["rejections", "save", &ids[0], &file]);
    assert!(code == 1 && said.contains("any more"), "{said}");
    daemon.kill();
    let (code, said) = code_and_words(&site, &["rejections"]);
    assert!(code == 1 && said.contains("start scanrelay serve"), "{said}");
}

#[tokio::test]
async fn an_example_is_sent_and_an_event_is_routed_on_paper() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    let url = format!("http://{}/hooks/verta", daemon.intake);
    for (kind, id) in [("promotion", 1), ("scan_request", 2), ("scan_request", 3)] {
        let said = code_and_words(&site, &["send", "verta", "--example", kind, "--url", &url]);
        assert_eq!(said, (0, format!("accepted: scanrelay deliveries show {id}\n")), "each is another event");
    }
    let kinds: Vec<Value> = daemon
        .get("/api/v1/deliveries")
        .await
        .1
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|row| row["kind"].clone())
        .collect();
    assert_eq!(kinds, ["promotion", "scan_request", "scan_request"]);
    let (code, said) = code_and_words(&site, &["send", "verta", "--example", "comment"]);
    assert!(code == 2 && said.contains("[possible values: promotion, scan_request]"), "{said}");
    assert_eq!(site.run(&["send", "verta"]).0, 2, "a file or an example");
    daemon.kill();

    let body = site.write("body.json", std::str::from_utf8(&scan_request("one", 5150)).unwrap(), 0o600);
    let body = body.display().to_string();
    let (code, said) = code_and_words(&site, &["check", "--event", &body]);
    assert_eq!(code, 0, "{said}");
    for words in [
        "event     scan_request of verta",
        "route 1   taken (on scan_request",
        "route 2   not taken: it is for promotion, this is scan_request, and is for stage production, this is none (on",
    ] {
        assert!(said.contains(words), "{said}\ndoes not say {words}");
    }
    let (_, stdout, _) = site.run(&["check", "--event", &body, "--registry", "verta", "--json"]);
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&said["route"], &said["kind"], &said["routes"][1]["taken"]),
        (&1.into(), &"scan_request".into(), &false.into())
    );
    site.write("body.json", r#"{"event_type":"READ"}"#, 0o600);
    let (code, said) = code_and_words(&site, &["check", "--event", &body]);
    assert!(code == 0 && said.contains("route     none: the delivery is stored as ignored"), "{said}");
    site.write("body.json", "[]", 0o600);
    let (code, said) = code_and_words(&site, &["check", "--event", &body]);
    assert!(code == 1 && said.contains("not a JSON object: it would be answered 400"), "{said}");
}
