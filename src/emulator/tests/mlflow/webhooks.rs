//! MLflow's webhooks, and what they post.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use scanrelay::{EventKind, Registry, Scheme, registry};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::harness::{Hook, SECRET};
use super::{Mlflow, tag};

const ALL: [(&str, &str); 6] = [
    ("REGISTERED_MODEL", "CREATED"),
    ("MODEL_VERSION", "CREATED"),
    ("MODEL_VERSION_TAG", "SET"),
    ("MODEL_VERSION_TAG", "DELETED"),
    ("MODEL_VERSION_ALIAS", "CREATED"),
    ("MODEL_VERSION_ALIAS", "DELETED"),
];
const TAG_SET: [(&str, &str); 1] = [("MODEL_VERSION_TAG", "SET")];

impl Mlflow {
    async fn hook(&self, url: &str, events: &[(&str, &str)], secret: &str) -> String {
        let events: Vec<Value> =
            events.iter().map(|(entity, action)| json!({ "entity": entity, "action": action })).collect();
        let body = json!({ "name": "scanrelay", "url": url, "events": events, "secret": secret });
        let made = self.must("POST", "webhooks", body).await;
        assert!(!made.to_string().contains(SECRET), "{made}");
        made["webhook"]["webhook_id"].as_str().unwrap().to_owned()
    }
}

/// A post as it came: id, timestamp, signature, body.
type Post = (String, String, Option<String>, Bytes);

/// A server that gives every post to the test, and answers with one status after the other, the last one for ever.
fn ears(statuses: &'static [u16]) -> (String, mpsc::UnboundedReceiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (send, heard) = mpsc::unbounded_channel();
    let (send, count) = (Data::new(send), Data::new(AtomicUsize::new(0)));
    let hear = move |send: Data<mpsc::UnboundedSender<Post>>,
                     count: Data<AtomicUsize>,
                     request: HttpRequest,
                     body: Bytes| async move {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("content-type").as_deref(), Some("application/json"));
        let (id, at) = (header("x-mlflow-delivery-id").unwrap(), header("x-mlflow-timestamp").unwrap());
        send.send((id, at, header("x-mlflow-signature"), body)).unwrap();
        let nth = count.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1);
        HttpResponse::build(StatusCode::from_u16(statuses[nth]).unwrap()).body("heard")
    };
    let app = move || App::new().app_data(send.clone()).app_data(count.clone()).default_service(web::to(hear));
    tokio::spawn(HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run());
    (url, heard)
}

#[tokio::test]
async fn every_change_is_posted_as_mlflow_words_it_and_verifies() {
    let mlflow = Mlflow::start();
    let hook = Hook::of(Registry::Mlflow(registry::Mlflow::default()), Scheme::mlflow());
    mlflow.hook(&hook.location, &ALL, SECRET).await;
    let name = "fraud d\u{e9}tect";
    let body = json!({ "name": name, "tags": [{ "key": "a", "value": "b" }] });
    mlflow.must("POST", "registered-models/create", body).await;
    let version = |rest: Value| {
        let mut body = json!({ "name": name, "version": "1" });
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    let source = version(json!({ "source": "mlflow-artifacts:/m", "description": "by ada" }));
    mlflow.must("POST", "model-versions/create", source).await;
    for _ in 0..2 {
        mlflow.must("POST", "registered-models/alias", version(json!({ "alias": "production" }))).await;
    }
    // Nobody hears of a stage, a description or a model's tag.
    mlflow.must("POST", "model-versions/transition-stage", version(json!({ "stage": "production" }))).await;
    mlflow.must("PATCH", "model-versions/update", version(json!({ "description": "by bob" }))).await;
    mlflow.must("POST", "registered-models/set-tag", json!({ "name": name, "key": "a", "value": "c" })).await;
    mlflow.must("POST", "model-versions/set-tag", version(json!({ "key": "k", "value": "\u{1f600}\n\"" }))).await;
    mlflow.must("DELETE", "model-versions/delete-tag", version(json!({ "key": "k" }))).await;
    mlflow.must("DELETE", "registered-models/alias", json!({ "name": name, "alias": "production" })).await;

    let mut seen = Vec::new();
    for (entity, action, data, kind) in [
        (
            "registered_model",
            "created",
            r#"{"name": "fraud d\u00e9tect", "tags": {"a": "b"}, "description": ""}"#,
            EventKind::Other("registered_model.created".to_owned()),
        ),
        (
            "model_version",
            "created",
            r#"{"name": "fraud d\u00e9tect", "version": "1", "source": "mlflow-artifacts:/m", "run_id": null, "tags": {}, "description": "by ada"}"#,
            EventKind::VersionCreated,
        ),
        (
            "model_version_alias",
            "created",
            r#"{"name": "fraud d\u00e9tect", "alias": "production", "version": "1"}"#,
            EventKind::AliasSet,
        ),
        (
            "model_version_alias",
            "created",
            r#"{"name": "fraud d\u00e9tect", "alias": "production", "version": "1"}"#,
            EventKind::AliasSet,
        ),
        (
            "model_version_tag",
            "set",
            r#"{"name": "fraud d\u00e9tect", "version": "1", "key": "k", "value": "\ud83d\ude00\n\""}"#,
            EventKind::TagSet,
        ),
        (
            "model_version_tag",
            "deleted",
            r#"{"name": "fraud d\u00e9tect", "version": "1", "key": "k"}"#,
            EventKind::TagDeleted,
        ),
        (
            "model_version_alias",
            "deleted",
            r#"{"name": "fraud d\u00e9tect", "alias": "production"}"#,
            EventKind::AliasDeleted,
        ),
    ] {
        let (delivery, body) = hook.next().await;
        let at = body["timestamp"].as_str().unwrap();
        let expected =
            format!(r#"{{"entity": "{entity}", "action": "{action}", "timestamp": "{at}", "data": {data}}}"#);
        assert_eq!(std::str::from_utf8(delivery.body()).unwrap(), expected);
        let (clock, zone) = at.split_at(26);
        assert!(clock.as_bytes()[19] == b'.' && zone == "+00:00", "{at}");
        assert_eq!(delivery.event().kind, kind);
        assert!(delivery.event().occurred_at.is_some());
        let key = delivery.key();
        assert!(!seen.contains(&key), "each delivery has an id of its own");
        seen.push(key);
    }
}

#[tokio::test]
async fn a_delivery_is_tried_four_times_as_it_was_and_another_answer_ends_it() {
    let mlflow = Mlflow::start();
    mlflow.model("fraud").await;
    mlflow.version("fraud").await;
    let (url, mut heard) = ears(&[503, 500, 429, 502, 400, 307, 504, 200]);
    mlflow.hook(&url, &TAG_SET, SECRET).await;
    for value in ["first", "second", "third", "fourth"] {
        mlflow.must("POST", "model-versions/set-tag", tag(value)).await;
    }
    let mut next = async |value: &str| {
        let post = heard.recv().await.unwrap();
        let body: Value = serde_json::from_slice(&post.3).unwrap();
        assert_eq!(body["data"]["value"], value);
        post
    };
    let first = next("first").await;
    assert!(first.2.as_ref().unwrap().starts_with("v1,"), "{first:?}");
    for _ in 0..3 {
        assert_eq!(next("first").await, first);
    }
    let second = next("second").await;
    assert_ne!(second.0, first.0);
    // A redirect is followed nowhere.
    next("third").await;
    let fourth = next("fourth").await;
    assert_eq!(next("fourth").await, fourth);

    let (url, mut heard) = ears(&[200]);
    mlflow.hook(&url, &TAG_SET, "").await;
    mlflow.must("POST", "model-versions/set-tag", tag("unsigned")).await;
    assert_eq!(heard.recv().await.unwrap().2, None, "without a secret nothing is signed");
}

#[tokio::test]
async fn a_webhook_is_made_tried_changed_and_deleted() {
    let mlflow = Mlflow::start();
    mlflow.model("fraud").await;
    mlflow.version("fraud").await;
    let ((url, mut heard), (elsewhere, mut there)) = (ears(&[202]), ears(&[404]));
    let id = mlflow.hook(&url, &ALL, SECRET).await;
    let path = format!("webhooks/{id}");
    let result = |answer: Value| answer["result"].clone();
    let test = mlflow.must("POST", &format!("{path}/test"), json!({})).await;
    assert_eq!(result(test), json!({ "success": true, "response_status": 202, "response_body": "heard" }));
    let body: Value = serde_json::from_slice(&heard.recv().await.unwrap().3).unwrap();
    assert_eq!((&body["entity"], &body["data"]["name"]), (&json!("model_version"), &json!("example_model")));

    let event = json!({ "event": { "entity": "MODEL_VERSION_ALIAS", "action": "DELETED" } });
    let change = json!({ "url": elsewhere, "status": "DISABLED", "events": [] });
    let changed = mlflow.must("PATCH", &path, change).await["webhook"].take();
    assert_eq!((&changed["url"], &changed["status"]), (&json!(elsewhere), &json!("DISABLED")));
    assert_eq!(changed["events"].as_array().unwrap().len(), 6, "{changed}");
    let test = mlflow.must("POST", &format!("{path}/test"), event).await;
    assert_eq!(result(test), json!({ "success": false, "response_status": 404, "response_body": "heard" }));
    let (_, _, signature, body) = there.recv().await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["data"], json!({ "name": "example_model", "alias": "example_alias" }));
    assert!(signature.is_some(), "a secret that is not given again stays");

    // It is disabled: the next one to hear is one that is not.
    mlflow.must("POST", "model-versions/set-tag", tag("unheard")).await;
    mlflow.must("PATCH", &path, json!({ "status": "ACTIVE" })).await;
    mlflow.must("POST", "model-versions/set-tag", tag("heard")).await;
    let body: Value = serde_json::from_slice(&there.recv().await.unwrap().3).unwrap();
    assert_eq!(body["data"]["value"], "heard");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    mlflow.must("PATCH", &path, json!({ "url": format!("http://{closed}/") })).await;
    let failed = result(mlflow.must("POST", &format!("{path}/test"), json!({})).await);
    assert!(failed["success"] == false && failed["error_message"].is_string(), "{failed}");

    let listed = mlflow.must("GET", "webhooks", Value::Null).await;
    assert_eq!((listed["webhooks"].as_array().unwrap().len(), &listed["webhooks"][0]["webhook_id"]), (1, &json!(id)));
    mlflow.must("DELETE", &path, Value::Null).await;
    assert_eq!(mlflow.must("GET", "webhooks", Value::Null).await, json!({}));
    assert_eq!(mlflow.call("GET", &path, Value::Null).await.0, 404);
}
