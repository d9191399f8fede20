//! The endpoints of MLflow.

mod webhooks;

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Options;
use super::harness::Site;

struct Mlflow(Site);

impl Mlflow {
    fn start() -> Self {
        Self(Site::with(Options { retry_pause: Duration::from_millis(1), ..Options::default() }))
    }

    /// Nobody says who he is.
    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.0.text(None, method, &format!("/api/2.0/mlflow/{path}"), body).await;
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text:?}")))
    }

    async fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    async fn model(&self, name: &str) {
        self.must("POST", "registered-models/create", json!({ "name": name })).await;
    }

    async fn version(&self, name: &str) -> Value {
        let body = json!({ "name": name, "source": "s3://bucket/model" });
        self.must("POST", "model-versions/create", body).await["model_version"].take()
    }

    /// The artifact service: status, and the text whatever it is.
    async fn artifact(&self, method: &str, path: &str, bytes: &'static [u8]) -> (u16, String) {
        let url = format!("{}/api/2.0/mlflow-artifacts/artifacts{path}", self.0.url);
        let answer = self.0.client.request(method.parse().unwrap(), url).body(bytes).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn tag(value: &str) -> Value {
    json!({ "name": "fraud", "version": "1", "key": "k", "value": value })
}

#[tokio::test]
async fn nobody_has_to_say_who_he_is_and_errors_are_mlflow_s() {
    let mlflow = Mlflow::start();
    mlflow.model("fraud").await;
    mlflow.version("fraud").await;
    let (unknown, invalid) = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE");
    let of = |rest: Value| {
        let mut body = tag("v");
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    let source = |source: &str| json!({ "name": "fraud", "source": source });
    let alias = |alias: &str, version: &str| json!({ "name": "fraud", "alias": alias, "version": version });
    for (method, path, body, status, code) in [
        ("POST", "registered-models/create", json!({ "name": "fraud" }), 400, "RESOURCE_ALREADY_EXISTS"),
        ("POST", "registered-models/create", json!({}), 400, invalid),
        ("POST", "registered-models/create", json!({ "name": "a/b" }), 400, invalid),
        ("POST", "registered-models/create", Value::String("{\"name\": \"plain\"}".to_owned()), 400, invalid),
        ("GET", "registered-models/get?name=none", Value::Null, 404, unknown),
        ("POST", "model-versions/create", json!({ "name": "none", "source": "s3://b/k" }), 404, unknown),
        ("POST", "model-versions/create", source("/etc/passwd"), 400, invalid),
        ("POST", "model-versions/create", source("file:///etc/passwd"), 400, invalid),
        ("POST", "model-versions/create", source("runs:/1/model"), 400, invalid),
        ("POST", "model-versions/create", source("s3://b/../k"), 400, invalid),
        ("POST", "model-versions/create", source("mlflow-artifacts:/a/../../b"), 400, invalid),
        ("GET", "model-versions/get?name=fraud&version=2", Value::Null, 404, unknown),
        ("GET", "model-versions/get?name=fraud&version=one", Value::Null, 400, invalid),
        ("GET", "model-versions/get?name=fraud", Value::Null, 400, invalid),
        ("POST", "model-versions/set-tag", of(json!({ "version": 1 })), 400, invalid),
        ("POST", "model-versions/set-tag", of(json!({ "version": "2" })), 404, unknown),
        ("POST", "model-versions/set-tag", of(json!({ "key": "k".repeat(251) })), 400, invalid),
        ("POST", "model-versions/set-tag", of(json!({ "value": "v".repeat(100_001) })), 400, invalid),
        ("POST", "registered-models/alias", alias("v1", "1"), 400, invalid),
        ("POST", "registered-models/alias", alias("latest", "1"), 400, invalid),
        ("POST", "registered-models/alias", alias("production", "2"), 404, unknown),
        ("GET", "registered-models/alias?name=fraud&alias=none", Value::Null, 400, invalid),
        ("GET", "registered-models/search?filter=bogus", Value::Null, 400, invalid),
        ("GET", "registered-models/search?max_results=1001", Value::Null, 400, invalid),
        ("GET", "registered-models/search?page_token=x", Value::Null, 400, invalid),
        ("POST", "webhooks", json!({ "name": "w", "url": "ftp://x", "events": [] }), 400, invalid),
        ("POST", "webhooks", json!({ "name": "w", "url": "http://x", "events": [] }), 400, invalid),
        ("DELETE", "webhooks/none", Value::Null, 404, unknown),
        ("POST", "webhooks/none/test", json!({}), 404, unknown),
        ("GET", "no-such-endpoint", Value::Null, 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "model-versions/set-tag", Value::Null, 405, "ENDPOINT_NOT_FOUND"),
    ] {
        let (was, answer) = mlflow.call(method, path, body.clone()).await;
        assert_eq!((was, &answer["error_code"]), (status, &json!(code)), "{method} {path} {body}: {answer}");
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    }
    let read = mlflow.must("GET", "model-versions/get?name=fraud&version=1", Value::Null).await;
    let version = &read["model_version"];
    assert!(version["tags"].is_null() && version["aliases"].is_null(), "empty lists are left out: {version}");
    assert!(version["creation_timestamp"].is_u64() && version["version"] == "1", "{version}");
}

#[tokio::test]
async fn models_and_versions_are_found_page_by_page() {
    let mlflow = Mlflow::start();
    for name in ["one", "two", "three"] {
        mlflow.model(name).await;
        mlflow.version(name).await;
    }
    mlflow.must("POST", "registered-models/alias", json!({ "name": "two", "alias": "live", "version": "1" })).await;
    let pages = async |what: &str, list: &str| {
        let (mut names, mut token) = (Vec::new(), String::new());
        loop {
            let path = format!("{what}/search?max_results=2&page_token={token}");
            let page = mlflow.must("GET", &path, Value::Null).await;
            names.extend(page[list].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
            match page["next_page_token"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => return names,
            }
        }
    };
    assert_eq!(pages("registered-models", "registered_models").await, ["one", "three", "two"]);
    let mut versions = pages("model-versions", "model_versions").await;
    versions.sort();
    assert_eq!(versions, ["one", "three", "two"]);
    let found = mlflow.must("GET", "registered-models/search?filter=name%3D'two'", Value::Null).await;
    assert_eq!(found["registered_models"][0]["aliases"], json!([{ "alias": "live", "version": "1" }]));
    let by_alias = mlflow.must("GET", "registered-models/alias?name=two&alias=live", Value::Null).await;
    assert_eq!(by_alias["model_version"]["aliases"], json!(["live"]));
    let none = mlflow.must("GET", "model-versions/search?filter=name%3D'none'", Value::Null).await;
    assert_eq!(none, json!({}));

    // A number is given once, and an alias goes with its version.
    mlflow.must("DELETE", "model-versions/delete", json!({ "name": "two", "version": "1" })).await;
    assert_eq!(mlflow.version("two").await["version"], "2");
    let model = mlflow.must("GET", "registered-models/get?name=two", Value::Null).await;
    assert_eq!(model["registered_model"]["aliases"], Value::Null);
    assert_eq!(model["registered_model"]["latest_versions"][0]["version"], "2");
}

#[tokio::test]
async fn files_are_kept_by_path_up_to_a_bound() {
    let options = Options { artifact_limit: 100, artifacts_limit: 150, ..Options::default() };
    let mlflow = Mlflow(Site::with(options));
    assert_eq!(mlflow.artifact("PUT", "/m/a%20b.pkl", b"abc").await.0, 200);
    assert_eq!(mlflow.artifact("PUT", "/m/weights/w.bin", &[7; 90]).await.0, 200);
    assert_eq!(mlflow.artifact("GET", "/m/a%20b.pkl", b"").await, (200, "abc".to_owned()));
    let list = async |path: &str| {
        let (status, text) = mlflow.artifact("GET", path, b"").await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let file = json!({ "path": "a b.pkl", "is_dir": false, "file_size": 3 });
    assert_eq!(list("?path=m").await, json!({ "files": [file, { "path": "weights", "is_dir": true }] }));
    assert_eq!(list("").await, json!({ "files": [{ "path": "m", "is_dir": true }] }));
    assert_eq!(list("?path=m/none").await, json!({}));
    for (method, path, bytes, status) in [
        ("PUT", "/m/too-long", &[0; 101][..], 413),
        ("PUT", "/m/one-too-many", &[0; 58], 413),
        ("PUT", "/m", b"", 400),
        ("PUT", "/m/weights/w.bin/x", b"", 400),
        ("PUT", "/m/..%2F..%2Fx", b"", 400),
        ("PUT", "/m//x", b"", 400),
        ("GET", "?path=../x", b"", 400),
        ("GET", "/m/none", b"", 404),
        ("GET", "/m", b"", 400),
    ] {
        let (was, text) = mlflow.artifact(method, path, bytes).await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {text}"));
        assert_eq!((was, answer["error_code"].is_string()), (status, true), "{method} {path}: {text}");
    }
    // What was refused, replaced or deleted has given its room back.
    assert_eq!(mlflow.artifact("PUT", "/m/weights/w.bin", &[8; 10]).await.0, 200);
    assert_eq!(mlflow.artifact("PUT", "/n", &[0; 100]).await.0, 200);
    assert_eq!(mlflow.artifact("DELETE", "/m", b"").await.0, 200);
    assert_eq!(list("").await, json!({ "files": [{ "path": "n", "is_dir": false, "file_size": 100 }] }));
    assert_eq!(mlflow.artifact("PUT", "/o", &[0; 50]).await.0, 200);
}

#[tokio::test]
async fn a_fault_meets_who_looks_and_who_reports_and_reports_are_on_record() {
    let mlflow = Mlflow::start();
    mlflow.model("fraud").await;
    mlflow.version("fraud").await;
    mlflow.must("POST", "model-versions/set-tag", tag("v")).await;
    let writes = mlflow.0.must("GET", "/dev/writes", Value::Null).await;
    assert_eq!((writes.as_array().unwrap().len(), &writes[0]["body"]), (1, &tag("v")));
    mlflow.0.must("PUT", "/dev/faults", json!({ "answers": "503" })).await;
    assert_eq!(mlflow.call("GET", "model-versions/get?name=fraud&version=1", Value::Null).await.0, 503);
    assert_eq!(mlflow.call("POST", "model-versions/set-tag", tag("w")).await.0, 503);
    mlflow.model("other").await;
}
