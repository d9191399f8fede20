//! The endpoints of Comet, and what its webhooks post.

use std::net::TcpListener;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::harness::Site;

struct Comet(Site);

impl Comet {
    fn start() -> Self {
        Self(Site::start())
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.0.client.request(method.parse().unwrap(), format!("{}/api/rest/v2/{path}", self.0.url));
        let request = request.header("Authorization", "any key");
        let answer = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    async fn refused(&self, method: &str, path: &str, body: Value, expected: u16) {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert!(answer["msg"].is_string() && answer["sdk_error_code"].is_number(), "{answer}");
    }

    /// Version 1.0.0 of a model in acme: its id.
    async fn registered(&self, name: &str, rest: Value) -> String {
        let body = json!({ "workspaceName": "acme", "projectName": "p" });
        let experiment = self.must("POST", "write/experiment/create", body).await["experimentKey"].take();
        let mut body = json!({
            "experimentKey": experiment, "experimentModelName": name, "registryModelName": name, "version": "1.0.0",
        });
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let made = self.must("POST", "write/registry-model/item/create", body).await;
        made["registryModelItemId"].as_str().unwrap().to_owned()
    }

    async fn hooks(&self, config: Value) {
        self.must("POST", "webhooks/config", json!({ "webhookConfigs": [config] })).await;
    }
}

/// A server that gives every post to the test: its path, its Authorization and its body.
fn ears() -> (String, mpsc::UnboundedReceiver<(String, String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (send, heard) = mpsc::unbounded_channel();
    let send = Data::new(send);
    let hear = |send: Data<mpsc::UnboundedSender<(String, String, Value)>>, request: HttpRequest, body: Bytes| async move {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("content-type").as_deref(), Some("application/json"));
        let said = (
            request.path().to_owned(),
            header("authorization").unwrap_or_default(),
            serde_json::from_slice::<Value>(&body).unwrap(),
        );
        send.send(said).unwrap();
        HttpResponse::Ok().finish()
    };
    let server = HttpServer::new(move || App::new().app_data(send.clone()).default_service(web::to(hear)));
    tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
    (url, heard)
}

const OF: &str = "workspaceName=acme&modelName=fraud";

#[tokio::test]
async fn somebody_has_to_be_there_and_errors_are_comet_s() {
    let comet = Comet::start();
    let asked = comet.0.client.get(format!("{}/api/rest/v2/account-details", comet.0.url)).send().await.unwrap();
    assert_eq!(asked.status(), 401);
    let answer: Value = asked.json().await.unwrap();
    assert!(answer["msg"].as_str().unwrap().contains("Authorization"), "{answer}");
    let version = comet.0.client.get(format!("{}/clientlib/isAlive/ver", comet.0.url)).send().await.unwrap();
    assert!(version.json::<Value>().await.unwrap()["version"].is_string(), "it is told to everybody");

    comet.registered("fraud", json!({})).await;
    assert_eq!(comet.must("GET", "workspaces", Value::Null).await, json!({ "workspaceNames": ["acme"] }));
    for (method, path, body, status) in [
        ("GET", format!("registry-model/item/details?{OF}&version=2.0.0"), Value::Null, 404),
        ("GET", "registry-model/details?workspaceName=emca&modelName=fraud".to_owned(), Value::Null, 404),
        ("GET", format!("registry-model/item/details?{OF}"), Value::Null, 400),
        ("GET", "no-such-endpoint".to_owned(), Value::Null, 404),
        ("POST", format!("registry-model/details?{OF}"), Value::Null, 405),
        ("POST", "write/registry-model/item/none/metadata".to_owned(), json!({ "metadata": [] }), 404),
        ("POST", "write/registry-model/item/update".to_owned(), json!({ "comment": "x" }), 400),
        (
            "POST",
            "webhooks/config".to_owned(),
            json!({ "webhookConfigs": [{ "workspaceName": "a", "webhookUrls": [{ "url": "ftp://x" }] }] }),
            400,
        ),
    ] {
        comet.refused(method, &path, body, status).await;
    }
}

#[tokio::test]
async fn a_change_of_tags_is_posted_as_comet_s_page_shows_it() {
    let (comet, (url, mut heard)) = (Comet::start(), ears());
    let address = json!({ "url": format!("{url}/a"), "header": { "Authorization": "secret_token", "Other": "x" } });
    comet.hooks(json!({ "workspaceName": "acme", "modelName": "fraud", "webhookUrls": [address] })).await;
    let id = comet.registered("fraud", json!({})).await;
    comet
        .must("GET", &format!("write/registry-model/item/stage?modelItemId={id}&stage=some%20Stage"), Value::Null)
        .await;
    let expected =
        json!({ "workspaceName": "acme", "registryModelName": "fraud", "version": "1.0.0", "stages": ["some Stage"] });
    assert_eq!(heard.recv().await.unwrap(), ("/a".into(), "secret_token".into(), expected));

    // The same again is no change, and neither is what is written beside it.
    comet
        .must("GET", &format!("write/registry-model/item/stage?modelItemId={id}&stage=some%20Stage"), Value::Null)
        .await;
    let metadata = json!({ "metadata": [{ "key": "a", "value": "b" }] });
    comet.must("POST", &format!("write/registry-model/item/{id}/metadata"), metadata.clone()).await;
    comet.must("POST", "write/registry-model/item/update", json!({ "registryModelItemId": id, "comment": "c" })).await;
    comet.must("POST", "write/registry-model/item/status", json!({ "modelItemId": id, "status": "Production" })).await;
    let (_, _, body) = heard.recv().await.unwrap();
    assert_eq!(
        (&body["status"], &body["previousValue"]["registryModelStatus"]),
        (&json!("Production"), &json!("None"))
    );
    comet.must("POST", "write/registry-model/item/update", json!({ "registryModelItemId": id, "stages": [] })).await;
    assert_eq!(heard.recv().await.unwrap().2["stages"], json!([]));
    comet.refused("POST", "write/registry-model/item/status", json!({ "modelItemId": id, "status": "x" }), 400).await;

    let details = comet.must("GET", &format!("registry-model/item/details?{OF}&version=1.0.0"), Value::Null).await;
    assert_eq!(
        (&details["comment"], &details["tags"], &details["status"]),
        (&json!("c"), &json!([]), &json!("Production"))
    );
    assert_eq!(comet.must("GET", &format!("registry-model/item/{id}/metadata"), Value::Null).await, metadata);
}

#[tokio::test]
async fn a_trigger_is_heard_where_it_is_named_and_a_new_configuration_takes_the_old_one_s_place() {
    let (comet, (url, mut heard)) = (Comet::start(), ears());
    let address = |path: &str, triggers: &[&str]| json!({ "url": format!("{url}/{path}"), "triggers": triggers });
    let config = json!({ "workspaceName": "acme", "webhookUrls": [address("created", &["MODEL_VERSION_CREATED"])] });
    comet.hooks(config).await;
    let of_one = json!({ "workspaceName": "acme", "modelName": "other", "webhookUrls": [address("other", &[])] });
    comet.hooks(of_one).await;
    comet.registered("fraud", json!({ "tags": ["x"], "status": "QA" })).await;
    let (path, _, body) = heard.recv().await.unwrap();
    assert_eq!((path.as_str(), &body["actionType"]), ("/created", &json!("MODEL_VERSION_CREATED")));

    comet.hooks(json!({ "workspaceName": "acme", "webhookUrls": [address("stages", &[])] })).await;
    comet.registered("second", json!({ "tags": ["x"] })).await;
    let (path, _, body) = heard.recv().await.unwrap();
    assert_eq!((path.as_str(), &body["stages"], &body["actionType"]), ("/stages", &json!(["x"]), &Value::Null));
    let all = comet.must("GET", "webhooks/config?workspaceName=acme", Value::Null).await;
    assert_eq!(all["webhookConfigs"].as_array().unwrap().len(), 2, "{all}");
    let one = comet.must("GET", "webhooks/config?workspaceName=acme&modelName=other", Value::Null).await;
    assert_eq!(one["webhookConfigs"][0]["webhookUrls"][0]["url"], format!("{url}/other"));
}
