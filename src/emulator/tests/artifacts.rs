//! Artifacts: put and fetched at the addresses that the registry gives out.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::super::Options;
use super::harness::{Hook, LONG, Site};

const PICKLE: &[u8] = b"\x80\x04N.";

/// The path that gives addresses for a version's artifacts.
fn asking(version: &Value) -> String {
    format!("/api/v1/registry/model_versions/{}/getUrlForArtifact", version["id"].as_str().unwrap())
}

impl Site {
    async fn address(&self, version: &Value, key: &str, method: &str) -> String {
        let asked = json!({ "key": key, "method": method, "artifact_type": 4, "part_number": "1" });
        let answer = self.must("POST", &asking(version), asked).await;
        assert_eq!(answer["multipart_upload_ok"], false);
        let url = answer["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&format!("{}/dev/artifacts/", self.url)), "{url}");
        url
    }

    /// Puts the bytes at that address, which says enough by itself.
    async fn put(&self, address: &str, bytes: &[u8]) -> (StatusCode, Value) {
        let answer = self.client.put(address).body(bytes.to_owned()).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }
}

/// Puts chunks of these lengths without saying how many there will be: the answer's beginning.
async fn in_chunks(address: &str, lengths: &[usize]) -> String {
    let address = address.strip_prefix("http://").unwrap();
    let (host, path) = address.split_at(address.find('/').unwrap());
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let mut request = format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
    for length in lengths {
        write!(request, "{length:x}\r\n{}\r\n", "x".repeat(*length)).unwrap();
    }
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(LONG, stream.read_exact(&mut answer)).await.expect("no answer").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_model_is_put_and_fetched_and_its_version_knows_of_it() {
    let (site, hook) = (Site::start(), Hook::start());
    let (path, version) = site.version("fraud").await;
    site.webhook(&hook.location, &["UPDATE"]).await;
    assert_eq!(site.refused("POST", &asking(&version), json!({ "key": "model", "method": "GET" })).await.0, 404);

    let put = site.address(&version, "model", "PUT").await;
    assert_eq!(site.put(&put, PICKLE).await.0, 200);
    let get = site.address(&version, "model", "GET").await;
    let answer = site.client.get(&get).send().await.unwrap();
    assert_eq!(answer.headers()["content-length"], "4");
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    assert_eq!(answer.bytes().await.unwrap(), PICKLE);

    let expected = json!({
        "key": "model", "path": "9c298d589a2158eb513cb52191144518a2acab2cb0c04f1df14fca0f712fa4a1/model.pkl",
        "path_only": false, "artifact_type": "BLOB", "filename_extension": "pkl",
    });
    let read = site.must("GET", &path, Value::Null).await["model_version"].take();
    assert_eq!(read["model"], expected);
    let (_, event) = hook.next().await;
    assert_eq!(event["new_entity"]["model_version"]["model"], expected);

    // What is there already is replaced, and what somebody said of it stays.
    let said = json!({ "key": "model", "path": "elsewhere/model.pt", "path_only": false, "filename_extension": "pt" });
    site.must("PATCH", &path, json!({ "model": said, "artifacts": [{ "key": "weights", "path": "w" }] })).await;
    assert_eq!(site.put(&put, b"other").await.0, 200);
    for key in ["weights", "notes.txt"] {
        let address = site.address(&version, key, "put").await;
        assert_eq!(site.put(&address, key.as_bytes()).await.0, 200);
        let address = site.address(&version, key, "GET").await;
        assert_eq!(site.client.get(&address).send().await.unwrap().text().await.unwrap(), key);
    }
    let read = site.must("GET", &path, Value::Null).await["model_version"].take();
    assert_eq!(read["model"], said);
    assert_eq!(read["artifacts"][0], json!({ "key": "weights", "path": "w" }));
    assert_eq!(read["artifacts"][1]["filename_extension"], "txt");
    assert!(read["artifacts"][1]["path"].as_str().unwrap().ends_with("/notes.txt"), "{read}");
    assert_eq!(read["artifacts"].as_array().unwrap().len(), 2);
    assert_eq!(site.client.get(&get).send().await.unwrap().text().await.unwrap(), "other");
}

#[tokio::test]
async fn an_address_is_good_for_one_file_and_one_way() {
    let site = Site::start();
    let (_, version) = site.version("fraud").await;
    let put = site.address(&version, "model", "PUT").await;
    assert_eq!(site.client.get(&put).send().await.unwrap().status(), 404);
    site.put(&put, PICKLE).await;
    let get = site.address(&version, "model", "GET").await;
    assert_eq!(site.put(&get, b"other").await.0, 404);
    assert_eq!(site.client.get(format!("{}/dev/artifacts/1", site.url)).send().await.unwrap().status(), 404);
    assert_eq!(site.client.delete(&get).send().await.unwrap().status(), 405);
    assert_ne!(site.address(&version, "model", "GET").await, get);

    for body in [
        json!({ "key": "", "method": "PUT" }),
        json!({ "key": "k".repeat(257), "method": "PUT" }),
        json!({ "key": "model", "method": "POST" }),
        json!({ "key": "model", "method": "PUT", "part_number": "2" }),
        json!({ "method": "PUT" }),
    ] {
        let (status, code, message) = site.refused("POST", &asking(&version), body).await;
        assert_eq!((status, code), (400, 3), "{message}");
    }
    let nobody = json!({ "id": "99" });
    assert_eq!(site.refused("POST", &asking(&nobody), json!({ "key": "model", "method": "PUT" })).await.0, 404);

    // Bad weather meets whoever fetches.
    site.must("PUT", "/dev/faults", json!({ "answers": "503" })).await;
    assert_eq!(site.refused("POST", &asking(&version), json!({ "key": "model", "method": "GET" })).await.0, 503);
    assert_eq!(site.client.get(&get).send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn the_address_is_where_the_caller_sees_the_registry() {
    let site = Site::start();
    let (_, version) = site.version("fraud").await;
    let port = site.url.rsplit_once(':').unwrap().1;
    for (host, expected) in [
        (format!("localhost:{port}"), format!("http://localhost:{port}/dev/artifacts/")),
        ("registry.example.com".to_owned(), format!("{}/dev/artifacts/", site.url)),
    ] {
        let request = site.client.post(format!("{}{}", site.url, asking(&version)));
        let request = request.header("Host", &host).header("Grpc-Metadata-email", "ada@example.com");
        let answer = request.json(&json!({ "key": "model", "method": "PUT" })).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert!(answer["url"].as_str().unwrap().starts_with(&expected), "{host}: {answer}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_kept_and_takes_no_room() {
    let site = Site::with(Options { artifact_limit: 100, artifacts_limit: 150, ..Options::default() });
    let (path, version) = site.version("fraud").await;
    let put = site.address(&version, "model", "PUT").await;
    let other = site.address(&version, "other", "PUT").await;
    // Whoever does not say how long it is gets no further.
    assert_eq!(in_chunks(&put, &[101]).await, "HTTP/1.1 413");
    let (status, answer) = site.put(&put, &[0; 101]).await;
    assert_eq!((status.as_u16(), &answer["code"]), (413, &json!(8)), "{answer}");
    assert!(site.must("GET", &path, Value::Null).await["model_version"].get("model").is_none());

    assert_eq!(site.put(&put, &[0; 100]).await.0, 200);
    let (status, answer) = site.put(&other, &[0; 51]).await;
    assert!(status == 413 && answer["message"].as_str().unwrap().contains("150 bytes"), "{answer}");
    assert_eq!(in_chunks(&other, &[40, 40]).await, "HTTP/1.1 413");
    assert_eq!(site.put(&other, &[0; 50]).await.0, 200, "what was refused took no room");
    assert_eq!(site.put(&other, b"").await.0, 200);
    assert_eq!(site.put(&other, &[0; 50]).await.0, 200, "what was replaced takes no room");
    assert_eq!(site.put(&other, &[0; 50]).await.0, 413, "the new stands beside the old until it is whole");
}
